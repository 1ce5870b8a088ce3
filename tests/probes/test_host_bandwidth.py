"""Traffic of network interfaces, measured on the loopback interface of this machine."""

from __future__ import annotations

import asyncio
import socket

import pytest

from lab.probe_run import finished, look, observe, surroundings
from probes.api import ProbeFailed, Reading
from probes.host.bandwidth import Bandwidth, rates, ratios
from probes.sample import ErrorClass


def send_over_loopback(count: int) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        for _ in range(count):
            sender.sendto(b"x" * 1000, receiver.getsockname())


def test_loopback_is_measured_when_named() -> None:
    async def go() -> Reading:
        with surroundings() as run:
            probe = Bandwidth(interface="lo", capacity=1e9)
            first = await probe.probe(run)
            assert set(first.parts["lo"]) == {"link"}
            send_over_loopback(100)
            await asyncio.sleep(0.01)  # a rate needs time to pass
            return await probe.probe(run)

    values = finished(go).parts["lo"]
    assert values["receive_bits_per_second"] > 0
    assert values["transmit_bits_per_second"] > 0
    assert values["ratio"] == max(values["receive_ratio"], values["transmit_ratio"])
    assert values["link"] == 1


def test_without_a_name_loopback_and_virtual_ones_are_left_out() -> None:
    assert not [
        name for name in observe(Bandwidth()).parts if name.startswith(("lo", "veth", "docker", "br-"))
    ]


def test_a_named_interface_that_is_missing_is_down() -> None:
    async def go() -> Reading | ProbeFailed | TimeoutError:
        with surroundings() as run:
            return await look(Bandwidth(interface="nightbell9"), run)

    failure = finished(go)
    assert isinstance(failure, ProbeFailed)
    assert failure.error is ErrorClass.ASSERTION
    assert "nightbell9" in failure.message


def test_an_interface_that_came_back_has_no_rate_for_that_step() -> None:
    before = {"receive_bytes": 5e9, "transmit_bytes": 5e9, "errors": 9.0, "drops": 0.0}
    after = {"receive_bytes": 1e3, "transmit_bytes": 6e9, "errors": 0.0, "drops": 2.0}
    assert rates(before, after, 10) == {"transmit_bits_per_second": 8e8, "drops_per_second": 0.2}


@pytest.mark.parametrize(
    ("values", "capacity", "expected"),
    [
        pytest.param(
            {"receive_bits_per_second": 5e8, "transmit_bits_per_second": 1e8},
            1e9,
            {"receive_ratio": 0.5, "transmit_ratio": 0.1, "ratio": 0.5},
            id="the larger counts",
        ),
        pytest.param({"receive_bits_per_second": 5e8}, None, {}, id="speed unknown"),
        pytest.param({"receive_bits_per_second": 5e8}, 0.0, {}, id="speed zero"),
        pytest.param({}, 1e9, {}, id="no rate yet"),
        pytest.param(
            {"transmit_bits_per_second": 3e9},
            1e9,
            {"transmit_ratio": 3.0, "ratio": 3.0},
            id="more than the capacity given",
        ),
    ],
)
def test_shares_need_a_rate_and_a_capacity(
    values: dict[str, float], capacity: float | None, expected: dict[str, float]
) -> None:
    assert ratios(values, capacity) == expected


@pytest.mark.parametrize(
    "options", [{"interface": "eth 0"}, {"interface": ""}, {"interface": "a/b"}, {"capacity": 0.0}]
)
def test_what_can_be_no_interface_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Bandwidth(**options)
