"""What the desk does while the monitor is blind, and when it sees again."""

from __future__ import annotations

from dataclasses import replace

from alerting.alert import Alert
from alerting.incidents.incident import EndReason, Incident
from alerting.inputs import Publish
from alerting.plan import CheckPlan, GroupBy, Plan
from alerting.sight import ALERT, CHECK, OPENS_AFTER, OVER_AFTER, THRESHOLD, Sight, told
from lab.desk_plans import APPROVE, AUTO, after, check, plan, service
from lab.desk_world import DOWN, World

EYES = CheckPlan(
    name=CHECK, probe=CHECK, host="watch", thresholds=(THRESHOLD,), owner="ops", escalation="urgent",
    group_by=GroupBy.CHECK,
)  # fmt: skip


def watched(**fields: object) -> Plan:
    """Return a plan of a remote check `far`, and `near` and `both` on our own network, the last of two services."""
    announce = fields.pop("announce", AUTO)
    return plan(
        check("far", remote=True),
        check("near"),
        check("both"),
        EYES,
        services=[
            service("remote", "far", announce=announce),  # type: ignore[arg-type]
            service("local", "near", "both", announce=announce),  # type: ignore[arg-type]
            service("other", "both", announce=announce),  # type: ignore[arg-type]
        ],
        **fields,
    )


def look(world: World, seen: Sight) -> None:
    world.submit(told(seen, world.now, {"canary:1.2.3.4": "timed out"}))
    world.deliver()


def goes_blind(world: World) -> None:
    """Let it be blind for as long as it takes to page, and somebody take it."""
    look(world, Sight.BLIND)
    world.pass_(seconds=OPENS_AFTER.total_seconds())
    look(world, Sight.BLIND)
    world.expects_page("li", says="the monitor is blind")
    world.nothing_more()


def sees_again(world: World) -> None:
    look(world, Sight.SEES)
    world.pass_(seconds=OVER_AFTER.total_seconds())
    look(world, Sight.SEES)
    assert ALERT not in world.state.records[Alert]


def test_a_blind_monitor_opens_and_ends_nothing_beyond_its_own_network() -> None:
    world = World(watched())
    world.fails("far")
    world.expects_page("li", says="far")
    world.ignore_messages()
    goes_blind(world)
    world.works("far", 5)
    world.nobody_hears_for(minutes=1)
    assert world.incident.state.value == "open", "nobody can have seen it work"
    sees_again(world)
    world.ignore_messages()
    world.works("far")
    assert world.incident.state.value == "resolved"


def test_the_first_verdict_already_silences_what_comes_after_it() -> None:
    world = World(watched())
    look(world, Sight.BLIND)
    world.fails("far")
    world.nothing_more()
    assert not world.all(Incident)
    look(world, Sight.SEES)
    world.fails("far")
    world.expects_page("li", says="far")


def test_blindness_has_a_ticket_and_a_timeline_and_ends_as_any_incident() -> None:
    world = World(watched())
    goes_blind(world)
    assert (world.incident.title, world.incident.services) == (
        "watch: canaries: the monitor is blind, no canary answers: canary:1.2.3.4: timed out",
        (),
    )
    assert world.ticket.incident == "INC-1"
    sees_again(world)
    assert world.incident.reason is EndReason.RECOVERED
    world.expects(world.sent[-1].row.kind, "li", says="recovered")
    world.nothing_more()


def test_customers_hear_when_we_see_again_what_became_worse_meanwhile() -> None:
    world = World(watched())
    world.fails("near")
    world.ignore_messages()
    assert world.announcement.services == ("local",)
    goes_blind(world)
    world.fails("both")
    assert world.announcement.services == ("local",)
    assert not [one for one in world.inbox if one.row.to is None]
    world.ignore_messages()
    sees_again(world)
    assert world.announcement.services == ("local", "other")
    world.expects_words("customers")


def test_what_was_about_to_be_told_waits_until_we_see_again() -> None:
    world = World(watched(announce=after(2)))
    world.fails("far")
    world.ignore_messages()
    goes_blind(world)
    world.pass_(minutes=4)
    assert not [one for one in world.inbox if one.row.channel == "customers"]
    assert world.announcement.published_at is None
    sees_again(world)
    world.ignore_messages()
    world.pass_(seconds=2)
    assert world.announcement.published_at is not None


def test_a_promise_that_lapses_in_the_dark_is_answered_for_when_we_see_again() -> None:
    world = World(watched())
    world.fails("far")
    world.ignore_messages()
    goes_blind(world)
    world.acknowledge(incident="INC-1", minutes=120)
    world.acknowledge(incident="INC-2", minutes=120)
    world.pass_(minutes=40, step=10)
    assert not [one for one in world.inbox if one.row.channel == "customers"]
    world.ignore_messages()
    sees_again(world)
    world.pass_(seconds=2)
    world.expects_words("customers")
    assert world.announcement.lapsed


def test_the_all_clear_waits_until_we_see_again() -> None:
    world = World(watched())
    world.fails("near")
    world.ignore_messages()
    goes_blind(world)
    world.works("near")
    world.ignore_messages()
    world.pass_(minutes=6, step=10)
    assert not [one for one in world.inbox if one.row.channel == "customers"]
    sees_again(world)
    world.pass_(seconds=2)
    world.expects_words("customers", says="resolved")


def test_what_a_person_says_goes_out_from_a_blind_monitor_too() -> None:
    world = World(watched(announce=APPROVE))
    world.fails("far")
    world.ignore_messages()
    goes_blind(world)
    world.submit(Publish(announcement="A-1", by="li"))
    world.deliver()
    world.expects_words("customers")


def test_a_reload_without_canaries_ends_blindness_and_everything_is_judged_again() -> None:
    world = World(watched())
    goes_blind(world)
    checks = {name: one for name, one in world.plan.checks.items() if name != CHECK}
    world.reload(replace(world.plan, checks=checks))
    assert world.incident.reason is EndReason.UNMONITORED
    world.ignore_messages()
    world.fails("far")
    world.expects_page("li", says="far")


def test_a_restart_keeps_it() -> None:
    world = World(watched())
    goes_blind(world)
    world.restart()
    world.sample("far", DOWN)
    world.fails("far")
    world.nothing_more()
    assert [one.id for one in world.all(Incident)] == ["INC-1"]
