"""What is written alike is made once, within a load and from one to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loader import load
from config.model import Config
from lab.config_files import complaints_of, few_kinds
from probes.network.http import Http

START = """
site: {name: Shop, timezone: UTC}
host: off
defaults: {every: 10s}
checks:
  home: {probe: http, url: "http://shop.example/", expect: {status: 200}, labels: {team: web}}
  cart: {probe: http, url: "http://shop.example/cart", expect: {status: 200}, failures: 2}
  pay:  {probe: http, url: "http://shop.example/pay", bearer: "${env:KEY}"}
  db:   {probe: tcp, target: "10.0.0.5:5432"}
"""


def _load(home: Path, text: str, running: Config | None = None, key: str = "one") -> Config:
    path = home / "nightbell.yaml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return load(path, env={"KEY": key}, running=running)


def _kept(old: Config, new: Config) -> set[str]:
    """Return the checks that are the very same objects before and after."""
    kept = {name for name, check in new.checks.items() if old.checks.get(name) is check}
    assert all(new.plan.checks[name] is old.plan.checks.get(name) for name in kept)
    return kept


def test_a_load_beside_the_same_configuration_makes_no_check_anew(tmp_path: Path) -> None:
    old = _load(tmp_path, START)
    new = _load(tmp_path, START, running=old)
    assert _kept(old, new) == set(old.checks)
    assert new == _load(tmp_path, START)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param("shop.example/cart", "shop.example/bag", {"cart"}, id="url"),
        pytest.param('/pay"', '/pay", method: POST', {"pay"}, id="further option"),
        pytest.param("10.0.0.5:5432", "10.0.0.6:5432", {"db"}, id="target"),
        pytest.param("  db: ", "  store: ", {"store"}, id="name"),
        pytest.param("{every: 10s}", "{every: 20s}", {"home", "cart", "pay", "db"}, id="defaults"),
    ],
)
def test_what_is_changed_is_made_anew_and_all_else_kept(
    tmp_path: Path, before: str, after: str, changed: set[str]
) -> None:
    old = _load(tmp_path, START)
    assert before in START
    new = _load(tmp_path, START.replace(before, after), running=old)
    assert _kept(old, new) == set(new.checks) - changed
    assert new == _load(tmp_path, START.replace(before, after))


def test_a_probe_whose_secret_has_changed_is_made_anew(tmp_path: Path) -> None:
    old = _load(tmp_path, START)
    new = _load(tmp_path, START, running=old, key="two")
    assert _kept(old, new) == {"home", "cart", "db"}
    probe = new.checks["pay"].probe
    assert isinstance(probe, Http)
    assert probe.bearer == "two"


def test_a_check_that_is_only_judged_otherwise_keeps_its_probe_and_its_turn(tmp_path: Path) -> None:
    old = _load(tmp_path, START)
    new = _load(tmp_path, START.replace("failures: 2", "failures: 5"), running=old)
    assert new.checks["cart"] is old.checks["cart"]
    assert new.plan.checks["cart"].thresholds != old.plan.checks["cart"].thresholds


def test_a_check_that_runs_at_another_time_keeps_its_probe_and_has_another_fingerprint(
    tmp_path: Path,
) -> None:
    old = _load(tmp_path, START)
    new = _load(tmp_path, START.replace("{every: 10s}", "{every: 20s}"), running=old)
    assert new.checks["cart"].probe is old.checks["cart"].probe
    assert new.checks["cart"].fingerprint != old.checks["cart"].fingerprint


def test_the_same_name_may_stand_for_another_kind(tmp_path: Path) -> None:
    old = _load(tmp_path, START)
    text = START.replace('{probe: tcp, target: "10.0.0.5:5432"}', "{probe: ping, target: 10.0.0.5}")
    assert _load(tmp_path, text, running=old).checks["db"].probe.KIND == "ping"


def test_equal_expectations_of_many_checks_are_one(tmp_path: Path) -> None:
    checks = _load(tmp_path, START).checks
    home, cart, pay = (checks[name].probe for name in ("home", "cart", "pay"))
    assert isinstance(home, Http)
    assert isinstance(cart, Http)
    assert isinstance(pay, Http)
    assert home.expect is cart.expect
    assert home.expect.status == (200,)
    assert pay.expect != home.expect


def test_what_is_equal_and_of_another_type_is_not_written_alike(tmp_path: Path) -> None:
    text = """
checks:
  a: {probe: http, url: "http://a.example/", failures: 1, expect: {min_bytes: 1B, status: 200}}
  b: {probe: http, url: "http://b.example/", failures: true, expect: {min_bytes: 1B, status: 200}}
  c: {probe: http, url: "http://c.example/", failures: 1.0, expect: {min_bytes: 1B, status: 200.5}}
"""
    told = complaints_of(tmp_path, text)
    assert [line.split(": ")[1] for line in told] == [
        "checks.b.failures",
        "checks.c.failures",
        "checks.c.expect.status",
    ]


def test_the_probe_of_a_kind_that_is_no_longer_known_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text('host: off\nchecks: {home: "http://shop.example/"}\n', "utf-8")
    old = load(path, env={})
    kind = few_kinds().probes["http"]
    assert type(load(path, env={}, kinds=few_kinds(), running=old).checks["home"].probe) is kind
