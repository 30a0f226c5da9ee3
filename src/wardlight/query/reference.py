"""The language, element by element, with an example that runs: the page docs/logql.md is written from here.

Functions are those of `lex.RANGE_FUNCTIONS` and `lex.VECTOR_FUNCTIONS`, template functions those of
`template.functions.TABLE`; a test holds them against each other and runs every example.
"""

from __future__ import annotations

from dataclasses import dataclass

from wardlight.query.template.functions import EXAMPLE_LABELS, TABLE


@dataclass(frozen=True)
class Element:
    """One element of the language; `example` is a whole query over the lines of `EXAMPLE_LINES`."""

    name: str
    purpose: str
    example: str


EXAMPLE_LINES = (
    (
        {"app": "portal", "host": "a"},
        'level=info status=200 took=12ms size=2KB user="ann lee" ip=10.0.0.7 path=/charts',
    ),
    ({"app": "portal", "host": "b"}, "level=error status=500 took=1.5s size=1MB user=bob ip=192.168.0.9 path=/orders"),
    ({"app": "portal", "host": "a"}, "level=warn status=404 took=30ms size=512B user=cy ip=10.0.0.8 path=/charts"),
    ({"app": "lab"}, '{"level":"info","msg":"result stored","took_s":0.25,"sample":{"id":"S-7"},"tags":["x"]}'),
    ({"app": "lab"}, '{"level":"info","msg":"result read","took_s":0.5,"sample":{"id":"S-8"},"tags":[]}'),
    ({"app": "proxy"}, '10.0.0.7 - - "GET /charts HTTP/1.1" 200 734'),
    ({"app": "packed"}, '{"_entry":"packed line","pod":"p-1"}'),
)
"""Streams and lines that the examples are asked of, a second apart."""

LINES = (
    Element("=", "a label is this", '{app="portal"}'),
    Element("!=", "a label isn't this", '{app="portal", host!="a"}'),
    Element("=~", "a label matches an expression (RE2, whole)", '{app=~"lab|portal"}'),
    Element("!~", "a label doesn't match", '{app=~".+", app!~"lab|proxy"}'),
    Element("|=", "the line holds a text; `or` adds others", '{app="portal"} |= "status=500" or "status=404"'),
    Element("!=", "the line doesn't hold it", '{app="portal"} != "status=200"'),
    Element("|~", "the line matches somewhere", '{app="portal"} |~ "status=[45]"'),
    Element("!~", "the line matches nowhere", '{app="portal"} !~ "status=[45]"'),
    Element("|>", "the line fits a pattern; `<_>` is anything", '{app="portal"} |> "<_> status=500 <_>"'),
    Element("!>", "the line doesn't fit it", '{app="portal"} !> "<_> status=500 <_>"'),
    Element("ip()", "an address, a range or a network stands in the line", '{app="portal"} |= ip("10.0.0.0/8")'),
)

STAGES = (
    Element("json", "labels from JSON, nested names joined by `_`", '{app="lab"} | json | sample_id="S-7"'),
    Element("json with expressions", "only these, under these names", '{app="lab"} | json id="sample.id" | id="S-8"'),
    Element("logfmt", "labels from key=value", '{app="portal"} | logfmt | user="ann lee"'),
    Element("logfmt --strict --keep-empty", "with errors told and empty values kept", '{app="portal"} | logfmt --strict'),
    Element("pattern", "labels by place", '{app="proxy"} | pattern `<ip> <_> <_> "<method> <path> <_>" <status> <_>`'),
    Element("regexp", "labels from named groups", '{app="portal"} | regexp `status=(?P<code>\\d+)` | code="404"'),
    Element("unpack", "what a shipper has packed", '{app="packed"} | unpack | pod="p-1"'),
    Element("text", "a label is, isn't, matches or doesn't match a text", '{app="portal"} | logfmt | level=~"warn|error"'),
    Element("number", "a label compared as a number", '{app="portal"} | logfmt | status>=400'),
    Element("duration", "as a duration", '{app="portal"} | logfmt | took>1s'),
    Element("bytes", "as a size", '{app="portal"} | logfmt | size>=1KB'),
    Element("ip()", "as an address", '{app="portal"} | logfmt | ip=ip("192.168.0.0/16")'),
    Element("and, or, comma", "several together", '{app="portal"} | logfmt | status=500 or (status=404 and size<1KB)'),
    Element("line_format", "another line, by a template", '{app="portal"} | logfmt | line_format "{{.user}}: {{.path}}"'),
    Element("label_format", "a label renamed or made", '{app="portal"} | logfmt | label_format who=user, note="{{.path}}!"'),
    Element("decolorize", "without colour codes", '{app="portal"} | decolorize'),
    Element("drop", "without these labels", '{app="portal"} | logfmt | drop host, level="info"'),
    Element("keep", "only these labels", '{app="portal"} | logfmt | keep app, user'),
    Element("unwrap", "a label as the sample's value", 'sum_over_time({app="portal"} | logfmt | unwrap status [1m])'),
    Element(
        "unwrap duration()", "converted: `duration()`, `duration_seconds()`, `bytes()`",
        'max_over_time({app="portal"} | logfmt | unwrap duration(took) [1m])',
    ),
    Element("offset", "the same, earlier", 'count_over_time({app="portal"}[1m] offset 1s)'),
)  # fmt: skip

_UNWRAPPED = '({app="portal"} | logfmt | unwrap duration(took) [1m]) by (app)'
_COUNTED = '({app="portal"}[1m])'

RANGES = (
    Element("rate", "lines a second; of unwrapped values, their sum a second", f"rate{_COUNTED}"),
    Element("rate_counter", "rise a second of unwrapped values that are a counter",
            'rate_counter({app="portal"} | logfmt | unwrap status [1m])'),
    Element("count_over_time", "how many lines", f"count_over_time{_COUNTED}"),
    Element("bytes_rate", "bytes of lines a second", f"bytes_rate{_COUNTED}"),
    Element("bytes_over_time", "bytes of lines", f"bytes_over_time{_COUNTED}"),
    Element("avg_over_time", "mean of unwrapped values", f"avg_over_time{_UNWRAPPED}"),
    Element("sum_over_time", "their sum", 'sum_over_time({app="portal"} | logfmt | unwrap bytes(size) [1m])'),
    Element("min_over_time", "the smallest", f"min_over_time{_UNWRAPPED}"),
    Element("max_over_time", "the largest", f"max_over_time{_UNWRAPPED}"),
    Element("stdvar_over_time", "their variance", f"stdvar_over_time{_UNWRAPPED}"),
    Element("stddev_over_time", "their deviation", f"stddev_over_time{_UNWRAPPED}"),
    Element("quantile_over_time", "a quantile, interpolated",
            'quantile_over_time(0.95, {app="portal"} | logfmt | unwrap duration(took) [1m]) by (app)'),
    Element("first_over_time", "the earliest", f"first_over_time{_UNWRAPPED}"),
    Element("last_over_time", "the latest", f"last_over_time{_UNWRAPPED}"),
    Element("absent_over_time", "1 if there is nothing", 'absent_over_time({app="nobody"}[1m])'),
)  # fmt: skip

VECTORS = (
    Element("sum", "sum of series, `by` or `without` labels", f"sum by (app) (count_over_time{_COUNTED})"),
    Element("avg", "their mean", f"avg(count_over_time{_COUNTED})"),
    Element("min", "the smallest", f"min(count_over_time{_COUNTED})"),
    Element("max", "the largest", f"max without (host) (count_over_time{_COUNTED})"),
    Element("count", "how many series", f"count(count_over_time{_COUNTED})"),
    Element("stddev", "their deviation", f"stddev(count_over_time{_COUNTED})"),
    Element("stdvar", "their variance", f"stdvar(count_over_time{_COUNTED})"),
    Element("topk", "the k largest series", f"topk(1, count_over_time{_COUNTED})"),
    Element("bottomk", "the k smallest", f"bottomk(1, count_over_time{_COUNTED})"),
    Element(
        "approx_topk",
        "the k largest, of instant queries only; exact here",
        f"approx_topk(1, count_over_time{_COUNTED})",
    ),
    Element("sort", "in rising order", f"sort(count_over_time{_COUNTED})"),
    Element("sort_desc", "in falling order", f"sort_desc(count_over_time{_COUNTED})"),
)

OPERATORS = (
    Element("+ - * / % ^", "arithmetic; `^` binds to the right", f"2 * count_over_time{_COUNTED} ^ 2"),
    Element("== != > >= < <=", "filters series", f"count_over_time{_COUNTED} > 1"),
    Element("bool", "answers 0 or 1 instead", f"count_over_time{_COUNTED} > bool 1"),
    Element("and, or, unless", "sets of series", f'count_over_time{_COUNTED} unless count_over_time({{host="a"}}[1m])'),
    Element("on, ignoring", "which labels must agree",
            f"count_over_time{_COUNTED} / on (host) count_over_time{_COUNTED}"),
    Element("group_left, group_right", "one series on one side for many on the other",
            f"count_over_time{_COUNTED} / on (app) group_left sum by (app) (count_over_time{_COUNTED})"),
    Element("label_replace", "a label from another",
            f'label_replace(count_over_time{_COUNTED}, "node", "$1-1", "host", "(.*)")'),
    Element("vector", "a number as a series", "vector(1) + vector(1)"),
    Element("# comment", "to the end of the line", f"count_over_time{_COUNTED} # how many"),
)  # fmt: skip

SECTIONS = (
    ("Choosing lines", LINES),
    ("Stages", STAGES),
    ("Over a range", RANGES),
    ("Over series", VECTORS),
    ("Operators", OPERATORS),
)

_HEAD = """# LogQL

For those who ask the log store. The language is Loki's, whole; what differs is said here. Every example runs in a test.
Generated by `script/docs` from `src/wardlight/query/reference.py` and the template functions' own table.

Ask through Grafana's Loki data source, `wardlight logs 'QUERY'`, or `/loki/api/v1/query_range`. Attributes of a record are labels
too, with `_` for what a label's name can't have: `user.id` is `user_id`, `health.patient.id` is `health_patient_id`.

The limits of `[query]` in [the settings](settings.md) hold for each query; one that reaches a limit is refused, and the refusal
names the limit's setting. `approx_topk` is exact. Templates that the engine can't do itself (most functions below) run on lines
after it, at most 100,000 a query.
"""

_SIGHT = """
## What you may see

Your roles decide it ([access](access.md)), for every question: lines, numbers, labels and their values, series, fields,
statistics, volumes, patterns, tails. There is nothing to ask that shows more.

- **Kinds** of records that you don't see are as if they weren't there.
- **Patients are pseudonyms** for administrators, support and developers: `pseudo:mrn:k1:…`, as in protected texts, so that one
  patient is one pseudonym everywhere. It stands in `health_patient_id`, `health_record_id` and other attributes that carry a
  patient's identifier, in labels of such names, and wherever a record's own patient stands in its text or attributes; also in
  `user_id` where users are their own patients.
- **Audit records** are shown to them by harmless attributes: who, from where, what was done to which kind of record, for which
  purpose, with which outcome. Their text is made of those (`audit record.access Observation R success`); all other attributes
  and labels are pseudonyms.
- All stages, filters, templates and orders work on what is shown: `|= "…"` finds in the masked text, `bytes_over_time` measures
  it, an error quotes it.
- **To find a patient**, support and administrators filter by the identifier as senders write it: `| health_patient_id="943 476
  5919"`. The records come with the pseudonym. For developers it finds nothing. Anybody may filter by a pseudonym that they see,
  also one by an older key, or one that a text has for the same number (`pseudo:nhs:…`). Only `=` finds; a label's name in the
  braces, `=~` and `|=` don't.
- In faults of a query, its texts are left out.

Looks at audit records are noted in the trail, masked or not.
"""


def page() -> str:
    """Write the page docs/logql.md."""
    parts = [_HEAD, _SIGHT, "\nThe examples are asked of these lines, a second apart:\n\n```\n"]
    for labels, line in EXAMPLE_LINES:
        parts.append("{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + f"}}  {line}\n")
    parts.append("```\n")
    for title, elements in SECTIONS:
        parts.append(f"\n## {title}\n\n| | what it does | example |\n|---|---|---|\n")
        parts += [f"| `{_cell(one.name)}` | {_cell(one.purpose)} | {_code(one.example)} |\n" for one in elements]
    shown = ", ".join(f"`{name}` {_code(value)}" for name, value in EXAMPLE_LABELS.items())
    parts.append(
        f"\n## Template functions\n\nIn `line_format` and `label_format`. The examples have the labels {shown}.\n"
    )
    parts.append("\n| call | what it does | example | gives |\n|---|---|---|---|\n")
    parts += [
        f"| {_code(one.signature)} | {_cell(one.purpose)} | {_code(one.example)} | {_code(one.result)} |\n"
        for one in TABLE
    ]
    return "".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """Write text as code that a table's cell can hold."""
    fence = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{fence}{space}{_cell(text).replace(chr(10), '⏎')}{space}{fence}"
