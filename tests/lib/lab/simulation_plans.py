"""Worlds to simulate: what is watched, who answers for it and how they are reached, drawn from dice.

A site has variants: what an operator's reload takes away, and the whole again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from alerting.announcements.policy import AnnouncePolicy
from alerting.oncall.person import Person
from alerting.oncall.policy import Policy, Recipients, Step
from alerting.oncall.rota import Rota, Shift, Turn
from alerting.plan import Audience, ChannelPlan, CheckPlan, GroupBy, Plan, ServicePlan, Site
from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import Level, LevelThreshold, OutcomeThreshold
from probes.units import Unit

PEOPLE: Final = ("li", "han", "wu", "mei", "boss")
WAYS: Final = ("sms", "mail", "chat")
ZONES: Final = ("Asia/Shanghai", "UTC", "America/New_York")
PARTS: Final = ("/", "/srv")


def site_of(dice: Random) -> list[Plan]:
    """Return a plan and what reloads may make of it; the first is the whole."""
    whole = _whole(dice)
    return [whole, *(_without(dice, whole) for _ in range(3))]


def _whole(dice: Random) -> Plan:
    names = [f"c{number}" for number in range(dice.randint(2, 4))]
    services = [_service(dice, f"s{number}", names) for number in range(dice.randint(1, 3))]
    services = _dependent(dice, services, names)
    checks = [_check(dice, name, services) for name in names]
    checks.append(_disk(dice))
    channels = [ChannelPlan(id=name, notifier="log", needs_address=True) for name in WAYS]
    channels.append(ChannelPlan(id="news", notifier="log", needs_address=False, audience=Audience.EVERYONE))
    if dice.random() < 0.6:
        channels.append(
            ChannelPlan(id="inside", notifier="log", needs_address=False, audience=Audience.INTERNAL)
        )
    if dice.random() < 0.3:
        channels.append(
            ChannelPlan(id="feed", notifier="log", needs_address=False, audience=Audience.EVERYONE)
        )
    return Plan(
        site=Site(
            name="Example",
            zone=ZoneInfo("Asia/Shanghai"),
            languages=("en", "zh"),
            public_url="https://example",
        ),
        checks={one.name: one for one in checks},
        services={one.id: one for one in services},
        people={name: _person(dice, name) for name in PEOPLE},
        rotas={name: _rota(dice, name) for name in ("ops", "web")[: dice.randint(1, 2)]},
        policies={"urgent": _policy(dice, "urgent"), "mild": _policy(dice, "mild")},
        fallback=("boss",) if dice.random() < 0.8 else (),
        channels={one.id: one for one in channels},
        announce_on=tuple(one.id for one in channels if one.audience is not None),
        hold_recovery=timedelta(minutes=dice.choice([1, 5])),
        reopen_within=timedelta(minutes=dice.choice([5, 15])),
        bundle=dice.choice([None, timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=5)]),
        acknowledged_for=timedelta(minutes=dice.choice([10, 30])),
    )


def _service(dice: Random, name: str, checks: list[str]) -> ServicePlan:
    waits = [timedelta(0), timedelta(minutes=2), timedelta(minutes=5), None]
    page = dice.choice(waits)
    return ServicePlan(
        id=name,
        title={"en": name.upper(), "zh": f"{name}服务"},
        checks=tuple(sorted(dice.sample(checks, dice.randint(1, 2)))),
        owner=dice.choice(["ops", "web", None]),
        escalation=dice.choice(["urgent", "mild", None]),
        public=dice.random() < 0.8,
        announce=AnnouncePolicy(page=page, push=page if dice.random() < 0.7 else dice.choice(waits)),
    )


def _dependent(dice: Random, services: list[ServicePlan], names: list[str]) -> list[ServicePlan]:
    """Have services depend on those after them, on half of the days: most have checks of their own then."""
    if dice.random() < 0.5:
        return services
    count = len(services)
    own = [names[place::count] for place in range(count)] if count <= len(names) else [[] for _ in services]
    return [
        replace(
            one,
            checks=tuple(own[place]) if own[place] and dice.random() < 0.9 else one.checks,
            depends_on=tuple(two.id for two in services[place + 1 :] if dice.random() < 0.8),
        )
        for place, one in enumerate(services)
    ]


def _check(dice: Random, name: str, services: list[ServicePlan]) -> CheckPlan:
    down = OutcomeThreshold(
        id="down",
        severity=Severity.CRITICAL if dice.random() < 0.85 else Severity.WARNING,
        failures=dice.randint(1, 3),
        recover=dice.randint(1, 3),
        impact=Impact.DOWN,
        keep=timedelta(seconds=dice.choice([0, 0, 60, 300])),
    )
    unknown = OutcomeThreshold(
        id="unknown", severity=Severity.WARNING, failures=2, recover=1, on_unknown=True, impact=Impact.NONE
    )
    slow = LevelThreshold(
        id="slow",
        metric="seconds",
        unit=Unit.SECONDS,
        levels={
            Severity.WARNING: Level(above=1.0, clear=0.8, hold=timedelta(seconds=dice.choice([0, 60]))),
            Severity.CRITICAL: Level(above=3.0, clear=2.5, hold=timedelta(seconds=dice.choice([0, 120]))),
        },
        keep=timedelta(seconds=dice.choice([0, 120])),
        impact=Impact.DEGRADED,
    )
    return CheckPlan(
        name=name,
        probe="http",
        host=dice.choice(["a.example", "b.example"]),
        thresholds=(down, unknown, slow),
        services=tuple(sorted(one.id for one in services if name in one.checks)),
        owner=dice.choice(["ops", "web"]),
        escalation=dice.choice(["urgent", "mild"]),
        group_by=dice.choices([GroupBy.SERVICE, GroupBy.HOST, GroupBy.CHECK], [6, 1, 1])[0],
        labels={"team": dice.choice(["red", "blue"])},
    )


def _disk(dice: Random) -> CheckPlan:
    used = LevelThreshold(
        id="used",
        metric="used",
        unit=Unit.RATIO,
        levels={
            Severity.WARNING: Level(above=0.8, clear=0.75),
            Severity.CRITICAL: Level(above=0.9, clear=0.85, hold=timedelta(minutes=dice.choice([0, 2]))),
        },
        keep=timedelta(minutes=dice.choice([0, 5])),
    )
    return CheckPlan(
        name="disk",
        probe="disk",
        part="mount",
        host="here.example",
        thresholds=(used,),
        owner="ops",
        escalation=dice.choice(["urgent", "mild", None]),
    )


def _person(dice: Random, name: str) -> Person:
    ways = dice.sample(WAYS, dice.choices([0, 1, 2, 3], [1, 4, 8, 3])[0])
    return Person(
        id=name,
        name=name.title(),
        channels={way: f"{name}@{way}.example" for way in ways},
        language=dice.choice(["en", "zh"]),
    )


def _rota(dice: Random, name: str) -> Rota:
    hours = dice.choice(
        [("00:00",), ("08:00", "20:00"), ("07:30", "15:30", "23:30"), ("08:00", "16:00", "00:00")]
    )
    shifts = []
    for place, begins in enumerate(hours):
        people = tuple(dice.sample(PEOPLE[:4], dice.randint(1, 2)))
        shifts.append(
            Shift(
                id=f"shift{place}",
                begins=time.fromisoformat(begins),
                ends=time.fromisoformat(hours[(place + 1) % len(hours)]),
                people=people,
                turn=dice.choice([Turn.ALL, Turn.DAILY, Turn.WEEKLY]),
                start=dice.choice([None, date(2027, 1, 4), date(2028, 3, 1)]),
            )
        )
    if len(shifts) > 1 and dice.random() < 0.15:
        shifts.pop()  # a gap
    backup = tuple(dice.sample(PEOPLE[:4], dice.choice([0, 1, 2])))
    return Rota(id=name, zone=ZoneInfo(dice.choice(ZONES)), shifts=tuple(shifts), backup=backup)


def _policy(dice: Random, name: str) -> Policy:
    steps, after = [], timedelta(seconds=dice.choice([0, 0, 0, 60]))
    for place in range(dice.randint(1, 4)):
        recipients = dice.choice(
            [
                Recipients(rota="ops"),
                Recipients(rota="web"),
                Recipients(backup="ops"),
                Recipients(people=tuple(dice.sample(PEOPLE, dice.randint(1, 3)))),
            ]
        )
        by = tuple(dice.sample(WAYS, dice.choice([0, 0, 1, 2])))
        steps.append(
            Step(recipients=Recipients(rota="ops") if place == 0 else recipients, after=after, by=by)
        )
        after += timedelta(seconds=dice.choice([60, 150, 300, 600]))
    return Policy(id=name, steps=tuple(steps), repeat=timedelta(minutes=dice.choice([5, 15])))


def _without(dice: Random, whole: Plan) -> Plan:
    plan = whole
    for take in dice.sample(
        [_check_gone, _person_gone, _policy_gone, _way_gone, _other_thresholds], dice.choice([1, 2])
    ):
        plan = take(dice, plan)
    return plan


def _check_gone(dice: Random, plan: Plan) -> Plan:
    gone = dice.choice(sorted(plan.checks))
    checks = {name: one for name, one in plan.checks.items() if name != gone}
    services = {
        name: replace(one, checks=tuple(check for check in one.checks if check != gone))
        for name, one in plan.services.items()
    }
    left = {name: one for name, one in services.items() if one.checks}
    checks = {
        name: replace(one, services=tuple(each for each in one.services if each in left))
        for name, one in checks.items()
    }
    return replace(plan, checks=checks, services=left)


def _person_gone(dice: Random, plan: Plan) -> Plan:
    gone = dice.choice(sorted(plan.people))

    def rest(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name != gone)

    rotas = {
        name: replace(
            rota,
            shifts=tuple(replace(one, people=rest(one.people)) for one in rota.shifts),
            backup=rest(rota.backup),
        )
        for name, rota in plan.rotas.items()
    }
    policies = {
        name: replace(
            policy,
            steps=tuple(
                replace(step, recipients=replace(step.recipients, people=rest(step.recipients.people)))
                for step in policy.steps
            ),
        )
        for name, policy in plan.policies.items()
    }
    people = {name: one for name, one in plan.people.items() if name != gone}
    return replace(plan, people=people, rotas=rotas, policies=policies, fallback=rest(plan.fallback))


def _policy_gone(dice: Random, plan: Plan) -> Plan:
    gone = dice.choice(sorted(plan.policies))
    policies = {name: one for name, one in plan.policies.items() if name != gone}
    checks = {
        name: replace(one, escalation=next(iter(policies), None)) if one.escalation == gone else one
        for name, one in plan.checks.items()
    }
    services = {
        name: replace(one, escalation=None) if one.escalation == gone else one
        for name, one in plan.services.items()
    }
    return replace(plan, policies=policies, checks=checks, services=services)


def _way_gone(dice: Random, plan: Plan) -> Plan:
    gone = dice.choice([name for name in plan.channels if name != "mail"])
    people = {
        name: replace(one, channels={way: where for way, where in one.channels.items() if way != gone})
        for name, one in plan.people.items()
    }
    channels = {name: one for name, one in plan.channels.items() if name != gone}
    announce_on = tuple(name for name in plan.announce_on if name != gone)
    return replace(plan, people=people, channels=channels, announce_on=announce_on)


def _other_thresholds(dice: Random, plan: Plan) -> Plan:
    name = dice.choice(sorted(plan.checks))
    check = plan.checks[name]
    fewer = replace(check, thresholds=check.thresholds[:-1])
    return replace(plan, checks={**plan.checks, name: fewer})
