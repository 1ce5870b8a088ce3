"""Which alerts a silence fits: whole words, `*` for anything, every matcher at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alerting.incidents.matching import fits
from alerting.incidents.silence import Silence

NOW = datetime(2027, 1, 4, tzinfo=UTC)
TRAITS = {
    "check": ("shop-web",),
    "service": ("shop", "pay"),
    "part": ("/srv/[old]",),
    "host": ("db1.example",),
    "team": ("web",),
    "empty": (),
}


def silence(**matchers: str) -> Silence:
    """Return one with these matchers, for an hour from now."""
    return Silence(
        id="S-1",
        matchers=matchers,
        author="li",
        reason="known",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("matchers", "fit"),
    [
        pytest.param({"check": "shop-web"}, True, id="the very word"),
        pytest.param({"check": "shop"}, False, id="not a part of a word"),
        pytest.param({"check": "Shop-web"}, False, id="case counts"),
        pytest.param({"check": "shop-*"}, True, id="star at the end"),
        pytest.param({"check": "*-web"}, True, id="star at the beginning"),
        pytest.param({"check": "s*w*b"}, True, id="stars between"),
        pytest.param({"check": "s*x*b"}, False, id="stars between, no"),
        pytest.param({"check": "shop-web*web"}, False, id="head and tail do not overlap"),
        pytest.param({"check": "*"}, True, id="anything"),
        pytest.param({"check": "**"}, True, id="anything twice"),
        pytest.param({"check": "shop-we?"}, False, id="a question mark is itself"),
        pytest.param({"part": "/srv/[old]"}, True, id="brackets are themselves"),
        pytest.param({"part": "/srv/o"}, False, id="brackets are no class"),
        pytest.param({"service": "pay"}, True, id="one of several"),
        pytest.param({"service": "p*", "team": "web"}, True, id="all of them"),
        pytest.param({"service": "p*", "team": "db"}, False, id="not all of them"),
        pytest.param({"colour": "*"}, False, id="an absent trait"),
        pytest.param({"empty": "*"}, False, id="a trait without values"),
    ],
)
def test_a_silence_fits(matchers, fit):
    assert fits(silence(**matchers), TRAITS) is fit


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_star_stands_for_anything(pattern, value):
    import re

    meant = re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), value) is not None
    assert fits(silence(x=pattern), {"x": (value,)}) is meant


@pytest.mark.parametrize(
    ("minutes", "active"),
    [(-1, False), (0, True), (59, True), (60, False)],
    ids=["before", "start", "last", "end"],
)
def test_a_silence_is_active_from_its_start_until_just_before_its_end(minutes, active):
    assert silence(check="x").active(NOW + timedelta(minutes=minutes)) is active
