"""A shop that depends on its database: plans and helpers of stories about causes and symptoms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alerting.incidents.incident import Incident
from alerting.notification import Kind
from alerting.plan import Plan
from lab.desk_plans import above, check, level, plan, service
from lab.desk_world import DOWN, World


def shop(**fields: Any) -> Plan:
    """Return a shop that cannot work without its database; customers see the shop only."""
    return plan(
        check("web"),
        check("db", level("lag", warning=above(0.5), critical=above(0.9))),
        services=[
            service("shop", "web", depends_on=("database",)),
            service("database", "db", public=False),
        ],
        **fields,
    )


def free(given: Plan) -> Plan:
    """Return the plan without the dependency."""
    services = {name: replace(one, depends_on=()) for name, one in given.services.items()}
    return replace(given, services=services)


def ten_seconds(world: World) -> None:
    """Let the time pass for which it waits, until li is paged."""
    world.pass_(seconds=11)
    world.expects_page("li")


def words(world: World) -> None:
    """Take what customers and colleagues hear: not what the story is about."""
    world.inbox = [one for one in world.inbox if one.row.kind is not Kind.ANNOUNCEMENT]


def dies(world: World, *names: str) -> None:
    """Let checks fail three times, side by side, in that order."""
    for turn in range(3):
        if turn:
            world.pass_(seconds=5)
        for name in names:
            world.sample(name, DOWN)
    world.deliver()


def numbers(world: World) -> list[str]:
    """Return the incidents that go on."""
    return [one.id for one in world.all(Incident) if one.state.active]
