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
        "down": "{services} has been unavailable since {began}. We are working on it.",
        "degraded": "{services} has been slow or partly unavailable since {began}. We are working on it.",
        "eta": "We expect it to be back by {eta}.",
        "eta_estimated": "We estimate it will be back by {eta}.",
        "next": "Next update by {next}.",
        "monitoring": "{services} is working again since {until}. We keep watching it.",
        "relapsed": "{services} is affected again. We are working on it.",
        "longer": "{services} is taking longer than expected to recover. Next update by {next}.",
        "resolved": "{services} is working normally again. It was affected for {length}, from {began} to {until}.",
        "internal": "For colleagues: customers may report trouble with {services}. Tell them that we know, "
        "and the expected time above.",
    },
    "zh": {
        "title_down": "{services}：服务中断",
        "title_degraded": "{services}：服务降级",
        "title_over": "{services}：已恢复",
        "down": "{services}自 {began} 起无法使用，我们正在处理。",
        "degraded": "{services}自 {began} 起响应缓慢或部分不可用，我们正在处理。",
        "eta": "预计 {eta} 前恢复。",
        "eta_estimated": "初步估计 {eta} 前恢复。",
        "next": "下一次更新：{next} 前。",
        "monitoring": "{services}已于 {until} 恢复，我们正在持续观察。",
        "relapsed": "{services}再次受到影响，我们正在处理。",
        "longer": "{services}恢复所需时间比预计更长。下一次更新：{next} 前。",
        "resolved": "{services}已恢复正常。受影响时长 {length}，从 {began} 到 {until}。",
        "internal": "内部提示：客户可能反映{services}异常。请告知我们已获悉，并转告上述预计恢复时间。",
    },
}

LANGUAGES: Final = tuple(_WORDS)
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
    """Return the text of `key` in each of `languages`: `down degraded monitoring relapsed longer resolved internal`.

    A language we have no words for gets the English ones, with its own service titles.
    """
    return {language: _text(key, outage, language) for language in languages}


def title(outage: Outage, language: str, *, over: bool = False) -> str:
    """Return a headline."""
    key = "title_over" if over else f"title_{outage.impact}"
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
    if key in ("down", "degraded", "relapsed"):
        if outage.expected_recovery_at:
            sentences.append(words["eta_estimated" if outage.estimated else "eta"].format(**blanks))
        if outage.next_update_at:
            sentences.append(words["next"].format(**blanks))
    return ("" if known == "zh" else " ").join(sentences)


def _services(outage: Outage, language: str) -> str:
    base = language.split("-", maxsplit=1)[0]
    names = [
        names.get(language) or names.get(base) or names.get(FALLBACK) or next(iter(names.values()), "")
        for names in outage.titles
    ]
    return _JOIN.get(base, ", ").join(names)


def _maybe(at: datetime | None, zone: ZoneInfo) -> str:
    return short_time(at, zone) if at else ""
