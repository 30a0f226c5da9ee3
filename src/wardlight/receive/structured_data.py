r"""RFC 5424's structured data, `[id name="value" …][id …]`, a column at a time.

A value escapes `"`, `\` and `]`; without escapes the first `] ` ends the data, and every second piece between quotation
marks is a value. Rows with escapes or sloppy brackets are found by a regular expression, one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardlight.receive.assemble import Ints, Mask
from wardlight.receive.columns import ask, indices, split, true, where
from wardlight.receive.segments import Segment

_DATA = re.compile(r'((?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*")*\])+)(?: (.*))?\Z', re.DOTALL)
_ID = r'[^\[\] ="]+'
_NAME = re.compile(rf"(?:\]?(?:\[{_ID}\])*\[({_ID}) +| +)({_ID})=")
_END = re.compile(rf"(?:\]?(?:\[{_ID}\])*\[{_ID})?")
_ESCAPES = (("\\\\", "\ufdd0"), ('\\"', "\ufdd1"), ("\\]", "]"))
"""In this order; the stand-ins are code points that Unicode reserves for use inside programs."""


@dataclass(frozen=True)
class StructuredData:
    """What a column held."""

    pairs: Segment | None
    """`id.name` and value of each parameter."""
    rest: pa.StringArray
    """What follows the data; all of it where that is broken."""
    broken: Mask


def read(text: pa.StringArray, most: int) -> StructuredData:
    """Read what stands from the structured data on; rows that break the grammar or exceed `most` pairs stay whole."""
    none = true(pc.equal(text, "-")) | true(pc.starts_with(text, "- "))
    if none.all():
        return StructuredData(None, pc.utf8_slice_codeunits(text, 2), np.zeros(len(text), bool))
    data, rest, broken = _bounds(text, none)
    names, values, row, ends = _pairs(data)
    counts = np.bincount(row, minlength=len(text))
    broken |= ~ends
    nameless = np.zeros(len(text), bool)
    nameless[row[np.array([name == "" for name in names.dictionary.to_pylist()], bool)[indices(names)]]] = True
    broken |= nameless | (counts > most)
    if broken.any():
        rest = where(broken, text, rest)
        kept = ~broken[row]
        names, values, counts = names.filter(pa.array(kept)), values.filter(pa.array(kept)), np.where(broken, 0, counts)
    pairs = Segment(counts, np.arange(len(values)), names.cast(pa.string()), values)
    return StructuredData(pairs, rest, broken)


def _bounds(text: pa.StringArray, none: Mask) -> tuple[pa.StringArray, pa.StringArray, Mask]:
    """Split data, without its last bracket and with escapes replaced, from what follows it."""
    (data, rest), size = split(text, "] ", 2)
    alone = (size == 1) & ~none
    if alone.any():
        data = where(alone & true(pc.ends_with(text, "]")), pc.utf8_slice_codeunits(data, 0, -1), data)
    quotes = np.asarray(pc.count_substring(data, '"').to_numpy(zero_copy_only=False))
    plain = true(pc.starts_with(text, "[")) & (quotes % 2 == 0)
    plain &= ~true(pc.match_substring(data, "\\"))
    plain &= ~alone | true(pc.ends_with(text, "]"))
    odd = np.flatnonzero(~plain & ~none)
    data = where(plain, data, pa.scalar(""))
    if none.any():
        rest = where(none, pc.utf8_slice_codeunits(text, 2), rest)
    if not len(odd):
        return data, rest, np.zeros(len(text), bool)
    found = [_DATA.match(line) for line in text.take(pa.array(odd)).to_pylist()]
    mask = np.zeros(len(text), bool)
    mask[odd] = True
    broken = np.zeros(len(text), bool)
    broken[odd] = [one is None for one in found]
    data = pc.replace_with_mask(data, mask, pa.array([_stand_in(one[1][:-1]) if one else "" for one in found]))
    rest = pc.replace_with_mask(rest, mask, pa.array([(one[2] or "") if one else "" for one in found]))
    return data, rest, broken


def _stand_in(data: str) -> str:
    for escape, stand_in in _ESCAPES:
        data = data.replace(escape, stand_in)
    return data


def _pairs(data: pa.StringArray) -> tuple[pa.DictionaryArray, pa.StringArray, Ints, Mask]:
    """Names (empty if there is none where one belongs), values and rows of all parameters; which rows end well."""
    lists = pc.split_pattern(data, '"')
    offsets = lists.offsets.to_numpy()
    pieces = np.diff(offsets)
    count = (pieces - 1) // 2
    row = np.repeat(np.arange(len(data)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    at = offsets[:-1][row] + 2 * within
    values = lists.values.take(pa.array(at + 1))
    for stand_in, plain in (("\ufdd0", "\\"), ("\ufdd1", '"')):
        if pc.any(pc.match_substring(values, stand_in)).as_py():
            values = pc.replace_substring(values, stand_in, plain)
    ends = ask(lists.values.take(pa.array(offsets[1:] - 1)), _is_end)
    return _names(lists.values.take(pa.array(at)), within == 0), values, row, ends


def _is_end(text: str) -> bool:
    """What may follow the last value: elements without parameters."""
    return _END.fullmatch(text) is not None


def _names(before: pa.StringArray, first: Mask) -> pa.DictionaryArray:
    """Make names of what stands before the values; an element's identifier holds until the next one's."""
    encoded = before.dictionary_encode()
    found = [_NAME.fullmatch(text) for text in encoded.dictionary.to_pylist()]
    codes = indices(encoded)
    opens = np.array([one is not None and one[1] is not None for one in found], bool)[codes]
    element = np.maximum.accumulate(np.where(opens | first, np.arange(len(codes)), 0)) if len(codes) else codes
    pair = codes[element] * max(len(found), 1) + codes
    distinct, index = np.unique(pair, return_inverse=True)
    names = []
    for code in distinct.tolist():
        opening, own = (found[at] for at in divmod(code, len(found)))
        named = opening is not None and opening[1] is not None and own is not None
        names.append(f"{opening[1]}.{own[2]}" if named and opening and own else "")
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(names, pa.string()))
