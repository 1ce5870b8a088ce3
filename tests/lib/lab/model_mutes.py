"""The reference model's silences."""

from __future__ import annotations

import re
from datetime import datetime

from alerting.inputs import AddSilence, EndSilence
from lab import model_mail
from lab.model_duty import on_duty, ways
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
        author=given.author,
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
    fitting = _fitting(book, alarm, outage)
    return any(mute.starts <= book.now < mute.ends for mute in fitting)


def warns_from(book: Book, mute: Mute) -> datetime:
    """Return from when on somebody hears that it ends; its end for one that is too short for that."""
    begins = mute.ends - book.plan.warn_silence
    return begins if mute.starts < begins else mute.ends


def endangered(book: Book, mute: Mute) -> list[Outage]:
    """Return what pages when a silence ends, as things are: the first opened first."""
    return [
        outage
        for outage in book.outages.values()
        if outage.active and outage.quiet
        if any(_hangs_on(book, mute, alarm, outage) for alarm in book.alarms_of(outage))
    ]


def _hangs_on(book: Book, mute: Mute, alarm: Alarm, outage: Outage) -> bool:
    fitting = _fitting(book, alarm, outage)
    later = [one for one in fitting if one.starts <= mute.ends < one.ends]
    return alarm.state == "firing" and mute in fitting and not later


def warn(book: Book) -> None:
    """Tell the author, else who is on duty, of what a silence that ends soon mutes."""
    for mute in book.mutes.values():
        if mute.warned or not max(mute.starts, warns_from(book, mute)) <= book.now < mute.ends:
            continue
        found = endangered(book, mute)
        if not found:
            continue
        mute.warned = True
        worst = max(found, key=lambda outage: outage.severity.rank)
        known = ways(book.plan, mute.author)
        for person in (mute.author,) if known else on_duty(book.plan, worst.owner, book.now):
            model_mail.remind(book, "ticket", worst, person, mute.id)


def _fitting(book: Book, alarm: Alarm, outage: Outage) -> list[Mute]:
    """Return the silences that fit an alarm, whenever they hold."""
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
    known = {**labels, **traits}
    return [
        mute
        for mute in book.mutes.values()
        if all(_fits(want, known.get(name, ())) for name, want in mute.matchers.items())
    ]


def _fits(want: str, values: tuple[str, ...]) -> bool:
    pattern = re.compile(".*".join(map(re.escape, want.split("*"))), re.DOTALL)
    return any(pattern.fullmatch(value) for value in values)
