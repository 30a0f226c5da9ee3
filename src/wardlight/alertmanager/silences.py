"""Silences in Alertmanager: exactly one for a mark, or none.

A post whose answer got lost may have worked. So a silence carries a mark in its comment, which is looked for before each
post; what is there twice is ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import re2

from wardlight.problems import BadInput, Unavailable

SECONDS = 5.0
"""Longest wait for an answer."""
MAX_VALUE = 500

_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"]*?)\s*', re.DOTALL)
_HERE = ("active", "pending")


@dataclass(frozen=True)
class Matcher:
    """Which alerts: those whose label equals a value or matches an RE2 pattern as a whole, or doesn't."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @classmethod
    def parse(cls, text: str) -> Matcher:
        r"""Read a matcher as amtool does: `service=billing`, `job=~"portal|api"`, `!=`, `!~`. Raises BadInput.

        >>> Matcher.parse('service=~"billing|portal"')
        Matcher(name='service', value='billing|portal', is_regex=True, is_equal=True)
        """
        found = _MATCHER.fullmatch(text)
        if found is None or len(text) > MAX_VALUE:
            raise BadInput(f'matcher {text[:60]!r} is not LABEL=VALUE, LABEL!=VALUE, LABEL=~"REGEX" or LABEL!~"REGEX"')
        name, operator, value = found.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        matcher = cls(name, value, operator.endswith("~"), operator.startswith("="))
        matcher.check()
        return matcher

    def check(self) -> None:
        """Raise BadInput when its pattern is none."""
        if self.is_regex:
            try:
                re2.compile(self.value)
            except re2.error as error:
                raise BadInput(f"matcher {self}: not a regular expression (RE2): {error}") from None

    def matches(self, value: str) -> bool:
        """Say whether a label's value matches; an absent label is an empty one."""
        same = re2.fullmatch(self.value, value) is not None if self.is_regex else value == self.value
        return bool(same) == self.is_equal

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        operator = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{operator}"{quoted}"'


class Silences:
    """Silences by their marks. Methods block: call them in a thread. All raise Unavailable and BadInput."""

    def __init__(self, alertmanager: str) -> None:
        self._url = f"{alertmanager.rstrip('/')}/api/v2"
        self._client = httpx.Client(timeout=SECONDS, trust_env=False)

    def keep(
        self, mark: str, matchers: Sequence[Matcher], *, starts: datetime, ends: datetime, by: str, why: str
    ) -> str | None:
        """See to it that there is exactly one silence of a mark; return its identifier.

        None when somebody has ended it in Alertmanager before its time: it isn't made again then.
        """
        had = self._of(mark)
        here = [one for one in had if one["status"]["state"] in _HERE]
        for surplus in here[1:]:
            self._end(surplus["id"])
        if here:
            return str(here[0]["id"])
        if any(datetime.fromisoformat(one["endsAt"]) < ends - timedelta(seconds=1) for one in had):
            return None
        silence = {
            "matchers": [
                {"name": it.name, "value": it.value, "isRegex": it.is_regex, "isEqual": it.is_equal} for it in matchers
            ],
            "startsAt": starts.isoformat(),
            "endsAt": ends.isoformat(),
            "createdBy": by,
            "comment": f"{why} {_marked(mark)}",
        }
        return str(self._ask("POST", "/silences", silence)["silenceID"])

    def end(self, mark: str) -> None:
        """See to it that there is no silence of a mark."""
        for one in self._of(mark):
            if one["status"]["state"] in _HERE:
                self._end(one["id"])

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _of(self, mark: str) -> list[dict[str, Any]]:
        """List the silences of a mark, over or not, in a fixed order."""
        found = (one for one in self._ask("GET", "/silences") if one["comment"].endswith(_marked(mark)))
        return sorted(found, key=lambda one: (one["startsAt"], one["id"]))

    def _end(self, silence_id: str) -> None:
        self._ask("DELETE", f"/silence/{silence_id}")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            answer = self._client.request(method, self._url + path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"Alertmanager doesn't answer: {type(error).__name__}") from None
        if not answer.is_success:
            kind = BadInput if 400 <= answer.status_code < 500 else Unavailable
            raise kind(f"Alertmanager answers {answer.status_code}: {answer.text.strip()[:200]}")
        return answer.json() if answer.content else None


def _marked(mark: str) -> str:
    return f"[wardlight:{mark}]"
