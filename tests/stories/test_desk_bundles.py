"""Pages of further incidents are collected: one page per person and minute, and the first one never waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.inputs import Escalate
from alerting.notification import Kind, Notification, NotificationState
from lab.desk_channels import Manner
from lab.desk_plans import BY_CHECK, above, check, level, person, plan, step
from lab.desk_world import World

MINUTE = timedelta(minutes=1)
NAMES = tuple(f"c{number}" for number in range(6))


def world_of(**fields) -> World:
    """Return a world of six checks, each an incident of its own; li is paged, han after five minutes."""
    checks = (check(name, group_by=BY_CHECK) for name in NAMES)
    return World(plan(*checks, **{"bundle": MINUTE, **fields}))


def fall(world: World, *names: str) -> None:
    """Let checks fail for good, all at the same instant."""
    for _ in range(3):
        for name in names:
            world.fails(name, 1)


def test_the_first_page_passes_at_once_and_further_ones_leave_together_a_minute_later():
    world = world_of()
    fall(world, *NAMES)
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.nobody_hears_for(seconds=59)
    world.pass_(seconds=1)
    world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3", "INC-4", "INC-5", "INC-6")
    world.nobody_hears_for(minutes=3)


def test_who_comes_later_joins_the_same_bundle_until_it_leaves():
    world = world_of()
    fall(world, "c0")
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.pass_(seconds=10)
    fall(world, "c1")
    world.pass_(seconds=40)
    fall(world, "c2")
    world.nobody_hears_for(seconds=9)
    world.pass_(seconds=1)
    bundle = world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3")
    assert bundle.row.bundle == bundle.row.id


def test_the_next_window_begins_with_the_bundle():
    world = world_of()
    fall(world, "c0", "c1")
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.pass_(seconds=70)
    world.expects_bundle(Kind.PAGE, "li", "INC-2")
    fall(world, "c2")
    world.nobody_hears_for(seconds=49)
    world.pass_(seconds=1)
    world.expects_bundle(Kind.PAGE, "li", "INC-3")
    world.pass_(seconds=60)
    fall(world, "c3")
    world.expects_bundle(Kind.PAGE, "li", "INC-4")


def test_a_page_a_minute_after_the_last_one_does_not_wait():
    world = world_of()
    fall(world, "c0")
    world.expects_page("li")
    world.pass_(minutes=1)
    fall(world, "c1")
    world.expects_page("li", says="INC-2")


def test_without_bundling_each_page_leaves_at_once():
    world = world_of(bundle=None)
    fall(world, "c0", "c1", "c2")
    for number in ("INC-1", "INC-2", "INC-3"):
        world.expects_bundle(Kind.PAGE, "li", number)


def test_pages_to_two_people_do_not_wait_for_each_other():
    world = world_of(steps=(step("li"), step("han", minutes=1)))
    fall(world, "c0")
    world.expects_page("li")
    world.pass_(seconds=30)
    fall(world, "c1")
    world.pass_(seconds=30)
    world.expects_bundle(Kind.PAGE, "li", "INC-2")
    world.expects_bundle(Kind.PAGE, "han", "INC-1")
    world.pass_(seconds=60)
    world.expects_bundle(Kind.PAGE, "han", "INC-2")


def test_what_a_person_asks_for_by_hand_does_not_wait():
    world = world_of()
    fall(world, "c0", "c1")
    world.expects_page("li")
    for number in ("INC-1", "INC-2"):
        world.submit(Escalate(incident=number, by="li"))
        world.deliver()
        world.expects_page("han", says=number)


def test_the_same_incident_come_back_does_not_wait():
    world = world_of()
    fall(world, "c0", "c1")
    world.expects_page("li")
    world.works("c0")
    world.expects(Kind.RECOVERY, "li")
    fall(world, "c0")
    world.expects_page("li", says="INC-1")


def test_what_was_acknowledged_while_it_was_collected_never_leaves():
    world = world_of()
    fall(world, "c0", "c1", "c2")
    world.expects_page("li")
    world.acknowledge("han", incident="INC-2")
    world.pass_(seconds=60)
    world.expects_bundle(Kind.PAGE, "li", "INC-3")
    world.nobody_hears_for(minutes=3)


def test_what_was_called_off_opens_no_window():
    world = world_of()
    fall(world, "c0", "c1")
    world.expects_page("li")
    world.acknowledge("li", incident="INC-2")
    world.pass_(seconds=61)
    fall(world, "c2")
    world.expects_page("li", says="INC-3")


def test_a_storm_that_nobody_acknowledges_is_repeated_in_bundles():
    world = world_of(steps=(step("li"),), repeat=5)
    fall(world, *NAMES)
    for _ in range(2):
        world.expects_bundle(Kind.PAGE, "li", "INC-1")
        world.pass_(minutes=2)
        world.expects_bundle(Kind.PAGE, "li", *(f"INC-{number}" for number in range(2, 7)))
        world.pass_(minutes=3)


@pytest.mark.parametrize("manner", [Manner.REFUSE, Manner.LATER, Manner.HANG])
def test_a_bundle_whose_channel_fails_goes_to_the_next_channel_as_one_message(manner):
    world = world_of()
    fall(world, *NAMES)
    world.ignore_messages()
    world.channels["sms"] = manner
    world.pass_(minutes=2)
    world.expects_bundle(Kind.PAGE, "li", *(f"INC-{number}" for number in range(2, 7)))
    assert world.sent[-1].row.channel == "mail"
    world.nothing_more()


def test_a_dead_first_channel_does_not_undo_the_bundling():
    world = world_of()
    world.channels["sms"] = Manner.REFUSE
    fall(world, "c0", "c1", "c2")
    world.expects_bundle(Kind.PAGE, "li", "INC-1")
    world.nobody_hears_for(seconds=59)
    world.pass_(seconds=10)
    world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3")
    fall(world, "c3")
    world.nobody_hears_for(seconds=40)


def test_one_failure_of_a_page_that_was_collected_does_not_count_its_waiting_as_failing():
    world = world_of()
    fall(world, "c0", "c1")
    world.ignore_messages()
    world.pass_(seconds=59)
    world.channels["sms"] = Manner.LATER
    world.pass_(seconds=1)
    world.channels.clear()
    world.pass_(minutes=2)
    assert [letter.row.channel for letter in world.inbox] == ["sms"]


def test_notices_of_recovery_are_collected_too():
    world = world_of()
    fall(world, *NAMES[:4])
    world.pass_(seconds=61)
    world.ignore_messages()
    world.works("c0")
    world.works("c1")
    world.works("c2")
    world.expects_bundle(Kind.RECOVERY, "li", "INC-1")
    world.pass_(seconds=60)
    world.expects_bundle(Kind.RECOVERY, "li", "INC-2", "INC-3")
    world.works("c3")
    world.nothing_more()
    world.pass_(minutes=1)
    world.expects_bundle(Kind.RECOVERY, "li", "INC-4")


def test_the_end_of_one_incident_reaches_both_channels_that_told_of_it_at_once():
    people = (person("li", "sms", "mail"),)
    world = world_of(people=people, steps=(step("li"), step("li", minutes=5, by=("mail",))), repeat=5)
    fall(world, "c0")
    world.pass_(minutes=12)
    world.ignore_messages()
    told = {row.channel for row in world.all(Notification) if row.state is NotificationState.ACCEPTED}
    world.works("c0")
    assert {letter.row.channel for letter in world.inbox} == told


def test_words_on_tickets_that_page_nobody_are_collected_too():
    disks = (check(name, level("used", warning=above(0.8)), group_by=BY_CHECK) for name in ("c0", "c1", "c2"))
    world = World(plan(*disks, bundle=MINUTE))
    for name in ("c0", "c1", "c2"):
        world.sample(name, used=0.9)
    world.deliver()
    world.expects_bundle(Kind.TICKET, "li", "INC-1")
    world.pass_(minutes=1)
    world.expects_bundle(Kind.TICKET, "li", "INC-2", "INC-3")


def test_reminders_of_many_tickets_are_collected_too():
    world = world_of(steps=(step("li"),), repeat=600)
    fall(world, "c0", "c1", "c2")
    world.pass_(minutes=2)
    world.ignore_messages()
    world.pass_(minutes=28)
    world.expects_bundle(Kind.REMINDER, "li", "INC-1")
    world.pass_(minutes=1)
    world.expects_bundle(Kind.REMINDER, "li", "INC-2", "INC-3")
    world.nothing_more()


def test_a_restart_forgets_no_bundle_and_no_window():
    world = world_of()
    fall(world, "c0", "c1")
    world.expects_page("li")
    world.pass_(seconds=20)
    world.restart()
    fall(world, "c2")
    world.nobody_hears_for(seconds=29)
    world.pass_(seconds=11)
    world.expects_bundle(Kind.PAGE, "li", "INC-2", "INC-3")


def test_a_clock_that_is_set_back_delays_nobody_beyond_the_window():
    world = world_of()
    fall(world, "c0")
    world.ignore_messages()
    world.now -= timedelta(hours=1)
    fall(world, "c1")
    world.pass_(minutes=1)
    world.expects_page("li", says="INC-2")
