"""A message as the JSON object that machines are given."""

from __future__ import annotations

from datetime import UTC, datetime

from alerting.notification import Kind
from alerting.notifiers.api import Message


def body(message: Message) -> dict[str, object]:
    """Return the fields of `message` in the order they are documented; announcements have three more."""
    fields: dict[str, object] = {
        "id": message.id,
        "kind": message.kind.value,
        "dedup_key": message.dedup_key,
        "incident": message.incident,
        "ticket": message.ticket,
        "to": message.to,
        "title": message.title,
        "text": message.text,
        "ack_url": message.ack_url,
        "severity": message.severity.value,
        "state": message.state,
        "drill": message.drill,
        "at": _time(message.at),
    }
    if message.kind is Kind.ANNOUNCEMENT:
        fields["services"] = list(message.services)
        fields["expected_recovery_at"] = _time(message.expected_recovery_at)
        fields["texts"] = dict(message.texts)
    return fields


def _time(at: datetime | None) -> str | None:
    """Return `at` as RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
