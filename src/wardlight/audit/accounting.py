"""The accounting of disclosures as PDF (45 CFR 164.528): to whom, what, why and when, of one patient's record.

Equal answers are equal files. The font has Latin, Greek and Cyrillic; for each character that it lacks stands a mark,
and the document says so. Proofs are attached, as PDF attachments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from fpdf import FPDF
from fpdf.fonts import FontFace, TTFFont

from wardlight.audit.event import Entry
from wardlight.audit.export import Log, proof_files, readme
from wardlight.audit.shown import Shown, shown
from wardlight.clock import moment
from wardlight.problems import NotFound

MOST = 5000
"""Events of one document; more than that nobody reads on paper, and CSV has no limit."""

_FONT = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
_LACKING = "\N{REPLACEMENT CHARACTER}"
_HEADINGS = ("When (UTC)", "Who received or used it", "What", "Why", "From where", "Entry")
_WIDTHS = (37, 62, 78, 42, 38, 20)


@dataclass(frozen=True, kw_only=True)
class About:
    """What the first page says beside the table; times are nanoseconds since 1970."""

    patient: str
    start_ns: int
    end_ns: int
    now_ns: int
    disclosures: bool
    """Only what was given to others is listed, not every use."""


def accounting(about: About, entries: Sequence[tuple[int, Entry]], log: Log, *, proofs: bool) -> bytes:
    """Write the document, with the proof of each event attached if that is wished for."""
    paper = _Paper(about)
    missing = _attach(paper, [index for index, _ in entries], log) if proofs else []
    paper.head(len(entries), log.vkey)
    paper.rows([shown(index, entry) for index, entry in entries])
    paper.foot(proofs=proofs, missing=missing)
    return bytes(paper.output())


class _Paper(FPDF):
    """Pages across, with their number at the foot."""

    def __init__(self, about: About) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._about = about
        self._lacking = False
        self.set_creation_date(moment(about.now_ns))
        self.set_title("Accounting of disclosures")
        self.set_creator("Wardlight")
        self.set_lang("en")
        self.set_margins(10, 10)
        self.set_auto_page_break(auto=True, margin=14)
        self.alias_nb_pages()
        self.add_font("Noto", "", _FONT)
        font = self.fonts["noto"]
        self._known = font.cmap if isinstance(font, TTFFont) else {}
        self.add_page()

    def footer(self) -> None:
        """Number each page."""
        self.set_y(-11)
        self.set_font("Noto", size=7)
        self.cell(0, 5, self._written(f"Patient {self._about.patient} · page {self.page_no()} of {{nb}}"), align="R")

    def head(self, count: int, vkey: str) -> None:
        """Say what this is an answer to."""
        about = self._about
        what = "what was disclosed of" if about.disclosures else "who received, opened or changed anything in"
        self._line("Accounting of disclosures", 16)
        self._line(f"Patient {about.patient}", 12)
        self._line(
            f"The list says {what} this patient's record, from {moment(about.start_ns):%d %B %Y} to "
            f"{moment(about.end_ns - 1):%d %B %Y}: {count:,} {'entry' if count == 1 else 'entries'}, the newest first.",
            9,
        )
        self._line(f"Made on {moment(about.now_ns):%d %B %Y at %H:%M} UTC from the log {vkey}", 9)
        self.ln(3)

    def rows(self, rows: Sequence[Shown]) -> None:
        """Write the table."""
        self.set_font("Noto", size=8)
        self.set_draw_color(200)
        heading = FontFace(fill_color=(235, 239, 240))
        with self.table(col_widths=_WIDTHS, line_height=4.4, headings_style=heading, text_align="LEFT") as table:
            table.row(_HEADINGS)
            for row in rows:
                table.row([self._written(cell) for cell in _cells(row)])
        if not rows:
            self._line("Nothing is recorded.", 9)

    def foot(self, *, proofs: bool, missing: Sequence[int]) -> None:
        """Say how it can be checked, and what it can't show."""
        self.ln(3)
        if proofs:
            self._line("The proof of each entry is attached to this file; README.txt among them says how to check.", 8)
        if missing:
            self._line(f"Removed under the log's retention policy since: {', '.join(map(str, missing))}.", 8)
        if self._lacking:
            self._line(f"{_LACKING} stands for a character that this document's font lacks; CSV and Bundle have it.", 8)

    def _line(self, text: str, size: int) -> None:
        self.set_font("Noto", size=size)
        self.multi_cell(0, size * 0.5, self._written(text), new_x="LMARGIN", new_y="NEXT")

    def _written(self, text: str) -> str:
        """Replace what the font lacks."""
        written = "".join(each if ord(each) in self._known else _LACKING for each in text)
        self._lacking |= written != text
        return written


def _cells(row: Shown) -> tuple[str, ...]:
    record = "/".join(filter(None, (row.record_type, row.record)))
    what = "; ".join(filter(None, (row.what or row.action, record, row.outcome if row.outcome != "success" else "")))
    who = ", ".join(filter(None, (row.recipient, row.role)))
    return row.time[:19].replace("T", " "), who, what, row.purpose, row.from_, str(row.index)


def _attach(paper: FPDF, indices: Sequence[int], log: Log) -> list[int]:
    """Attach the proofs; return the events that have none any more."""
    missing = []
    for index in indices:
        try:
            for name, data in proof_files(log, index):
                paper.embed_file(bytes=data, basename=name, mime_type="text/plain", compress=True)
        except NotFound:
            missing.append(index)
    text = readme("This document", log.vkey, missing).replace("proofs/", "")
    paper.embed_file(bytes=text.encode(), basename="README.txt", mime_type="text/plain", compress=True)
    return missing
