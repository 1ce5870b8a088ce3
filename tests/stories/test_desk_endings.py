"""How customers hear of the end: after it has held, once, and never of a recovery nobody has seen."""

from __future__ import annotations

import pytest

from alerting.announcements.announcement import AnnouncementState
from alerting.inputs import Refusal, Refused, Resolve
from alerting.notification import Kind
from alerting.severity import Impact
from alerting.state import Recovery
from lab.desk_channels import Manner
from lab.desk_customers import Outside, publish, say
from lab.desk_plans import APPROVE, above, after, check, level, plan, service, shop
from lab.desk_world import UP, World


def test_what_was_over_before_anybody_was_told_is_withdrawn():
    channels = [one for one in shop().channels.values() if one.id != "colleagues"]
    world = Outside(shop(after(5), channels=channels))
    world.fails("web")
    world.pass_(minutes=2)
    world.works("web")
    world.nobody_hears_for(minutes=30)
    assert world.announcement.withdrawn
    assert world.page_shows() == []


def test_colleagues_who_were_told_hear_the_end_although_customers_never_heard():
    world = Outside(shop(after(5)))
    world.fails("web")
    world.expects_words("colleagues")
    world.works("web")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_words("colleagues", says="working normally again")
    world.nobody_hears_for(minutes=30)


def test_the_all_clear_goes_out_after_recovery_has_held_and_says_how_long_it_lasted():
    world = Outside(shop())
    world.fails("web")
    world.pass_(minutes=10)
    world.ignore_messages()
    world.works("web")
    assert world.page_shows()[0][0] is AnnouncementState.MONITORING
    assert "working again since 2027-01-04 10:10" in world.page_shows()[0][1]["en"]
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    said = "The disruption lasted 10 min 20 s, from 2027-01-04 10:00 (UTC+8) to 2027-01-04 10:10 (UTC+8)"
    world.expects_words("colleagues", says=said)
    world.expects_words("customers", says=said)
    world.nobody_hears_for(minutes=30)
    assert world.announcement.state is AnnouncementState.RESOLVED


def test_a_relapse_while_recovery_is_held_takes_the_good_news_back():
    world = Outside(shop())
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    world.pass_(minutes=3)
    world.fails("web")
    world.expects_words("colleagues", says="affected again")
    world.expects_words("customers", says="affected again")
    world.nobody_hears_for(minutes=10)
    assert world.page_shows()[0][0] is AnnouncementState.INVESTIGATING
    world.works("web")
    world.nobody_hears_for(minutes=4)
    world.pass_(minutes=1)
    world.expects_words("customers", says="working normally again")


def test_an_unpublished_announcement_waits_anew_after_a_relapse():
    world = Outside(shop(after(5)))
    world.fails("web")
    world.pass_(minutes=2)
    world.works("web")
    world.pass_(minutes=4)
    world.ignore_messages()
    world.fails("web")
    world.expects_words("colleagues", says="affected again")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_words("customers")


def test_a_muted_relapse_sends_no_all_clear_while_it_is_down():
    world = Outside(shop())
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    world.silence(check="web", minutes=30)
    world.fails("web")
    world.nobody_hears_for(minutes=20)
    world.works("web")
    world.nobody_hears_for(minutes=4)
    world.pass_(minutes=2)
    world.expects_words("colleagues", says="working normally again")
    world.expects_words("customers", says="working normally again")


def test_a_muted_relapse_that_ends_before_the_all_clear_has_recovery_held_anew():
    world = Outside(shop())
    world.fails("web")
    world.works("web")
    world.ignore_messages()
    world.silence(check="web", minutes=30)
    world.pass_(minutes=2)
    world.fails("web")
    world.pass_(seconds=1)
    world.works("web")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=2)
    world.expects_words("colleagues", says="working normally again")
    world.expects_words("customers", says="working normally again")


def test_customers_hear_the_end_although_a_trouble_of_the_staff_goes_on():
    slow = level("latency", critical=above(1))
    world = Outside(plan(check("web", slow), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0)
    world.fails("web")
    world.ignore_messages()
    for _ in range(2):
        world.pass_(seconds=5)
        world.sample("web", UP, latency=2.0)
    world.pass_(minutes=5)
    world.expects_words("customers", says="working normally again")
    assert world.incident.state.active
    world.fails("web")
    world.expects_words("customers", says="unavailable")


def test_the_all_clear_is_neither_put_off_nor_repeated_when_the_staffs_trouble_ends_too():
    slow = level("latency", critical=above(1))
    world = Outside(plan(check("web", slow), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0)
    world.fails("web")
    for _ in range(2):
        world.pass_(seconds=5)
        world.sample("web", UP, latency=2.0)
    world.ignore_messages()
    world.nobody_hears_for(minutes=4)
    world.sample("web", UP, latency=0.1)
    assert not world.incident.state.active
    world.pass_(minutes=1)
    world.expects_words("customers", says="lasted 20 s")
    world.expects_words("colleagues")
    world.nobody_hears_for(minutes=30)
    assert len(world.all(Recovery)) == 1


def test_customers_hear_the_end_although_a_private_service_of_the_same_incident_is_still_down():
    services = [service("shop", "gate"), service("back", "gate", "store", public=False)]
    world = Outside(plan(check("gate"), check("store"), services=services))
    world.fails("gate")
    world.fails("store")
    world.ignore_messages()
    world.works("gate")
    assert world.incident.state.active
    world.nobody_hears_for(minutes=4)
    world.pass_(minutes=1)
    world.expects_words("customers", says="working normally again")


def test_a_removed_check_ends_its_announcement_without_a_word_of_recovery():
    world = World(shop())
    world.fails("web")
    world.ignore_messages()
    world.reload(plan(check("other"), services=[service("shop", "other")]))
    world.expects(Kind.RECOVERY, "li", says="no longer monitored", lacks="recovered")
    for channel in ("colleagues", "customers"):
        letter = world.expects_words(channel, says="this notice is closed")
        assert "again" not in letter.row.text
        assert letter.row.title == "Shop: notice closed / shop服务：通知已关闭"
    world.nobody_hears_for(minutes=30)
    assert world.page_shows() == []


def test_a_service_that_is_no_longer_public_after_a_reload_is_not_called_recovered():
    world = Outside(shop())
    world.fails("web")
    world.ignore_messages()
    world.reload(plan(check("web"), services=[service("shop", "web", public=False)]))
    world.expects_words("customers", says="this notice is closed", lacks="again")
    world.expects_words("colleagues")
    world.works("web")
    world.nobody_hears_for(minutes=30)


def test_a_threshold_that_a_reload_removes_is_not_called_recovered_while_another_goes_on():
    slow = level("latency", critical=above(1), impact=Impact.DEGRADED)
    used = level("used", critical=above(0.9))
    world = Outside(plan(check("web", slow, used), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0, used=0.95)
    world.deliver()
    world.ignore_messages()
    world.reload(plan(check("web", used), services=[service("shop", "web")]))
    world.expects_words("customers", says="this notice is closed", lacks="again")
    assert world.incident.state.active


def test_a_false_alarm_is_owned_up_to():
    world = Outside(shop())
    world.fails("web")
    world.ignore_messages()
    world.submit(Resolve(incident="INC-1", by="li", false_alarm=True))
    world.deliver()
    world.expects_words("customers", says="was a false alarm", lacks="working normally again")
    world.expects_words("colleagues", says="误报")
    world.nobody_hears_for(minutes=30)


def test_a_person_ends_an_announcement_and_the_outage_that_goes_on_gets_no_second_end():
    world = Outside(shop())
    world.fails("web")
    world.ignore_messages()
    say(world, state=AnnouncementState.RESOLVED)
    world.expects_words("customers", says="working normally again")
    world.expects_words("colleagues")
    world.works("web")
    world.nobody_hears_for(minutes=30)
    with pytest.raises(Refused) as late:
        say(world, state=AnnouncementState.RESOLVED)
    assert late.value.refusal is Refusal.UNKNOWN


def test_what_is_over_cannot_be_published():
    world = Outside(shop(APPROVE))
    world.fails("web")
    world.works("web")
    with pytest.raises(Refused, match="the outage is over"):
        publish(world)


def test_words_of_the_outage_never_leave_after_newer_ones():
    world = Outside(shop())
    world.channels["customers"] = Manner.LATER
    world.fails("web")
    world.pass_(minutes=3)
    world.works("web")
    world.pass_(minutes=6)
    world.channels.clear()
    world.ignore_messages()
    world.pass_(minutes=3)
    world.expects_words("customers", says="working normally again")
    world.nobody_hears_for(minutes=30)


@pytest.mark.parametrize("manner", [Manner.UNSURE, Manner.LOST])
def test_words_to_customers_whose_fate_is_unknown_are_held_for_a_person(manner):
    world = Outside(shop())
    world.channels["customers"] = manner
    world.fails("web")
    world.ignore_messages()
    world.nobody_hears_for(minutes=10)
    assert "held" in world.events()
