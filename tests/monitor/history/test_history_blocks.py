"""Blocks: what is written is read, and what is damaged says so."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.history.block import RAW, Section, narrowed, pack, unpack

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**42), st.integers(0, 255), NUMBERS, NUMBERS),
    min_size=1,
    max_size=30,
)


def section(rows: list[tuple[int, int, int, float, float]]) -> Section:
    columns = zip(*rows, strict=True)
    return Section(kind=RAW, shape=7, columns=tuple(map(array, "IqBdd", columns)))


@given(st.lists(ROWS, max_size=4))
def test_a_block_is_read_as_it_was_written(many: list[list[tuple[int, int, int, float, float]]]) -> None:
    sections = [section(rows) for rows in many]

    assert unpack(pack(sections)) == sections


@given(ROWS, st.data())
def test_a_damaged_block_is_refused_and_never_read_as_something_else(
    rows: list[tuple[int, int, int, float, float]], data: st.DataObject
) -> None:
    whole = bytearray(pack([section(rows)]))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        read = unpack(bytes(whole))  # zlib has a few bits that mean nothing
    except ValueError as error:
        assert str(error).startswith("cannot read a block")  # noqa: PT017 - either is right
    else:
        assert read == [section(rows)]


@given(st.binary(max_size=60))
def test_what_is_no_block_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="cannot read a block"):
        unpack(raw)


@given(st.lists(NUMBERS, max_size=20))
def test_numbers_are_held_in_half_the_room_only_where_nothing_is_lost(numbers: list[float]) -> None:
    assert narrowed(array("d", numbers)).tolist() == numbers


def test_small_whole_numbers_are_held_in_half_the_room() -> None:
    assert narrowed(array("d", [200.0, 404.0])).typecode == "f"
