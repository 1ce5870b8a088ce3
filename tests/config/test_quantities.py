"""Quantities as people write them: the unit is always there, and is never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.units import Unit, parse, show

S, R, B, T, Y, N = (
    Unit.SECONDS,
    Unit.RATIO,
    Unit.BYTES,
    Unit.BITS_PER_SECOND,
    Unit.BYTES_PER_SECOND,
    Unit.COUNT,
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("10s", S, 10),
        ("250ms", S, 0.25),
        ("1.5h", S, 5400),
        ("1h30m", S, 5400),
        ("2d", S, 172800),
        ("1w", S, 604800),
        ("90%", R, 0.9),
        ("0.9", R, 0.9),
        (1, R, 1),
        ("500MB", B, 5e8),
        ("500 MB", B, 5e8),
        ("2GiB", B, 2**31),
        ("1kB", B, 1000),
        ("1Gbit/s", T, 1e9),
        ("100MB/s", T, 8e8),
        ("20MB/s", Y, 2e7),
        ("80Mbit/s", Y, 1e7),
        (3, N, 3),
        ("2.5", N, 2.5),
    ],
)
def test_a_quantity_becomes_its_base_unit(text: object, unit: Unit, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "told"),
    [
        (10, S, "needs a unit"),
        ("10", S, "needs a unit"),
        ("5 m", S, "must be a time like"),
        ("1h 30m", S, "must be a time like"),
        ("PT5M", S, "must be a time like"),
        ("10y", S, "must be a time like"),
        ("1ns", S, "must be a time like"),
        ("-5s", S, "must be a time like"),
        ("", S, "must be a time like"),
        ("10S", S, "must be a time like"),
        ("1e3s", S, "must be a time like"),
        ("十s", S, "must be a time like"),
        (True, S, "must be a time like"),
        (None, S, "must be a time like"),
        (500, B, "needs a unit"),
        ("500", B, "needs a unit"),
        ("500mb", B, "must be a size like"),
        ("500Mbit", B, "must be a size like"),
        ("1G", T, "must be a rate like"),
        ("90 %%", R, "must be a share like"),
        ("nan", R, "must be a share like"),
        (float("inf"), N, "must be a number"),
        ("5%", N, "must be a number"),
        ("9" * 400, N, "must be a number"),
    ],
)
def test_what_is_no_quantity_is_told_which_form_is_due(text: object, unit: Unit, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(text, unit)


@given(st.text(max_size=20), st.sampled_from(list(Unit)))
def test_any_text_is_a_finite_quantity_or_a_value_error(text: str, unit: Unit) -> None:
    try:
        value = parse(text, unit)
    except ValueError:
        return
    assert 0 <= value < 1e30


@given(st.floats(min_value=0, max_value=1e15), st.sampled_from(list(Unit)))
def test_any_quantity_can_be_shown(value: float, unit: Unit) -> None:
    assert 0 < len(show(value, unit)) < 30
