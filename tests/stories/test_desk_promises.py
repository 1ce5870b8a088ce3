"""What customers are promised: when it will be over, when they hear next, and what a person tells them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.announcements.policy import AnnouncePolicy
from alerting.inputs import Refused
from alerting.state import Recovery
from lab.desk_customers import Outside, both, publish, say
from lab.desk_plans import APPROVE, AUTO, above, check, level, plan, service, shop
from lab.desk_world import START, UP, World


def test_a_broken_promise_is_said_once_and_staff_is_told():
    world = Outside(shop())
    world.fails("web")
    world.ignore_messages()
    world.nobody_hears_for(minutes=29)
    sent = len(world.sent)
    world.pass_(minutes=1)
    world.expects_words("colleagues", says="longer than expected", lacks="expect it to be back")
    world.expects_words(
        "customers", says="We are sorry, and are still working on it. Next update by 2027-01-04 11:00"
    )
    reminders = [one for one in world.sent[sent:] if "takes longer than customers were told" in one.row.text]
    assert [one.row.to for one in reminders] == ["li"]
    world.nobody_hears_for(minutes=25)


def test_a_promised_update_that_does_not_come_reminds_who_is_on_it():
    slow = service("shop", "web", expected_recovery=timedelta(hours=3))
    world = Outside(plan(check("web"), services=[slow]))
    world.fails("web")
    world.acknowledge("han", minutes=300)
    world.ignore_messages()
    sent = len(world.sent)
    world.pass_(minutes=31)
    world.nothing_more()
    reminded = [one.row.to for one in world.sent[sent:] if "were promised an update" in one.row.text]
    assert reminded == ["han"]


def test_an_approval_that_comes_late_begins_with_times_still_to_come():
    world = Outside(shop(APPROVE))
    world.fails("web")
    world.pass_(minutes=45)
    world.ignore_messages()
    publish(world)
    world.expects_words(
        "customers",
        says="We estimate it will be back by 2027-01-04 11:15 (UTC+8). Next update by 2027-01-04 11:15",
    )
    world.expects_words("colleagues", says="11:15")
    world.nobody_hears_for(minutes=29)


def test_a_late_approval_keeps_the_words_a_person_wrote():
    world = Outside(shop(APPROVE))
    world.fails("web")
    say(world, text={"en": "A cable was cut.", "zh": "光缆中断。"})
    world.pass_(minutes=45)
    world.ignore_messages()
    publish(world)
    world.expects_words("customers", says="A cable was cut.")


def test_a_promise_of_a_push_that_is_on_no_page_comes_due_too():
    world = Outside(shop(AnnouncePolicy(page=None, push=timedelta(0))))
    world.fails("web")
    world.ignore_messages()
    world.pass_(minutes=30)
    world.expects_words("customers", says="longer than expected")


def test_colleagues_hear_that_it_takes_longer_although_nothing_was_published_and_staff_is_left_alone():
    world = Outside(shop(APPROVE))
    world.fails("web")
    world.ignore_messages()
    sent = len(world.sent)
    world.pass_(minutes=30)
    world.expects_words("colleagues", says="longer than expected")
    world.nobody_hears_for(minutes=60)
    assert not [one for one in world.sent[sent:] if "customers were" in one.row.text.lower()]


def test_five_past_recoveries_make_the_expected_time_and_it_is_no_longer_called_an_estimate():
    world = Outside(shop())
    for minutes in (2, 4, 6, 8, 10):
        world.fails("web")
        world.pass_(minutes=minutes)
        world.works("web")
        world.pass_(minutes=16)
    assert len(world.all(Recovery)) == 5
    world.ignore_messages()
    began = world.now
    world.fails("web")
    found = world.find(Announcement, "A-6")
    assert not found.estimated
    assert found.expected_recovery_at == began + timedelta(minutes=8, seconds=20)
    world.expects_words("customers", says="We expect it to be back by", lacks="estimate")


def test_a_warning_that_lasted_for_days_teaches_nothing_about_outages():
    world = World(plan(check("web", level("days", warning=above(1))), services=[service("shop", "web")]))
    world.sample("web", UP, days=2.0)
    world.pass_(hours=1, step=10)
    world.sample("web", UP, days=0.5)
    assert world.all(Recovery) == []


def test_a_person_identifies_the_cause_and_customers_read_so_with_a_new_time():
    world = Outside(shop())
    world.fails("web")
    world.ignore_messages()
    say(world, state=AnnouncementState.IDENTIFIED, expected_recovery_at=START + timedelta(hours=2))
    world.expects_words(
        "customers", says="we have found the cause and are working on it. We expect it to be back"
    )
    world.expects_words("colleagues")
    assert not world.announcement.estimated


def test_what_a_person_identified_stays_so_when_another_service_joins():
    world = Outside(both(AUTO, AUTO))
    world.fails("web")
    say(world, state=AnnouncementState.IDENTIFIED)
    world.fails("gate")
    assert world.announcement.state is AnnouncementState.IDENTIFIED


def test_a_person_who_says_it_is_being_watched_says_since_when_it_works():
    world = Outside(shop())
    world.fails("web")
    world.pass_(minutes=7)
    world.ignore_messages()
    say(world, state=AnnouncementState.MONITORING)
    world.expects_words("customers", says="working again since 2027-01-04 10:07")


def test_an_update_after_the_expected_time_does_not_repeat_it():
    world = Outside(shop())
    world.fails("web")
    world.pass_(minutes=35)
    world.ignore_messages()
    say(world, state=AnnouncementState.IDENTIFIED)
    world.expects_words("customers", says="found the cause", lacks="back by")


def test_a_time_in_the_past_cannot_be_promised():
    world = Outside(shop())
    world.fails("web")
    with pytest.raises(Refused, match="lies in the past"):
        say(world, next_update_at=START)


def test_an_outage_that_was_muted_for_long_promises_a_time_still_to_come():
    world = Outside(shop())
    silence = world.silence(check="web", minutes=120)
    world.fails("web")
    world.nobody_hears_for(minutes=50)
    world.unsilence(silence)
    letter = world.expects_words("customers", says="We estimate it will be back by 2027-01-04 11:20")
    assert letter.row.expected_recovery_at > world.now
    world.expects_words("colleagues")
    world.nobody_hears_for(minutes=25)
