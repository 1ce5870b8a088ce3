"""Thresholds that look further than one value: windows, shares that fill, what is usual, what is made of others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.severity import Severity
from alerting.thresholds.threshold import (
    Derived,
    Filling,
    JointThreshold,
    Level,
    LevelThreshold,
    OutcomeThreshold,
    Over,
    Threshold,
)
from alerting.thresholds.usual import Usual
from alerting.thresholds.window import Function
from config.complaint import ConfigError
from lab.config_files import load_text
from probes.units import Unit

INFO, W, C = Severity.INFO, Severity.WARNING, Severity.CRITICAL
HOUR = timedelta(hours=1)


def _thresholds(tmp_path: Path, text: str, check: str = "home") -> dict[str, Threshold]:
    text = f"checks: {{home: 'https://shop.example/', db: '10.0.0.5:5432'}}\n{text}"
    return {one.id: one for one in load_text(tmp_path, text).plan.checks[check].thresholds}


@pytest.mark.parametrize(
    ("written", "derived", "unit", "levels"),
    [
        pytest.param(
            "metric: duration_seconds, function: p95, over: 5m, warning: {above: 2s, clear_below: 1s}",
            Over(function=Function.P95, seconds=300),
            Unit.SECONDS,
            {W: Level(above=2.0, clear=1.0)},
            id="a function",
        ),
        pytest.param(
            "metric: body_bytes, function: rate, over: 1h, warning: {above: 1MB/s}",
            Over(function=Function.RATE, seconds=3600),
            Unit.BYTES_PER_SECOND,
            {W: Level(above=1e6, clear=1e6)},
            id="the rate of bytes has a unit of its own",
        ),
        pytest.param(
            "metric: status_code, info: {equals: 503, for: 1h}",
            None,
            Unit.COUNT,
            {INFO: Level(equals=503.0, hold=HOUR)},
            id="a very value",
        ),
        pytest.param(
            "metric: body_bytes, warning: {outside: [1kB, 2MB], clear_inside: [2kB, 1MB]}, "
            "critical: {outside: [0B, 9MB]}",
            None,
            Unit.BYTES,
            {
                W: Level(outside=(1e3, 2e6), inside=(2e3, 1e6)),
                C: Level(outside=(0.0, 9e6), inside=(0.0, 9e6)),
            },
            id="between two marks",
        ),
        pytest.param(
            "metric: body_bytes, surge: {factor: 3, floor: 1kB, min_volume: 10B, for: 1h}",
            Usual(over=None, floor=1000.0, min_volume=10.0),
            Unit.COUNT,
            {W: Level(above=3.0, clear=2.0, hold=HOUR)},
            id="a surge over the same hour of former days",
        ),
        pytest.param(
            "metric: body_bytes, dip: {factor: 4, over: 1h}",
            Usual(over=3600.0),
            Unit.COUNT,
            {W: Level(below=0.25, clear=0.4)},
            id="a dip under the hour before",
        ),
    ],
)
def test_what_is_judged_in_place_of_the_value(
    written: str, derived: Derived | None, unit: Unit, levels: dict[Severity, Level], tmp_path: Path
) -> None:
    found = _thresholds(tmp_path, f"thresholds: {{mine: {{{written}}}}}")["mine"]
    assert isinstance(found, LevelThreshold)
    assert (found.derived, found.unit, found.levels) == (derived, unit, levels)


def test_a_share_that_will_be_full_is_judged_by_the_time_that_is_left(tmp_path: Path) -> None:
    text = """thresholds:
      filling:
        select: {probe: disk, part: "/data*", except: {part: /data/scratch}}
        metric: used_ratio
        over: 3h
        floor: 60%
        warning: {full_within: 24h, for: 1h}
        critical: {full_within: 4h}
    """
    found = _thresholds(tmp_path, text, "disk")["filling"]
    assert isinstance(found, LevelThreshold)
    assert (found.derived, found.unit) == (Filling(seconds=10800, floor=0.6), Unit.SECONDS)
    assert found.levels[W] == Level(below=86400, clear=129600, hold=HOUR)
    assert found.levels[C] == Level(below=14400, clear=21600)
    assert [found.judges(part) for part in ("/data", "/data2", "/data/scratch", "/", "")] == [True, True] + [
        False
    ] * 3


def test_failures_are_counted_in_a_row_or_among_some_runs(tmp_path: Path) -> None:
    text = """
        defaults: {failures: 3 of 5}
        checks: {home: https://shop.example/, db: {tcp: "10.0.0.5:5432", failures: 2}}
        thresholds:
          mine: {metric: duration_seconds, failures: 4 of 6, recover: 3, no_data_for: 10m, warning: {above: 1s}}
    """
    plan = load_text(tmp_path, text).plan
    counts = {name: plan.checks[name].thresholds[0] for name in ("home", "db")}
    assert {name: (one.failures, one.of) for name, one in counts.items()} == {"home": (3, 5), "db": (2, 1)}
    assert all(isinstance(one, OutcomeThreshold) for one in counts.values())
    mine = next(one for one in plan.checks["home"].thresholds if one.id == "mine")
    assert isinstance(mine, LevelThreshold)
    assert (mine.failures, mine.of, mine.recover, mine.no_data_for) == (4, 6, 3, timedelta(minutes=10))


def test_checks_are_selected_by_patterns_of_names_and_labels(tmp_path: Path) -> None:
    text = """
        checks:
          shop-eu: {http: "https://eu.example/", labels: {team: web-eu}}
          shop-us: {http: "https://us.example/", labels: {team: web-us}}
          shop-old: {http: "https://old.example/", labels: {team: web-eu}}
          blog: {http: "https://blog.example/"}
        thresholds:
          slow: {select: {name: ["shop-*"], labels: {team: "web-*"}, except: {name: "*-old"}}, metric: duration_seconds,
                 warning: {above: 1s}}
    """
    plan = load_text(tmp_path, text).plan
    chosen = {
        name for name, check in plan.checks.items() if any(one.id == "slow" for one in check.thresholds)
    }
    assert chosen == {"shop-eu", "shop-us"}


def test_a_threshold_is_made_of_others(tmp_path: Path) -> None:
    text = """thresholds:
      busy: {metric: duration_seconds, info: {above: 1s}}
      attack: {select: {checks: home}, all: [busy, db/down], any: [disk/disk-full//data], severity: critical, for: 1h}
    """
    found = _thresholds(tmp_path, text)
    assert found["attack"] == JointThreshold(
        id="attack", severity=C, all_of=("busy", "db/down"), any_of=("disk/disk-full//data",), hold=HOUR
    )
    assert "attack" not in _thresholds(tmp_path, text, "db")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("metric: duration_seconds, function: avg, warning: {above: 1s}", "mine: needs `over`"),
        ("metric: duration_seconds, over: 5m, warning: {above: 1s}", "mine.over: has no meaning without"),
        ("metric: duration_seconds, function: mean, over: 5m, warning: {above: 1s}", "must be one of avg, min, max"),
        ("metric: duration_seconds, function: avg, over: 3d, warning: {above: 1s}", "mine.over: must be at most 2 d"),
        ("metric: duration_seconds, warning: {full_within: 1h}", "mine.metric: duration_seconds is no share"),
        ("metric: duration_seconds, function: avg, over: 5m, surge: {factor: 2}", "mine: mixes"),
        ("metric: duration_seconds, surge: {factor: 2}, warning: {above: 1s}", "mine.warning: has no place beside"),
        ("metric: duration_seconds, surge: {factor: 2}, dip: {factor: 2}", "mine: has both `surge` and `dip`"),
        ("metric: duration_seconds, surge: {factor: 1}", "surge.factor: must be a number between 1.1 and 1000"),
        ("metric: duration_seconds, surge: {factor: 2, over: 1m}", "surge.over: must be same_hour, or between"),
        ("metric: duration_seconds, surge: {factor: 2, floor: 1kB}", "mine.surge.floor: must be a time"),
        ("metric: duration_seconds, floor: 1s, warning: {above: 1s}", "mine.floor: has no meaning"),
        ("metric: status_code, warning: {outside: [5, 5]}", "outside: the lower mark 5 must lie below"),
        ("metric: status_code, warning: {outside: [1, 5], clear_inside: [0, 4]}", "must lie between the marks"),
        ("metric: status_code, warning: {outside: 5}", "warning.outside: must be two marks"),
        ("metric: status_code, warning: {outside: [1, 5]}, critical: {outside: [2, 9]}", "critical: begins before"),
        ("metric: status_code, warning: {above: 1}, critical: {equals: 5}", "critical: looks the other way"),
        ("metric: status_code, warning: {equals: 5, clear_below: 2}", "clear_below: has no meaning with `equals`"),
        ("metric: status_code, failures: 6 of 5, warning: {above: 1}", "failures: 6 of 5 can never be"),
        ("metric: status_code, failures: 6 of 61, warning: {above: 1}", "failures: looks back further than 60 runs"),
        ("all: [down], metric: status_code", "mine: is made of other thresholds, and has no metric"),
        ("all: [mine]", "mine.all.0: cannot be made of itself"),
        ("all: [down, dwon]", "mine.all.1: there is no threshold 'dwon'; did you mean `down`?"),
        ("any: [hme/down]", "mine.any.0: there is no check 'hme'; did you mean `home`?"),
        ("all: []", "mine.all: names no threshold"),
        ("select: {except: {part: /x, name: y}}, metric: status_code, warning: {above: 1}", "except: has `part`"),
        ("select: {name: []}, metric: status_code, warning: {above: 1}", "select.name: names nothing"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_its_place(written: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        _thresholds(tmp_path, f"thresholds: {{mine: {{{written}}}}}")
    assert told in str(refused.value)
