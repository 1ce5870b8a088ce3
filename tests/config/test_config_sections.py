"""Sections and their short forms."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.oncall.rota import Day, Turn
from alerting.plan import GroupBy
from alerting.tickets.terms import TicketClass
from lab.config_files import complaints_of, load_text


@pytest.mark.parametrize(
    ("short", "long"),
    [
        pytest.param("https://a.example/x", '{probe: http, url: "https://a.example/x"}', id="URL"),
        pytest.param("HTTP://a.example/", '{probe: http, url: "HTTP://a.example/"}', id="URL in capitals"),
        pytest.param(
            "tcp://a.example:5432", '{probe: tcp, target: "a.example:5432"}', id="URL of another kind"
        ),
        pytest.param("a.example:5432", '{probe: tcp, target: "a.example:5432"}', id="address"),
        pytest.param("'[::1]:5432'", '{probe: tcp, target: "[::1]:5432"}', id="address of version 6"),
        pytest.param(
            '{tcp: "a.example:5432"}', '{probe: tcp, target: "a.example:5432"}', id="kind and target"
        ),
        pytest.param(
            "{http: 'https://a.example/'}", "{probe: http, url: 'https://a.example/'}", id="kind and URL"
        ),
        pytest.param(
            "{http: {url: 'https://a.example/', redirects: 0}, every: 30s}",
            "{probe: http, url: 'https://a.example/', redirects: 0, every: 30s}",
            id="kind and options",
        ),
        pytest.param(
            "{tcp: 'a.example:1', failures: 2, tls: true}",
            "{probe: tcp, target: 'a.example:1', failures: 2, tls: true}",
            id="kind, target and more keys",
        ),
        pytest.param(
            "{disk: {exclude: [/boot]}}", "{probe: disk, exclude: [/boot]}", id="kind of this machine"
        ),
        pytest.param("{cpu: }", "{probe: cpu}", id="kind alone"),
    ],
)
def test_a_short_check_is_the_same_as_the_long_one(short: str, long: str, tmp_path: Path) -> None:
    one, other = (load_text(tmp_path, f"checks: {{x: {text}}}\nhost: off") for text in (short, long))
    assert one.checks["x"].probe == other.checks["x"].probe
    assert one.plan.checks["x"] == other.plan.checks["x"]


def test_the_fingerprint_changes_with_what_bears_on_probing_and_with_nothing_else(tmp_path: Path) -> None:
    def fingerprint(text: str, **env: str) -> str:
        return load_text(tmp_path, f"checks: {{x: {text}}}", env=env).checks["x"].fingerprint

    base = "{probe: http, url: 'https://a.example/', bearer: '${env:T}'%s}"
    first = fingerprint(base % "", T="a")
    assert fingerprint(base % ", failures: 9, labels: {a: b}, severity: info, runbook: x", T="a") == first
    changed = [
        fingerprint(base % "", T="b"),
        fingerprint(base % ", every: 11s", T="a"),
        fingerprint(base % ", timeout: 1s", T="a"),
        fingerprint(base % ", retry_every: 1s", T="a"),
        fingerprint(base % ", redirects: 0", T="a"),
    ]
    assert len({first, *changed}) == 6


def test_schedules_come_from_the_check_then_the_defaults_then_the_kind(tmp_path: Path) -> None:
    first = "{probe: tcp, target: 'a.example:1'}"
    text = f"checks: {{a: {first}, b: {{probe: tcp, target: 'a.example:1', every: 1s, timeout: 9s}}}}"
    plain = load_text(tmp_path, text)
    assert [(plain.checks[name].every, plain.checks[name].timeout) for name in ("a", "b", "disk")] == [
        (10, 5),
        (1, 9),
        (60, 5),
    ]
    set_ = load_text(tmp_path, f"defaults: {{every: 30s, timeout: 1s, retry_every: 2s}}\n{text}")
    assert [(set_.checks[name].every, set_.checks[name].timeout) for name in ("a", "b", "disk")] == [
        (30, 1),
        (1, 9),
        (60, 1),
    ]
    assert set_.checks["a"].retry_every == 2
    slow = load_text(tmp_path, "defaults: {every: 5m}\nhost: {disk: {every: 20s}}")
    assert (slow.checks["cpu"].every, slow.checks["disk"].every) == (300, 20)


@pytest.mark.parametrize(
    ("host", "checks"),
    [
        pytest.param("on", ["cpu", "memory", "swap", "load", "disk", "bandwidth"], id="on"),
        pytest.param("true", ["cpu", "memory", "swap", "load", "disk", "bandwidth"], id="true"),
        pytest.param("off", [], id="off"),
        pytest.param(
            "{swap: off, load: on, cpu: {every: 30s}}",
            ["cpu", "memory", "load", "disk", "bandwidth"],
            id="some",
        ),
    ],
)
def test_this_machines_own_checks_can_be_chosen(host: str, checks: list[str], tmp_path: Path) -> None:
    assert list(load_text(tmp_path, f"host: {host}").checks) == checks


def test_a_configured_check_stands_instead_of_this_machines_own_of_the_kind(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, "checks: {mounts: {probe: disk, every: 30s}}\nhost: {disk: {every: 2m}}")
    assert "disk" not in loaded.checks
    assert loaded.checks["mounts"].every == 30
    assert "`host.disk` has no effect: the check `mounts` stands instead" in loaded.warnings


def test_a_check_belongs_to_its_services_their_owner_and_its_targets_host(tmp_path: Path) -> None:
    plan = load_text(
        tmp_path,
        """
defaults: {owner: web, group_by: host}
checks: {a: "tcp://db.example:1", b: {probe: tcp, target: "db.example:1", owner: web, group_by: check}}
services: {s: {checks: [a, b], owner: db}, t: {checks: a}}
people: {li: {}, han: {}}
rotas: {web: {people: li}, db: {people: [han]}}
""",
    ).plan
    a, b = plan.checks["a"], plan.checks["b"]
    assert (a.services, a.owner, a.host, a.group_by) == (("s", "t"), "db", "db.example", GroupBy.HOST)
    assert (b.services, b.owner, b.group_by) == (("s",), "web", GroupBy.CHECK)
    assert (plan.services["s"].owner, plan.services["t"].owner) == ("db", "web")
    cpu = plan.checks["cpu"]
    assert (cpu.host, cpu.owner, cpu.services) == (socket.gethostname(), "web", ())
    # With several rotas each has its own stand-in escalation.
    assert (a.escalation, b.escalation, cpu.escalation) == ("default-db", "default-web", "default-web")
    assert plan.policies["default-db"].steps[0].recipients.rota == "db"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        pytest.param("", None, id="nobody"),
        pytest.param(
            "people: {li: {}, han: {}}", [(0, None, None, ("li", "han"))], id="people without a rota"
        ),
        pytest.param(
            "people: {li: {}, han: {}}\nrotas: {ops: {people: li}}",
            [(0, "ops", None, ()), (15, None, None, ("li", "han"))],
            id="a rota",
        ),
        pytest.param(
            "people: {li: {}, han: {}}\nrotas: {ops: {people: li, backup: han}}",
            [(0, "ops", None, ()), (5, None, "ops", ()), (15, None, None, ("li", "han"))],
            id="a rota with backup",
        ),
    ],
)
def test_without_escalations_everybody_is_reached_in_the_end(text: str, steps: Any, tmp_path: Path) -> None:
    plan = load_text(tmp_path, text).plan
    if steps is None:
        assert not plan.policies
        assert plan.checks["cpu"].escalation is None
        return
    made = [
        (
            step.after / timedelta(minutes=1),
            step.recipients.rota,
            step.recipients.backup,
            step.recipients.people,
        )
        for step in plan.policies["default"].steps
    ]
    assert made == steps
    assert plan.policies["default"].repeat == timedelta(minutes=15)
    assert plan.checks["cpu"].escalation == "default"


def test_several_rotas_or_escalations_without_a_default_are_a_warning(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
people: {li: {}}
rotas: {b: {people: li}, a: {people: li}}
escalations: {y: [{page: li}], x: [{page: li}]}
""",
    )
    assert loaded.plan.checks["cpu"].owner == "b"
    assert loaded.plan.checks["cpu"].escalation == "y"
    assert "several rotas and no `defaults.owner`: `b` answers for what names no owner" in loaded.warnings
    assert (
        "several escalations and no `defaults.escalation`: `y` is followed where none is named"
        in loaded.warnings
    )


def test_a_rota_without_shifts_is_one_of_24_hours(tmp_path: Path) -> None:
    text = "people: {li: {}, han: {}}\nrotas: {ops: {people: [li, han], turn: daily, timezone: Asia/Tokyo, backup: li}}"
    rota = load_text(tmp_path, text).plan.rotas["ops"]
    (shift,) = rota.shifts
    assert (shift.id, shift.begins, shift.ends, shift.turn) == ("all", shift.ends, shift.begins, Turn.DAILY)
    assert (str(rota.zone), rota.backup) == ("Asia/Tokyo", ("li",))


@pytest.mark.parametrize(
    ("days", "chosen"),
    [
        ("[mon, wed]", [Day.MON, Day.WED]),
        ("mon-fri", [Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI]),
        ("[sat-mon]", [Day.MON, Day.SAT, Day.SUN]),
        ("[SUN, mon-tue]", [Day.MON, Day.TUE, Day.SUN]),
    ],
)
def test_days_are_names_and_ranges(days: str, chosen: list[Day], tmp_path: Path) -> None:
    rota = f"{{people: li, days: {days}}}"
    loaded = load_text(tmp_path, f"people: {{li: {{}}}}\nrotas: {{ops: {rota}}}\nfallback: li")
    assert list(loaded.plan.rotas["ops"].shifts[0].days) == chosen


def _shift(match: re.Match[str]) -> str:
    begin, end, days = match.groups()
    parts = [f'from: "{begin}:00"' * bool(begin), f'to: "{end}:00"' * bool(end), f"days: {days}" * bool(days)]
    return "{people: li" + "".join(f", {part}" for part in parts if part) + "}"


@pytest.mark.parametrize(
    ("shifts", "gap"),
    [
        pytest.param("{a: li}", None, id="all day"),
        pytest.param("{a: -12 li, b: 12- li}", None, id="two halves"),
        pytest.param("{a: 20-08 li, b: 08-20 li}", None, id="a night shift"),
        pytest.param("{a: 06-06 li}", None, id="24 h from six"),
        pytest.param("{a: -16 li, b: 12- li}", None, id="overlap"),
        pytest.param("{a: -24 li}", None, id="to 24:00"),
        pytest.param("{a: -23 li}", "Mon 23:00 to 24:00 and 6 more times a week", id="one hour"),
        pytest.param("{a: 22-06 li}", "Mon 06:00 to 22:00 and 6 more times a week", id="only nights"),
        pytest.param("{a: 08-16 li}", "Mon 16:00 to Tue 08:00 and 6 more times a week", id="only days"),
        pytest.param(
            "{a: li mon, b: li wed-sat}", "Tue 00:00 to 24:00 and 1 more time a week", id="two days"
        ),
        pytest.param("{a: li mon-sat}", "Sun 00:00 to 24:00", id="no Sunday"),
        pytest.param("{a: li mon-fri}", "Sat 00:00 to Mon 00:00", id="no weekend"),
        pytest.param("{a: 06-06 li mon-sat}", "Sun 06:00 to Mon 06:00", id="24 h shifts, no Sunday"),
        pytest.param("{a: 20-08 li sun, b: 08-08 li mon-sat}", "Sun 08:00 to 20:00", id="Sunday morning"),
    ],
)
def test_a_gap_in_a_rota_is_found_by_wall_clock(shifts: str, gap: str | None, tmp_path: Path) -> None:
    # `20-08 li mon-fri` stands for {from: "20:00", to: "08:00", people: li, days: mon-fri}.
    written = re.sub(r"(?:(\d\d)?-(\d\d)? )?\bli\b ?([a-z-]+)?", _shift, shifts)
    text = f"people: {{li: {{}}}}\nrotas: {{ops: {{shifts: {written}}}}}"
    told = complaints_of(tmp_path, text)
    if gap is None:
        assert told == []
    else:
        assert f"nobody is on shift on {gap};" in told[0]
        assert complaints_of(tmp_path, f"{text}\nfallback: [li]") == []


@pytest.mark.parametrize(
    ("word", "page", "push"),
    [
        pytest.param("auto", 0, 0, id="auto"),
        pytest.param("approve", None, None, id="approve"),
        pytest.param("after 5m", 300, 300, id="after"),
        pytest.param("{page: after 2m, push: approve}", 120, None, id="apart"),
        pytest.param("{page: auto}", 0, None, id="the page alone"),
    ],
)
def test_announcing_is_one_word_or_two(word: str, page: int | None, push: int | None, tmp_path: Path) -> None:
    policy = load_text(tmp_path, f"services: {{s: {{announce: {word}}}}}").plan.services["s"].announce
    seconds = [None if one is None else one.total_seconds() for one in (policy.page, policy.push)]
    assert seconds == [page, push]


def test_titles_fall_back_to_the_first_given(tmp_path: Path) -> None:
    text = """
site: {languages: [zh, en, de]}
services: {a: {title: 商城}, b: {title: {en: Shop, de: Laden}}, c: {}}
"""
    services = load_text(tmp_path, text).plan.services
    assert services["a"].title == {"zh": "商城", "en": "商城", "de": "商城"}
    assert services["b"].title == {"zh": "Shop", "en": "Shop", "de": "Laden"}
    assert services["c"].title == {"zh": "c", "en": "c", "de": "c"}


def test_addresses_keep_the_order_in_which_a_person_wants_to_be_reached(tmp_path: Path) -> None:
    text = """
channels: {a: {notifier: log}, b: {notifier: log}, c: {notifier: log}}
people: {li: {c: "1", a: "2", channels: {b: "3"}, language: de}, han: {channels: {b: "1", a: "2"}}}
"""
    people = load_text(tmp_path, text).plan.people
    assert list(people["li"].channels) == ["c", "a", "b"]
    assert list(people["han"].channels) == ["b", "a"]
    assert (people["li"].language, people["han"].language, people["li"].name) == ("de", "en", "li")


def test_terms_of_tickets_are_overridden_one_by_one(tmp_path: Path) -> None:
    text = "tickets: {classes: {urgent: {respond: 10m}, general: {remind: 1h}, complex: {respond: 100h}}}"
    terms = load_text(tmp_path, text).plan.terms
    minutes = {
        one: tuple(
            int(getattr(terms[one], key) / timedelta(minutes=1)) for key in ("respond", "remind", "resolve")
        )
        for one in TicketClass
    }
    assert minutes == {
        TicketClass.URGENT: (10, 5, 240),
        TicketClass.GENERAL: (360, 60, 1440),
        TicketClass.COMPLEX: (6000, 3000, 6000),
    }


def test_channels_carry_their_deadline_and_parallelism(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
channels:
  a: {notifier: log}
  b: {notifier: log, timeout: 3s, parallel: 9}
  c: {notifier: apprise, url: "json://x.example/{address}"}
  d: {notifier: apprise, url: "json://x.example/", parallel: 3}
""",
    )
    assert [(one.timeout, one.parallel) for one in loaded.channels.values()] == [
        (15, 4),
        (3, 9),
        (15, 2),
        (15, 3),
    ]
    assert [loaded.plan.channels[name].needs_address for name in "acd"] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "workers"),
    [("", 1), ("workers:", 1), ("workers: 1", 1), ("workers: 64", 64), ("workers: auto", None)],
)
def test_how_many_processes_probe(text: str, workers: int | None, tmp_path: Path) -> None:
    assert load_text(tmp_path, text).workers == workers


@pytest.mark.parametrize("text", ["0", "65", "-1", "1.5", "many", "'2'", "true", "[2]", "{auto: 1}"])
def test_a_number_of_processes_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    [complaint] = complaints_of(tmp_path, f"workers: {text}")
    assert "must be auto or a number between 1 and 64" in str(complaint)
