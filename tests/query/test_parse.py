"""The grammar: what is a query, and what is said of what isn't."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from wardlight.query import tree
from wardlight.query.format import one_line
from wardlight.query.lex import ParseError
from wardlight.query.parse import parse, parse_matchers

FOLDER = Path(os.environ.get("WARDLIGHT_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance")) / "logql"


NO_MATCHER = (
    "parse error : queries require at least one regexp or equality matcher that does not have an"
    ' empty-compatible value. For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)


@pytest.mark.skipif(not (FOLDER / "parse_cases.json").exists(), reason="the conformance folder is not here")
def test_it_accepts_and_refuses_what_loki_does() -> None:
    wrong = []
    for case in json.loads((FOLDER / "parse_cases.json").read_text()):
        try:
            parse(case["query"])
            valid = True
        except ParseError:
            valid = False
        if valid != case["valid"]:
            wrong.append(case["query"])
    assert wrong == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('{foo="bar"', "parse error at line 1, col 11: syntax error: unexpected $end, expecting } or ,"),
        ('{foo="bar"} |~', "parse error at line 1, col 15: syntax error: unexpected $end, expecting STRING or ip"),
        ('rate({a="b"}\n  [5)', "parse error at line 2, col 3: missing closing ']' in duration"),
        ("{}", NO_MATCHER),
        ('topk(0, rate({a="b"}[1m]))', "parse error : invalid parameter (must be greater than 0) topk(0"),
        ('sum_over_time({a="b"}[1m])', "parse error : invalid aggregation sum_over_time without unwrap"),
        ('{a="b"} | regexp "x"', "parse error : invalid regexp parser: at least one named capture must be supplied"),
        ('{a="b"} | json | x == "1"', "parse error at line 1, col 23: syntax error: unexpected STRING"),
        ('{a=~"("}', "parse error : error parsing regexp: missing ): ("),
        ("1 or vector(1)", "parse error : unexpected literal for left leg of logical/set binary operation (or): 1.000000"),
        ('{a="b"} + 1', "parse error : unexpected type for left leg of binary operation (+): *syntax.MatchersExpr"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_in_lokis_words(query: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(query)
    if message.startswith("parse error : error parsing regexp"):
        assert str(caught.value).startswith("parse error : error parsing regexp")
    else:
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "4"),
        ("1 - 2 - 3", "-4"),
        ("0X1p3", "8"),
        ('{a="b"} | x=1 or y=2, z=3', '{a="b"} | ( x==1 or ( y==2 , z==3 ) )'),
        ('{a="b"} | x=1 and y=2 or z=3', '{a="b"} | ( ( x==1 , y==2 ) or z==3 )'),
        ('{a="b"} | x=1 y=2', '{a="b"} | ( x==1 , y==2 )'),
        ('sum(rate({a="b"}[5m])) by (c) > bool 1', '(sum by (c)(rate({a="b"}[5m])) > bool 1)'),
        ('rate({a="b"} | unwrap bytes(c) | d>5KB [1h30m] offset 1d)',
         'rate({a="b"} | unwrap bytes(c) | d>5.0kB[1h30m] offset 24h0m0s)'),
        ("{a=`b\\c`} # a comment", '{a="b\\\\c"}'),
        ('count_over_time(({a="b"} |= "x")[1m])', 'count_over_time({a="b"} |= "x"[1m])'),
    ],
)  # fmt: skip
def test_it_means(query: str, meaning: str) -> None:
    assert one_line(parse(query)) == meaning


def test_what_is_written_reads_back_the_same() -> None:
    queries = [
        '{a="b", c!~"d.*"} |= "x" or "y" != ip("10.0.0.0/8") | json e="f.g[0]" | logfmt --strict h | drop i,j="k"',
        'sum by (a,b)(quantile_over_time(0.99,{x="y"} | pattern "<a> <_>" | unwrap duration(a) | b="c"[5m]) by (d))',
        'label_replace(rate({a="b"}[1m]),"x","$1","y","(.*)")',
        '(rate({a="b"}[1m]) / on (a) group_left (c) vector(1.500000))',
    ]
    for query in queries:
        assert parse(one_line(parse(query))) == parse(query)


def test_words_of_the_language_may_name_labels_where_nothing_is_called() -> None:
    assert parse_matchers('{rate="1", ip="2", bytes="3"}')[1] == tree.Matcher("ip", "=", "2")


def test_a_query_can_be_neither_endless_nor_bottomless() -> None:
    for query in ("(" * 100_000, "1" + "+1" * 100_000, "{" * 200_000, '{a="b"} | ' + "(" * 5000 + "x=1"):
        with pytest.raises(ParseError):
            parse(query)
