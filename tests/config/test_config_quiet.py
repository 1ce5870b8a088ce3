"""Standing silences, planned work and inhibitions, as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.incidents.inhibition import Inhibition
from alerting.incidents.maintenance import PlannedWork
from alerting.plan import StandingSilence
from lab.config_files import load_text

START = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
BOXES = "site: {timezone: Europe/Berlin}\nchecks: {a: '10.0.0.5:22', b: '10.0.0.6:22'}\nservices: {s: {checks: [a]}}\n"


def test_a_standing_silence_over_several_names_is_one_silence_for_each(tmp_path: Path) -> None:
    text = (
        BOXES + "silences: [{checks: [a, b], services: s, labels: {team: web}, author: li, reason: old, "
        "until: 2027-01-04T22:00:00+08:00}]"
    )
    assert load_text(tmp_path, text).plan.silences == tuple(
        StandingSilence(
            matchers={"team": "web", "check": check, "service": "s"}, author="li", reason="old", until=START
        )
        for check in ("a", "b")
    )


def test_planned_work_is_once_or_recurs_by_the_sites_clock(tmp_path: Path) -> None:
    text = BOXES + (
        "maintenance:\n"
        "  - {services: s, reason: disks, start: 2027-01-04T14:00:00Z, end: 2027-01-04T16:00:00Z}\n"
        "  - {checks: [a], reason: backup, start: 2027-01-04T14:00:00Z, length: 30m, every: 1d, announce: false,\n"
        "     dependents: true}\n"
        "  - {checks: [a], reason: x, start: 2027-01-04T14:00:00Z, length: 1h, every: 1w, announce: 2d,\n"
        "     timezone: Asia/Shanghai}\n"
    )
    once, nightly, weekly = load_text(tmp_path, text).plan.maintenance
    assert once == PlannedWork(
        services=("s",), reason="disks", author="configuration", starts_at=START, length=timedelta(hours=2),
        zone="Europe/Berlin", announce=timedelta(hours=24),
    )  # fmt: skip
    assert (nightly.every, nightly.length, nightly.announce, nightly.dependents, nightly.zone) == (
        timedelta(days=1), timedelta(minutes=30), None, True, "Europe/Berlin",
    )  # fmt: skip
    assert (weekly.every, weekly.announce, weekly.zone) == (
        timedelta(days=7), timedelta(days=2), "Asia/Shanghai",
    )  # fmt: skip


def test_inhibitions_and_the_warning_before_a_silence_ends(tmp_path: Path) -> None:
    text = (
        "inhibitions: [{source: {check: uplink*}, target: {severity: warning}, equal: [host, site]}]\n"
        "paging: {warn_silence: 30m}"
    )
    plan = load_text(tmp_path, text).plan
    assert plan.inhibitions == (
        Inhibition(source={"check": "uplink*"}, target={"severity": "warning"}, equal=("host", "site")),
    )
    assert plan.warn_silence == timedelta(minutes=30)
    assert load_text(tmp_path, "").plan.warn_silence == timedelta(minutes=10)
