"""What belongs together is one incident; what does not is not. Reloads, vanished parts and restarts included."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerting.alert import Alert
from alerting.incidents.incident import ALERTS_NAMED, EndReason, Incident, IncidentState
from alerting.inputs import Resolve
from alerting.notification import Kind
from alerting.plan import ServicePlan
from alerting.state import RECOVERIES_KEPT, Recovery
from lab.desk_channels import Manner
from lab.desk_plans import APPROVE, AUTO, BY_CHECK, BY_HOST, above, check, level, plan, service
from lab.desk_world import DOWN, UP, World
from monitor.web import views
from probes.sample import ErrorClass


def test_checks_of_one_service_are_one_incident_and_one_page():
    world = World(plan(check("web"), check("card"), services=[service("shop", "web", "card", public=False)]))
    world.fails("web")
    world.expects_page("li")
    world.fails("card")
    world.nothing_more()
    assert world.incident.alerts == ("web/down", "card/down")
    world.works("web")
    assert world.incident.state is IncidentState.OPEN
    world.works("card")
    assert world.incident.state is IncidentState.RESOLVED
    world.expects(Kind.RECOVERY, "li")


def test_a_check_of_several_services_opens_one_incident_that_names_them_all():
    services = [service("shop", "gate"), service("pay", "gate")]
    world = World(plan(check("gate"), services=services))
    world.fails("gate")
    assert world.incident.services == ("pay", "shop")
    world.expects_page("li", says="Services: Pay, Shop")
    assert len(world.all(Incident)) == 1


def test_a_public_service_that_joins_voids_the_acknowledgement_and_pages():
    services = [service("shop", "web", "gate", public=False), service("pay", "gate", announce=AUTO)]
    world = World(plan(check("web"), check("gate"), services=services))
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.fails("gate")
    world.expects_page("li", says="It has become worse since it was acknowledged")
    world.expects_words("customers", says="Pay: unavailable")


def test_a_private_service_that_joins_leaves_the_acknowledgement_alone():
    services = [service("shop", "web", "gate", public=False), service("pay", "gate", public=False)]
    world = World(plan(check("web"), check("gate"), services=services))
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.fails("gate")
    world.nobody_hears_for(minutes=20)
    assert world.incident.services == ("pay", "shop")


def test_checks_without_a_service_are_grouped_by_the_targets_host():
    world = World(plan(check("web", host="a"), check("ssh", host="a"), check("mail", host="b")))
    world.fails("web")
    world.fails("ssh")
    world.expects_page("li")
    world.nothing_more()
    world.fails("mail")
    world.expects_page("li", says="INC-2")


def test_group_by_check_makes_each_its_own_incident():
    services = [service("shop", "web", "card", public=False)]
    world = World(plan(check("web", group_by=BY_CHECK), check("card", group_by=BY_CHECK), services=services))
    world.fails("web")
    world.fails("card")
    assert [one.group for one in world.all(Incident)] == ["check:web", "check:card"]


def test_group_by_host_joins_services_on_one_host():
    services = [service("shop", "web", public=False), service("pay", "card", public=False)]
    checks = (check("web", group_by=BY_HOST, host="a"), check("card", group_by=BY_HOST, host="a"))
    world = World(plan(*checks, services=services))
    world.fails("web")
    world.fails("card")
    assert world.incident.services == ("pay", "shop")
    assert len(world.all(Incident)) == 1


def test_parts_of_one_check_are_alerts_of_their_own():
    world = World(plan(check("disk", level("used", critical=above(0.9)), part="mount")))
    world.sample("disk", UP, parts={"/": {"used": 0.95}, "/srv": {"used": 0.5}, "/var": {"used": 0.95}})
    assert world.incident.alerts == ("disk/used//", "disk/used//var")
    world.sample("disk", UP, parts={"/": {"used": 0.95}, "/srv": {"used": 0.5}, "/var": {"used": 0.2}})
    assert [one.id for one in world.all(Alert)] == ["disk/used//"]


def test_a_disk_that_vanishes_while_its_check_works_is_no_longer_full():
    world = World(plan(check("disk", level("used", critical=above(0.9)), part="mount")))
    world.sample("disk", UP, parts={"/srv": {"used": 0.95}})
    world.deliver()
    world.expects_page("li")
    world.sample("disk", UP, parts={"/": {"used": 0.1}})
    world.deliver()
    world.expects(Kind.RECOVERY, "li")
    assert world.all(Alert) == []


def test_a_disk_is_not_called_good_because_its_check_failed():
    world = World(plan(check("disk", level("used", critical=above(0.9)), part="mount")))
    world.sample("disk", UP, parts={"/srv": {"used": 0.95}})
    world.fails("disk", 1)
    assert world.incident.state is IncidentState.OPEN
    assert world.find(Alert, "disk/used//srv").state.active


def test_a_reload_that_removes_a_check_ends_its_incident_as_unmonitored():
    world = World(plan(check("web"), check("mail")))
    world.fails("web")
    world.expects_page("li")
    world.reload(plan(check("mail")))
    world.expects(Kind.RECOVERY, "li", says="no longer monitored", lacks="All clear")
    assert world.incident.reason is EndReason.UNMONITORED
    assert world.incident.state is IncidentState.RESOLVED
    assert world.all(Alert) == []


def test_a_reload_that_removes_one_of_two_failing_checks_ends_nothing():
    checks = (check("web", host="a"), check("ssh", host="a"))
    world = World(plan(*checks))
    world.fails("web")
    world.fails("ssh")
    world.ignore_messages()
    world.reload(plan(checks[1]))
    assert world.incident.state is IncidentState.OPEN
    world.works("ssh")
    assert world.incident.reason is EndReason.RECOVERED


def test_a_reload_that_leaves_only_a_warning_pages_no_more():
    disk = check("disk", level("used", warning=above(0.8)), host="a")
    world = World(plan(check("web", host="a"), disk))
    world.sample("disk", used=0.85)
    world.fails("web")
    world.ignore_messages()
    world.reload(plan(disk))
    world.nobody_hears_for(minutes=20)
    assert world.incident.severity.value == "warning"


def test_a_running_escalation_keeps_its_steps_over_a_reload():
    world = World(plan(check("web")))
    world.fails("web")
    world.expects_page("li")
    world.reload(plan(check("web"), steps=(world.plan.policies["urgent"].steps[0],)))
    world.pass_(minutes=5)
    world.expects_page("han")


def test_a_check_that_moved_to_a_service_is_counted_by_the_incident_it_belongs_to_now():
    world = World(plan(check("web", host="a"), check("ssh", host="a")))
    world.fails("web")
    world.fails("ssh")
    world.works("web")
    world.reload(
        plan(check("web", host="a"), check("ssh", host="a"), services=[service("shop", "web", public=False)])
    )
    world.fails("web")
    assert world.find(Incident, "INC-2").alerts == ("web/down",)
    world.works("ssh")
    assert world.incident.state is IncidentState.RESOLVED
    assert world.find(Incident, "INC-2").state is IncidentState.OPEN


def test_an_incident_ended_by_hand_does_not_come_back_while_its_alert_merely_goes_on():
    world = World(plan(check("web")))
    world.fails("web")
    world.submit(Resolve(incident="INC-1", by="li"))
    world.deliver()
    world.ignore_messages()
    world.fails("web", 5)
    world.nobody_hears_for(minutes=20)
    world.works("web")
    world.nothing_more()
    world.fails("web")
    world.expects_page("li", says="INC-2")


def test_only_the_last_recoveries_of_a_service_are_kept():
    world = World(plan(check("web"), services=[service("shop", "web")], reopen_within=timedelta(seconds=1)))
    for _ in range(RECOVERIES_KEPT + 3):
        world.fails("web")
        world.works("web")
        world.pass_(seconds=310, step=10)
    kept = world.all(Recovery)
    assert len(kept) == RECOVERIES_KEPT
    assert kept[0].id == "R-4"


def test_a_restart_changes_nothing():
    first, second = World(plan(check("web"))), World(plan(check("web")))
    for world in (first, second):
        world.fails("web")
        world.pass_(minutes=3)
    second.restart()
    assert first.state.records == second.state.records
    assert first.state.numbers == second.state.numbers
    for world in (first, second):
        world.pass_(minutes=5)
        world.acknowledge("han")
        world.works("web")
    assert [str(letter) for letter in first.sent] == [str(letter) for letter in second.sent]


def test_a_page_that_was_being_sent_when_the_daemon_died_is_sent_again_and_marked():
    world = World(plan(check("web")))
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    world.nothing_more()
    world.channels.clear()
    world.restart()
    letter = world.expects_page("li", by="sms")
    assert letter.row.repeated
    world.nobody_hears_for(minutes=4)


def test_words_to_customers_that_were_being_sent_when_the_daemon_died_are_held():
    world = World(plan(check("web"), services=[service("shop", "web")]))
    world.channels["customers"] = Manner.HANG
    world.fails("web")
    world.ignore_messages()
    world.channels.clear()
    world.restart()
    world.nobody_hears_for(minutes=4)
    assert "held" in world.events()


def test_failures_are_counted_on_over_a_restart():
    world = World(plan(check("web")))
    world.fails("web", 2)
    world.restart(down_seconds=60)
    world.fails("web", 1)
    world.expects_page("li")


def test_a_step_that_came_due_while_the_daemon_was_down_is_taken_when_it_is_back():
    world = World(plan(check("web")))
    world.fails("web")
    world.expects_page("li")
    world.restart(down_seconds=400)
    world.expects_page("han")
    world.nothing_more()


def test_an_incident_of_a_storm_names_its_first_alerts_and_each_alert_knows_whose_it_is():
    names = [f"c{number}" for number in range(ALERTS_NAMED + 20)]
    world = World(plan(*(check(name) for name in names), services=[service("shop", *names)]))
    for _ in range(3):
        for name in names:
            world.sample(name, DOWN)
    written = sum(isinstance(record, Incident) for changes in world.log[-20:] for record in changes.records)
    assert len(world.incident.alerts) == ALERTS_NAMED
    assert {alert.incident for alert in world.all(Alert)} == {"INC-1"}
    assert written == 0
    shown = views.incident(world.incident, world.all(Alert), [])["alerts"]
    assert sorted(one["check"] for one in shown) == sorted(names)


class Counted(dict[str, ServicePlan]):
    """Counts how often somebody asks for a service."""

    asked = 0

    def get(self, *key: Any) -> Any:
        self.asked += 1
        return super().get(*key)


@pytest.mark.parametrize("announce", [APPROVE, AUTO], ids=["approve", "auto"])
@pytest.mark.parametrize("error", [ErrorClass.CONNECT, ErrorClass.AUTH], ids=["down", "refused-login"])
def test_the_last_alert_of_a_storm_costs_no_more_than_those_before_it(announce, error):
    names = [f"c{number}" for number in range(120)]
    bare = plan(*(check(name) for name in names), services=[service("shop", *names, announce=announce)])
    services = Counted(bare.services)
    world = World(replace(bare, services=services))
    asked = []
    for name in names:
        for _ in range(3):
            before = services.asked
            world.sample(name, DOWN, error=error)
        asked.append(services.asked - before)
    assert world.incident.services == ("shop",)
    assert max(asked[60:]) <= max(asked[1:60])


def test_a_storm_whose_kind_of_trouble_changes_costs_no_more_with_every_alert():
    names = [f"c{number}" for number in range(120)]
    bare = plan(*(check(name) for name in names), services=[service("shop", *names, announce=APPROVE)])
    services = Counted(bare.services)
    world = World(replace(bare, services=services))
    for name in names:
        for _ in range(3):
            world.sample(name, DOWN, error=ErrorClass.CONNECT)
    before = services.asked
    for name in names:
        world.sample(name, DOWN, error=ErrorClass.TIMEOUT)
    assert services.asked - before <= 10 * len(names)
