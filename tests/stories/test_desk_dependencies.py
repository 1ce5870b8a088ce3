"""What depends on something that is broken: one incident and one page per cause, and nothing hidden that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import EndReason, Incident
from alerting.inputs import Resolve
from alerting.notification import Kind
from alerting.severity import Severity
from alerting.tickets.ticket import TicketState
from lab.desk_dependencies import dies, numbers, shop, ten_seconds, words
from lab.desk_plans import APPROVE, BY_CHECK, check, person, plan, service, step
from lab.desk_world import DOWN, World


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
