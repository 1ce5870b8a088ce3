"""Every sentence is there in every language, with the same blanks, and none tells customers what is ours."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta

import pytest

from alerting.wording import customers, staff
from alerting.wording.customers import Outage, headline, texts, title
from alerting.wording.staff import reminder
from alerting.wording.times import clock_time, length, pick, short_time
from lab.desk_plans import SHANGHAI

TABLES = [pytest.param(customers._WORDS, id="customers"), pytest.param(staff._WORDS, id="staff")]
BEGAN = datetime(2027, 1, 4, 2, tzinfo=UTC)


def blanks(sentence: str) -> set[str]:
    """Return the names of the blanks in a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("table", TABLES)
def test_every_language_has_every_sentence_with_the_same_blanks(table):
    first, *others = table.values()
    for other in others:
        assert other.keys() == first.keys()
        assert {key: blanks(other[key]) for key in first} == {key: blanks(first[key]) for key in first}


@pytest.mark.parametrize("table", TABLES)
def test_no_sentence_is_empty_or_in_another_language(table):
    for language, words in table.items():
        for key, sentence in words.items():
            chinese = re.search("[\u3000-\u9fff\uff00-\uffef]", sentence) is not None
            bare = re.sub(r"\{\w+\}", "", sentence)
            assert sentence.strip() == sentence != ""
            assert chinese is (language == "zh"), (key, sentence)
            assert language != "zh" or not re.search(r"[a-z]{2,}", bare), (key, sentence)


def outage(**fields) -> Outage:
    """Return an outage of two services with everything known."""
    usual = {
        "titles": [{"en": "Checkout", "zh": "下单结算"}, {"en": "Search", "zh": "搜索"}],
        "zone": SHANGHAI,
        "impact": "down",
        "began_at": BEGAN,
        "expected_recovery_at": BEGAN + timedelta(minutes=30),
        "next_update_at": BEGAN + timedelta(minutes=20),
        "recovered_at": BEGAN + timedelta(minutes=65),
    }
    return Outage(**{**usual, **fields})


EN = {
    "down": "Checkout, Search: unavailable since 2027-01-04 10:00 (UTC+8). We are working on it. "
    "We estimate it will be back by 2027-01-04 10:30 (UTC+8). Next update by 2027-01-04 10:20 (UTC+8).",
    "degraded": "Checkout, Search: slow or partly unavailable since 2027-01-04 10:00 (UTC+8). "
    "We are working on it. We estimate it will be back by 2027-01-04 10:30 (UTC+8). "
    "Next update by 2027-01-04 10:20 (UTC+8).",
    "identified": "Checkout, Search: we have found the cause and are working on it. "
    "We estimate it will be back by 2027-01-04 10:30 (UTC+8). Next update by 2027-01-04 10:20 (UTC+8).",
    "monitoring": "Checkout, Search: working again since 2027-01-04 11:05 (UTC+8). We are keeping an eye on it.",
    "relapsed": "Checkout, Search: affected again. We are sorry, and are working on it. "
    "We estimate it will be back by 2027-01-04 10:30 (UTC+8). Next update by 2027-01-04 10:20 (UTC+8).",
    "longer": "Checkout, Search: recovery is taking longer than expected. We are sorry, and are still working "
    "on it. Next update by 2027-01-04 10:20 (UTC+8).",
    "resolved": "Checkout, Search: working normally again. The disruption lasted 1 h 5 min, "
    "from 2027-01-04 10:00 (UTC+8) to 2027-01-04 11:05 (UTC+8). We are sorry for the trouble it caused.",
    "false_alarm": "Checkout, Search: the disruption we announced, since 2027-01-04 10:00 (UTC+8), was a false alarm. "
    "We are sorry for the confusion.",
    "closed": "Checkout, Search: this notice is closed. If something still does not work for you, please tell us.",
    "scheduled": "Checkout, Search: planned maintenance from 2027-01-04 10:00 (UTC+8) to 2027-01-04 10:30 (UTC+8). "
    "It may be unavailable in that time.",
    "in_progress": "Checkout, Search: the planned maintenance is in progress. "
    "We expect it to end by 2027-01-04 10:30 (UTC+8).",
    "prolonged": "Checkout, Search: the maintenance ends at another time than we said, by 2027-01-04 10:30 (UTC+8).",
    "completed": "Checkout, Search: the planned maintenance is completed. "
    "It took 1 h 5 min, from 2027-01-04 10:00 (UTC+8) to 2027-01-04 11:05 (UTC+8).",
    "called_off": "Checkout, Search: the maintenance planned for 2027-01-04 10:00 (UTC+8) does not take place.",
    "intermittent": "Checkout, Search: comes and goes since 2027-01-04 10:00 (UTC+8). We are working on it. "
    "We estimate it will be back by 2027-01-04 10:30 (UTC+8). Next update by 2027-01-04 10:20 (UTC+8).",
    "merged": "Checkout, Search: this is part of a wider disruption. We are working on it, and tell you more "
    "in the notice about that.",
    "internal": "For colleagues: customers may report trouble with Checkout, Search. Please tell them that we "
    "know and are working on it. You may tell them that we expect it to be back by 2027-01-04 10:30 (UTC+8).",
}
ZH = {
    "down": "下单结算、搜索：自 2027-01-04 10:00 (UTC+8) 起无法使用，我们正在全力处理。"
    "初步估计 2027-01-04 10:30 (UTC+8) 前恢复。我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "degraded": "下单结算、搜索：自 2027-01-04 10:00 (UTC+8) 起响应缓慢或部分功能不可用，我们正在全力处理。"
    "初步估计 2027-01-04 10:30 (UTC+8) 前恢复。我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "identified": "下单结算、搜索：已找到故障原因，正在处理。"
    "初步估计 2027-01-04 10:30 (UTC+8) 前恢复。我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "monitoring": "下单结算、搜索：已于 2027-01-04 11:05 (UTC+8) 恢复，我们正在持续观察。",
    "relapsed": "下单结算、搜索：再次受到影响。非常抱歉，我们正在全力处理。"
    "初步估计 2027-01-04 10:30 (UTC+8) 前恢复。我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "longer": "下单结算、搜索：恢复时间比预计的更长。非常抱歉，我们仍在全力处理。"
    "我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "resolved": "下单结算、搜索：已恢复正常。受影响时间从 2027-01-04 10:00 (UTC+8) 到 2027-01-04 11:05 (UTC+8)，"
    "共 1 小时 5 分钟。给您带来不便，我们深表歉意。",
    "false_alarm": "下单结算、搜索：经核实，关于 2027-01-04 10:00 (UTC+8) 起异常的通知为误报，非常抱歉。",
    "closed": "下单结算、搜索：本次通知已关闭。如果您仍遇到问题，请告诉我们。",
    "scheduled": "下单结算、搜索：计划于 2027-01-04 10:00 (UTC+8) 至 2027-01-04 10:30 (UTC+8) "
    "进行维护，期间可能无法使用。",
    "in_progress": "下单结算、搜索：计划维护正在进行，预计 2027-01-04 10:30 (UTC+8) 前结束。",
    "prolonged": "下单结算、搜索：维护结束时间有变，预计 2027-01-04 10:30 (UTC+8) 前结束。",
    "completed": "下单结算、搜索：计划维护已完成，从 2027-01-04 10:00 (UTC+8) 到 "
    "2027-01-04 11:05 (UTC+8)，共 1 小时 5 分钟。",
    "called_off": "下单结算、搜索：原定于 2027-01-04 10:00 (UTC+8) 的维护已取消。",
    "intermittent": "下单结算、搜索：自 2027-01-04 10:00 (UTC+8) 起时好时坏，我们正在全力处理。"
    "初步估计 2027-01-04 10:30 (UTC+8) 前恢复。我们将在 2027-01-04 10:20 (UTC+8) 前再次更新。",
    "merged": "下单结算、搜索：本次故障属于更大范围的故障，我们正在全力处理，后续进展请见该故障的通知。",
    "internal": "内部提示：客户可能反映下单结算、搜索异常，请告知我们已知悉并正在处理。"
    "可以转告：预计 2027-01-04 10:30 (UTC+8) 前恢复。",
}


@pytest.mark.parametrize("key", customers.SENTENCES)
def test_what_customers_read(key):
    assert texts(key, outage(), ["en", "zh"]) == {"en": EN[key], "zh": ZH[key]}


def test_a_learned_time_is_expected_and_a_configured_one_estimated():
    assert "We expect it to be back by" in texts("down", outage(estimated=False), ["en"])["en"]
    assert "预计 2027-01-04 10:30 (UTC+8) 前恢复" in texts("down", outage(estimated=False), ["zh"])["zh"]


@pytest.mark.parametrize("key", customers.SENTENCES)
def test_no_times_no_promises(key):
    words = texts(key, outage(expected_recovery_at=None, next_update_at=None), ["en", "zh"])
    assert "back by" not in words["en"]
    assert "Next update" not in words["en"]
    assert "前恢复" not in words["zh"]
    assert "再次更新" not in words["zh"]


@pytest.mark.parametrize(
    ("key", "en", "zh"),
    [
        ("title_down", "Checkout, Search: outage", "下单结算、搜索：服务中断"),
        ("title_degraded", "Checkout, Search: degraded", "下单结算、搜索：服务降级"),
        ("title_over", "Checkout, Search: resolved", "下单结算、搜索：已恢复"),
        ("title_false_alarm", "Checkout, Search: false alarm", "下单结算、搜索：误报说明"),
        ("title_closed", "Checkout, Search: notice closed", "下单结算、搜索：通知已关闭"),
    ],
)
def test_headlines(key, en, zh):
    assert (headline(key, outage(), "en"), headline(key, outage(), "zh-CN")) == (en, zh)


def test_the_title_of_an_outage_of_unknown_impact_is_an_outage():
    assert title(outage(impact="none"), "en") == "Checkout, Search: outage"
    assert title(outage(), "en", over=True) == "Checkout, Search: resolved"


def test_a_service_without_a_title_in_a_language_goes_by_the_one_it_has():
    one = outage(titles=[{"zh": "搜索"}])
    assert texts("closed", one, ["en"])["en"].startswith("搜索: this notice")


@pytest.mark.parametrize("language", ["en", "zh", "zh-CN", "de"])
@pytest.mark.parametrize(
    "key", ["remind_respond", "late_respond", "warn_resolve", "late_resolve", "new_ticket"]
)
def test_reminders_of_tickets_name_the_ticket_and_what_it_is_about(key, language):
    text = reminder(key, language, ticket="T-1", cls="urgent", title="more", respond="R", resolve="S")
    assert "T-1" in text
    assert text.endswith("more")


def test_a_class_is_said_in_the_readers_language():
    assert reminder("new_ticket", "zh", ticket="T-1", cls="urgent", title="info") == "T-1 紧急：info"


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (0.4, "0 s", "0 秒"),
        (59.6, "1 min", "1 分钟"),
        (61, "1 min 1 s", "1 分钟 1 秒"),
        (3600, "1 h", "1 小时"),
        (3661, "1 h 1 min", "1 小时 1 分钟"),
        (3601, "1 h", "1 小时"),
        (86405, "1 d", "1 天"),
        (90000, "1 d 1 h", "1 天 1 小时"),
        (-5, "0 s", "0 秒"),
    ],
)
def test_lengths_of_time(seconds, en, zh):
    span = timedelta(seconds=seconds)
    assert (length(span, "en"), length(span, "zh")) == (en, zh)


@pytest.mark.parametrize(
    ("zone", "short"),
    [
        ("Asia/Shanghai", "2027-01-04 10:00 (UTC+8)"),
        ("UTC", "2027-01-04 02:00 (UTC)"),
        ("Asia/Kolkata", "2027-01-04 07:30 (UTC+5:30)"),
        ("America/St_Johns", "2027-01-03 22:30 (UTC-3:30)"),
    ],
)
def test_times_customers_read(zone, short):
    from zoneinfo import ZoneInfo

    assert short_time(BEGAN, ZoneInfo(zone)) == short


def test_times_staff_reads():
    assert clock_time(BEGAN, SHANGHAI) == "2027-01-04 10:00:00 Asia/Shanghai"


@pytest.mark.parametrize(
    ("languages", "picked"),
    [(["zh-CN"], "zh"), (["fr", "zh"], "zh"), (["fr"], "en"), ([], "en"), (["ZH"], "zh")],
)
def test_the_first_language_we_know_is_picked(languages, picked):
    assert pick(languages, ("en", "zh")) == picked
