"""What staff reads: pages, recovery notices, reminders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from alerting.alert import Alert
from alerting.incidents.incident import EndReason, Incident
from alerting.tickets.ticket import Ticket
from alerting.wording.times import clock_time, length, pick

SHOWN: Final = 20
"""Alerts named in one message."""
TITLE_CHARACTERS: Final = 120
RUNBOOK_CHARACTERS: Final = 4000

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "page": "{id} {severity}: {title}",
        "recovered": "{id} recovered: {title}",
        "title_false_alarm": "{id} was a false alarm: {title}",
        "title_unmonitored": "{id} ended, no longer monitored: {title}",
        "what": "What is wrong:",
        "since": "Since {since}",
        "services": "Services: {services}",
        "ticket": "Ticket {ticket}, {cls}: answer by {respond}, resolve by {resolve}",
        "assignee": "Assigned to {assignee}",
        "again": "This is a relapse: the incident was over and is back (opening {opening}).",
        "worse": "It has become worse since it was acknowledged.",
        "runbook": "Runbook:",
        "more": "… and {count} more",
        "over": "All clear. It lasted {length}, from {since} to {until}.",
        "open_for": "It was open for {length}, from {since} to {until}.",
        "false_alarm": "Somebody looked and ended it as a false alarm.",
        "unmonitored": "It ended because it is no longer monitored. Nobody has seen whether it works.",
        "remind_respond": "{ticket} still waits for a first response, due by {respond}: {title}",
        "late_respond": "{ticket} had no response by {respond}: {title}",
        "warn_resolve": "{ticket} has used 80 % of its time, due by {resolve}: {title}",
        "late_resolve": "{ticket} was not resolved by {resolve}: {title}",
        "ack_lapsed": "Your acknowledgement of {id} ran out. Renew it, or escalation goes on in {grace}: {title}",
        "update_due": "Customers were promised an update on {id} by now: {title}",
        "eta_lapsed": "{id} takes longer than customers were told, and they were promised another update: {title}",
        "silence_ends": "{silence} ends at {ends}. {id} is still bad and will be heard then: {title}",
        "silence_ends_more": "{silence} ends at {ends}. {id} and {more} more are still bad and will be heard then: "
        "{title}",
        "new_ticket": "{ticket} {cls}: {title}",
        "handling": "Handled under {id}.",
        "self_test": "Self-test of {channel}: nothing is wrong",
        "self_test_text": "This message proves that {channel} delivers. Nothing is wrong, there is nothing to do.",
        "self_test_failed": "channel {channel} failed its self-test: {reason}",
        "critical": "critical",
        "warning": "warning",
        "info": "info",
        "urgent": "urgent",
        "general": "general",
        "complex": "complex",
    },
    "zh": {
        "page": "{id} {severity}：{title}",
        "recovered": "{id} 已恢复：{title}",
        "title_false_alarm": "{id} 为误报：{title}",
        "title_unmonitored": "{id} 已结束，不再监控：{title}",
        "what": "故障现象：",
        "since": "开始于 {since}",
        "services": "影响服务：{services}",
        "ticket": "工单 {ticket}（{cls}）：请在 {respond} 前响应，{resolve} 前解决",
        "assignee": "负责人：{assignee}",
        "again": "故障复发：此前已恢复，现再次出现（第 {opening} 次）。",
        "worse": "确认之后情况恶化。",
        "runbook": "处理手册：",
        "more": "…… 另有 {count} 项",
        "over": "故障已解除，持续 {length}，从 {since} 到 {until}。",
        "open_for": "持续 {length}，从 {since} 到 {until}。",
        "false_alarm": "经人工确认为误报，已结束。",
        "unmonitored": "因不再监控而结束，实际是否恢复未经确认。",
        "remind_respond": "{ticket} 仍未响应，截止 {respond}：{title}",
        "late_respond": "{ticket} 在 {respond} 前无人响应：{title}",
        "warn_resolve": "{ticket} 处理时间已用 80 %，截止 {resolve}：{title}",
        "late_resolve": "{ticket} 未在 {resolve} 前解决：{title}",
        "ack_lapsed": "您对 {id} 的确认已到期。请续期，否则 {grace} 后继续升级：{title}",
        "update_due": "{id} 已到向客户承诺的更新时间：{title}",
        "eta_lapsed": "{id} 的恢复时间超过了告知客户的预计时间，已承诺再次更新：{title}",
        "silence_ends": "{silence} 将于 {ends} 结束，{id} 仍未恢复，届时将发出通知：{title}",
        "silence_ends_more": "{silence} 将于 {ends} 结束，{id} 及另外 {more} 项仍未恢复，届时将发出通知：{title}",
        "new_ticket": "{ticket} {cls}：{title}",
        "handling": "归入 {id} 处理。",
        "self_test": "{channel} 通道自检：一切正常",
        "self_test_text": "本消息用于确认通道 {channel} 能够送达。没有故障，无需处理。",
        "self_test_failed": "通道 {channel} 自检失败：{reason}",
        "critical": "严重",
        "warning": "警告",
        "info": "提示",
        "urgent": "紧急",
        "general": "一般",
        "complex": "复杂",
    },
}

LANGUAGES: Final = tuple(_WORDS)
_JOIN: Final = {"zh": "、"}
_WHY: Final = (EndReason.FALSE_ALARM, EndReason.UNMONITORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a message to staff can tell. `services` are titles in the reader's language; times in `zone`."""

    incident: Incident
    alerts: Sequence[Alert]
    zone: ZoneInfo
    services: Sequence[str] = ()
    ticket: Ticket | None = None
    assignee: str = ""
    runbook: str = ""
    worse: bool = False


def page(facts: Facts, language: str) -> tuple[str, str]:
    """Return title and text of a page. Link, code and command are added when it is sent."""
    key = pick([language], LANGUAGES)
    words = _WORDS[key]
    incident = facts.incident
    lines = [words["what"], *_alerts(facts, words), ""]
    lines.append(words["since"].format(since=clock_time(incident.since, facts.zone)))
    if facts.services:
        lines.append(words["services"].format(services=_JOIN.get(key, ", ").join(facts.services)))
    if incident.opening > 1:
        lines.append(words["again"].format(opening=incident.opening))
    if facts.worse:
        lines.append(words["worse"])
    if facts.ticket is not None:
        lines.append(_ticket(facts.ticket, facts.zone, words))
    if facts.assignee:
        lines.append(words["assignee"].format(assignee=facts.assignee))
    if facts.runbook:
        lines += ["", words["runbook"], facts.runbook[:RUNBOOK_CHARACTERS]]
    return _title("page", incident, words), "\n".join(lines)


def recovered(facts: Facts, language: str) -> tuple[str, str]:
    """Return title and text of the notice that it is over, with how long it lasted."""
    key = pick([language], LANGUAGES)
    words = _WORDS[key]
    incident = facts.incident
    until = incident.resolved_at or incident.changed_at
    lines = []
    why = incident.reason.value if incident.reason in _WHY else ""
    if why:
        lines.append(words[why])
    lines.append(
        words["open_for" if why else "over"].format(
            length=length(until - incident.since, key),
            since=clock_time(incident.since, facts.zone),
            until=clock_time(until, facts.zone),
        )
    )
    if facts.services:
        lines.append(words["services"].format(services=_JOIN.get(key, ", ").join(facts.services)))
    return _title(f"title_{why}" if why else "recovered", incident, words), "\n".join(lines)


def reminder(key: str, language: str, **facts: str) -> str:
    """Return a one-line reminder; `key` is one of the sentences above, `facts` fill its blanks.

    `cls`, a ticket's class, is given as its word in the configuration and comes out in the reader's language.
    """
    words = _WORDS[pick([language], LANGUAGES)]
    if "cls" in facts:
        facts["cls"] = words[facts["cls"]]
    return words[key].format(**facts)


def _title(key: str, incident: Incident, words: Mapping[str, str]) -> str:
    return words[key].format(id=incident.id, severity=words[incident.severity.value], title=incident.title)[
        :TITLE_CHARACTERS
    ]


def _ticket(ticket: Ticket, zone: ZoneInfo, words: Mapping[str, str]) -> str:
    return words["ticket"].format(
        ticket=ticket.id,
        cls=words[ticket.ticket_class.value],
        respond=clock_time(ticket.respond_by, zone),
        resolve=clock_time(ticket.resolve_by, zone),
    )


def _alerts(facts: Facts, words: Mapping[str, str]) -> list[str]:
    lines = [f"- {describe(alert)}" for alert in facts.alerts[:SHOWN]]
    rest = len(facts.alerts) - SHOWN
    return [*lines, words["more"].format(count=rest)] if rest > 0 else lines


def describe(alert: Alert) -> str:
    """Say in one line which check is in trouble and how."""
    name = f"{alert.key.check} {alert.key.part}" if alert.key.part else alert.key.check
    error = f" ({alert.error})" if alert.error else ""
    return f"{name}: {alert.message or alert.key.threshold}{error}"
