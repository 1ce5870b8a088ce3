"""What customers feel of an incident, by the reference model's account."""

from __future__ import annotations

from alerting.severity import Impact, Severity
from lab.model_records import Alarm, Book, Outage


def feel(book: Book) -> None:
    """Keep for each incident whether customers feel it, whether it is grave, and when it last ceased to be so."""
    for outage in book.outages.values():
        grave = outage.active and bool(grave_of(book, outage))
        if book.grave.get(outage.id) and not grave:
            book.eased[outage.id] = book.now
        book.grave[outage.id] = grave
        book.felt[outage.id] = outage.active and bool(felt_by(book, outage))


def felt_by(book: Book, outage: Outage) -> list[Alarm]:
    """Return the alarms of an incident that customers feel."""
    return [
        alarm
        for alarm in [*book.alarms_of(outage), *book.symptoms_of(outage)]
        if alarm.threshold.impact is not Impact.NONE and _public(book, alarm)
    ]


def grave_of(book: Book, outage: Outage) -> list[Alarm]:
    """Return those of them that are bad enough to be announced."""
    return [alarm for alarm in felt_by(book, outage) if alarm.severity is Severity.CRITICAL]


def _public(book: Book, alarm: Alarm) -> bool:
    check = book.plan.checks.get(alarm.check)
    names = check.services if check else ()
    return any(book.plan.services[name].public for name in names if name in book.plan.services)
