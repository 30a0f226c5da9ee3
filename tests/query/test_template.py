"""Templates: Go's text/template on log lines."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.query.template import Template, TemplateError
from wardlight.query.template.functions import EXAMPLE_LABELS, EXAMPLE_LINE, EXAMPLE_NS, TABLE, Function
from wardlight.query.template.layout import Moment, format_moment, parse_moment


@pytest.mark.parametrize("function", TABLE, ids=lambda function: function.name)
def test_every_function_gives_what_its_example_says(function: Function) -> None:
    assert Template(function.example).render(EXAMPLE_LABELS, EXAMPLE_LINE, EXAMPLE_NS, EXAMPLE_NS) == function.result


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{if .a}}A{{else if .b}}B{{else}}C{{end}}", "A"),
        ("x {{- .a -}} y", "xxy"),
        ('{{range $i, $x := fromJson "[1,2]"}}{{$i}}={{$x}};{{end}}', "0=1;1=2;"),
        ('{{range fromJson "[]"}}{{.}}{{else}}none{{end}}', "none"),
        ("{{range 5}}{{if eq . 1}}{{continue}}{{end}}{{if eq . 3}}{{break}}{{end}}{{.}}{{end}}", "02"),
        ("{{.missing}}", ""),
        ("{{with .b}}<{{.}}>{{end}}", "<12>"),
        ("{{$x := .b}}{{$x}}{{$x = .a}}{{$x}}", "12x"),
        ("{{/* a comment */}}z", "z"),
        ('{{ .b | int | add 3 | printf "%03d" }}', "015"),
        ('{{ (fromJson `{"a":{"b":1.50}}`).a.b }}', "1.5"),
        ("{{ __timestamp__.Unix }}", "1000000000"),
    ],
)
def test_it_renders(template: str, text: str) -> None:
    assert Template(template).render({"a": "x", "b": "12"}, "line", 10**18) == text


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{", "unclosed action"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{if .a}}", "unexpected EOF"),
        ("{{foo}}", 'function "foo" not defined'),
        ("{{$x}}", "undefined variable"),
        ("{{(.a}}", "unclosed left paren"),
        ("{{.a | }}", "missing value for command"),
        ('{{template "x"}}', "not available"),
    ],
)
def test_a_fault_is_told_when_it_is_read(template: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=fault.replace("{", r"\{").replace("$", r"\$")):
        Template(template)


@pytest.mark.parametrize(
    "template",
    ["{{div 1 0}}", '{{index (fromJson "[1]") 5}}', "{{lt 1 .a}}", "{{repeat 1000000000 .a}}", '{{regexReplaceAll "(" .a ""}}',
     "{{lower 5}}", "{{lower}}", '{{unixToTime "x"}}', "{{range 100000}}{{range 100000}}{{end}}{{end}}"],
)  # fmt: skip
def test_a_template_that_fails_says_so_and_ends(template: str) -> None:
    with pytest.raises(TemplateError):
        Template(template).render({"a": "x"}, "line", 0)


PIECES = ["{{", "}}", "-", " ", ".a", ".b", "$x", ":=", "|", "(", ")", "if", "else", "end", "range", "with", "1", "-2.5",
          '"t"', "`r`", "lower", "printf", "index", "fromJson", "date", "toDate", "add", "div", "eq", "and", "nil", "true", "x"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_is_a_template_or_a_fault(text: str) -> None:
    with suppress(TemplateError):
        Template(text).render({"a": "x", "b": "{}"}, "line", 0)


@given(
    st.integers(0, 4 * 10**18),
    st.sampled_from(["2006-01-02T15:04:05.999999999Z07:00", "Jan _2 2006 03:04:05.000000000 PM -0700"]),
)
def test_a_time_reads_back_as_it_was_written(ns: int, layout: str) -> None:
    assert parse_moment(format_moment(Moment(ns), layout), layout).ns == ns
