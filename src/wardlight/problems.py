"""Everything that can go wrong, in one tree: its HTTP status, its exit code and whether to try again.

Problem                     500  exit 70  a fault of ours
├── BadInput                400  exit 65  what was sent can't be understood
│   ├── TooLarge            413  exit 65  … is larger than a limit
│   └── UnknownFormat       415  exit 65  … is of a content type or encoding we don't speak
├── BadConfig               400  exit 78  a setting, a rule or a policy is wrong
├── Unauthenticated         401  exit 77  who is asking?
├── Denied                  403  exit 77  not for this reader
├── NotFound                404  exit 66  no such thing
├── Conflict                409  exit 75  taken, or changed meanwhile
├── Busy                    429  exit 75  a queue is full or a limit is reached; again after `retry_after`
├── Cancelled               499  exit 130 the caller hung up
├── Unavailable             503  exit 69  a part is away or starting; again after `retry_after`
└── TimedOut                504  exit 75  a limit of seconds was reached

Exit codes are those of BSD's sysexits.h. Messages never carry a patient, a secret or a log line.
"""

from __future__ import annotations

from typing import ClassVar


class Problem(Exception):  # noqa: N818 -- a problem is told to people, not only raised
    """A failure that a person or a sender is told about; `str()` is the sentence they read."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 70
    retry_after: int | None = None
    """Seconds after which trying again makes sense; None when it doesn't."""

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.retry_after = retry_after


class BadInput(Problem):
    """What was sent can't be understood."""

    status = 400
    exit_code = 65


class TooLarge(BadInput):
    """What was sent is larger than a limit; the message names the limit's setting."""

    status = 413


class UnknownFormat(BadInput):
    """A content type or encoding that isn't spoken here."""

    status = 415


class BadConfig(Problem):
    """A setting, a rule or a policy is wrong; the message names file, line and setting."""

    status = 400
    exit_code = 78


class Unauthenticated(Problem):
    """Nobody has said who is asking, or not believably."""

    status = 401
    exit_code = 77


class Denied(Problem):
    """This reader may not."""

    status = 403
    exit_code = 77


class NotFound(Problem):
    """No such thing."""

    status = 404
    exit_code = 66


class Conflict(Problem):
    """It is taken, or somebody changed it meanwhile."""

    status = 409
    exit_code = 75


class Busy(Problem):
    """A queue is full or a limit is reached: nothing was taken; try again."""

    status = 429
    exit_code = 75
    retry_after = 1


class Cancelled(Problem):
    """The caller went away before the answer."""

    status = 499
    exit_code = 130


class Unavailable(Problem):
    """A part that is needed is away, starting or full."""

    status = 503
    exit_code = 69
    retry_after = 5


class TimedOut(Problem):
    """A limit of seconds was reached; the message names the limit's setting."""

    status = 504
    exit_code = 75
