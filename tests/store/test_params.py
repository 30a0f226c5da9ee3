"""What is bound comes back as it was, and never as SQL."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wardlight.store.embedded import EmbeddedStore

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(text, st.lists(text, max_size=3), st.integers(-(2**63), 2**63 - 1))
def test_values_come_back_unchanged(store: EmbeddedStore, word: str, words: list[str], number: int) -> None:
    sql = "SELECT {a:String} AS a, {b:Array(String)} AS b, {d:Int64} AS d"
    (row,) = store.select(sql, {"a": word, "b": words, "d": number}).to_pylist()
    assert (row["a"], row["b"], row["d"]) == (word, words, number)
