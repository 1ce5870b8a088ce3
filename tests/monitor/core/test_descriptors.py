"""How descriptors are shared out: whatever there are, probes leave enough for what must not wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.descriptors import ALL, OURS, Shares
from monitor.engine.scheduler import IN_FLIGHT, PER_HOST
from monitor.web.server import DOORS


def together(shares: Shares) -> int:
    return shares.runs + shares.kept + shares.name_servers + shares.internal + shares.public


@given(st.integers(min_value=64, max_value=1 << 20))
def test_no_more_is_given_away_than_there_is_and_something_is_kept_back(limit: int) -> None:
    shares = Shares.of(limit)
    assert together(shares) <= limit - min(OURS, limit // 2)
    assert shares.runs >= 4
    assert 1 <= shares.per_host < shares.runs, "one host that hangs leaves room for others"
    assert min(shares.internal, shares.public, shares.name_servers) >= 2


@given(st.integers(min_value=64, max_value=1 << 17), st.integers(min_value=0, max_value=1 << 17))
def test_more_descriptors_are_never_less_room(limit: int, more: int) -> None:
    before, after = Shares.of(limit), Shares.of(limit + more)
    assert after.runs >= before.runs
    assert after.internal >= before.internal
    assert after.public >= before.public


def test_as_many_as_the_unit_gives_bound_nobody() -> None:
    assert (ALL.runs, ALL.per_host) == (IN_FLIGHT, PER_HOST)
    assert (ALL.internal, ALL.public) == (DOORS["internal"].connections, DOORS["public"].connections)
    assert ALL.kept > 50_000


@pytest.mark.parametrize(
    ("limit", "checks", "warns"),
    [(65536, 100_000, False), (1024, 400, False), (1024, 500, True), (256, 60, False), (256, 70, True)],
)
def test_people_are_warned_where_checks_have_to_wait(limit: int, checks: int, warns: bool) -> None:
    words = Shares.of(limit).warning(limit, checks)
    assert bool(words) is warns
    if warns:
        assert words.startswith(
            f"the limit of open files is {limit}: at most {Shares.of(limit).runs} of {checks}"
        )
