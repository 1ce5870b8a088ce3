"""Planned work: what is quiet in it, what customers read of it, and what is heard when a window ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.alert import Alert, AlertState
from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.incidents.incident import Incident
from alerting.incidents.maintenance import Maintenance, PlannedWork, Window, WindowState
from alerting.inputs import (
    AddMaintenance,
    Audit,
    EndMaintenance,
    ExtendMaintenance,
    Publish,
    Refusal,
    Refused,
    Say,
)
from alerting.notification import Kind
from lab.desk_plans import APPROVE, check, plan, service, shop
from lab.desk_world import UP, World
from lab.mutes import work


def planned(world: World, **fields) -> str:
    """Plan work now; return its number."""
    number = world.submit(AddMaintenance(work=work(world, **fields)))
    world.deliver()
    return number


def quiet_world(*checks, **fields) -> World:
    """Return a world without customers."""
    return World(plan(*(checks or (check("web"),)), **fields))


def held(world: World) -> Alert:
    """Return the alert of `web`."""
    return world.find(Alert, "web/down")


def test_what_fails_in_a_maintenance_is_seen_with_the_reason_and_opens_nothing():
    world = World(shop())
    planned(world)
    world.fails("web")
    world.nobody_hears_for(minutes=50)
    assert (held(world).state, held(world).incident) == (AlertState.FIRING, None)
    assert held(world).suppressed == "M-1 (maintenance: new disks)"
    assert world.all(Incident) == []


def test_what_still_fires_when_the_window_ends_pages_at_once():
    world = World(shop())
    planned(world, minutes=30)
    world.fails("web")
    world.nobody_hears_for(minutes=29, seconds=49)
    world.pass_(seconds=1)
    world.expects_page("li", says="web: connection refused")
    world.expects_words("colleagues")
    world.expects_words("customers")
    world.nothing_more()
    assert held(world).suppressed == ""
    assert held(world).incident == "INC-1"


def test_what_recovers_in_the_window_is_never_heard_of():
    world = World(shop())
    planned(world, minutes=30)
    world.fails("web")
    world.works("web")
    world.nobody_hears_for(minutes=60)
    assert held(world).state is AlertState.RESOLVED


def test_what_was_recovering_when_the_window_ended_pages_with_its_relapse():
    world = quiet_world()
    planned(world, minutes=2)
    world.fails("web")
    world.pass_(seconds=100)
    world.sample("web", UP)
    world.nobody_hears_for(minutes=5)
    world.fails("web", times=1)
    world.expects_page("li")


def test_a_window_ended_early_pages_at_once():
    world = quiet_world()
    number = planned(world)
    world.fails("web")
    world.pass_(minutes=10)
    world.submit(EndMaintenance(maintenance=number, by="li"))
    world.deliver()
    world.expects_page("li")
    window = world.find(Window, "W-1")
    assert (window.state, window.ended_at) == (WindowState.ENDED, world.now)
    assert world.all(Maintenance) == []


def test_a_window_that_is_extended_keeps_quiet_for_longer():
    world = quiet_world()
    number = planned(world, minutes=10)
    world.fails("web")
    world.submit(ExtendMaintenance(maintenance=number, by="li", ends_at=world.now + timedelta(minutes=30)))
    world.nobody_hears_for(minutes=29)
    world.pass_(minutes=1)
    world.expects_page("li")
    window = world.find(Window, "W-1")
    assert window.ended_at is not None
    assert window.ended_at - window.began_at > timedelta(minutes=30)


def test_an_outage_that_was_there_before_goes_quiet_and_is_heard_again_afterwards():
    world = quiet_world()
    world.fails("web")
    world.expects_page("li")
    planned(world, minutes=20)
    world.nobody_hears_for(minutes=19)
    assert world.incident.quiet == "M-1 (maintenance: new disks)"
    world.pass_(minutes=1)
    world.expects_page("li")


def test_work_on_one_service_mutes_no_other():
    two = plan(
        check("web"), check("card"),
        services=[service("shop", "web", public=False), service("pay", "card", public=False)],
    )  # fmt: skip
    world = World(two)
    planned(world, services=("shop",))
    world.fails("web")
    world.nobody_hears_for(minutes=5)
    world.fails("card")
    world.expects_page("li", says="card")


@pytest.mark.parametrize("dependents", [True, False])
def test_dependents_are_covered_only_where_that_is_said(dependents):
    chain = plan(
        check("db"), check("web"), check("app"),
        services=[
            service("data", "db", public=False),
            service("shop", "web", public=False, depends_on=("data",)),
            service("phone", "app", public=False, depends_on=("shop",)),
        ],
    )  # fmt: skip
    world = World(chain)
    planned(world, services=("data",), dependents=dependents)
    world.fails("app")
    world.pass_(seconds=11)  # what it depends on is looked at before
    if not dependents:
        world.expects_page("li", says="app")
    world.nothing_more()


def test_a_held_alert_joins_what_went_on_beside_it_when_the_window_ends():
    two = plan(check("web"), check("card"), services=[service("shop", "web", "card", public=False)])
    world = World(two)
    planned(world, minutes=10)
    world.fails("card")
    world.expects_page("li")
    world.acknowledge()
    world.fails("web")
    world.nobody_hears_for(minutes=9)
    world.pass_(minutes=1)
    assert held(world).incident == "INC-1"
    world.nothing_more()


def test_a_window_outlives_a_restart_and_ends_while_the_daemon_is_down():
    world = quiet_world()
    planned(world, minutes=30)
    world.fails("web")
    world.restart()
    world.nobody_hears_for(minutes=10)
    world.restart(down_seconds=1800)
    world.expects_page("li")
    window = world.find(Window, "W-1")
    assert window.ended_at == window.ends_at


def test_a_window_that_passed_while_the_daemon_was_down_is_recorded_all_the_same():
    world = quiet_world()
    planned(world, minutes=30, after=10)
    world.restart(down_seconds=3600)
    window = world.find(Window, "W-1")
    assert (window.state, window.began_at, window.ended_at) == (
        WindowState.ENDED, window.starts_at, window.ends_at,
    )  # fmt: skip
    world.fails("web")
    world.expects_page("li")


def test_the_audit_finds_nothing_wrong_with_a_held_alert():
    world = quiet_world()
    planned(world)
    world.fails("web")
    before = len(world.log)
    world.submit(Audit())
    assert not world.log[before]


def test_work_of_the_configuration_recurs_and_an_early_end_holds_over_restarts():
    nightly = PlannedWork(
        checks=("web",), reason="backup", author="configuration", starts_at=World(shop()).now,
        length=timedelta(hours=1), every=timedelta(days=1), zone="Asia/Shanghai", announce=None,
    )  # fmt: skip
    world = quiet_world(maintenance=(nightly,))
    world.reload(world.plan)
    world.fails("web")
    world.nothing_more()
    world.submit(EndMaintenance(maintenance="M-1", by="li"))
    world.deliver()
    world.expects_page("li")
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.restart()
    assert [one.id for one in world.all(Maintenance)] == ["M-1"]
    assert [one for one in world.all(Window) if one.state is WindowState.ACTIVE] == []
    world.pass_(hours=24, step=60)
    world.fails("web")
    world.nothing_more()
    with pytest.raises(Refused, match="stands in the configuration"):
        world.submit(EndMaintenance(maintenance="M-1", by="li", whole=True))


def test_work_taken_out_of_the_configuration_ends():
    once = PlannedWork(
        checks=("web",), reason="backup", author="configuration", starts_at=World(shop()).now,
        length=timedelta(hours=5), announce=None,
    )  # fmt: skip
    world = quiet_world(maintenance=(once,))
    world.reload(world.plan)
    world.fails("web")
    world.nothing_more()
    world.reload(replace(world.plan, maintenance=()))
    world.expects_page("li")
    assert world.all(Maintenance) == []


def test_a_one_off_ended_early_does_not_begin_anew_with_the_next_start():
    once = PlannedWork(
        checks=("web",), reason="backup", author="configuration", starts_at=World(shop()).now,
        length=timedelta(hours=5), announce=None,
    )  # fmt: skip
    world = quiet_world(maintenance=(once,))
    world.reload(world.plan)
    world.submit(EndMaintenance(maintenance="M-1", by="li"))
    world.restart()
    world.fails("web")
    world.expects_page("li")
    world.pass_(hours=5, step=60)
    assert world.all(Maintenance) == []


def test_customers_hear_of_it_ahead_at_its_start_and_at_its_end():
    world = World(shop())
    world.submit(
        AddMaintenance(
            work=work(world, services=("shop",), after=120, minutes=30, announce=timedelta(hours=1))
        )
    )
    world.nobody_hears_for(minutes=59, seconds=59)
    world.pass_(seconds=1)
    for channel in ("colleagues", "customers"):
        letter = world.expects_words(
            channel, says="Shop: planned maintenance from 2027-01-04 12:00 (UTC+8) to"
        )
        assert letter.row.incident is None
        assert letter.row.texts["zh"].startswith("shop服务：计划于")
        assert "new disks" in letter.row.text
    assert world.page_shows()[0][0] is AnnouncementState.SCHEDULED
    world.nobody_hears_for(minutes=59, seconds=59)
    world.pass_(seconds=1)
    world.expects_words("colleagues", says="in progress")
    world.expects_words("customers", says="in progress")
    world.fails("web")
    world.nobody_hears_for(minutes=29)
    world.works("web")
    world.pass_(minutes=1)
    world.expects_words("colleagues", says="maintenance completed")
    world.expects_words("customers", says="It took 30 min")
    world.nobody_hears_for(hours=2, step=10)
    assert world.announcement.state is AnnouncementState.RESOLVED


def test_a_notice_waits_for_a_person_where_the_policy_says_so_and_unread_it_is_withdrawn():
    world = World(shop(announce=APPROVE, channels=[]))
    planned(world, services=("shop",), after=60, announce=timedelta(hours=24))
    assert world.page_shows() == []
    planned(world, services=("shop",), after=60, announce=timedelta(hours=24))
    world.submit(Publish(announcement="A-2", by="li"))
    assert [state for state, _ in world.page_shows()] == [AnnouncementState.SCHEDULED]
    world.pass_(hours=3, step=10)
    assert world.find(Announcement, "A-1").withdrawn
    assert world.find(Announcement, "A-2").state is AnnouncementState.RESOLVED


def test_a_maintenance_that_is_called_off_is_told_as_such():
    world = World(shop())
    number = planned(world, services=("shop",), after=60, announce=timedelta(hours=24))
    world.ignore_messages()
    world.submit(EndMaintenance(maintenance=number, by="li"))
    world.deliver()
    world.expects_words("colleagues", says="called off")
    world.expects_words("customers", says="does not take place")
    assert world.find(Window, "W-1").state is WindowState.CANCELLED
    world.nobody_hears_for(hours=3, step=10)


def test_customers_are_told_that_it_takes_longer():
    world = World(shop())
    number = planned(world, services=("shop",), minutes=30, announce=timedelta(hours=24))
    world.ignore_messages()
    world.submit(ExtendMaintenance(maintenance=number, by="li", ends_at=world.now + timedelta(hours=2)))
    world.deliver()
    world.expects_words("colleagues", says="another time than we said")
    world.expects_words("customers", says="12:00")
    world.nobody_hears_for(minutes=119, step=10)


def test_words_of_an_outage_do_not_fit_a_maintenance_and_the_other_way_round():
    world = World(shop())
    planned(world, services=("shop",), after=60, announce=timedelta(hours=24))
    world.ignore_messages()
    with pytest.raises(Refused, match="extend or end the maintenance"):
        world.submit(Say(announcement="A-1", by="li", state=AnnouncementState.RESOLVED))
    world.submit(Say(announcement="A-1", by="li", text={"en": "Bring a book."}))
    world.deliver()
    world.expects_words("colleagues", says="Bring a book.")
    world.expects_words("customers", says="Bring a book.")
    world.fails("web")
    world.ignore_messages()
    with pytest.raises(Refused, match="about no maintenance"):
        world.submit(Say(announcement="A-2", by="li", state=AnnouncementState.SCHEDULED))


def test_nothing_is_said_of_a_service_that_is_not_public():
    world = quiet_world()
    planned(world, after=10, announce=timedelta(hours=24))
    world.nobody_hears_for(minutes=90, step=5)
    assert world.all(Announcement) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"checks": ()}, "at least one service or check", id="nothing"),
        pytest.param({"checks": ("wbe",)}, "there is no check 'wbe'", id="unknown"),
        pytest.param({"reason": " "}, "author and a reason", id="no reason"),
        pytest.param({"minutes": 0}, "more than nothing", id="no length"),
        pytest.param({"minutes": 60 * 24 * 31}, "at most 30 days", id="too long"),
        pytest.param({"after": -61}, "over before it begins", id="past"),
        pytest.param({"every": timedelta(hours=36)}, "whole days", id="half days"),
        pytest.param({"every": timedelta(days=1), "minutes": 1440}, "whole days", id="for ever"),
    ],
)
def test_a_maintenance_that_makes_no_sense_is_refused(fields, why):
    world = quiet_world()
    with pytest.raises(Refused, match=why) as no:
        planned(world, **fields)
    assert no.value.refusal is Refusal.INVALID


def test_what_is_not_there_or_over_cannot_be_ended_or_extended():
    world = quiet_world()
    number = planned(world, minutes=1)
    later = world.now + timedelta(hours=1)
    with pytest.raises(Refused) as no:
        world.submit(EndMaintenance(maintenance="M-9", by="li"))
    assert no.value.refusal is Refusal.UNKNOWN
    world.submit(EndMaintenance(maintenance=number, by="li"))
    with pytest.raises(Refused):
        world.submit(ExtendMaintenance(maintenance=number, by="li", ends_at=later))
