"""What customers hear, when and by whose leave, from the first word to the all-clear; and never what is not true."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.announcements.policy import AnnouncePolicy
from alerting.inputs import Publish, Refusal, Refused, Resolve, Say
from alerting.notification import Kind
from alerting.severity import Impact, Severity
from alerting.state import Recovery
from lab.desk_plans import APPROVE, AUTO, above, after, check, down, level, plan, service, shop
from lab.desk_world import DOWN, START, UP, Manner, World
from probes.sample import ErrorClass

STAFF = (Kind.PAGE, Kind.RECOVERY, Kind.TICKET, Kind.REMINDER)


class Outside(World):
    """A world in which only words to customers and colleagues count as messages; staff is another story."""

    def deliver(self) -> None:
        super().deliver()
        self.inbox = [letter for letter in self.inbox if letter.row.kind not in STAFF]


def publish(world: World, number: str = "A-1") -> None:
    world.submit(Publish(announcement=number, by="li"))
    world.deliver()


def say(world: World, **fields) -> None:
    world.submit(Say(announcement="A-1", by="li", **fields))
    world.deliver()


def test_auto_tells_colleagues_first_then_customers_at_once_in_both_languages():
    world = Outside(shop(AUTO))
    world.fails("web")
    assert [letter.row.channel for letter in world.inbox] == ["colleagues", "customers"]
    world.expects_words("colleagues", says="For colleagues: customers may report trouble with Shop")
    words = world.expects_words("customers", says="Shop: unavailable since 2027-01-04 10:00 (UTC+8)")
    assert set(words.row.texts) == {"en", "zh"}
    assert "shop服务：自 2027-01-04 10:00 (UTC+8) 起无法使用" in words.row.texts["zh"]
    assert words.row.title == "Shop: outage / shop服务：服务中断"
    assert words.row.expected_recovery_at == START + timedelta(minutes=30)
    world.nothing_more()
    assert [state for state, _ in world.page_shows()] == [AnnouncementState.INVESTIGATING]


def test_after_5m_tells_customers_5_minutes_after_the_opening_and_colleagues_at_once():
    world = Outside(shop(after(5)))
    world.fails("web")
    world.expects_words("colleagues")
    world.nobody_hears_for(minutes=4, seconds=59)
    assert world.page_shows() == []
    world.pass_(seconds=1)
    world.expects_words("customers")
    world.nothing_more()
    assert len(world.page_shows()) == 1


def test_approve_waits_for_a_person():
    world = Outside(shop(APPROVE))
    world.fails("web")
    world.expects_words("colleagues")
    world.nobody_hears_for(minutes=20)
    assert world.page_shows() == []
    publish(world)
    world.expects_words("customers")
    assert len(world.page_shows()) == 1
    assert world.announcement.by == "Li"


def test_page_and_push_follow_policies_of_their_own():
    world = Outside(shop(AnnouncePolicy(page=timedelta(minutes=2), push=None)))
    world.fails("web")
    world.expects_words("colleagues")
    world.pass_(minutes=2)
    assert len(world.page_shows()) == 1
    world.nobody_hears_for(minutes=10)
    publish(world)
    world.expects_words("customers")


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


@pytest.mark.parametrize(
    ("error", "hears"),
    [pytest.param(ErrorClass.AUTH, False, id="auth"), pytest.param(ErrorClass.TIMEOUT, True, id="timeout")],
)
def test_a_refused_login_pages_but_customers_hear_nothing_before_a_person_confirms(error, hears):
    world = World(shop(AUTO))
    world.fails("web", error=error)
    world.expects_page("li")
    world.expects_words("colleagues")
    assert bool(world.page_shows()) is hears
    assert any(letter.row.channel == "customers" for letter in world.inbox) is hears


def test_a_refused_login_that_turns_into_a_timeout_follows_the_policy():
    world = Outside(shop(after(5)))
    world.fails("web", error=ErrorClass.AUTH)
    world.pass_(minutes=10)
    world.ignore_messages()
    world.sample("web", DOWN, error=ErrorClass.TIMEOUT)
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_words("customers")


def test_an_outage_beside_a_refused_login_follows_the_policy():
    two = plan(check("web"), check("login"), services=[service("shop", "web", "login")])
    world = Outside(two)
    world.fails("login", error=ErrorClass.AUTH)
    world.ignore_messages()
    world.fails("web")
    world.expects_words("customers")


def test_a_check_that_never_worked_is_no_business_of_customers():
    world = Outside(shop(), proven=False)
    world.fails("web")
    world.nobody_hears_for(minutes=60)
    assert world.all(Announcement) == []


def test_an_outage_that_joins_a_trouble_customers_do_not_feel_is_announced():
    slow = level("latency", critical=above(1))
    world = Outside(plan(check("web", slow), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0)
    world.nobody_hears_for(minutes=5)
    world.fails("web")
    world.expects_words("colleagues")
    world.expects_words("customers", says="unavailable since 2027-01-04 10:05")


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


def test_a_service_that_is_only_slow_is_called_slow():
    slow = level("latency", critical=above(1), impact=Impact.DEGRADED)
    world = Outside(plan(check("web", slow), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0)
    world.deliver()
    world.expects_words("customers", says="Shop: slow or partly unavailable since")
    world.ignore_messages()
    world.fails("web")
    world.expects_words("customers", says="Shop: unavailable since")


def test_a_private_service_has_no_announcement():
    world = Outside(plan(check("db"), services=[service("db", "db", public=False)]))
    world.fails("db")
    world.nobody_hears_for(minutes=60)


def both(first: AnnouncePolicy, second: AnnouncePolicy):
    """Return a plan of the services `shop` (check web) and `pay` (card), joined by the check `gate`."""
    return plan(
        check("web"),
        check("card"),
        check("gate"),
        services=[
            service("shop", "web", "gate", announce=first),
            service("pay", "card", "gate", announce=second),
        ],
    )


def test_an_outage_of_several_services_waits_for_the_most_careful_of_their_policies():
    world = Outside(both(AUTO, after(5)))
    world.fails("gate")
    world.expects_words("colleagues", says="Pay, Shop: unavailable")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_words("customers", says="Pay, Shop: unavailable")


def test_a_service_that_waits_for_approval_is_not_named_beside_one_that_does_not():
    world = Outside(both(AUTO, APPROVE))
    world.fails("web")
    world.ignore_messages()
    world.fails("gate")
    world.nobody_hears_for(minutes=5)
    assert world.announcement.services == ("shop",)
    assert world.announcement.waiting == ("pay",)
    publish(world)
    world.expects_words("customers", says="Shop, Pay: unavailable")


def test_a_service_that_joins_before_anybody_was_told_makes_the_announcement_wait_for_it():
    world = Outside(both(after(5), APPROVE))
    world.fails("web")
    world.ignore_messages()
    world.fails("gate")
    world.expects_words("colleagues", says="Shop, Pay")
    world.nobody_hears_for(minutes=20)


def test_a_service_that_is_hit_later_is_told_to_those_who_were_told():
    world = Outside(both(AUTO, AUTO))
    world.fails("web")
    world.ignore_messages()
    world.fails("gate")
    world.expects_words("colleagues", says="Shop, Pay: unavailable")
    world.expects_words("customers", says="Shop, Pay: unavailable")
    world.nothing_more()


def test_customers_of_a_service_hear_nothing_of_another_whose_check_merely_warns():
    warned = check("gate", thresholds=(level("days", warning=above(1)),))
    two = plan(check("web"), warned, services=[service("shop", "web", "gate"), service("pay", "gate")])
    world = Outside(two)
    world.fails("web")
    world.ignore_messages()
    world.sample("gate", UP, days=2.0)
    world.nobody_hears_for(minutes=5)
    assert world.announcement.services == ("shop",)
    assert world.incident.services == ("pay", "shop")


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


def test_a_time_in_the_past_cannot_be_promised():
    world = Outside(shop())
    world.fails("web")
    with pytest.raises(Refused, match="lies in the past"):
        say(world, next_update_at=START)


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


def test_customers_words_hold_no_host_name_and_no_address():
    world = Outside(shop())
    world.fails("web")
    world.pass_(minutes=31)
    world.works("web")
    world.pass_(minutes=10)
    said = [letter.row for letter in world.sent if letter.row.kind is Kind.ANNOUNCEMENT]
    assert len(said) >= 4
    for row in said:
        words = f"{row.title}\n{row.text}\n{row.texts}"
        assert "web" not in words
        assert "example" not in words
        assert "http" not in words
        assert "INC" not in words


def test_a_site_with_one_language_speaks_that_one():
    world = Outside(shop(languages=("zh",)))
    world.fails("web")
    words = world.expects_words("customers", says="shop服务：自")
    assert set(words.row.texts) == {"zh"}
    assert "We" not in words.row.text


def test_several_languages_without_words_of_ours_fall_back_to_english():
    world = Outside(shop(languages=("fr", "zh-CN")))
    world.fails("web")
    words = world.expects_words("customers")
    assert words.row.texts["fr"].startswith("Shop: unavailable")
    assert words.row.texts["zh-CN"].startswith("shop服务：自")


def test_a_host_metric_never_reaches_customers():
    memory = check("memory", level("used", critical=above(0.9)), probe="memory")
    world = Outside(plan(memory, services=[service("shop", "memory")]))
    world.sample("memory", UP, used=0.95)
    world.nobody_hears_for(minutes=60)


def test_a_warning_of_a_public_service_never_reaches_customers():
    soft = check("web", thresholds=(down(severity=Severity.WARNING),))
    world = Outside(plan(soft, services=[service("shop", "web")]))
    world.fails("web")
    world.nobody_hears_for(minutes=60)


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
