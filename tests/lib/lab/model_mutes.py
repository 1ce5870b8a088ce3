"""The reference model's silences."""

from __future__ import annotations

import re

from alerting.inputs import AddSilence, EndSilence
from lab.model_records import Alarm, Book, Mute, No, Outage


def add(book: Book, given: AddSilence) -> None:
    """Somebody mutes what fits."""
    if given.ends_at <= max(given.starts_at or book.now, book.now):
        raise No("over before it begins")
    mute = Mute(
        id=book.number("S"),
        matchers=dict(given.matchers),
        starts=given.starts_at or book.now,
        ends=given.ends_at,
    )
    book.mutes[mute.id] = mute


def end(book: Book, given: EndSilence) -> None:
    """Somebody ends a silence."""
    mute = book.mutes.get(given.silence)
    if mute is None or mute.ends <= book.now:
        raise No("no such silence")
    mute.ends = book.now


def covers(book: Book, outage: Outage) -> bool:
    """True where every alarm of an incident is muted."""
    alarms = book.alarms_of(outage)
    return bool(alarms) and all(muted(book, alarm, outage) for alarm in alarms)


def muted(book: Book, alarm: Alarm, outage: Outage) -> bool:
    """True where a silence that holds now fits an alarm."""
    check = book.plan.checks.get(alarm.check)
    traits: dict[str, tuple[str, ...]] = {
        "check": (alarm.check,),
        "threshold": (alarm.threshold.id,),
        "part": (alarm.part,),
        "severity": (alarm.severity.value,),
        "incident": (outage.id,),
        "host": (check.host if check else outage.host,),
        "service": check.services if check else (),
        "probe": (check.probe,) if check else (),
    }
    labels = {name: (value,) for name, value in check.labels.items()} if check else {}
    for mute in book.mutes.values():
        fits = (_fits(want, {**labels, **traits}.get(name, ())) for name, want in mute.matchers.items())
        if mute.starts <= book.now < mute.ends and all(fits):
            return True
    return False


def _fits(want: str, values: tuple[str, ...]) -> bool:
    pattern = re.compile(".*".join(map(re.escape, want.split("*"))), re.DOTALL)
    return any(pattern.fullmatch(value) for value in values)
