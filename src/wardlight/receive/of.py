"""Of which service records are: a token may be good for those of one only."""

from __future__ import annotations

import pyarrow.compute as pc

from wardlight.problems import Denied
from wardlight.receive.assemble import SERVICE_LABELS, Decoding
from wardlight.records import labels_of


def must_be_of(source: str, decoding: Decoding) -> None:
    """Raise Denied when a record is of another service than `source`, or says none; an empty one is any."""
    if not source:
        return
    column = decoding.batch["stream"]
    for at in pc.unique(column.indices).to_pylist():
        labels = labels_of(column.dictionary[at].as_py())
        if next((labels[name] for name in SERVICE_LABELS if name in labels), "") != source:
            raise Denied("this token sends records of one service, and these are of another")
