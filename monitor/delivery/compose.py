"""Composing: what is queued becomes a finished message, with link, code and command at the moment it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from alerting.notification import Kind, Notification
from alerting.notifiers.api import Message
from alerting.oncall.acknowledgement import short_code, token
from alerting.plan import Plan

_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": {
            "ack": "Acknowledge:",
            "code": "Code {code}, or: nightbell ack {incident}",
            "repeat": "This may be a repeat.",
            "remembered": "Not recorded: the monitor's own store fails.",
            "bundle": "{count} incidents: {titles}",
            "notices": "{count} messages: {titles}",
            "more": "and {count} more",
        },
        "zh": {
            "ack": "确认处理：",
            "code": "确认码 {code}，或执行：nightbell ack {incident}",
            "repeat": "本消息可能重复。",
            "remembered": "未记录：监控系统自身的存储发生故障。",
            "bundle": "{count} 起事件：{titles}",
            "notices": "{count} 条消息：{titles}",
            "more": "另有 {count} 起",
        },
    }
)


TOLD: Final = 20
"""How many incidents a message of many tells of; of the rest it says how many they are."""
TITLE_CHARACTERS: Final = 120


def compose(
    row: Notification, plan: Plan, key: bytes, now: datetime, *, remembered: bool = False
) -> Message | None:
    """Return the message as it leaves; None where the person has no address on the channel any more.

    The address and the link are made here and now: neither is ever stored. `remembered` has the words say that
    the store fails and nothing of this is recorded yet.
    """
    address = _address(row, plan)
    if address is None:
        return None
    words = _words(row, plan)
    text, link = row.text, None
    if row.kind is Kind.PAGE and row.incident and row.to:
        link, code = _link(row, plan, key), _code(row, key, words)
        # First, so that a phone shows it without scrolling past a runbook; the title has said what is wrong.
        text = "\n".join((words["ack"], link, code, "", text))
    return Message(
        id=row.id,
        kind=row.kind,
        dedup_key=row.dedup_key,
        to=row.to,
        address=address,
        title=row.title,
        text=_with_remarks(text, words, repeated=row.repeated, remembered=remembered),
        at=now,
        incident=row.incident,
        ticket=row.ticket,
        ack_url=link,
        severity=row.severity,
        state=row.about,
        services=row.services,
        expected_recovery_at=row.expected_recovery_at,
        texts=row.texts,
    )


def compose_many(
    rows: Sequence[Notification], plan: Plan, key: bytes, now: datetime, *, remembered: bool = False
) -> Message | None:
    """Return the one message that tells of all `rows`, which share kind, channel and person; None as with one.

    It goes by the first row. Each incident told of has a link of its own: who acknowledges answers for that one.
    """
    if len(rows) == 1:
        return compose(rows[0], plan, key, now, remembered=remembered)
    first = compose(rows[0], plan, key, now)
    if first is None:
        return None
    words = _words(rows[0], plan)
    asks = first.ack_url is not None
    lines = [words["ack"], first.ack_url or "", _code(rows[0], key, words), ""] if asks else []
    for row in rows[:TOLD]:
        lines.append(row.title)
        if asks and row.incident:
            lines += [_link(row, plan, key), _code(row, key, words), ""]
    if len(rows) > TOLD:
        lines.append(words["more"].format(count=len(rows) - TOLD))
    titles = "; ".join(row.title for row in rows[:TOLD])
    title = words["bundle" if asks else "notices"].format(count=len(rows), titles=titles)
    return replace(
        first,
        title=title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1] + "…",
        text=_with_remarks(
            "\n".join(lines).rstrip(),
            words,
            repeated=any(row.repeated for row in rows),
            remembered=remembered,
        ),
        severity=max((row.severity for row in rows), key=lambda severity: severity.rank),
        services=tuple(dict.fromkeys(name for row in rows for name in row.services)),
    )


def plain_facts(
    rows: Sequence[Notification], plan: Plan, now: datetime, *, remembered: bool = False
) -> Message | None:
    """Return what is left to say where composing fails: what is wrong, without links and codes."""
    address, first = _address(rows[0], plan), rows[0]
    if address is None:
        return None
    text = first.text if len(rows) == 1 else "\n".join(row.title for row in rows[:TOLD])
    repeated = any(row.repeated for row in rows)
    return Message(
        id=first.id,
        kind=first.kind,
        dedup_key=first.dedup_key,
        to=first.to,
        address=address,
        title=first.title if len(rows) == 1 else f"{len(rows)}: {first.title}",
        text=_with_remarks(text, _words(first, plan), repeated=repeated, remembered=remembered),
        at=now,
        incident=first.incident,
        ticket=first.ticket,
        severity=first.severity,
        state=first.about,
        services=first.services,
        expected_recovery_at=first.expected_recovery_at,
        texts=first.texts,
    )


def _address(row: Notification, plan: Plan) -> str | None:
    """Return the address on the channel, empty where it needs none; None where the message can reach nobody."""
    person = plan.people.get(row.to) if row.to else None
    channel = plan.channels.get(row.channel)
    if channel is None or (row.to is not None and person is None):
        return None
    address = person.channels.get(row.channel, "") if person else ""
    return None if channel.needs_address and not address and channel.audience is None else address


def _words(row: Notification, plan: Plan) -> Mapping[str, str]:
    person = plan.people.get(row.to) if row.to else None
    return _WORDS["zh" if person and person.language.startswith("zh") else "en"]


def _link(row: Notification, plan: Plan, key: bytes) -> str:
    signed = token(key, row.incident or "", row.to or "", row.step, row.opened_at)
    return f"{plan.site.public_url}/ack/{signed}"


def _code(row: Notification, key: bytes, words: Mapping[str, str]) -> str:
    code = short_code(key, row.incident or "", row.to or "", row.opened_at)
    return words["code"].format(code=code, incident=row.incident)


def _with_remarks(text: str, words: Mapping[str, str], *, repeated: bool, remembered: bool) -> str:
    remarks = [words["remembered"]] * remembered + [words["repeat"]] * repeated
    return "\n".join((*remarks, text))
