"""JSON paths and rules: what they find, what they refuse, and bodies made to hurt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.network.json_path import JSON_BYTES, JsonRule, compile_path, find, parse
from probes.network.pattern import Patience

DOCUMENT = {
    "status": "ok",
    "queue": {"size": 7, "host name": "a", "it's": 1},
    "nodes": [{"name": "first"}, {"name": "last"}],
    "größe": 1.5,
    "empty": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.status", "ok"),
        ("$.queue.size", 7),
        ('$.queue["host name"]', "a"),
        ('$["queue"]["it\'s"]', 1),
        ("$['queue'].size", 7),
        ("$.nodes[0].name", "first"),
        ("$.nodes[-1].name", "last"),
        ("$.größe", 1.5),
        ("$.empty", None),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: object) -> None:
    assert find(DOCUMENT, compile_path(path)) == (True, value)


@pytest.mark.parametrize(
    "path",
    ["$.none", "$.status.more", "$.nodes[2]", "$.nodes[-3]", "$.nodes.name", "$.queue[0]", "$.empty.x"],
)
def test_a_path_to_nothing_finds_nothing(path: str) -> None:
    assert find(DOCUMENT, compile_path(path)) == (False, None)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "begins with"),
        ("status", "begins with"),
        ("$status", "cannot read 'status'"),
        ("$.", "cannot read"),
        ("$..a", "cannot read"),
        ("$.*", "cannot read"),
        ("$[*]", "cannot read"),
        ("$[?(@.a)]", "cannot read"),
        ("$['a", "cannot read"),
        ("$[99999999999]", "cannot read"),
        ("$" + ".a" * 300, "longer than 500"),
        ("$" + ".a" * 33, "more than 32 steps"),
    ],
)
def test_a_path_that_is_none_is_refused(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_path(path)


@given(st.text(max_size=60))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        steps = compile_path(f"${text}")
    except ValueError:
        return
    assert all(isinstance(step, str | int) for step in steps)


scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9)


@given(
    st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner), max_leaves=9
    )
)
def test_what_json_writes_is_read_back(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "no JSON", id="nothing"),
        pytest.param(b"<html>", "no JSON", id="a page"),
        pytest.param(b'{"a": 1} x', "no JSON", id="something behind"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
        pytest.param(b'{"a":' * 30_000, "nested too deeply", id="deep objects"),
        pytest.param(b"[1" + b",1" * JSON_BYTES + b"]", "longer than 262144", id="long"),
        pytest.param(b"9" * 10_000, "no JSON", id="a huge number"),
        pytest.param(b"NaN", "no JSON", id="no number"),
        pytest.param(b"[Infinity]", "no JSON", id="without end"),
        pytest.param(b'"\xff"', "no JSON", id="no UTF-8"),
        pytest.param(b"\0\0\0", "no JSON", id="zeros"),
    ],
)
def test_a_body_that_is_no_json_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(body)


@pytest.mark.parametrize(
    ("rule", "value", "complaint"),
    [
        (JsonRule(equals="ok"), "ok", None),
        (JsonRule(equals="ok"), "CANARY", 'is another text, expected "ok"'),
        (JsonRule(equals="ok"), "", 'is empty, expected "ok"'),
        (JsonRule(equals="ok"), None, 'is null, expected "ok"'),
        (JsonRule(equals=1), 1.0, None),
        (JsonRule(equals=1), True, "is true, expected 1"),
        (JsonRule(equals=True), 1, "is 1, expected true"),
        (JsonRule(equals=True), True, None),
        (JsonRule(equals=0), False, "is false, expected 0"),
        (JsonRule(below=10), 9, None),
        (JsonRule(below=10), 10, "is 10, expected below 10"),
        (JsonRule(below=10), 10**20, "is a large number, expected below 10"),
        (JsonRule(above=1.5), 1.25, "is 1.25, expected above 1.5"),
        (JsonRule(above=1, below=3), 2, None),
        (JsonRule(below=10), "9", "is another text, expected a number"),
        (JsonRule(below=10), True, "is true, expected a number"),
        (JsonRule(below=10), [], "is a list, expected a number"),
        (JsonRule(matches="^v1"), "v1.2", None),
        (JsonRule(matches="^v1"), "v2", "does not match '^v1'"),
        (JsonRule(matches="^v1"), {}, "is an object, expected text"),
        (JsonRule(), None, None),
        (JsonRule(present=False), None, "is there, expected not to be"),
    ],
)
def test_a_rule_says_what_is_wrong_without_repeating_text(
    rule: JsonRule, value: object, complaint: str | None
) -> None:
    assert rule.complaint(value, Patience()) == complaint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"present": False, "equals": 1}, "must not be present"),
        ({"below": 1, "above": 1}, "below must be more"),
        ({"matches": "("}, "regular expression"),
    ],
)
def test_a_rule_that_nothing_could_fulfil_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JsonRule(**options)
