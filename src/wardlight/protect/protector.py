"""Decoded batches to protected ones, a column at a time; Python only touches what was found."""

from __future__ import annotations

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Counter

from wardlight.config import Protect
from wardlight.problems import BadConfig
from wardlight.protect import looks
from wardlight.protect.find import Finder, Finding
from wardlight.protect.keys import Keys
from wardlight.protect.kinds import SECRETS, actions_of, attribute_kinds, kind_of_attribute
from wardlight.protect.known import Known
from wardlight.records import KINDS, Decoded, Protected

NOTE = "wardlight_protected"
"""The attribute that says what was removed where, as `body:email*2,attributes.http_url:jwt`."""

_AUDIT = KINDS.index("audit")
_ROUNDS = 4
"""Removing one thing may uncover another; a text is looked at again until nothing is found."""

_CHUNK = 16 * 1024
"""Records that are looked at together: a few megabytes."""

_REMEMBERED = 10_000

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Removed = tuple[int, str, Sequence[str]]
"""In this row, at this path, things of these kinds."""


class Protector:
    """Takes identifiers and secrets out of batches.

    In records of kind `audit` only secrets are replaced: the audit trail says who opened whose record, and has readers
    and a guard of its own. Raises BadConfig.
    """

    def __init__(self, settings: Protect, keys: Keys, known: Known, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._keys = keys
        self._known = known
        self._finder = Finder(settings.mrn_patterns)
        self.actions = actions_of(settings.actions)
        self._instead = {
            kind: f"[{kind}]".encode() if action == "mask" else b""
            for kind, action in self.actions.items()
            if action != "pseudonym"
        }
        self._clean: set[str] = set()
        self._attribute_kinds = attribute_kinds(settings.attributes)
        self._columns = settings.columns
        if wrong := set(settings.columns) - {"user_id", "patient_id"}:
            raise BadConfig(f"{', '.join(sorted(wrong))}: only user_id and patient_id (setting protect.columns)")
        self._counter = Counter(
            "wardlight_protected", "Identifiers and secrets removed.", ["kind", "action"], registry=registry
        )
        for kind, action in self.actions.items():
            self._counter.labels(kind, action)

    def protect(self, batch: Decoded) -> Protected:
        """Return the batch without identifiers and secrets; records in which something was found say so in `NOTE`."""
        if not self._settings.enabled:
            return Protected(batch)
        parts = [self._part(batch.slice(at, _CHUNK)) for at in range(0, batch.num_rows, _CHUNK)]
        if not parts:
            return Protected(batch)
        return Protected(parts[0] if len(parts) == 1 else _joined(parts))

    def text(self, text: str, *, audit: bool = False) -> tuple[str, list[tuple[str, str]]]:
        """Return a text without what was found in it, and what that was: kind and what stands there now."""
        raw = text.encode("utf-8", "replace").replace(b"\0", b" ")
        told: list[tuple[str, str]] = []
        for _ in range(_ROUNDS):
            found = [one for one in self.find(raw) if not audit or one[2] in SECRETS]
            if not found:
                break
            told += [(kind, self._in_place_of(kind, raw[start:end]).decode()) for start, end, kind in found]
            raw = self._replaced(raw, 0, len(raw), found)
        return raw.decode("utf-8", "replace"), told

    def find(self, text: bytes) -> list[Finding]:
        """Find identifiers, secrets and what the dictionary knows, in order and without overlaps."""
        found = self._finder.find(text)
        return self._known.add_to(found, text) if self._known else found

    def _part(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        audit = batch["kind"].indices.to_numpy(zero_copy_only=False) == _AUDIT
        removed: list[Removed] = []
        columns = {name: batch[name] for name in batch.schema.names}
        columns["body"] = self._column(columns["body"], "body", audit, removed)
        columns["attributes"] = self._attributes(columns["attributes"], audit, removed)
        columns["stream"] = self._streams(columns["stream"], removed)
        for name in self._columns:
            columns[name] = self._pseudonyms(columns[name], name, audit, removed)
        if not removed:
            return batch
        for kind, count in Counts(chain.from_iterable(kinds for _, _, kinds in removed)).items():
            self._counter.labels(kind, self.actions[kind]).inc(count)
        columns["attributes"] = noted(columns["attributes"], removed)
        return pa.record_batch(list(columns.values()), schema=batch.schema)

    def _column(self, column: pa.Array, path: str, audit: Mask, removed: list[Removed]) -> pa.Array:
        """Replace what is found in a column of texts, a row a record."""
        texts, kinds = self._cleaned(column, audit)
        removed += ((row, path, kinds[row]) for row in sorted(texts))
        return _put(column, texts)

    def _cleaned(self, column: pa.Array, audit: Mask) -> tuple[dict[int, str], dict[int, list[str]]]:
        """Return by row the texts that take the place of those in which something is found, and of what kinds it is."""
        rows: Sequence[int] = range(len(column))
        texts: dict[int, str] = {}
        kinds: defaultdict[int, list[str]] = defaultdict(list)
        for _ in range(_ROUNDS):
            raw, starts = _one_text(column)
            changed = {}
            for at, here in _by_row(self.find(raw), starts, audit[rows]):
                text = self._replaced(raw, int(starts[at]), int(starts[at + 1]) - 1, here)
                changed[rows[at]] = text.decode("utf-8", "replace")
                kinds[rows[at]] += [kind for _, _, kind in here]
            if not changed:
                break
            texts |= changed
            rows, column = list(changed), pa.array(changed.values(), pa.string())
        return texts, kinds

    def _replaced(self, raw: bytes, start: int, end: int, found: Iterable[Finding]) -> bytes:
        pieces = []
        for first, last, kind in found:
            pieces += [raw[start:first], self._in_place_of(kind, raw[first:last])]
            start = last
        return b"".join([*pieces, raw[start:end]])

    def _in_place_of(self, kind: str, value: bytes) -> bytes:
        fixed = self._instead.get(kind)
        return self._keys.pseudonym(kind, value.decode("utf-8", "replace")).encode() if fixed is None else fixed

    def _attributes(self, column: pa.MapArray, audit: Mask, removed: list[Removed]) -> pa.MapArray:
        """Replace values of attributes that always carry an identifier, and what is found in all the others."""
        offsets, keys, values = _flat(column)
        if not len(values):
            return column
        names = keys.dictionary.to_pylist()
        kinds = [kind_of_attribute(name, *self._attribute_kinds) if name != NOTE else "" for name in names]
        code = keys.indices.to_numpy(zero_copy_only=False)
        owner = np.repeat(np.arange(len(column)), np.diff(offsets))
        telling = np.array([bool(kind) for kind in kinds], bool)[code]
        texts: dict[int, str] = {}
        for item in np.flatnonzero(telling).tolist():
            kind, value = kinds[code[item]], values[item].as_py()
            if not looks.empty(value.encode()) and (kind in SECRETS or not audit[owner[item]]):
                texts[item] = self._in_place_of(kind, value.encode()).decode()
                removed.append((int(owner[item]), f"attributes.{names[code[item]]}", [kind]))
        rest = np.flatnonzero(~telling)
        found, kinds_of = self._cleaned(
            values.take(pa.array(rest)) if len(rest) < len(values) else values, audit[owner[rest]]
        )
        for at, text in found.items():
            item = int(rest[at])
            texts[item] = text
            removed.append((int(owner[item]), f"attributes.{names[code[item]]}", kinds_of[at]))
        return (
            column if not texts else pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, _put(values, texts))
        )

    def _streams(self, column: pa.DictionaryArray, removed: list[Removed]) -> pa.DictionaryArray:
        """Replace what is found in labels; there are few different ones, and nothing in most, which is remembered."""
        labels = column.dictionary.to_pylist()
        fresh = [at for at, text in enumerate(labels) if text not in self._clean]
        if not fresh:
            return column
        found, kinds = self._cleaned(column.dictionary.take(pa.array(fresh)), np.zeros(len(fresh), bool))
        if len(self._clean) > _REMEMBERED:
            self._clean.clear()
        self._clean.update(labels[at] for number, at in enumerate(fresh) if number not in found)
        if not found:
            return column
        indices = column.indices.to_numpy(zero_copy_only=False)
        for number in sorted(found):
            removed += ((row, "stream", kinds[number]) for row in np.flatnonzero(indices == fresh[number]).tolist())
        dictionary = _put(column.dictionary, {fresh[number]: text for number, text in found.items()})
        plain = pa.DictionaryArray.from_arrays(column.indices, dictionary).cast(pa.string())
        return plain.dictionary_encode().cast(column.type)

    def _pseudonyms(self, column: pa.Array, name: str, audit: Mask, removed: list[Removed]) -> pa.Array:
        """Replace the identifiers of a column; the audit trail's stay."""
        texts = {}
        for row, value in enumerate(column.to_pylist()):
            if value and not audit[row] and not looks.done(value.encode()):
                texts[row] = self._keys.pseudonym("mrn", value)
                removed.append((row, name, ["mrn"]))
        return _put(column, texts)


def noted(column: pa.MapArray, removed: Iterable[Removed]) -> pa.MapArray:
    """Add the attribute that says what was removed."""
    notes: defaultdict[int, dict[str, list[str]]] = defaultdict(dict)
    for row, path, kinds in removed:
        notes[row].setdefault(path, []).extend(kinds)
    offsets, keys, values = _flat(column)
    names = keys.dictionary.to_pylist()
    code = keys.indices.to_numpy(zero_copy_only=False)
    before: dict[int, str] = {}
    if NOTE in names:
        column, before = _without(column, names.index(NOTE), notes.keys())
        offsets, keys, values = _flat(column)
        code = keys.indices.to_numpy(zero_copy_only=False)
    else:
        names.append(NOTE)
    rows = np.array(sorted(notes), np.int64)
    texts = [
        ",".join([*filter(None, [before.get(row)]), *(_written(path, *kinds) for path, kinds in notes[row].items())])
        for row in rows.tolist()
    ]
    ends = offsets[rows + 1]
    take = np.insert(np.arange(len(values)), ends, len(values) + np.arange(len(rows)))
    more = np.zeros(len(offsets), np.int64)
    more[rows + 1] = 1
    return pa.MapArray.from_arrays(
        pa.array(offsets + np.cumsum(more), pa.int32()),
        pa.DictionaryArray.from_arrays(
            pa.array(np.insert(code, ends, names.index(NOTE)), pa.int32()), pa.array(names, pa.string())
        ),
        pa.concat_arrays([values, pa.array(texts, pa.string())]).take(pa.array(take)),
    )


@lru_cache(maxsize=_REMEMBERED)
def _written(path: str, *kinds: str) -> str:
    return ",".join(
        f"{path}:{kind}*{count}" if count > 1 else f"{path}:{kind}" for kind, count in Counts(kinds).items()
    )


def _without(column: pa.MapArray, code: int, rows: Iterable[int]) -> tuple[pa.MapArray, dict[int, str]]:
    """Take earlier notes off some rows; return what they said."""
    offsets, keys, values = _flat(column)
    owner = np.repeat(np.arange(len(column)), np.diff(offsets))
    out = (keys.indices.to_numpy(zero_copy_only=False) == code) & np.isin(owner, list(rows))
    before = dict(zip(owner[out].tolist(), values.filter(pa.array(out)).to_pylist(), strict=True))
    sizes = np.bincount(owner[~out], minlength=len(column))
    kept = pa.array(~out)
    fresh = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    return pa.MapArray.from_arrays(fresh, keys.filter(kept), values.filter(kept)), before


def _flat(column: pa.MapArray) -> tuple[Ints, pa.DictionaryArray, pa.Array]:
    """Offsets from 0, names and values of a map column that may be a slice."""
    offsets = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    first, count = int(offsets[0]), int(offsets[-1] - offsets[0])
    return offsets - first, column.keys.slice(first, count), column.items.slice(first, count)


def _one_text(column: pa.Array) -> tuple[bytes, Ints]:
    """All values of a column with a zero byte between, and where each begins; one more for the end."""
    lengths = pc.binary_length(column).to_numpy(zero_copy_only=False).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    whole = pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column.cast(pa.binary()))
    return pc.binary_join(whole, b"\0")[0].as_py(), starts


def _by_row(found: list[Finding], starts: Ints, spared: Mask) -> Iterator[tuple[int, list[Finding]]]:
    """Yield the rows in which something is, with that; in rows that are spared only secrets count."""
    if not found:
        return
    rows = np.searchsorted(starts, [start for start, _, _ in found], side="right") - 1
    if spared.any():
        counts = [
            kind in SECRETS or not spare for (_, _, kind), spare in zip(found, spared[rows].tolist(), strict=True)
        ]
        found, rows = list(compress(found, counts)), rows[counts]
    edges = np.flatnonzero(np.diff(rows, prepend=-1))
    ends = [*edges[1:].tolist(), len(found)]
    for row, start, end in zip(rows[edges].tolist(), edges.tolist(), ends, strict=False):
        yield row, found[start:end]


def _put(column: pa.Array, texts: dict[int, str]) -> pa.Array:
    """Put texts into rows of a column."""
    if not texts:
        return column
    mask = np.zeros(len(column), bool)
    mask[list(texts)] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array([texts[row] for row in sorted(texts)], column.type))


def _joined(parts: Sequence[pa.RecordBatch]) -> Any:
    """One batch of several whose dictionaries may differ."""
    table = pa.Table.from_batches(parts).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]
