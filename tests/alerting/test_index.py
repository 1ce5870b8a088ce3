"""An index over records says what a search through all of them would."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from alerting.index import Index

RECORDS = st.dictionaries(st.sampled_from("abcd"), st.sets(st.sampled_from("xyz")), max_size=4)
CHANGES = st.lists(
    st.tuples(st.sampled_from("abcd"), st.none() | st.sets(st.sampled_from("xyz"))), max_size=20
)


@given(RECORDS, CHANGES)
def test_an_index_finds_what_a_search_finds(records, changes):
    index = Index(sorted, records)
    for id_, after in changes:
        index.change(id_, records.get(id_), after)
        if after is None:
            records.pop(id_, None)
        else:
            records[id_] = after
    assert index.size == len(records)
    for key in "xyz":
        assert set(index.of(key)) == {id_ for id_, keys in records.items() if key in keys}


def test_ids_come_in_the_order_in_which_they_came():
    index = Index(sorted, {"b": {"x"}, "a": {"x"}})
    index.change("c", None, {"x"})
    index.change("b", {"x"}, {"x", "y"})
    assert list(index.of("x")) == ["b", "a", "c"]
    assert list(index.of("nothing")) == []
