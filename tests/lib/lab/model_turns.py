"""The reference model's flapping: what turns bad and good too often is told of when it has come to rest."""

from __future__ import annotations

from alerting.severity import Severity
from lab import model_outages, model_paging
from lab.model_records import Book, Outage


def turned(book: Book, outage: Outage) -> None:
    """It has become bad, or good."""
    outage.turns.append(book.now)
    many = book.plan.flapping.changes
    outage.turns = outage.turns[-many:]
    soon = outage.turns[-1] - outage.turns[0] <= book.plan.flapping.within
    if not outage.flaps and len(outage.turns) == many and soon and known(book, outage):
        outage.flaps = True
        model_paging.hold(book, outage)


def known(book: Book, outage: Outage) -> bool:
    """True where somebody knows how bad it is, or nobody has to."""
    if outage.severity is not Severity.CRITICAL or outage.quiet or outage.acked:
        return True
    return any(one.kind == "page" and one.state == "accepted" for one in book.mails_of(outage))


def calms(outage: Outage) -> None:
    """It flaps no more."""
    outage.flaps, outage.turns = False, []


def rest(book: Book) -> None:
    """What has not turned for long enough is told as it is."""
    for outage in list(book.outages.values()):
        if not outage.active or not outage.flaps:
            continue
        quiet = book.now - outage.turns[-1]
        if quiet * 0 <= quiet < book.plan.flapping.within:
            continue
        book.touch(outage)
        calms(outage)
        if not book.alarms_of(outage) and not book.symptoms_of(outage):
            model_outages.end(book, outage, "recovered", anew=True)
        elif outage.state == "recovering":
            model_paging.start(book, outage)
        elif not outage.quiet:
            model_outages.alert(book, outage)
