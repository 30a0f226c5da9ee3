"""Stages as SQL: each takes the row as the one before left it and adds columns, conditions or layers of labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from wardlight.query import parsers, tree
from wardlight.query.filters import (
    bytes_fault,
    bytes_of,
    duration_fault,
    duration_of,
    label_condition,
    line_condition,
    matcher_condition,
    needed_words,
    number_fault,
    number_of,
    text_of,
)
from wardlight.query.format import stage_text
from wardlight.query.labels import (
    ABSENT,
    EXTRACTED,
    DropLayer,
    KeepLayer,
    Labels,
    MapsLayer,
    MetadataLayer,
    ParsedLayer,
    SetLayer,
    StreamLayer,
    metadata_names,
    stream_names,
    taken,
)
from wardlight.query.lex import ParseError
from wardlight.query.needs import EVERYTHING, Needs
from wardlight.query.sight import is_patient, records
from wardlight.query.sql import Binder, Rows, any_of
from wardlight.query.streams import Streams
from wardlight.query.template import Template
from wardlight.records import COLUMN_ATTRIBUTES
from wardlight.store.sight import PATIENT, View, is_pseudonym

_PATIENT = next(label for label, column in COLUMN_ATTRIBUTES.items() if column == "patient_id")
_PSEUDONYM_WORD = re.compile(rf"pseudo|{PATIENT}|k\d+|[A-Z2-7]{{16}}")
"""Words that a masked line may have and the stored one hasn't."""

_ANSI = (
    "[\\x{1b}\\x{9b}][\\[\\]()#;?]*(?:(?:(?:[a-zA-Z\\d]*(?:;[a-zA-Z\\d]*)*)?\\x07)"
    "|(?:(?:\\d{1,4}(?:;\\d{0,4})*)?[\\dA-PRZcf-ntqry=><~]))"
)


class Pipeline:
    """A row on its way through stages. It offers what parsers and filters ask for: `column`, `label`, `equals`."""

    def __init__(
        self, rows: Rows, labels: Labels, binder: Binder, view: View, *, needs: Needs = EVERYTHING, words: str = "line"
    ) -> None:
        self.rows = rows
        self.labels = labels
        self.binder = binder
        self.view = view
        self.needs = needs
        self.line = "line"
        self._words = words
        self.error = ""
        self.details = ""
        self.failed_parsers: list[str] = []
        """Columns that say that a parser failed."""
        self._columns: dict[str, str] = {}

    # ---- what parsers and filters ask for ----

    def column(self, expression: str) -> str:
        """Give an expression a name, the same one for the same expression."""
        if expression not in self._columns:
            self._columns[expression] = self.rows.column(expression)
        return self._columns[expression]

    def label(self, name: str) -> str:
        """Write a label's value as a short Nullable(String)."""
        value = self.labels.get(name, self.binder)
        return value if value == ABSENT or value.startswith("{") else self.column(value)

    def equals(self, name: str, value: str) -> str:
        """Write `label = value` on a column with an index, where the label can be nowhere else."""
        if not self.labels.static or name in self.labels.streams.somewhere:
            return self._means(name, value)
        if self.view.sight.masked and name in COLUMN_ATTRIBUTES:
            return self._masked_equals(name, value)
        if name in COLUMN_ATTRIBUTES:
            return f"{COLUMN_ATTRIBUTES[name]} = {self.binder.text(value)}"
        if name == "trace_id" and len(value) == 32 and all(each in "0123456789abcdef" for each in value):
            return f"trace_id = unhex({self.binder.text(value)})"
        return ""

    def _masked_equals(self, name: str, value: str) -> str:
        if name == _PATIENT:
            return is_patient(value, self.view, self.binder)
        bound = self.binder.text(value)
        # Whoever asks for themselves is shown as a patient.
        return f"user_id = {bound}" if is_pseudonym(value) else f"raw_user = {bound} AND raw_user != raw_patient"

    def _means(self, name: str, value: str) -> str:
        """Write that a label means a patient, by any pseudonym; empty where only the value itself does."""
        meant = self.view.meant(value) if name == _PATIENT else ()
        return f"{text_of(self.label(name))} IN {self.binder.texts(meant)}" if len(meant) > 1 else ""

    # ---- stages ----

    def apply(self, stage: tree.Stage) -> None:
        """Take the row through one stage. Raises ParseError when the stage makes no sense."""
        try:
            _STAGES[type(stage)](self, stage)
        except ParseError:
            raise
        except ValueError as error:
            raise ParseError(f"stage '{stage_text(stage)}' : {error}") from None

    def line_filter(self, stage: tree.LineFilter) -> None:
        """Filter by the line."""
        words = needed_words(stage) if self.line == "line" else []
        if self.view.sight.masked:
            words = [word for word in words if not _PSEUDONYM_WORD.fullmatch(word)]
        if words:
            # The text index finds whole words; the filter itself then looks at few lines.
            self.rows.where(f"hasAllTokens({self._words}, {self.binder.texts(words)})")
        self.rows.where(line_condition(stage, self.line, self.binder))

    def label_filter(self, stage: tree.LabelFilter) -> None:
        """Filter by labels."""
        self.condition(stage.condition)

    def condition(self, condition: tree.Condition) -> None:
        """Filter by a condition; a row on which it can't be decided stays, with an error."""
        verdict = label_condition(condition, self)
        if verdict.faults:
            # The condition must not be asked before the error is known.
            decided = self.column(f"toBool({verdict.condition})")
            cases = ", ".join(f"{when}, {what}" for when, what in verdict.faults)
            failed = self.column(f"toBool({any_of(when for when, _ in verdict.faults)})")
            self._fail(failed, "LabelFilterErr", f"multiIf({cases}, '')", overrides=False)
            self.rows.where(decided)
        else:
            self.rows.where(verdict.condition)

    def json(self, stage: tree.Json) -> None:
        """Parse JSON."""
        if self._left_out():
            return
        if stage.extractions:
            found = parsers.json_paths(stage, self.line, self)
            self._found(found, "JSONParserErr", defaults=[each.label for each in stage.extractions])
        else:
            self._found(parsers.json_all(self.line, self, wanted=self._wanted()), "JSONParserErr")

    def logfmt(self, stage: tree.Logfmt) -> None:
        """Parse logfmt."""
        if self._left_out():
            return
        found = parsers.logfmt(stage, self.line, self, wanted=self._wanted())
        self._found(found, "LogfmtParserErr", defaults=[each.label for each in stage.extractions])

    def regexp(self, stage: tree.Regexp) -> None:
        """Parse by an expression."""
        if self._left_out():
            return
        self._found(parsers.regexp_groups(stage, self.line, self), "")

    def pattern(self, stage: tree.Pattern) -> None:
        """Parse by a pattern."""
        if not self._left_out():
            self._found(parsers.pattern_captures(stage, self.line, self), "")

    def unpack(self, stage: tree.Unpack) -> None:  # noqa: ARG002
        """Undo Promtail's pack."""
        if self._left_out():
            return
        found = parsers.unpack(self.line, self)
        self._found(found, "JSONParserErr")
        self.line = self.column(found.line)

    def decolorize(self, stage: tree.Decolorize) -> None:  # noqa: ARG002
        """Take ANSI escapes out of the line."""
        self.line = self.column(f"replaceRegexpAll({self.line}, {self.binder.text(_ANSI)}, '')")

    def line_format(self, stage: tree.LineFormat) -> None:
        """Write the line anew, by a template of texts and labels only."""
        self.line = self.column(self._rendered(stage.template))

    def label_format(self, stage: tree.LabelFormat) -> None:
        """Rename labels, or set them by templates of texts and labels only."""
        check_assignments(stage)
        snapshot: Labels | None = None
        for each in stage.assignments:
            if each.rename:
                value = self.label(each.value)
                if value != ABSENT:
                    named = self.column(f"CAST({value}, 'Nullable(String)')")
                    self._over(SetLayer(each.name, named))
                    self._over(DropLayer(each.value))
                continue
            snapshot = snapshot or self.labels
            value = self.column(f"CAST({self._rendered(each.value, snapshot)}, 'Nullable(String)')")
            self._over(SetLayer(each.name, value))

    def drop(self, stage: tree.Drop) -> None:
        """Drop labels."""
        for each in stage.labels:
            name = each if isinstance(each, str) else each.name
            if name in (tree.ERROR, tree.ERROR_DETAILS):
                self._drop_error(name, each)
            elif isinstance(each, str):
                self._over(DropLayer(name))
            else:
                self._over(DropLayer(name, self._matches(each)))

    def keep(self, stage: tree.Keep) -> None:
        """Drop all other labels."""
        kept = []
        for each in stage.labels:
            name, condition = (each, "") if isinstance(each, str) else (each.name, self._matches(each))
            kept.append((name, condition))
        self._over(KeepLayer(tuple(kept)))

    def unwrap(self, unwrap: tree.Unwrap) -> str:
        """Take a label as the sample's value; rows without it are left out. Returns the column of the value."""
        value = self.label(unwrap.label)
        text = self.column(text_of(value))
        self.rows.where(f"{text} != ''" if value != ABSENT else "0")
        read, complaint = {
            "": (number_of, number_fault),
            "bytes": (bytes_of, bytes_fault),
            "duration": (duration_of, duration_fault),
            "duration_seconds": (duration_of, duration_fault),
        }[unwrap.conversion]
        number = read(text, self)
        self._fail(f"isNull({number})", "SampleExtractionErr", complaint(text, self), overrides=True)
        for condition in unwrap.filters:
            self.condition(condition)
        scale = " / 1e9" if unwrap.conversion.startswith("duration") else ""
        return self.column(f"ifNull(toFloat64({number}), 0.){scale}")

    # ---- inside ----

    def _over(self, layer: SetLayer | DropLayer | KeepLayer | ParsedLayer) -> None:
        self.labels = self.labels.over(layer)

    def _matches(self, matcher: tree.Matcher) -> str:
        return self.column(f"toBool({matcher_condition(matcher, text_of(self.label(matcher.name)), self.binder)})")

    def _drop_error(self, name: str, dropped: str | tree.Matcher) -> None:
        current = self.error if name == tree.ERROR else self.details
        if not current:
            return
        cleared = "''"
        if isinstance(dropped, tree.Matcher):
            cleared = f"if({matcher_condition(dropped, current, self.binder)}, '', {current})"
        if name == tree.ERROR:
            self.error = self.column(f"materialize({cleared})")
        else:
            self.details = self.column(f"materialize({cleared})")

    def _rendered(self, template: str, labels: Labels | None = None) -> str:
        parts = Template(template).parts
        assert parts is not None  # noqa: S101 -- others run outside the engine
        texts = []
        for part, is_label in parts:
            if not is_label:
                texts.append(self.binder.text(part))
            elif part in (tree.ERROR, tree.ERROR_DETAILS):
                texts.append((self.error if part == tree.ERROR else self.details) or "''")
            else:
                value = (labels or self.labels).get(part, self.binder)
                texts.append(text_of(value))
        return f"concat({', '.join(texts)})" if len(texts) > 1 else texts[0] if texts else "''"

    def _fail(self, when: str, error: str, details: str, *, overrides: bool) -> None:
        """Set the row's error on a condition; with `overrides`, even if it has one. Metrics never ask for the details."""
        name = self.binder.text(error)
        if not self.error:
            self.error, self.details = (
                self.column(f"if({when}, {name}, '')"),
                self.column(f"if({when}, {details}, '')"),
            )
            return
        sets = when if overrides else f"({when}) AND {self.error} = ''"
        self.error, self.details = (
            self.column(f"if({sets}, {name}, {self.error})"),
            self.column(f"if({sets}, {details}, {self.details})"),
        )

    # ---- parsers ----

    def _left_out(self) -> bool:
        if not self.needs.nothing:
            self._detach_line()
        return self.needs.nothing

    def _detach_line(self) -> None:
        """Make the line one that no index knows.

        Conditions on what parsers find would otherwise be held against every index of the table, which takes a second.
        """
        if self.line == "line":
            self.line = self.rows.detached("line")

    def _wanted(self) -> str:
        if self.needs.labels is None:
            return ""
        return f"has({self.binder.texts(sorted(self.needs.labels))}, x.1)"

    def _found(self, found: parsers.Found, error: str, *, defaults: Sequence[str] = ()) -> None:
        """Add what a parser found: names that are taken get `_extracted`, of equal ones the first counts."""
        pairs = self.column(found.pairs)
        renamed = f"arrayMap(x -> (if({self._taken()}, concat(x.1, '{EXTRACTED}'), x.1), x.2), {pairs})"
        kept = [] if defaults else self._unseen()
        if wanted := self._wanted():
            kept.append(wanted)
        if kept:
            renamed = f"arrayFilter(x -> {' AND '.join(kept)}, {renamed})"
        listed = self.column(renamed)
        order = f"arrayEnumerateUniq(arrayMap(x -> x.1, {listed}))"
        if defaults:
            unique = f"arrayConcat({listed}, {self._defaults(pairs, defaults)})"
        else:
            unique = f"arrayFilter((x, n) -> n = 1, {listed}, {order})"
        done = self._done()
        if done:
            unique = f"if({done}, [], {unique})"
        layer = ParsedLayer(self.column(f"CAST({unique}, 'Map(String, String)')"))
        if found.failed:
            self._parser_failed(found, error, layer.found, done)
        self._over(layer)

    def _taken(self) -> str:
        """Condition on a pair `x`: its name is in use."""
        labels, binder = self.labels, self.binder
        if self.needs.labels is not None and labels.static:
            names = taken(sorted(self.needs.labels), labels, binder)
        else:
            names = f"arrayConcat({stream_names(labels.streams, binder)}, {metadata_names(labels, binder)})"
        return f"has({self.column(names)}, x.1)"

    def _unseen(self) -> list[str]:
        """Conditions on a pair: no earlier stage has set its label."""
        conditions = []
        for layer in self.labels.layers:
            if isinstance(layer, ParsedLayer):
                conditions.append(f"NOT mapContains({layer.found}, x.1)")
            elif isinstance(layer, MapsLayer):
                conditions.append(f"NOT mapContains({layer.parsed}, x.1)")
            elif isinstance(layer, SetLayer):
                conditions.append(f"(x.1 != {self.binder.text(layer.name)} OR isNull({layer.value}))")
        return conditions

    def _defaults(self, pairs: str, names: Sequence[str]) -> str:
        """Labels that a parser must set, and for which it found nothing: empty, unless they are there already."""
        parts = []
        for name in names:
            key = self.binder.text(name)
            missing = f"NOT arrayExists(x -> x.1 = {key}, {pairs})"
            there = self.label(name)
            absent = "1" if there == ABSENT else f"isNull({there})"
            parts.append(f"if({missing} AND {absent}, [({key}, '')], [])")
        return f"arrayConcat({', '.join(parts)})"

    def _done(self) -> str:
        """Condition: earlier parsers have found all that is needed."""
        return self._all_found([])

    def _all_found(self, more: list[str]) -> str:
        if self.needs.labels is None:
            return ""
        maps = [layer.found for layer in self.labels.layers if isinstance(layer, ParsedLayer)] + more
        sets = {layer.name: layer.value for layer in self.labels.layers if isinstance(layer, SetLayer)}
        conditions = []
        for name in sorted(self.needs.labels):
            ways = [f"mapContains({each}, {self.binder.text(name)})" for each in maps]
            ways += [f"isNotNull({sets[name]})"] if name in sets else []
            if not ways:
                return ""
            conditions.append(f"({' OR '.join(ways)})")
        return " AND ".join(conditions)

    def _parser_failed(self, found: parsers.Found, error: str, labels: str, done: str) -> None:
        unless = "".join(f" AND NOT ({each})" for each in (done, self._all_found([labels])) if each)
        failed = self.column(f"toBool(({found.failed}){unless})")
        self._fail(failed, error, found.fault, overrides=True)
        self.failed_parsers.append(failed)


_STAGES: dict[type, Callable[..., None]] = {
    tree.LineFilter: Pipeline.line_filter,
    tree.LabelFilter: Pipeline.label_filter,
    tree.Json: Pipeline.json,
    tree.Logfmt: Pipeline.logfmt,
    tree.Regexp: Pipeline.regexp,
    tree.Pattern: Pipeline.pattern,
    tree.Unpack: Pipeline.unpack,
    tree.Decolorize: Pipeline.decolorize,
    tree.LineFormat: Pipeline.line_format,
    tree.LabelFormat: Pipeline.label_format,
    tree.Drop: Pipeline.drop,
    tree.Keep: Pipeline.keep,
}


def check_assignments(stage: tree.LabelFormat) -> None:
    """Refuse to set the error label, or one label twice. Raises ValueError."""
    names = [each.name for each in stage.assignments]
    for name in names:
        if name == tree.ERROR:
            raise ValueError(f"{name} cannot be formatted")
        if names.count(name) > 1:
            raise ValueError(f"multiple label name '{name}' not allowed in a single format operation")


def needs_host(stage: tree.Stage) -> bool:
    """Say whether a stage has a template that the engine can't do. Raises ParseError for a bad template."""
    try:
        if isinstance(stage, tree.LineFormat):
            return Template(stage.template).parts is None
        if isinstance(stage, tree.LabelFormat):
            check_assignments(stage)
            return any(not each.rename and Template(each.value).parts is None for each in stage.assignments)
    except ValueError as error:
        what = "line template" if isinstance(stage, tree.LineFormat) else "template for label"
        raise ParseError(f"stage '{stage_text(stage)}' : invalid {what}: {error}") from None
    return False


def stored(
    view: View, streams: Streams, start_ns: int, end_ns: int, binder: Binder, *, needs: Needs = EVERYTHING
) -> Pipeline:
    """Begin with the stored records of some streams, start ≤ time < end."""
    rows = records(view, streams, start_ns, end_ns, binder)
    labels = Labels(streams, (StreamLayer(), MetadataLayer()))
    return Pipeline(rows, labels, binder, view, needs=needs, words="words" if view.sight.masked else "line")
