"""What is sent: plain text, whole for mail and chat, short for SMS."""

from __future__ import annotations

from dataclasses import dataclass, field

SHORT = 320
"""Most characters of a short message: two SMS."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message. Its makers see to it that nothing in it leads to a patient."""

    subject: str
    """One line."""
    text: str
    severity: str = "info"
    """`critical`, `warning`, `info`, or `resolved`."""
    links: tuple[tuple[str, str], ...] = field(default=())
    """What may be opened: a word and an address each, the most useful first."""

    def whole(self) -> str:
        """Write the text with all links, for channels with room."""
        links = "\n".join(f"{word}: {address}" for word, address in self.links)
        return f"{self.text}\n\n{links}" if links else self.text

    def short(self) -> str:
        """Write subject and first link, for SMS.

        >>> Message(subject="CRITICAL: DatabaseDown", text="…", links=(("Acknowledge", "https://w.example/a/1"),)).short()
        'CRITICAL: DatabaseDown https://w.example/a/1'
        """
        link = f" {self.links[0][1]}" if self.links else ""
        room = max(40, SHORT - len(link))
        subject = self.subject if len(self.subject) <= room else self.subject[: room - 1] + "…"
        return subject + link
