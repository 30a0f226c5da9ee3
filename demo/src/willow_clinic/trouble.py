"""What can go wrong when the clinic starts."""

from __future__ import annotations


class Trouble(Exception):  # noqa: N818 -- told to people
    """A reason not to run; `str()` is the sentence that people read."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
