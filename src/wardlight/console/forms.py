"""Forms of the console's pages: read within bounds. The gate has seen to it that they come from our own pages.

Whoever has signed in does what a form says; where nobody signs in, people write their name into it, and a cookie
remembers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, quote, unquote

from fastapi import Request
from fastapi.responses import RedirectResponse

from wardlight.console.pages import HEADERS, signed_in
from wardlight.problems import BadInput, TooLarge

MAX_BYTES = 256 * 1024
"""Largest form: a response of 10,000 characters in any script."""
_COOKIE = "wardlight_name"
_YEAR = 365 * 24 * 3600

Form = Mapping[str, str]

__all__ = ["HEADERS", "Form", "back", "leads", "name", "read"]


async def read(request: Request) -> Form:
    """Read a form; of a field that is there twice the last counts, and `actor` is whoever has signed in.

    Raises TooLarge, and BadInput for what is no form.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLarge(f"the form is larger than {MAX_BYTES} bytes")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadInput("this is no form") from None
    form = {name: values[-1].replace("\r\n", "\n") for name, values in fields.items()}
    return {**form, "actor": signed_in()} if signed_in() else form


def name(request: Request) -> str:
    """Say which name was written last, if any."""
    return unquote(request.cookies.get(_COOKIE, ""))


def back(path: str, form: Form, pages: str) -> RedirectResponse:
    """Lead back to a page after a form; its `actor` is remembered for the pages below `pages`."""
    answer = leads(path)
    if signed_in():
        return answer
    written = quote(form.get("actor", ""))
    answer.set_cookie(_COOKIE, written, max_age=_YEAR, path=pages, httponly=True, samesite="strict")
    return answer


def leads(path: str) -> RedirectResponse:
    """Lead on to a page after a form."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER, HEADERS)
