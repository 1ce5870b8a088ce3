"""What customers read: what is affected, since when, expected until when, and when they hear next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from alerting.wording.times import FALLBACK, length, pick, short_time

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "title_down": "{services}: outage",
        "title_degraded": "{services}: degraded",
        "title_over": "{services}: resolved",
        "title_false_alarm": "{services}: false alarm",
        "title_closed": "{services}: notice closed",
        "title_maintenance": "{services}: planned maintenance",
        "title_maintenance_over": "{services}: maintenance completed",
        "title_called_off": "{services}: maintenance called off",
        "title_merged": "{services}: still affected, as part of a wider disruption",
        "down": "{services}: unavailable since {began}. We are working on it.",
        "degraded": "{services}: slow or partly unavailable since {began}. We are working on it.",
        "identified": "{services}: we have found the cause and are working on it.",
        "eta": "We expect it to be back by {eta}.",
        "eta_estimated": "We estimate it will be back by {eta}.",
        "next": "Next update by {next}.",
        "monitoring": "{services}: working again since {until}. We are keeping an eye on it.",
        "relapsed": "{services}: affected again. We are sorry, and are working on it.",
        "longer": "{services}: recovery is taking longer than expected. We are sorry, and are still working on it.",
        "intermittent": "{services}: comes and goes since {began}. We are working on it.",
        "resolved": "{services}: working normally again. The disruption lasted {length}, from {began} to {until}. "
        "We are sorry for the trouble it caused.",
        "false_alarm": "{services}: the disruption we announced, since {began}, was a false alarm. "
        "We are sorry for the confusion.",
        "closed": "{services}: this notice is closed. If something still does not work for you, please tell us.",
        "scheduled": "{services}: planned maintenance from {began} to {eta}. "
        "It may be unavailable in that time.",
        "in_progress": "{services}: the planned maintenance is in progress. We expect it to end by {eta}.",
        "prolonged": "{services}: the maintenance ends at another time than we said, by {eta}.",
        "completed": "{services}: the planned maintenance is completed. It took {length}, from {began} to {until}.",
        "called_off": "{services}: the maintenance planned for {began} does not take place.",
        "merged": "{services}: this is part of a wider disruption. We are working on it, and tell you more "
        "in the notice about that.",
        "internal": "For colleagues: customers may report trouble with {services}. "
        "Please tell them that we know and are working on it.",
        "internal_eta": "You may tell them that we expect it to be back by {eta}.",
    },
    "zh": {
        "title_down": "{services}：服务中断",
        "title_degraded": "{services}：服务降级",
        "title_over": "{services}：已恢复",
        "title_false_alarm": "{services}：误报说明",
        "title_closed": "{services}：通知已关闭",
        "title_maintenance": "{services}：计划维护",
        "title_maintenance_over": "{services}：维护已完成",
        "title_called_off": "{services}：维护已取消",
        "title_merged": "{services}：仍受影响，属于更大范围的故障",
        "down": "{services}：自 {began} 起无法使用，我们正在全力处理。",
        "degraded": "{services}：自 {began} 起响应缓慢或部分功能不可用，我们正在全力处理。",
        "identified": "{services}：已找到故障原因，正在处理。",
        "eta": "预计 {eta} 前恢复。",
        "eta_estimated": "初步估计 {eta} 前恢复。",
        "next": "我们将在 {next} 前再次更新。",
        "monitoring": "{services}：已于 {until} 恢复，我们正在持续观察。",
        "relapsed": "{services}：再次受到影响。非常抱歉，我们正在全力处理。",
        "longer": "{services}：恢复时间比预计的更长。非常抱歉，我们仍在全力处理。",
        "intermittent": "{services}：自 {began} 起时好时坏，我们正在全力处理。",
        "resolved": "{services}：已恢复正常。受影响时间从 {began} 到 {until}，共 {length}。"
        "给您带来不便，我们深表歉意。",
        "false_alarm": "{services}：经核实，关于 {began} 起异常的通知为误报，非常抱歉。",
        "closed": "{services}：本次通知已关闭。如果您仍遇到问题，请告诉我们。",
        "scheduled": "{services}：计划于 {began} 至 {eta} 进行维护，期间可能无法使用。",
        "in_progress": "{services}：计划维护正在进行，预计 {eta} 前结束。",
        "prolonged": "{services}：维护结束时间有变，预计 {eta} 前结束。",
        "completed": "{services}：计划维护已完成，从 {began} 到 {until}，共 {length}。",
        "called_off": "{services}：原定于 {began} 的维护已取消。",
        "merged": "{services}：本次故障属于更大范围的故障，我们正在全力处理，后续进展请见该故障的通知。",
        "internal": "内部提示：客户可能反映{services}异常，请告知我们已知悉并正在处理。",
        "internal_eta": "可以转告：预计 {eta} 前恢复。",
    },
}

LANGUAGES: Final = tuple(_WORDS)
SENTENCES: Final = (
    "down",
    "degraded",
    "identified",
    "monitoring",
    "relapsed",
    "longer",
    "intermittent",
    "resolved",
    "false_alarm",
    "closed",
    "scheduled",
    "in_progress",
    "prolonged",
    "completed",
    "called_off",
    "merged",
    "internal",
)
_GOES_ON: Final = ("down", "degraded", "identified", "relapsed", "longer", "intermittent")
"""Words after which customers hear more."""
_JOIN: Final = {"zh": "、"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What there is to tell. `titles` holds each affected service's title per language."""

    titles: Sequence[Mapping[str, str]]
    zone: ZoneInfo
    impact: str
    began_at: datetime
    expected_recovery_at: datetime | None = None
    estimated: bool = True
    next_update_at: datetime | None = None
    recovered_at: datetime | None = None


def texts(key: str, outage: Outage, languages: Sequence[str]) -> dict[str, str]:
    """Return the text of `key` in each of `languages`; `key` is one of `SENTENCES`.

    A language we have no words for gets the English ones, with its own service titles.
    """
    return {language: _text(key, outage, language) for language in languages}


def title(outage: Outage, language: str, *, over: bool = False) -> str:
    """Return the headline of an outage that lasts, or is over."""
    if over and outage.impact == "maintenance":
        return headline("title_maintenance_over", outage, language)
    return headline("title_over" if over else f"title_{outage.impact}", outage, language)


def headline(key: str, outage: Outage, language: str) -> str:
    """Return a headline; `key` is one of the words that begin with `title_`."""
    words = _WORDS[pick([language], LANGUAGES)]
    return words.get(key, words["title_down"]).format(services=_services(outage, language))


def _text(key: str, outage: Outage, language: str) -> str:
    known = pick([language], LANGUAGES)
    words = _WORDS[known]
    until = outage.recovered_at or outage.began_at
    blanks = {
        "services": _services(outage, language),
        "began": short_time(outage.began_at, outage.zone),
        "until": short_time(until, outage.zone),
        "length": length(max(until - outage.began_at, timedelta(0)), known),
        "eta": _maybe(outage.expected_recovery_at, outage.zone),
        "next": _maybe(outage.next_update_at, outage.zone),
    }
    sentences = [words[key].format(**blanks)]
    if outage.expected_recovery_at and (promise := _promise(key, outage)):
        sentences.append(words[promise].format(**blanks))
    if outage.next_update_at and key in _GOES_ON:
        sentences.append(words["next"].format(**blanks))
    return ("" if known == "zh" else " ").join(sentences)


def _promise(key: str, outage: Outage) -> str:
    """Return the sentence that names the expected time, empty where these words name none."""
    if key == "internal":
        return "internal_eta"
    return ("eta_estimated" if outage.estimated else "eta") if key in _GOES_ON and key != "longer" else ""


def _services(outage: Outage, language: str) -> str:
    base = language.split("-", maxsplit=1)[0]
    names = [
        names.get(language) or names.get(base) or names.get(FALLBACK) or next(iter(names.values()), "")
        for names in outage.titles
    ]
    return _JOIN.get(base, ", ").join(names)


def _maybe(at: datetime | None, zone: ZoneInfo) -> str:
    return short_time(at, zone) if at else ""
