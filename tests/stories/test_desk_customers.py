"""What customers hear, when and by whose leave; and never what is not true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.announcements.announcement import Announcement, AnnouncementState
from alerting.announcements.policy import AnnouncePolicy
from alerting.notification import Kind
from alerting.severity import Impact, Severity
from lab.desk_customers import Outside, both, publish
from lab.desk_plans import APPROVE, AUTO, BY_HOST, above, after, check, down, level, plan, service, shop
from lab.desk_world import DOWN, START, UP, World
from probes.sample import ErrorClass


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


def slow_and_down(*, announce) -> Outside:
    """Return a world with one public service whose check may be down, or slow, which is a warning customers feel."""
    slow = level("latency", warning=above(1), impact=Impact.DEGRADED)
    return Outside(plan(check("web", slow), services=[service("shop", "web", announce=announce)]))


def test_an_outage_that_eases_to_a_warning_before_anybody_was_told_is_not_announced():
    world = slow_and_down(announce=after(5))
    world.fails("web")
    world.expects_words("colleagues")
    for _ in range(3):
        world.sample("web", UP, latency=2.0)
    world.nobody_hears_for(minutes=10)
    world.fails("web")
    world.pass_(seconds=1)
    world.expects_words("customers", says="unavailable since")


def test_an_outage_that_recovers_when_its_time_comes_is_announced_only_when_it_relapses():
    world = Outside(plan(check("web", down(recover=9)), services=[service("shop", "web", announce=after(5))]))
    world.fails("web")
    world.expects_words("colleagues")
    world.pass_(minutes=4)
    world.works("web")
    world.nobody_hears_for(minutes=3)
    world.fails("web", 1)
    world.pass_(seconds=1)
    world.expects_words("customers", says="unavailable since")


def test_a_warning_beside_a_refused_login_gives_no_leave_to_tell_customers():
    world = slow_and_down(announce=AUTO)
    world.fails("web", error=ErrorClass.AUTH)
    world.expects_words("colleagues")
    world.sample("web", UP, latency=2.0)
    world.fails("web", error=ErrorClass.AUTH)
    world.nobody_hears_for(minutes=10)


def test_a_warning_that_customers_feel_is_not_announced_because_something_else_is_critical():
    slow = level("latency", warning=above(1), impact=Impact.DEGRADED)
    hidden = level("queue", critical=above(1))
    world = Outside(plan(check("web", slow, hidden), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0, queue=2.0)
    world.nobody_hears_for(minutes=10)
    assert world.all(Announcement) == []


def test_a_warning_that_turns_critical_beside_something_hidden_is_announced():
    slow = level("latency", warning=above(1), critical=above(3), impact=Impact.DEGRADED)
    hidden = level("queue", critical=above(1))
    world = Outside(plan(check("web", slow, hidden), services=[service("shop", "web")]))
    world.sample("web", UP, latency=2.0, queue=2.0)
    world.nobody_hears_for(minutes=1)
    world.sample("web", UP, latency=4.0, queue=2.0)
    world.deliver()
    world.expects_words("customers", says="slow or partly unavailable since")


def test_a_relapse_of_one_service_gives_no_leave_to_push_words_that_name_another():
    careful = AnnouncePolicy(page=timedelta(0), push=None)
    both_down = check("web")
    services = [service("shop", "web", "cart"), service("pay", "web", announce=careful)]
    world = Outside(plan(both_down, check("cart"), services=services))
    world.fails("web")
    world.works("web")
    world.expects_words("colleagues")
    world.fails("cart")
    world.expects_words("colleagues")
    assert world.announcement.services == ("pay", "shop")
    world.nobody_hears_for(minutes=10)


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


def test_a_reload_that_makes_public_what_is_down_tells_customers():
    hidden = plan(check("web"), services=[service("shop", "web", public=False)])
    world = Outside(hidden)
    world.fails("web")
    world.nothing_more()
    world.reload(plan(check("web"), services=[service("shop", "web")]))
    world.expects_words("colleagues")
    world.expects_words("customers", says="Shop: unavailable")


def test_a_reload_that_makes_public_what_is_still_down_takes_the_good_news_back():
    checks = (check("web", host="a"), check("card", host="a"))
    shared = {"group_by": BY_HOST}
    checks = tuple(replace(one, **shared) for one in checks)
    world = Outside(plan(*checks, services=[service("shop", "web")]))
    world.fails("web")
    world.fails("card")
    world.ignore_messages()
    world.works("web")
    assert world.announcement.state is AnnouncementState.MONITORING
    world.reload(plan(*checks, services=[service("shop", "web", "card")]))
    assert world.announcement.state is AnnouncementState.INVESTIGATING
    world.expects_words("customers", says="back")
    world.pass_(minutes=10)
    assert world.announcement.state is AnnouncementState.INVESTIGATING
