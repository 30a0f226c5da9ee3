"""What of a text may leave: one line without numbers, addresses or links that could lead to a person.

Texts of alerts come from rules that anybody may have written, and through labels from log lines. A name can't be
recognised by a machine; what can is taken out, rather too much than too little.
"""

from __future__ import annotations

import re
from collections.abc import Collection

LEFT_OUT = "…"
_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"\w*\d(?:[-/ ]?\d){5,}\w*")
_QUERY = re.compile(r"[?#]\S*")


def plain(text: str, names: Collection[str] = (), limit: int = 200) -> str:
    r"""Make one line of a text and leave out what may lead to a person.

    That is: numbers of six and more digits, also with spaces, hyphens or slashes between them and with letters around
    them (record numbers, telephones, dates of birth), e-mail addresses, UUIDs, queries of URLs, and what follows one of
    `names` and a `=` or `:`. Schemes of URLs go too, so that nobody is led to a link that came out of a log line.

    >>> plain("P-123456 at db:5432\n  of 10.0.0.5"), plain("user_id=ann is locked", ["user_id"])
    ('P-… at db:5432 of 10.0.0.5', 'user_id=… is locked')
    """
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 10 * limit]).split())
    for name in names:
        line = re.sub(rf"\b{re.escape(name)}\b(\s?[=:]\s?)(\"[^\"]*\"|\S+)", rf"{name}\1{LEFT_OUT}", line)
    line = _QUERY.sub("", _LINK.sub("", line))
    for pattern in (_MAIL, _UUID, _NUMBER):
        line = pattern.sub(LEFT_OUT, line)
    return line if len(line) <= limit else line[: limit - 1] + "…"
