"""Thresholds: the shipped pack, and what is written laid over it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import LevelThreshold, OutcomeThreshold
from config import load
from config.kinds import shipped_kinds
from config.pack import PACK, shipped_thresholds
from lab.config_files import load_text
from probes.units import Unit

W, C = Severity.WARNING, Severity.CRITICAL


def _levels(tmp_path: Path, text: str, check: str) -> dict[str, LevelThreshold]:
    plan = load_text(tmp_path, text).plan
    return {one.id: one for one in plan.checks[check].thresholds if isinstance(one, LevelThreshold)}


def test_every_shipped_threshold_judges_a_metric_its_kind_has_and_gives_its_reason() -> None:
    kinds = shipped_kinds().probes
    text = PACK.read_text("utf-8")
    for id_, threshold in shipped_thresholds().items():
        kind = threshold.select.probe if threshold.select else None
        judged = [kinds[kind]] if kind else [one for one in kinds.values() if threshold.metric in one.METRICS]
        assert judged
        assert all(threshold.metric in one.METRICS for one in judged)
        assert re.search(rf"(?m)^# .+\n{id_}:$", text), f"{id_} has no reason above it"


def test_a_certificate_that_ends_is_noticed_by_every_kind_that_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text(
        "checks: {a: 'https://x.example/', b: 'tls://x.example:443',\n"
        "  c: {probe: tcp, target: 'x.example:993', tls: true}}\n"
    )
    plan = load(path, env={}).plan
    for check in "abc":
        marks = {one.id: one for one in plan.checks[check].thresholds if isinstance(one, LevelThreshold)}
        assert set(marks["certificate-expiring"].levels) == {W, C}


def test_the_shipped_pack_never_pages_for_processors_and_never_speaks_to_customers(tmp_path: Path) -> None:
    plan = load_text(tmp_path, "checks: {home: https://shop.example/}").plan
    levels = [
        one for check in plan.checks.values() for one in check.thresholds if isinstance(one, LevelThreshold)
    ]
    assert {one.impact for one in levels} == {Impact.NONE}
    critical = {one.id for one in levels if C in one.levels}
    assert critical == {
        "memory-low",
        "disk-full",
        "disk-filling",
        "disk-inodes",
        "link-saturated",
        "certificate-expiring",
    }


def test_this_machines_own_checks_warn_and_have_no_impact_when_they_cannot_be_read(tmp_path: Path) -> None:
    plan = load_text(tmp_path, "defaults: {severity: critical}\nchecks: {home: https://shop.example/}").plan
    down = {name: check.thresholds[0] for name, check in plan.checks.items()}
    assert all(isinstance(one, OutcomeThreshold) and one.id == "down" for one in down.values())
    assert {(down[name].impact, getattr(down[name], "severity", None)) for name in ("cpu", "disk")} == {
        (Impact.NONE, W)
    }
    assert (down["home"].impact, getattr(down["home"], "severity", None)) == (Impact.DOWN, C)


@pytest.mark.parametrize(
    ("written", "level", "mark", "clear"),
    [
        pytest.param("{}", W, 0.85, 0.80, id="nothing"),
        pytest.param("{warning: {above: 75%}}", W, 0.75, 0.70, id="a new mark keeps the distance"),
        pytest.param("{warning: {above: 75%, clear_below: 50%}}", W, 0.75, 0.50, id="both"),
        pytest.param("{warning: {clear_below: 60%}}", W, 0.85, 0.60, id="only the clear mark"),
        pytest.param("{warning: {for: 1h}}", W, 0.85, 0.80, id="only the time"),
        pytest.param("{critical: {above: 99%}}", C, 0.99, 0.94, id="the other level"),
        pytest.param("{warning: {above: 3%}, critical: {above: 4%}}", W, 0.03, 0.0, id="never under nothing"),
    ],
)
def test_a_shipped_threshold_is_overridden_key_by_key(
    written: str, level: Severity, mark: float, clear: float, tmp_path: Path
) -> None:
    found = _levels(tmp_path, f"thresholds: {{disk-full: {written}}}", "disk")["disk-full"]
    assert found.levels[level].above == pytest.approx(mark)
    assert found.levels[level].clear == pytest.approx(clear, abs=1e-9)
    assert found.levels[W].hold == timedelta(hours=1 if "1h" in written else 0.5)
    assert found.keep == timedelta(minutes=5)


def test_a_shipped_threshold_or_one_of_its_levels_can_be_switched_off(tmp_path: Path) -> None:
    text = "thresholds: {disk-inodes: off, disk-filling: off, disk-full: {critical: off, impact: degraded, keep: 1m}}"
    found = _levels(tmp_path, text, "disk")
    assert set(found) == {"disk-full"}
    assert set(found["disk-full"].levels) == {W}
    assert (found["disk-full"].impact, found["disk-full"].keep) == (Impact.DEGRADED, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("metric", "mark", "unit", "value"),
    [
        pytest.param("used_ratio", "90%", Unit.RATIO, 0.9, id="share in percent"),
        pytest.param("used_ratio", "0.9", Unit.RATIO, 0.9, id="share as a number"),
        pytest.param("used_ratio", "1", Unit.RATIO, 1.0, id="all of it"),
        pytest.param("free_bytes", "20GB", Unit.BYTES, 20e9, id="bytes"),
        pytest.param("read_only", "0", Unit.COUNT, 0.0, id="count"),
    ],
)
def test_a_mark_is_read_in_the_unit_of_its_metric(
    metric: str, mark: str, unit: Unit, value: float, tmp_path: Path
) -> None:
    text = f"thresholds: {{mine: {{select: {{probe: disk}}, metric: {metric}, warning: {{above: {mark}}}}}}}"
    found = _levels(tmp_path, text, "disk")["mine"]
    assert found.unit is unit
    assert found.levels[W].above == pytest.approx(value)
    assert found.levels[W].clear == found.levels[W].above
    assert found.levels[W].hold == timedelta(0)


@pytest.mark.parametrize(
    ("select", "chosen"),
    [
        pytest.param("{probe: tcp}", {"a", "b"}, id="by kind"),
        pytest.param("{checks: [a]}", {"a"}, id="by name"),
        pytest.param("{checks: b}", {"b"}, id="by one name"),
        pytest.param("{labels: {team: web}}", {"b"}, id="by label, of the kinds that have the metric"),
        pytest.param("{probe: tcp, labels: {team: db}}", {"a"}, id="by both"),
    ],
)
def test_a_threshold_judges_the_checks_it_selects(select: str, chosen: set[str], tmp_path: Path) -> None:
    plan = load_text(
        tmp_path,
        f"""
checks:
  a: {{probe: tcp, target: "a.example:1", labels: {{team: db}}}}
  b: {{probe: tcp, target: "b.example:1", labels: {{team: web}}}}
  c: {{probe: http, url: "https://c.example/", labels: {{team: web}}}}
thresholds:
  slow: {{select: {select}, metric: connect_seconds, warning: {{above: 500ms}}}}
""",
    ).plan
    assert {
        name for name, check in plan.checks.items() for one in check.thresholds if one.id == "slow"
    } == chosen


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        pytest.param(
            "{select: {probe: tcp}, metric: connect_seconds, warning: {above: 1s}}", True, id="no such check"
        ),
        pytest.param(
            "{select: {probe: disk}, metric: used_ratio, warning: {above: 50%}}", False, id="a check"
        ),
    ],
)
def test_a_threshold_that_selects_nothing_is_a_warning(text: str, warned: bool, tmp_path: Path) -> None:
    loaded = load_text(tmp_path, f"thresholds: {{mine: {text}}}")
    assert ("`thresholds.mine` selects no check" in loaded.warnings) is warned


def test_outcomes_are_judged_as_the_check_says_and_else_as_the_defaults_say(tmp_path: Path) -> None:
    plan = load_text(
        tmp_path,
        """
defaults: {failures: 5, recover: 4, severity: warning, impact: degraded}
checks:
  a: {probe: tcp, target: "a.example:1"}
  b: {probe: tcp, target: "a.example:1", failures: 1, recover: 1, severity: critical, impact: none}
""",
    ).plan
    first: Any = plan.checks["a"].thresholds[0]
    second: Any = plan.checks["b"].thresholds[0]
    assert (first.failures, first.recover, first.severity, first.impact) == (5, 4, W, Impact.DEGRADED)
    assert (second.failures, second.recover, second.severity, second.impact) == (1, 1, C, Impact.NONE)
