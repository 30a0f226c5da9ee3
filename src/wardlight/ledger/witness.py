"""Witnesses: others who see that the log only grows, and sign what they saw (C2SP tlog-witness, the client)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from wardlight.ledger.log import Ledger
from wardlight.ledger.note import Checkpoint, Verifier, is_number, open_note, split, tobase64
from wardlight.problems import BadConfig, BadInput, Conflict, Unavailable

_SIZE_TYPE = "text/x.tlog.size"
_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Witness:
    """Who cosigns, and where."""

    verifier: Verifier
    url: str

    @classmethod
    def parse(cls, setting: str) -> Witness:
        """Read `VERIFIERKEY URL`. Raises BadConfig."""
        vkey, _, url = setting.partition(" ")
        try:
            verifier = Verifier.parse(vkey)
        except BadInput as problem:
            raise BadConfig(f"a witness is VERIFIERKEY URL: {problem} (setting ledger.witnesses)") from None
        if not url.startswith(("https://", "http://")):
            raise BadConfig(f"a witness is VERIFIERKEY URL: {url!r} is no URL (setting ledger.witnesses)")
        return cls(verifier, url.rstrip("/"))


class Asking:
    """Asks one witness, and remembers what it has seen."""

    def __init__(self, witness: Witness, ledger: Ledger, client: httpx.Client) -> None:
        self.witness = witness
        self._ledger = ledger
        self._client = client
        self._seen = 0

    def cosign(self, note: str) -> Sequence[str]:
        """Have a checkpoint cosigned; return the witness's signature lines, which are checked.

        Raises Unavailable, BadInput for a wrong answer, and Conflict when the witness has seen another log.
        """
        checkpoint = Checkpoint.parse(split(note)[0])
        answer = self._send(note, checkpoint.size)
        if answer.status_code == Conflict.status and answer.headers.get("content-type", "").startswith(_SIZE_TYPE):
            # It tells which size it knows: at the first time, or when its answer was lost.
            self._seen = int(answer.text) if is_number(answer.text.strip()) else 0
            answer = self._send(note, checkpoint.size)
        if not answer.is_success:
            kind = Conflict if answer.status_code in (Conflict.status, 422) else Unavailable
            raise kind(f"the witness {self.witness.verifier.name} answers {answer.status_code}")
        lines = self._lines(note, answer.text)
        self._seen = checkpoint.size
        return lines

    def _send(self, note: str, size: int) -> httpx.Response:
        name = self.witness.verifier.name
        if self._seen > size:
            raise Conflict(
                f"the witness {name} has seen {self._seen} entries, but the ledger has {size}: an older state of the "
                "ledger was restored, or somebody else signs with its key"
            )
        proof = self._ledger.consistency(self._seen, size) if self._seen < size else []
        body = "\n".join((f"old {self._seen}", *map(tobase64, proof))) + "\n\n" + note
        try:
            answer = self._client.post(f"{self.witness.url}/add-checkpoint", content=body.encode())
        except httpx.HTTPError as error:
            raise Unavailable(f"the witness {name} can't be reached: {error}") from error
        if len(answer.content) > _LIMIT_BYTES:
            raise BadInput(f"the witness {name} answers at length")
        return answer

    def _lines(self, note: str, answer: str) -> list[str]:
        """Pick the lines that this witness's key has signed."""
        text = split(note)[0]
        verifier = self.witness.verifier
        lines = split(f"{text}\n{answer}")[1]
        found = [line for line in lines if open_note(f"{text}\n{line}\n", [verifier]).signers]
        if not found:
            raise BadInput(f"the witness {verifier.name} has signed with another key than the one in ledger.witnesses")
        return found
