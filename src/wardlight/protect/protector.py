"""Decoded batches to protected ones, a column at a time; Python only touches what was found."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from prometheus_client import CollectorRegistry, Counter

from wardlight.config import Protect
from wardlight.problems import BadConfig
from wardlight.protect import looks
from wardlight.protect.columns import Ints, flat, joined, loose, one_text, put, replaced, rows_of, texts_of
from wardlight.protect.find import Finder, Finding
from wardlight.protect.keys import Keys
from wardlight.protect.kinds import SECRETS, actions_of, attribute_kinds, kind_of_attribute
from wardlight.protect.known import Known
from wardlight.protect.notes import NOTE, Removed, noted
from wardlight.records import KINDS, Decoded, Protected, label_name

_AUDIT = KINDS.index("audit")
_ROUNDS = 4
"""Removing one thing may uncover another: texts of which that can be are looked at again until nothing is found."""

_CHUNK = 16 * 1024
"""Records that are looked at together: a few megabytes."""

_REMEMBERED = 10_000

_IN_NAMES = {"known", "mrn", "nhs", "ssn", "card", "iban", "phone", "email"}
"""Kinds that are looked for in attributes' names, where words such as `patient_name` are no person's."""

Mask = npt.NDArray[np.bool_]


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
        # What an administrator's pattern takes for an identifier may join where something was left out.
        self._unsure = self._finder.own or any(action == "drop" for action in self.actions.values())
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
        return Protected(parts[0] if len(parts) == 1 else joined(parts))

    def text(self, text: str, *, audit: bool = False) -> tuple[str, list[tuple[str, str]]]:
        """Return a text without what was found in it, and what that was: kind and what stands there now."""
        raw = text.encode("utf-8", "replace").replace(b"\0", b" ")
        told: list[tuple[str, str]] = []
        for _ in range(_ROUNDS):
            found, doubts = self._search(raw)
            found = [one for one in found if not audit or one[2] in SECRETS]
            if not found:
                break
            begins, ends, kinds = zip(*found, strict=True)
            instead = self._instead_of(raw, found)
            told += [(kind, new.decode()) for kind, new in zip(kinds, instead, strict=True)]
            settled = not doubts and not len(loose(raw, np.array(begins), np.array(ends)))
            raw = replaced(raw, begins, ends, instead)
            if settled:
                break
        return raw.decode("utf-8", "replace"), told

    def find(self, text: bytes) -> list[Finding]:
        """Find identifiers, secrets and what the dictionary knows, in order and without overlaps."""
        return self._search(text)[0]

    def _search(self, text: bytes) -> tuple[list[Finding], list[int]]:
        """Find them, and say where there may be more once they are removed."""
        found, doubts = self._finder.search(text)
        if self._known:
            found = self._known.add_to(found, text)
        if self._known or self._unsure:
            return found, [start for start, _, _ in found]
        return found, doubts

    def _part(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        audit = batch["kind"].indices.to_numpy(zero_copy_only=False) == _AUDIT
        removed = Removed()
        columns = {name: batch[name] for name in batch.schema.names}
        columns["body"] = self._column(columns["body"], "body", audit, removed)
        columns["attributes"] = self._attributes(columns["attributes"], audit, removed)
        columns["stream"] = self._streams(columns["stream"], removed)
        for name in self._columns:
            columns[name] = self._pseudonyms(columns[name], name, audit, removed)
        if not removed.rows:
            return batch
        for note, count in Counts(removed.notes).items():
            kind = note.rpartition(":")[2]
            self._counter.labels(kind, self.actions[kind]).inc(count)
        columns["attributes"] = noted(columns["attributes"], removed)
        return pa.record_batch(list(columns.values()), schema=batch.schema)

    def _column(self, column: pa.Array, path: str, audit: Mask, removed: Removed) -> pa.Array:
        """Replace what is found in a column of texts, a row a record."""
        column, rows, kinds = self._cleaned(column, audit)
        removed.add(rows.tolist(), path, kinds)
        return column

    def _cleaned(self, column: pa.Array, audit: Mask, rounds: int = _ROUNDS) -> tuple[pa.Array, Ints, Sequence[str]]:
        """Replace what is found in texts, in all of them together; return also of each thing found the row and the kind."""
        raw, starts = one_text(column)
        found, doubts = self._search(raw) if rounds else ([], [])
        if audit.any():
            kept = audit[rows_of(starts, np.array([start for start, _, _ in found], np.int64))].tolist()
            found = [one for one, stays in zip(found, kept, strict=True) if one[2] in SECRETS or not stays]
        if not found:
            return column, np.zeros(0, np.int64), []
        begins, ends, kinds = zip(*found, strict=True)
        instead = self._instead_of(raw, found)
        at, until = np.array(begins), np.array(ends)
        rows = rows_of(starts, at)
        doubtful_rows = rows_of(starts, np.concatenate([np.array(doubts, np.int64), loose(raw, at, until)]))
        longer = np.fromiter(map(len, instead), np.int64, len(instead)) + at - until
        starts[1:] += np.cumsum(np.bincount(rows, longer, len(column))).astype(np.int64)
        changed = np.unique(rows)
        texts = texts_of(replaced(raw, begins, ends, instead), starts, changed)
        doubtful = np.flatnonzero(np.isin(changed, doubtful_rows))
        if len(doubtful):
            cleaned, again, further = self._cleaned(
                texts.take(pa.array(doubtful)), audit[changed[doubtful]], rounds - 1
            )
            texts = put(texts, doubtful, cleaned)
            rows, kinds = np.concatenate([rows, changed[doubtful[again]]]), (*kinds, *further)
        return put(column, changed, texts), rows, kinds

    def _instead_of(self, raw: bytes, found: Iterable[Finding]) -> list[bytes]:
        """What stands where something was found."""
        fixed = self._instead
        return [fixed[kind] if kind in fixed else self._pseudonym(kind, raw[start:end]) for start, end, kind in found]

    def _pseudonym(self, kind: str, value: bytes) -> bytes:
        return self._keys.pseudonym(kind, value.decode("utf-8", "replace")).encode()

    def _attributes(self, column: pa.MapArray, audit: Mask, removed: Removed) -> pa.MapArray:
        """Replace values of attributes that always carry an identifier, and what is found in all the others."""
        offsets, keys, values = flat(self._names(column, audit, removed))
        if not len(values):
            return column
        names = keys.dictionary.to_pylist()
        kinds = [kind_of_attribute(name, *self._attribute_kinds) if name != NOTE else "" for name in names]
        code = keys.indices.to_numpy(zero_copy_only=False)
        owner = np.repeat(np.arange(len(column)), np.diff(offsets))
        telling = np.array([bool(kind) for kind in kinds], bool)[code]
        whole: dict[int, str] = {}
        for item in np.flatnonzero(telling).tolist():
            kind, value = kinds[code[item]], values[item].as_py()
            if not looks.empty(value.encode()) and (kind in SECRETS or not audit[owner[item]]):
                (new,) = self._instead_of(value.encode(), [(0, len(value.encode()), kind)])
                whole[item] = new.decode()
                removed.add([int(owner[item])], f"attributes.{names[code[item]]}", [kind])
        rest = np.flatnonzero(~telling)
        others = values.take(pa.array(rest)) if len(rest) < len(values) else values
        cleaned, items, found = self._cleaned(others, audit[owner[rest]])
        for item, kind in sorted(zip(rest[items].tolist(), found, strict=True), key=itemgetter(0)):
            removed.add([int(owner[item])], f"attributes.{names[code[item]]}", [kind])
        if not whole and not found:
            return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values)
        fresh = put(put(values, rest, cleaned), list(whole), pa.array(whole.values(), pa.string()))
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, fresh)

    def _names(self, column: pa.MapArray, audit: Mask, removed: Removed) -> pa.MapArray:
        """Replace numbers of people in attributes' names, as of a map of patients by their number."""
        offsets, keys, values = flat(column)
        names = keys.dictionary.to_pylist()
        telling = {name: instead for name in names if name not in self._clean and (instead := self._name(name))}
        if not telling:
            return column
        code = keys.indices.to_numpy(zero_copy_only=False).copy()
        owner = np.repeat(np.arange(len(column)), np.diff(offsets))
        for name, (new, kinds) in telling.items():
            items = np.flatnonzero((code == names.index(name)) & ~audit[owner])
            code[items] = len(names)
            names.append(new)
            for kind in kinds:
                removed.add(owner[items].tolist(), f"attributes.{new}", [kind] * len(items))
        fresh = pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), pa.array(names, pa.string()))
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), fresh, values)

    def _name(self, name: str) -> tuple[str, list[str]] | None:
        """What an attribute is called instead and of which kinds there was something in its name; None if there was nothing."""
        raw = name.encode()
        found = [one for one in self.find(raw.replace(b"_", b" ")) if one[2] in _IN_NAMES]
        if not found:
            self._remember([name])
            return None
        begins, ends, kinds = zip(*found, strict=True)
        instead = replaced(raw, begins, ends, self._instead_of(raw, found))
        return label_name(instead.decode("utf-8", "replace")), list(kinds)

    def _remember(self, texts: Iterable[str]) -> None:
        """Keep in mind that nothing is in labels and names which come again and again."""
        if len(self._clean) > _REMEMBERED:
            self._clean.clear()
        self._clean.update(texts)

    def _streams(self, column: pa.DictionaryArray, removed: Removed) -> pa.DictionaryArray:
        """Replace what is found in labels; there are few different ones, and nothing in most, which is remembered."""
        labels = column.dictionary.to_pylist()
        fresh = np.array([at for at, text in enumerate(labels) if text not in self._clean], np.int64)
        if not len(fresh):
            return column
        cleaned, at, kinds = self._cleaned(column.dictionary.take(pa.array(fresh)), np.zeros(len(fresh), bool))
        self._remember(labels[label] for label in np.delete(fresh, at).tolist())
        if not kinds:
            return column
        indices = column.indices.to_numpy(zero_copy_only=False)
        for label, kind in zip(fresh[at], kinds, strict=True):
            rows = np.flatnonzero(indices == label).tolist()
            removed.add(rows, "stream", [kind] * len(rows))
        dictionary = put(column.dictionary, fresh, cleaned)
        plain = pa.DictionaryArray.from_arrays(column.indices, dictionary).cast(pa.string())
        return plain.dictionary_encode().cast(column.type)

    def _pseudonyms(self, column: pa.Array, name: str, audit: Mask, removed: Removed) -> pa.Array:
        """Replace the identifiers of a column; the audit trail's stay."""
        texts = {
            row: self._keys.pseudonym("mrn", value)
            for row, value in enumerate(column.to_pylist())
            if value and not audit[row] and not looks.done(value.encode())
        }
        removed.add(texts, name, ["mrn"] * len(texts))
        return put(column, list(texts), pa.array(texts.values(), pa.string()))
