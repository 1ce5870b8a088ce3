"""Symptoms that outlive their cause, or have lost it: they are outages of their own then."""

from __future__ import annotations

import pytest

from alerting.alert import Alert
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.incidents.incident import EndReason, Incident, IncidentState
from alerting.inputs import Resolve
from alerting.notification import Kind
from lab.desk_dependencies import dies, free, numbers, shop, words
from lab.desk_plans import check, plan, service
from lab.desk_world import World


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
