"""The share of processor time, from one reading of the kernel's clocks to the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe_run import observe
from probes.host.cpu import Cpu, shares

CLOCK = {
    "user": 10.0,
    "nice": 0.0,
    "system": 5.0,
    "idle": 80.0,
    "iowait": 4.0,
    "irq": 0.0,
    "softirq": 0.0,
    "steal": 1.0,
    "guest": 3.0,
    "guest_nice": 0.0,
}


def later(**spent: float) -> dict[str, float]:
    return {name: value + spent.get(name, 0.0) for name, value in CLOCK.items()}


def test_the_first_run_has_no_share_yet() -> None:
    reading = observe(Cpu())
    assert set(reading.values) == {"cores"}
    assert reading.values["cores"] >= 1


def test_a_second_run_reports_shares_between_0_and_1() -> None:
    memory: dict[str, object] = {"times": (dict.fromkeys(CLOCK, 0.0), [])}
    values = observe(Cpu(), memory=memory).values
    assert {"used_ratio", "user_ratio", "system_ratio", "iowait_ratio", "steal_ratio"} < set(values)
    assert all(0 <= values[name] <= 1 for name in values if name.endswith("_ratio"))


@pytest.mark.parametrize(
    ("spent", "name", "share"),
    [
        pytest.param({"idle": 10}, "used_ratio", 0.0, id="idle is not used"),
        pytest.param({"user": 10}, "used_ratio", 1.0, id="programs are used"),
        pytest.param({"idle": 5, "iowait": 5}, "used_ratio", 0.0, id="waiting for disks is not used"),
        pytest.param({"idle": 5, "iowait": 5}, "iowait_ratio", 0.5, id="but told apart"),
        pytest.param({"steal": 5, "idle": 5}, "used_ratio", 0.5, id="stolen time is used"),
        pytest.param({"steal": 5, "idle": 5}, "steal_ratio", 0.5, id="and told apart"),
        pytest.param({"user": 5, "nice": 1, "idle": 4}, "user_ratio", 0.6, id="nice programs are programs"),
        pytest.param(
            {"system": 1, "irq": 1, "softirq": 2, "idle": 4},
            "system_ratio",
            0.5,
            id="interrupts are the kernel",
        ),
        pytest.param({"user": 5, "guest": 5, "idle": 5}, "used_ratio", 0.5, id="guests are counted once"),
        pytest.param(
            {"iowait": -3, "idle": 5, "user": 5}, "used_ratio", 0.5, id="a clock that ran back stands still"
        ),
    ],
)
def test_shares_are_of_the_time_that_passed(spent: dict[str, float], name: str, share: float) -> None:
    assert shares(CLOCK, later(**spent))[name] == pytest.approx(share)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(CLOCK, id="no time passed"),
        pytest.param(dict.fromkeys(CLOCK, 0.0), id="all clocks were reset"),
    ],
)
def test_without_time_there_is_no_share(after: dict[str, float]) -> None:
    assert shares(CLOCK, after) == {}


def test_a_core_that_went_away_leaves_out_the_busiest_core_only() -> None:
    zero = dict.fromkeys(CLOCK, 0.0)
    values = observe(Cpu(), memory={"times": (zero, [zero] * 4096)}).values
    assert "busiest_core_ratio" not in values
    assert "used_ratio" in values


clocks = st.dictionaries(st.sampled_from(sorted(CLOCK)), st.floats(-1e9, 1e9))


@given(before=clocks, after=clocks)
def test_no_clock_however_odd_gives_a_share_outside_0_to_1(
    before: dict[str, float], after: dict[str, float]
) -> None:
    assert all(0 <= share <= 1 for share in shares(before, after).values())
