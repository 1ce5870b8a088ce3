"""What depends on something that is broken: one incident and one page per cause, and nothing hidden that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Resolve
from alerting.notification import Kind
from alerting.plan import Plan
from alerting.severity import Severity
from alerting.tickets.ticket import TicketState
from lab.desk_plans import APPROVE, BY_CHECK, above, check, level, person, plan, service, step
from lab.desk_world import DOWN, World


def shop(**fields: object) -> Plan:
    """Return a shop that cannot work without its database; customers see the shop only."""
    return plan(
        check("web"),
        check("db", level("lag", warning=above(0.5), critical=above(0.9))),
        services=[
            service("shop", "web", depends_on=("database",)),
            service("database", "db", public=False),
        ],
        **fields,  # type: ignore[arg-type]
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
    return [one.id for one in world.all(Incident) if one.state.active]


def test_a_database_dies_under_two_hundred_dependants_one_incident_one_page():
    names = [f"web-{number}" for number in range(200)]
    world = World(
        plan(
            check("db"),
            *(check(name) for name in names),
            services=[
                service("database", "db", public=False),
                *(
                    service(f"shop-{name}", name, depends_on=("database",), announce=APPROVE)
                    for name in names
                ),
            ],
        )
    )
    dies(world, *names, "db")
    world.expects_page("li", says="Database")
    words(world)
    world.nothing_more()
    assert numbers(world) == ["INC-1"]
    assert world.incident.cause.check == "db"
    assert len(world.incident.symptoms) == 100
    assert len([one for one in world.all(Alert) if one.symptom_of == "db"]) == 200
    world.pass_(minutes=4)
    words(world)
    world.nothing_more()


@pytest.mark.parametrize("order", [("web", "db"), ("db", "web")])
def test_a_symptom_is_carried_by_the_incident_of_its_cause_whichever_fails_first(order):
    world = World(shop())
    dies(world, *order)
    world.expects_page("li", says="Database")
    words(world)
    world.nothing_more()
    assert world.incident.symptoms == ("web/down",)
    assert world.incident.alerts == ("db/down",)
    assert "symptom" in world.events()
    assert [one.services for one in world.all(Announcement)] == [("shop",)]
    world.works("web")
    world.works("db")
    words(world)
    world.expects(Kind.RECOVERY, "li")
    world.nothing_more()
    assert world.incident.reason is EndReason.RECOVERED


def test_what_depends_on_something_that_works_pages_at_once_when_that_was_looked_at():
    world = World(shop())
    world.fails("web")
    words(world)
    world.nothing_more()
    held = world.find(Alert, "web/down")
    assert held.awaits == ("db",)
    assert held.incident is None
    world.pass_(seconds=1)
    world.sample("db")
    world.deliver()
    world.expects_page("li", says="Shop")
    assert world.incident.cause.check == "web"


def test_a_sample_from_before_it_failed_is_no_answer():
    world = World(shop())
    world.fails("web")
    now, world.now = world.now, world.now - timedelta(seconds=1)
    world.sample("db")
    world.now = now
    assert world.find(Alert, "web/down").awaits == ("db",)


def test_without_an_answer_it_pages_after_ten_seconds():
    world = World(shop())
    world.fails("web")
    world.sample("db", DOWN)
    world.nobody_hears_for(seconds=9)
    world.pass_(seconds=1)
    world.expects_page("li", says="Shop")


@pytest.mark.parametrize("down", [0, 3, 60])
def test_a_restart_while_it_is_held_changes_nothing(down):
    world = World(shop())
    world.fails("web")
    world.restart(down_seconds=down)
    if down < 10:
        world.nothing_more()
        world.sample("db")
        world.deliver()
    world.expects_page("li", says="Shop")


def test_what_is_good_again_while_it_is_held_pages_nobody():
    world = World(shop())
    world.fails("web")
    world.works("web", every=2)
    world.nobody_hears_for(minutes=1)
    assert numbers(world) == []


def test_what_is_half_good_when_the_time_is_up_is_paged_when_it_fails_again():
    world = World(shop())
    world.fails("web")
    world.pass_(seconds=8)
    world.sample("web")
    world.nobody_hears_for(seconds=4)
    world.sample("web", DOWN)
    world.pass_(seconds=1)
    world.expects_page("li", says="Shop")


def test_incidents_opened_earlier_merge_into_that_of_the_cause_without_a_second_page():
    world = World(shop())
    world.fails("web")
    ten_seconds(world)
    words(world)
    world.fails("db")
    words(world)
    world.nothing_more()
    merged, cause = world.find(Incident, "INC-1"), world.find(Incident, "INC-2")
    assert (merged.reason, merged.merged_into) == (EndReason.MERGED, "INC-2")
    assert cause.symptoms == ("web/down",)
    assert world.ticket.state is TicketState.CLOSED
    assert "merged" in world.events("INC-2")
    assert "page_spared" in world.events("INC-2")
    assert "resolved" in world.events("INC-1")
    assert [one.incident for one in world.all(Announcement)] == ["INC-2"]
    world.acknowledge(incident="INC-1")  # by the link of the page that has left
    assert world.find(Incident, "INC-2").acknowledgement is not None
    world.works("web")
    world.pass_(minutes=20)
    world.works("db")
    words(world)
    world.expects(Kind.RECOVERY, "li", says="Database")


def test_whoever_has_no_page_of_the_merged_one_is_paged_of_the_cause():
    given = shop()
    policies = {
        "urgent": given.policies["urgent"],
        "base": replace(given.policies["urgent"], id="base", steps=(step("wu"),)),
    }
    services = {**given.services, "database": replace(given.services["database"], escalation="base")}
    world = World(replace(given, policies=policies, services=services))
    world.fails("web")
    ten_seconds(world)
    words(world)
    world.fails("db")
    words(world)
    world.expects_page("wu", says="Database")
    world.nothing_more()


def test_pages_that_have_not_left_are_called_off_by_the_merge():
    world = World(shop())
    world.fails("web")
    world.pass_(seconds=9)
    world.sample("db", DOWN)
    world.pass_(seconds=1)
    world.ignore_messages()
    world.sample("db", DOWN)
    world.pass_(seconds=5)
    world.sample("db", DOWN)
    world.pass_(minutes=6)
    about = {one.row.incident for one in world.inbox if one.row.kind is Kind.PAGE}
    assert about == {"INC-2"}


def test_a_cause_that_is_only_a_warning_mutes_nobody():
    world = World(shop())
    world.sample("db", lag=0.6)
    world.deliver()
    world.ignore_messages()
    world.fails("web")
    world.sample("db", lag=0.6)
    world.deliver()
    world.expects_page("li", says="Shop")


def test_a_cause_that_is_muted_mutes_nobody():
    world = World(shop())
    world.silence(check="db")
    dies(world, "db", "web")
    world.expects_page("li", says="Shop")


def test_a_cause_that_was_acknowledged_keeps_its_symptoms_quiet():
    world = World(shop())
    world.fails("db")
    world.expects_page("li")
    world.acknowledge()
    world.fails("web")
    words(world)
    world.nothing_more()
    assert world.incident.acknowledgement is not None


def test_a_cause_that_a_person_has_ended_is_the_cause_of_nothing_more():
    world = World(shop())
    world.fails("db")
    world.submit(Resolve(incident="INC-1", by="li"))
    world.deliver()
    world.ignore_messages()
    world.fails("web")
    world.expects_page("li", says="Shop")


@pytest.mark.parametrize("restart", [False, True])
def test_a_symptom_that_outlives_its_cause_by_two_minutes_pages(restart):
    world = World(shop())
    dies(world, "db", "web")
    world.ignore_messages()
    world.works("db")
    if restart:
        world.restart(down_seconds=5)
    world.pass_(seconds=100)
    words(world)
    world.nothing_more()
    assert world.incident.state is IncidentState.RECOVERING
    world.pass_(seconds=25)
    words(world)
    world.expects_page("li", says="Shop")
    world.expects(Kind.RECOVERY, "li", says="Database")
    assert world.find(Incident, "INC-2").cause.check == "web"
    assert world.incident.reason is EndReason.RECOVERED
    assert "freed" in world.events()
    assert [(one.id, one.incident) for one in world.all(Announcement)] == [("A-1", "INC-2")]
    assert world.announcement.state is AnnouncementState.INVESTIGATING


def test_a_symptom_that_is_good_within_two_minutes_of_its_cause_pages_nobody():
    world = World(shop())
    dies(world, "db", "web")
    world.ignore_messages()
    world.works("db")
    world.pass_(seconds=90)
    world.works("web")
    words(world)
    world.expects(Kind.RECOVERY, "li")
    world.nothing_more()
    world.pass_(minutes=5)
    words(world)
    world.nothing_more()
    assert world.incident.reason is EndReason.RECOVERED


def test_a_cause_that_eases_to_a_warning_frees_its_symptoms_after_two_minutes():
    world = World(shop())
    world.sample("db", lag=0.95)
    world.deliver()
    world.expects_page("li")
    world.fails("web")
    world.sample("db", lag=0.6)
    world.deliver()
    words(world)
    world.nothing_more()
    world.pass_(seconds=121)
    words(world)
    world.expects_page("li", says="Shop")
    assert numbers(world) == ["INC-1", "INC-2"]


def test_a_cause_that_comes_back_within_two_minutes_keeps_its_symptoms():
    world = World(shop())
    dies(world, "db", "web")
    world.ignore_messages()
    world.works("db")
    world.pass_(seconds=60)
    world.fails("db")
    world.pass_(minutes=3)
    words(world)
    assert numbers(world) == ["INC-1"]
    assert world.incident.state is IncidentState.OPEN


def test_a_plan_without_the_dependency_frees_the_symptoms():
    world = World(shop())
    dies(world, "db", "web")
    world.ignore_messages()
    world.reload(free(world.plan))
    words(world)
    world.expects_page("li", says="Shop")
    world.nothing_more()
    assert numbers(world) == ["INC-1", "INC-2"]


def test_a_plan_without_the_cause_frees_the_symptoms():
    world = World(shop())
    dies(world, "db", "web")
    world.ignore_messages()
    world.reload(plan(check("web"), services=[service("shop", "web")]))
    words(world)
    world.expects_page("li", says="Shop")
    assert world.incident.reason is EndReason.UNMONITORED


def test_a_symptom_under_a_cause_a_person_has_ended_is_an_outage_of_its_own_after_two_minutes():
    world = World(shop())
    dies(world, "db", "web")
    world.submit(Resolve(incident="INC-1", by="li"))
    world.deliver()
    world.ignore_messages()
    world.pass_(seconds=121)
    words(world)
    world.expects_page("li", says="Shop")


def test_the_cause_of_a_chain_is_found_at_its_end():
    world = World(
        plan(
            check("web"),
            check("api"),
            check("db"),
            services=[
                service("shop", "web", depends_on=("api",)),
                service("api", "api", depends_on=("database",)),
                service("database", "db"),
            ],
        )
    )
    dies(world, "web", "api", "db")
    world.expects_page("li", says="Database")
    words(world)
    world.nothing_more()
    assert set(world.incident.symptoms) == {"web/down", "api/down"}
    world.works("db")
    world.pass_(seconds=121)
    words(world)
    world.expects_page("li", says="Api")
    world.expects(Kind.RECOVERY, "li")
    world.nothing_more()
    assert world.find(Alert, "web/down").symptom_of == "api"


def test_a_check_that_never_worked_is_not_waited_for():
    world = World(shop(), proven=False)
    world.sample("web")
    world.fails("web")
    world.expects_page("li", says="Shop")


def test_two_that_depend_on_nothing_common_are_two_incidents():
    world = World(
        plan(
            check("web"),
            check("mail", group_by=BY_CHECK),
            check("db"),
            services=[
                service("shop", "web", depends_on=("database",)),
                service("post", "mail"),
                service("database", "db"),
            ],
        )
    )
    dies(world, "web", "mail", "db")
    world.expects_page("li")
    world.expects_page("li")
    assert len(numbers(world)) == 2


def test_more_people_than_one_hear_of_the_cause_once_each():
    world = World(shop(people=(person("li", "mail"), person("han", "mail")), steps=(step("li", "han"),)))
    dies(world, "web", "db")
    world.expects_page("li")
    world.expects_page("han")
    words(world)
    world.nothing_more()
    assert world.incident.severity is Severity.CRITICAL
