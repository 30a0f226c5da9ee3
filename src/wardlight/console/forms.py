"""Forms of the console's pages: read within bounds, and only from our own pages.

Until there is sign-in, people write their name into a form; it is remembered in a cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, quote, unquote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse

from wardlight.console.pages import HEADERS as _OF_PAGES
from wardlight.problems import BadInput, Denied, TooLarge

MAX_BYTES = 256 * 1024
"""Largest form: a response of 10,000 characters in any script."""
HEADERS = _OF_PAGES | {"Content-Security-Policy": _OF_PAGES["Content-Security-Policy"].replace(
    "form-action 'none'", "form-action 'self'"
)}  # fmt: skip
"""Those of a page with forms."""
_COOKIE = "wardlight_name"
_YEAR = 365 * 24 * 3600

Form = Mapping[str, str]


async def read(request: Request) -> Form:
    """Read a form; of a field that is there twice the last counts.

    Raises Denied for one that another site has sent, TooLarge, and BadInput for what is no form.
    """
    _must_be_from_here(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(f"the form is larger than {MAX_BYTES} bytes")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadInput("this is no form") from None
    return {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}


def name(request: Request) -> str:
    """Say which name was written last, if any."""
    return unquote(request.cookies.get(_COOKIE, ""))


def back(path: str, form: Form, pages: str) -> RedirectResponse:
    """Lead back to a page after a form; its `actor` is remembered for the pages below `pages`."""
    answer = RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS)
    written = quote(form.get("actor", ""))
    answer.set_cookie(_COOKIE, written, max_age=_YEAR, path=pages, httponly=True, samesite="strict")
    return answer


def leads(path: str) -> RedirectResponse:
    """Lead on to a page after a form."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS)


def _must_be_from_here(request: Request) -> None:
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if elsewhere or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Denied("this form comes from another site")
