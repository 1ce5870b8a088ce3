"""Memory, swap and load of this machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from lab.probe_run import observe
from probes.host.load import Load, loads
from probes.host.memory import Memory
from probes.host.rates import per_second
from probes.host.swap import Swap


def test_memory_is_what_the_kernel_says() -> None:
    values = observe(Memory()).values
    with Path("/proc/meminfo").open(encoding="ascii") as meminfo:
        kernel = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in meminfo}
    assert values["total_bytes"] == kernel["MemTotal"]
    assert 0 < values["available_bytes"] <= values["total_bytes"]
    assert values["used_ratio"] + values["available_ratio"] == pytest.approx(1)


def test_swap_has_a_used_share_only_where_there_is_swap() -> None:
    values = observe(Swap()).values
    assert ("used_ratio" in values) == (values["total_bytes"] > 0)
    assert not {"in_bytes_per_second", "out_bytes_per_second"} & set(values)


def test_swap_rates_come_with_the_second_run() -> None:
    memory = {"moved": (0.0, {"in_bytes_per_second": 0.0, "out_bytes_per_second": 0.0})}
    values = observe(Swap(), memory=memory).values
    assert values["in_bytes_per_second"] >= 0
    assert values["out_bytes_per_second"] >= 0


def test_load_is_told_for_the_machine_and_for_each_core() -> None:
    values = observe(Load()).values
    assert values["load1"] >= 0
    assert values["load15_per_core"] == pytest.approx(values["load15"] / (os.cpu_count() or 1))


@pytest.mark.parametrize(
    ("averages", "cores", "expected"),
    [
        pytest.param(
            (256.0, 128.0, 64.0),
            256,
            {
                "load1": 256,
                "load5": 128,
                "load15": 64,
                "load1_per_core": 1,
                "load5_per_core": 0.5,
                "load15_per_core": 0.25,
            },
            id="256 cores",
        ),
        pytest.param((1.0, 2.0, 3.0), None, {"load1": 1, "load5": 2, "load15": 3}, id="cores unknown"),
        pytest.param((math.nan, 2.0, math.inf), 2, {"load5": 2, "load5_per_core": 1}, id="no numbers"),
    ],
)
def test_load_leaves_out_what_is_no_number(
    averages: tuple[float, float, float], cores: int | None, expected: dict[str, float]
) -> None:
    assert loads(averages, cores) == expected


@pytest.mark.parametrize(
    ("before", "after", "seconds", "expected"),
    [
        pytest.param({"a": 100}, {"a": 300}, 10, {"a": 20}, id="rises"),
        pytest.param({"a": 100}, {"a": 100}, 10, {"a": 0}, id="stands still"),
        pytest.param({"a": 4294967290}, {"a": 10}, 10, {}, id="wrapped at 32 bits"),
        pytest.param({"a": 100, "b": 1}, {"a": 0, "b": 2}, 1, {"b": 1}, id="reset"),
        pytest.param({}, {"a": 5}, 10, {}, id="new"),
        pytest.param({"a": 1}, {"a": 5}, 0, {}, id="no time passed"),
    ],
)
def test_a_counter_has_a_rate_only_while_it_rises(
    before: dict[str, float], after: dict[str, float], seconds: float, expected: dict[str, float]
) -> None:
    assert per_second(before, after, seconds) == expected
