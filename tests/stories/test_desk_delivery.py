"""Channels fail, hang and lie: a page still reaches a person, and the end reaches whom the page may have reached."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.incidents.incident import IncidentState
from alerting.inputs import Escalate, Received, Resolve
from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from lab.desk_channels import Manner
from lab.desk_plans import BY_CHECK, above, channel, check, level, person, plan, step
from lab.desk_world import DOWN, World


def world_of(**fields) -> World:
    """Return a world with one check and no customers."""
    return World(plan(check("web"), **fields))


def test_a_channel_that_fails_for_good_is_followed_by_the_next_at_once():
    world = world_of()
    world.channels["sms"] = Manner.REFUSE
    world.fails("web")
    world.expects_page("li", by="mail")
    world.nothing_more()
    world.works("web")
    world.expects(Kind.RECOVERY, "li", by="mail")
    world.nothing_more()


@pytest.mark.parametrize("manner", [Manner.LATER, Manner.HANG])
def test_a_channel_that_does_not_deliver_for_half_a_minute_is_joined_by_the_next(manner):
    world = world_of()
    world.channels["sms"] = manner
    world.fails("web")
    world.nobody_hears_for(seconds=15)
    world.pass_(seconds=75)
    world.expects_page("li", by="mail")
    world.nothing_more()


def test_a_step_all_of_whose_channels_fail_for_good_gives_way_to_the_next_step_at_once():
    people = (person("li", "sms"), person("han", "mail"), person("wu", "mail"), person("boss", "mail"))
    world = world_of(people=people)
    world.channels["sms"] = Manner.REFUSE
    world.fails("web")
    world.expects_page("han", by="mail")
    world.nobody_hears_for(minutes=14)


def test_where_a_whole_round_fails_for_good_the_fallback_is_paged():
    people = (person("li", "sms"), person("han", "sms"), person("wu", "sms"), person("boss", "mail"))
    world = world_of(people=people)
    world.channels["sms"] = Manner.REFUSE
    world.fails("web")
    world.expects_page("boss", by="mail")
    world.nobody_hears_for(minutes=14)
    world.pass_(minutes=1, seconds=1)
    world.expects_page("boss", by="mail")


def test_where_one_step_arrived_a_later_one_that_fails_does_not_page_the_fallback():
    people = (person("li", "mail"), person("han", "sms"), person("wu", "sms"), person("boss", "mail"))
    world = world_of(people=people)
    world.channels["sms"] = Manner.REFUSE
    world.fails("web")
    world.expects_page("li")
    world.nobody_hears_for(minutes=19)


@pytest.mark.parametrize("manner", [Manner.UNSURE, Manner.LOST])
def test_a_page_whose_fate_is_unknown_is_repeated_once_then_the_next_channel_is_asked(manner):
    world = world_of()
    world.channels["sms"] = manner
    world.fails("web")
    world.pass_(seconds=30)
    for _ in range(2 if manner is Manner.UNSURE else 0):
        world.expects_page("li", by="sms")
    world.expects_page("li", by="mail")
    world.nobody_hears_for(minutes=4)


def test_who_may_have_read_the_page_hears_the_end():
    world = world_of(people=(person("li", "sms"), person("han", "sms")), fallback=())
    world.channels["sms"] = Manner.UNSURE
    world.fails("web")
    world.expects_page("li")
    world.channels["sms"] = Manner.ACCEPT
    world.submit(Resolve(incident="INC-1", by="han"))
    world.deliver()
    world.expects(Kind.RECOVERY, "li")


def test_a_page_that_hung_while_it_ended_and_then_arrived_is_followed_by_the_end():
    world = world_of(people=(person("li", "sms"), person("han", "sms")))
    world.channels["sms"] = Manner.SLOW
    world.fails("web")
    world.channels["sms"] = Manner.ACCEPT
    world.works("web")
    world.nothing_more()
    world.pass_(seconds=20)
    world.expects_page("li")
    world.expects(Kind.RECOVERY, "li")
    world.nobody_hears_for(minutes=20)


def test_a_page_that_hung_while_it_ended_and_never_arrived_is_not_tried_again():
    world = world_of()
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    world.channels["sms"] = Manner.ACCEPT
    world.works("web")
    world.nobody_hears_for(minutes=30)


def test_a_page_that_hung_while_somebody_acknowledged_does_not_go_to_the_next_channel():
    world = world_of()
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    world.acknowledge("han")
    world.nobody_hears_for(minutes=20)


def test_a_provider_that_comes_back_after_an_hour_delivers_one_page_to_each_and_not_four():
    world = world_of(people=(person("li", "sms"), person("han", "sms"), person("wu", "sms")), fallback=())
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.nobody_hears_for(minutes=70)
    world.channels.clear()
    world.pass_(minutes=2)
    pages = [letter.row.to for letter in world.inbox if letter.row.kind is Kind.PAGE]
    assert sorted(pages) == ["han", "li", "wu"]


def test_a_person_without_an_address_counts_as_nobody():
    world = world_of(people=(person("li"), person("han", "mail"), person("wu", "mail")))
    world.fails("web")
    world.expects_page("han")


def test_a_step_with_an_order_of_channels_is_followed_and_each_is_asked_once():
    world = world_of(steps=(step("li", by=("mail", "sms", "mail")),), fallback=())
    world.channels = {"mail": Manner.REFUSE, "sms": Manner.REFUSE}
    world.fails("web")
    asked = [row.channel for row in world.all(Notification)]
    assert asked == ["mail", "sms"]


def test_a_channel_that_needs_no_address_reaches_whom_a_step_names():
    channels = (channel("sms"), channel("desk", needs_address=False))
    world = world_of(channels=channels, steps=(step("li", by=("desk", "sms")),))
    world.fails("web")
    world.expects_page("li", by="desk")


def test_a_page_asked_for_by_hand_goes_on_to_the_next_channel_although_somebody_is_on_it():
    world = world_of()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.channels["sms"] = Manner.REFUSE
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han", by="mail")


def test_a_page_asked_for_by_hand_survives_that_the_asker_acknowledges_again():
    world = world_of()
    world.fails("web")
    world.acknowledge("li")
    world.ignore_messages()
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.acknowledge("li")
    world.channels.clear()
    world.pass_(minutes=2)
    world.expects_page("han")


def test_a_page_asked_for_by_hand_is_called_off_when_that_person_acknowledges():
    world = world_of()
    world.fails("web")
    world.acknowledge("li")
    world.ignore_messages()
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.acknowledge("han")
    world.channels.clear()
    world.nobody_hears_for(minutes=10)


def test_a_recovery_notice_called_off_by_a_relapse_is_still_owed_when_it_is_really_over():
    world = world_of(people=(person("li", "sms"), person("han", "mail")), fallback=())
    world.fails("web")
    world.expects_page("li")
    world.channels["sms"] = Manner.LATER
    world.works("web")
    world.fails("web")
    world.acknowledge("han")
    world.channels.clear()
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.nobody_hears_for(minutes=20)


def test_the_end_is_told_once_per_opening_and_channel():
    world = world_of()
    for _ in range(3):
        world.fails("web")
        world.expects_page("li")
        world.works("web")
        world.expects(Kind.RECOVERY, "li")
        world.nothing_more()
        world.pass_(minutes=4)  # seldom enough not to be flapping
    assert world.incident.opening == 3


def test_an_end_that_still_waits_when_its_incident_has_left_is_not_told_again_elsewhere():
    world = world_of(steps=(step("li"),))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(minutes=1)
    world.expects_page("li", by="mail")
    world.channels.clear()
    world.pass_(minutes=2)
    world.expects_page("li", by="sms")
    world.channels["sms"] = Manner.LATER
    world.works("web")
    world.expects(Kind.RECOVERY, "li", by="mail")
    world.nobody_hears_for(minutes=20)
    world.channels.clear()
    world.pass_(minutes=2)
    world.expects(Kind.RECOVERY, "li", by="sms")
    world.nothing_more()


def test_a_receipt_of_an_earlier_attempt_changes_nothing():
    world = world_of()
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=20)
    row = world.all(Notification)[0]
    assert row.attempts > 1
    old = Receipt(
        notification=row.id, attempt=1, state=NotificationState.FAILED, at=world.now, reason=Reason.REFUSED
    )
    world.submit(Received(receipt=old))
    assert world.find(Notification, row.id).state is NotificationState.PENDING


def test_a_page_that_was_replaced_while_it_was_sent_and_then_failed_asks_no_further_channel():
    world = world_of(steps=(step("li"),))
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    first = world.all(Notification)[0]
    world.submit(Escalate(incident="INC-1", by="li"))
    assert world.find(Notification, first.id).reason is Reason.REPLACED
    failed = Receipt(
        notification=first.id, attempt=1, state=NotificationState.FAILED, at=world.now, reason=Reason.REFUSED
    )
    world.submit(Received(receipt=failed))
    assert world.find(Notification, first.id).state is NotificationState.CANCELLED
    assert len(world.all(Notification)) == 2


def test_a_receipt_for_what_nobody_knows_is_only_booked():
    world = world_of()
    receipt = Receipt(notification="N-99", attempt=1, state=NotificationState.ACCEPTED, at=world.now)
    world.submit(Received(receipt=receipt))
    assert world.log[-1].receipts == (receipt,)
    assert world.log[-1].records == ()


def test_a_page_worth_nothing_any_more_expires():
    world = world_of(people=(person("li", "sms"),), steps=(step("li"),), repeat=60 * 24 * 3, fallback=())
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(hours=25, step=20)
    pages = [row for row in world.all(Notification) if row.kind is Kind.PAGE]
    assert [row.state for row in pages] == [NotificationState.EXPIRED]


def test_what_is_sent_late_is_forgotten_once_it_is_through():
    world = world_of()
    world.fails("web")
    world.ignore_messages()
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.works("web")
    world.pass_(minutes=20)
    assert world.incident.state is IncidentState.CLOSED
    world.channels.clear()
    world.pass_(minutes=2)
    world.expects(Kind.RECOVERY, "li")
    assert world.all(Notification) == []


def test_a_channel_removed_by_a_reload_is_passed_over():
    world = world_of(channels=(channel("sms"), channel("mail")))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.reload(plan(check("web"), channels=(channel("mail"),)))
    world.pass_(seconds=10)
    world.expects_page("li", by="mail")


def test_a_page_that_waits_while_it_falls_to_a_warning_never_leaves():
    world = World(plan(check("disk", level("used", warning=above(0.8), critical=above(0.9)))))
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.sample("disk", used=0.95)
    world.deliver()
    world.pass_(seconds=5)
    world.sample("disk", used=0.85)
    world.channels.clear()
    world.nobody_hears_for(minutes=10)


def test_nothing_is_paged_for_a_sample_of_a_check_that_is_gone():
    world = world_of()
    world.plan = plan(check("other"))
    world.sample("web", DOWN)
    world.nobody_hears_for(minutes=1)


def test_a_page_that_no_slot_of_its_channel_is_free_for_goes_to_the_next_channel_after_half_a_minute():
    world = world_of()
    world.channels["sms"] = Manner.FULL
    world.fails("web")
    world.nobody_hears_for(seconds=29)
    world.pass_(seconds=1)
    world.expects_page("li", by="mail")
    world.nobody_hears_for(minutes=4)


def test_a_page_that_is_collected_has_its_half_a_minute_from_when_it_may_leave():
    checks = (check("web", group_by=BY_CHECK), check("card", group_by=BY_CHECK))
    world = World(plan(*checks, bundle=timedelta(minutes=1)))
    world.fails("web")
    world.expects_page("li")
    world.fails("card")
    world.channels["sms"] = Manner.FULL
    world.nobody_hears_for(seconds=79)
    world.pass_(seconds=6)
    world.expects_page("li", by="mail", says="INC-2")


def test_a_page_that_somebody_acknowledged_meanwhile_goes_to_no_further_channel():
    world = world_of()
    world.channels["sms"] = Manner.FULL
    world.fails("web")
    world.acknowledge("han")
    world.nobody_hears_for(minutes=4)


@pytest.mark.parametrize("manner", [Manner.REFUSE, Manner.FULL, Manner.LATER])
def test_the_end_is_told_by_the_next_channel_where_the_one_that_told_of_it_fails(manner):
    world = world_of()
    world.fails("web")
    world.expects_page("li", by="sms")
    world.channels["sms"] = manner
    world.works("web")
    world.pass_(minutes=1)
    world.expects(Kind.RECOVERY, "li", by="mail")
    world.nothing_more()


def test_the_end_is_told_once_by_a_channel_that_tells_of_it_anyway():
    world = world_of(steps=(step("li"), step("li", minutes=1, by=("mail",))), repeat=1)
    world.fails("web")
    world.pass_(minutes=4)
    world.ignore_messages()
    world.channels["sms"] = Manner.REFUSE
    world.works("web")
    world.pass_(minutes=2)
    world.expects(Kind.RECOVERY, "li", by="mail")
    world.nothing_more()


def test_a_page_that_our_own_deaths_cut_off_again_and_again_arrives_in_the_end():
    """Nobody knows what the provider said: it may have refused each time."""
    world = world_of(people=(person("li", "sms"),))
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    for _ in range(3):
        world.restart()
        world.pass_(seconds=11)
        assert world.under_way
    world.channels["sms"] = Manner.ACCEPT
    world.restart(down_seconds=15)
    world.pass_(seconds=15)
    world.expects_page("li", by="sms")
    world.nothing_more()
