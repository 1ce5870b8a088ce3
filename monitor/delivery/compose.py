"""Composing: a queued notification becomes a finished message, with link, code and command at the moment it leaves."""

from __future__ import annotations

from collections.abc import Mapping
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
        },
        "zh": {
            "ack": "确认处理：",
            "code": "确认码 {code}，或执行：nightbell ack {incident}",
            "repeat": "本消息可能重复。",
            "remembered": "未记录：监控系统自身的存储发生故障。",
        },
    }
)


def compose(
    row: Notification, plan: Plan, key: bytes, now: datetime, *, remembered: bool = False
) -> Message | None:
    """Return the message as it leaves; None where the person has no address on the channel any more.

    The address and the link are made here and now: neither is ever stored. `remembered` has the words say that
    the store fails and nothing of this is recorded yet.
    """
    person = plan.people.get(row.to) if row.to else None
    channel = plan.channels.get(row.channel)
    if channel is None or (row.to is not None and person is None):
        return None
    address = person.channels.get(row.channel, "") if person else ""
    if channel.needs_address and not address and channel.audience is None:
        return None
    words = _WORDS["zh" if person and person.language.startswith("zh") else "en"]
    text, link = row.text, None
    if row.kind is Kind.PAGE and row.incident and row.to:
        link = f"{plan.site.public_url}/ack/{token(key, row.incident, row.to, row.step)}"
        code = short_code(key, row.incident, row.to)
        # First, so that a phone shows it without scrolling past a runbook; the title has said what is wrong.
        said = words["code"].format(code=code, incident=row.incident)
        text = "\n".join((words["ack"], link, said, "", text))
    if row.repeated:
        text = f"{words['repeat']}\n{text}"
    if remembered:
        text = f"{words['remembered']}\n{text}"
    return Message(
        id=row.id,
        kind=row.kind,
        dedup_key=row.dedup_key,
        to=row.to,
        address=address,
        title=row.title,
        text=text,
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
