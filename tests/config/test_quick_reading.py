"""A file is first read without places; whatever that gives is what the careful reader gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

import config
from config.complaint import Mark, Notes, Unplaced
from config.source.block import Block, Series
from config.source.bounds import MAX_NODES
from config.source.quick import NotQuick, read_quickly
from config.source.reader import Budget, read
from config.source.secrets import Secrets

SHIPPED = sorted(Path(config.__file__).parent.rglob("*.yaml"))
assert SHIPPED
WORDS = some.sampled_from(
    ["true", "no", "08", "7", "1.5", "~", "", "10s", "http://a/b", "a: b", "# x", "$${x}", "é"]
)
TEXTS = WORDS | some.text(max_size=30)
DATA = some.recursive(
    TEXTS | some.integers(-(10**6), 10**6) | some.booleans() | some.none(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def _carefully(text: str) -> tuple[Any, bool, int, Notes]:
    notes, budget = Notes(), Budget()
    value, shown = read(text, "f.yaml", notes=notes, secrets=_secrets(notes), budget=budget)
    return value, shown, MAX_NODES - budget.left, notes


def _secrets(notes: Notes) -> Secrets:
    return Secrets(env={"PASSWORD": "hunter2"}, directory=Path("/nowhere"), notes=notes)


def _quickly(text: str, most: int = MAX_NODES) -> tuple[Any, bool, int]:
    return read_quickly(text, Mark("f.yaml"), secrets=_secrets(Notes()), most=most)


def _kinds(value: Any) -> Any:
    """Return the types of all that `value` holds: 1, 1.0 and true are equal and not the same."""
    if isinstance(value, Block):
        return Block, {key: _kinds(inner) for key, inner in value.items()}
    if isinstance(value, Series):
        return Series, [_kinds(inner) for inner in value]
    return type(value)


@pytest.mark.parametrize("file", SHIPPED, ids=[file.name for file in SHIPPED])
def test_every_shipped_file_is_read_the_same_either_way(file: Path) -> None:
    text = file.read_text("utf-8")
    value, shown, nodes, _ = _carefully(text)
    assert _quickly(text) == (value, shown, nodes)


@given(data=some.dictionaries(TEXTS, DATA, max_size=4), flow=some.sampled_from([True, False, None]))
def test_what_is_read_quickly_is_what_is_read_carefully(data: dict[str, Any], flow: bool | None) -> None:
    text = yaml.dump(data, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True)
    _same(text)


@given(text=some.text(alphabet="ab:-{}[]&*!|>'\"\n #\t~0.${}<,?%@", max_size=60))
def test_no_text_is_read_quickly_that_the_careful_reader_refuses(text: str) -> None:
    _same(text)


def _same(text: str) -> None:
    try:
        quickly = _quickly(text)
    except NotQuick:
        return
    value, shown, nodes, notes = _carefully(text)
    assert not notes.complaints
    assert quickly == (value, shown, nodes)
    assert _kinds(quickly[0]) == _kinds(value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: &x 1\nb: *x", id="anchor"),
        pytest.param("a: !!str 1", id="tag"),
        pytest.param("<<: {a: 1}", id="merge key"),
        pytest.param("a: 1\na: 2", id="key given twice"),
        pytest.param("{[a]: 1}", id="key that is no word"),
        pytest.param("'': 1", id="empty key"),
        pytest.param(f"{'k' * 301}: 1", id="long key"),
        pytest.param(f"a: {'x' * 65537}", id="long text"),
        pytest.param(f"a: {'1' * 19}", id="long number"),
        pytest.param('a: "\\u202e"', id="sign that reverses text"),
        pytest.param("a: ${env:MISSING}", id="secret that is not there"),
        pytest.param("a: [", id="no YAML"),
        pytest.param("a: 1\n---\nb: 2", id="two documents"),
        pytest.param("[" * 33 + "]" * 33, id="deep nesting"),
    ],
)
def test_what_is_not_ordinary_is_left_to_the_careful_reader(text: str) -> None:
    with pytest.raises(NotQuick):
        _quickly(text)


def test_no_more_is_read_than_may_be() -> None:
    assert _quickly("[1, 2]", most=3)[2] == 3
    with pytest.raises(NotQuick):
        _quickly("[1, 2]", most=2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("password: hunter2", True, id="by its key"),
        pytest.param("url: http://me:hunter2@host/", True, id="in a URL"),
        pytest.param("password: ${env:PASSWORD}", False, id="from outside"),
        pytest.param("url: http://me@host/", False, id="user alone"),
    ],
)
def test_secrets_in_the_open_are_noticed(text: str, shown: bool) -> None:
    assert _quickly(text)[1] is shown


def test_a_complaint_without_places_has_the_load_begin_anew() -> None:
    with pytest.raises(Unplaced):
        Notes(placed=False).complain(Mark("f.yaml"), (), "is wrong")
