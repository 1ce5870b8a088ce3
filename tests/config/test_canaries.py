"""Canaries as written, and which checks a blind monitor knows nothing about."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerting.sight import CHECK, THRESHOLD
from config.building.canaries import EVERY, RETRY, TIMEOUT, is_near
from lab.config_files import load_text


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.1.1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("223.5.5.5", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("db", True),
        ("watch-1.example", True),
        ("printer.local", True),
        ("db.prod.internal", True),
        ("nas.home.arpa", True),
        ("internal.example.com", False),
        ("notlocal", True),
        ("shop.notlocal", False),
        ("shop.example.com", False),
    ],
)
def test_what_lies_on_our_own_network_by_what_is_written(target: str, near: bool) -> None:
    assert is_near(target, "Watch-1.example") is near


def test_a_check_says_itself_where_its_target_lies_otherwise(tmp_path: Path) -> None:
    text = """
checks:
  far: tcp://shop.example:443
  lan: tcp://10.0.0.5:5432
  host: {probe: cpu}
  vpn: {probe: tcp, target: "10.9.0.5:5432", blind: always}
  own: {probe: tcp, target: "shop.example:443", blind: never}
"""
    checks = load_text(tmp_path, text).plan.checks
    remote = {name: checks[name].remote for name in ("far", "lan", "host", "vpn", "own")}
    assert remote == {"far": True, "lan": False, "host": False, "vpn": True, "own": False}


def test_canaries_are_named_for_their_targets_and_take_no_defaults(tmp_path: Path) -> None:
    text = """
defaults: {every: 60s, timeout: 20s, retry_every: 30s}
canaries: ["tcp://1.2.3.4:53", "tcp://1.2.3.4:443", {probe: tcp, target: "far.example:1", every: 5s, timeout: 1s}]
"""
    loaded = load_text(tmp_path, text)
    times = {name: (one.every, one.timeout, one.retry_every) for name, one in loaded.canaries.items()}
    assert times == {
        "canary:1.2.3.4": (EVERY, TIMEOUT, RETRY),
        "canary:1.2.3.4#2": (EVERY, TIMEOUT, RETRY),
        "canary:far.example": (5.0, 1.0, RETRY),
    }
    assert not set(loaded.canaries) & set(loaded.checks), "they are no checks: nothing is their outage"


def test_blindness_is_somebodys_with_canaries_and_nobodys_without(tmp_path: Path) -> None:
    people = "people: {li: {name: Li}}\nrotas: {ops: {people: [li]}}\n"
    with_some = load_text(tmp_path, f"{people}canaries: ['tcp://1.2.3.4:53']").plan.checks[CHECK]
    assert (with_some.owner, with_some.escalation) == ("ops", "default")
    assert with_some.thresholds == (THRESHOLD,)
    assert not with_some.remote
    assert CHECK not in load_text(tmp_path, people).plan.checks
