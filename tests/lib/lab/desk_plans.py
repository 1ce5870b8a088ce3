"""Small plans for stories of the desk, written the way one says them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerting.announcements.policy import AnnouncePolicy
from alerting.oncall.person import Person
from alerting.oncall.policy import Policy, Recipients, Step
from alerting.oncall.rota import Rota
from alerting.plan import Audience, ChannelPlan, CheckPlan, GroupBy, Plan, ServicePlan, Site
from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import Level, LevelThreshold, OutcomeThreshold, Threshold
from lab.rotas import rota, shift
from probes.units import Unit

SHANGHAI = ZoneInfo("Asia/Shanghai")
AUTO = AnnouncePolicy(page=timedelta(0), push=timedelta(0))
APPROVE = AnnouncePolicy()


def after(minutes: float) -> AnnouncePolicy:
    """Return the policy "after so many minutes", for page and push alike."""
    return AnnouncePolicy(page=timedelta(minutes=minutes), push=timedelta(minutes=minutes))


def down(**fields: Any) -> OutcomeThreshold:
    """Return the threshold every service check has: three failures, two good runs, critical, down."""
    usual: dict[str, Any] = {
        "id": "down",
        "severity": Severity.CRITICAL,
        "failures": 3,
        "recover": 2,
        "impact": Impact.DOWN,
    }
    return OutcomeThreshold(**{**usual, **fields})


UNKNOWN = down(id="unknown", severity=Severity.WARNING, recover=1, on_unknown=True, impact=Impact.NONE)


def level(
    metric: str,
    *,
    warning: Level | None = None,
    critical: Level | None = None,
    keep: float = 0,
    impact: Impact = Impact.NONE,
) -> LevelThreshold:
    """Return marks on one metric (a ratio); `keep` in minutes. Its id is the metric's."""
    given = {Severity.WARNING: warning, Severity.CRITICAL: critical}
    return LevelThreshold(
        id=metric,
        metric=metric,
        unit=Unit.RATIO,
        levels={severity: mark for severity, mark in given.items() if mark is not None},
        keep=timedelta(minutes=keep),
        impact=impact,
    )


def above(mark: float, *, clear: float | None = None, minutes: float = 0) -> Level:
    """Return a mark that is breached above; `minutes` is its `for`."""
    return Level(above=mark, clear=mark if clear is None else clear, hold=timedelta(minutes=minutes))


def below(mark: float, *, clear: float | None = None, minutes: float = 0) -> Level:
    """Return a mark that is breached below; `minutes` is its `for`."""
    return Level(below=mark, clear=mark if clear is None else clear, hold=timedelta(minutes=minutes))


def check(name: str, *thresholds: Threshold, **fields: Any) -> CheckPlan:
    """Return a check of its own host, judged by `down` and `unknown` and what is given; owned by ops."""
    usual: dict[str, Any] = {
        "name": name,
        "probe": "http",
        "host": f"{name}.example",
        "thresholds": (down(), UNKNOWN, *thresholds),
        "owner": "ops",
        "escalation": "urgent",
    }
    return CheckPlan(**{**usual, **fields})


def service(name: str, *checks: str, announce: AnnouncePolicy = AUTO, **fields: Any) -> ServicePlan:
    """Return a public service with a title in two languages."""
    usual: dict[str, Any] = {
        "id": name,
        "title": {"en": name.title(), "zh": f"{name}服务"},
        "checks": checks,
        "owner": "ops",
        "escalation": "urgent",
        "announce": announce,
    }
    return ServicePlan(**{**usual, **fields})


def person(name: str, *channels: str, language: str = "en") -> Person:
    """Return somebody with an address on each of `channels`, in that order."""
    return Person(
        id=name,
        name=name.title(),
        channels={channel: f"{name}@{channel}.example" for channel in channels},
        language=language,
    )


PEOPLE = (
    person("li", "sms", "mail"),
    person("han", "sms", "mail"),
    person("wu", "mail"),
    person("boss", "mail"),
)


def channel(name: str, *, audience: Audience | None = None, needs_address: bool = True) -> ChannelPlan:
    """Return a channel to people, or to an audience."""
    return ChannelPlan(
        id=name, notifier="log", needs_address=needs_address and audience is None, audience=audience
    )


CHANNELS = (
    channel("sms"),
    channel("mail"),
    channel("customers", audience=Audience.EVERYONE),
    channel("colleagues", audience=Audience.INTERNAL),
)


def step(
    *people: str,
    rota: str | None = None,
    backup: str | None = None,
    minutes: float = 0,
    by: tuple[str, ...] = (),
) -> Step:
    """Return an escalation step so many minutes after the opening."""
    return Step(
        recipients=Recipients(rota=rota, backup=backup, people=people),
        after=timedelta(minutes=minutes),
        by=by,
    )


URGENT = (step(rota="ops"), step(backup="ops", minutes=5), step("li", "han", "wu", minutes=15))


def shifts() -> Rota:
    """Return three shifts in Shanghai: li by day (08:00), han in the evening (16:00), wu at night; han is backup."""
    return rota(
        "Asia/Shanghai",
        shift("early", "08:00", "16:00", "li"),
        shift("mid", "16:00", "00:00", "han"),
        shift("night", "00:00", "08:00", "wu"),
        backup=("han",),
    )


def plan(
    *checks: CheckPlan,
    services: Iterable[ServicePlan] = (),
    people: Iterable[Person] = PEOPLE,
    channels: Iterable[ChannelPlan] = CHANNELS,
    steps: tuple[Step, ...] = URGENT,
    repeat: float = 15,
    rotas: Mapping[str, Rota] | None = None,
    fallback: tuple[str, ...] = ("boss",),
    languages: tuple[str, ...] = ("en", "zh"),
    warn_silence: float = 0,
    **fields: Any,
) -> Plan:
    """Return a plan; a check belongs to the services that name it. `repeat` and `warn_silence` in minutes.

    Nobody is warned before a silence ends, unless it is what the story is about.
    """
    services, channels = list(services), list(channels)
    known = [
        replace(one, services=tuple(sorted(each.id for each in services if one.name in each.checks)))
        for one in checks
    ]
    return Plan(
        site=Site(name="Example", zone=SHANGHAI, languages=languages, public_url="https://status.example"),
        checks={one.name: one for one in known},
        services={one.id: one for one in services},
        people={one.id: one for one in people},
        rotas={"ops": shifts()} if rotas is None else rotas,
        policies={"urgent": Policy(id="urgent", steps=steps, repeat=timedelta(minutes=repeat))}
        if steps
        else {},
        fallback=fallback,
        channels={one.id: one for one in channels},
        announce_on=tuple(one.id for one in channels if one.audience is not None),
        warn_silence=timedelta(minutes=warn_silence),
        **fields,
    )


def shop(announce: AnnouncePolicy = AUTO, **fields: Any) -> Plan:
    """Return the smallest whole plan: one check `web` of one public service `shop`."""
    return plan(check("web"), services=[service("shop", "web", announce=announce)], **fields)


BY_CHECK = GroupBy.CHECK
BY_HOST = GroupBy.HOST
