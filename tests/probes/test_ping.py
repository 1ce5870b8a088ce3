"""The ping probe in a network of its own, over either kind of socket: what comes back, and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from lab.tools import ROOT
from probes.network.ping import Ping

SOCKETS = ("dgram", "raw")
QUICK = {"interval": 0.01, "wait": 0.3}

Told = dict[str, Any]


def ping(sockets: str, *plan: list[Told]) -> list[list[Told]]:
    """Run pings, those of one list at the same time, where `sockets` are permitted."""
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-W", "error", "-m", "lab.ping_world", sockets, json.dumps(plan)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'lib'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told: list[list[Told]] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("sockets", SOCKETS)
def test_what_answers_is_up_with_the_time_it_takes(sockets: str) -> None:
    alone = [{"target": "127.0.0.1", **QUICK}, {"target": "::1", **QUICK}, {"target": "localhost", **QUICK}]
    sizes = [
        {"target": target, "size": size, **QUICK} for target in ("127.0.0.1", "::1") for size in (8, 57, 8192)
    ]
    for result in [one for together in ping(sockets, alone, sizes) for one in together]:
        assert result["outcome"] == "up", result
        values = result["values"]
        assert set(values) == {"loss_ratio", "rtt_seconds", "rtt_min_seconds", "rtt_max_seconds"}
        assert values["loss_ratio"] == 0
        assert 0 < values["rtt_min_seconds"] <= values["rtt_seconds"] <= values["rtt_max_seconds"] < 0.3
        assert result["phases"] == ["resolve", "processing"]


@pytest.mark.parametrize("sockets", SOCKETS)
def test_many_at_once_share_one_socket_and_get_their_own_answers(sockets: str) -> None:
    hundred = [{"target": f"127.0.0.{number}", **QUICK} for number in range(1, 101)]
    (results,) = ping(sockets, [*hundred, {"target": "10.66.0.9", **QUICK}])
    assert [one["outcome"] for one in results] == ["up"] * 100 + ["down"]


@pytest.mark.parametrize("sockets", SOCKETS)
def test_what_does_not_answer_is_down_by_the_reason(sockets: str) -> None:
    reported = {"count": 1, "wait": 1.9}
    (results,) = ping(
        sockets,
        [
            {"target": "198.51.100.7", **QUICK},
            {"target": "192.0.2.1", **reported},
            {"target": "203.0.113.1", **reported},
            {"target": "10.77.0.1", **reported},
            {"target": "127.0.0.1", **QUICK},
        ],
    )
    assert [(one["outcome"], one.get("error"), one.get("message")) for one in results] == [
        ("down", "timeout", "198.51.100.7 does not answer: 3 echo requests sent, none came back"),
        ("down", "connect", "cannot reach 192.0.2.1: host unreachable"),
        ("down", "connect", "cannot reach 203.0.113.1: prohibited on the way"),
        ("down", "connect", "cannot reach 10.77.0.1: no route to host"),
        ("up", None, None),
    ]
    assert [one["values"]["loss_ratio"] for one in results] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("sockets", SOCKETS)
def test_a_target_that_answers_some_is_up_with_its_loss(sockets: str) -> None:
    ((result,),) = ping(sockets, [{"target": "10.66.0.2", "count": 10, "interval": 0.01, "wait": 1.5}])
    assert result["outcome"] == "up"
    assert 0 < result["values"]["loss_ratio"] < 1


def test_the_deadline_cuts_off_one_and_leaves_the_others_alone() -> None:
    first, second = ping(
        "raw", [{"target": "198.51.100.7", "wait": 60.0}, {"target": "127.0.0.1"}], [{"target": "127.0.0.1"}]
    )
    assert [one["outcome"] for one in first + second] == ["cut off", "up", "up"]


def test_where_pinging_is_not_permitted_nothing_is_said_of_the_target() -> None:
    for (result,) in ping("none", [{"target": "127.0.0.1"}], [{"target": "::1"}]):
        assert result["outcome"] == "unknown"
        assert result["kind"] == "PermissionError"
        assert "net.ipv4.ping_group_range or CAP_NET_RAW" in result["message"]


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ({"target": "Router.example.com"}, "router.example.com"),
        ({"target": "[2001:db8::1]"}, "2001:db8::1"),
        (Ping.from_url("ping://192.0.2.1"), "192.0.2.1"),
        (Ping.from_url("ping://[2001:db8::1]/"), "2001:db8::1"),
    ],
)
def test_the_target_is_a_host(options: dict[str, Any], target: str) -> None:
    assert Ping(**options).target == target


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "db:5432"}, "knows no ports"),
        ({"target": "a b"}, "no host name"),
        ({"count": 0}, "count must"),
        ({"count": 101}, "count must"),
        ({"interval": 0.001}, "interval must"),
        ({"wait": 0}, "wait must"),
        ({"size": 7}, "size must"),
        ({"size": 9000}, "size must"),
    ],
)
def test_what_cannot_be_sent_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ping(**{"target": "192.0.2.1", **options})
