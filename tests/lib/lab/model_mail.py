"""The reference model's messages to staff: who is told, on which channel, and what follows from a receipt."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from alerting.notification import NotificationState, Reason, Receipt
from alerting.severity import Severity
from lab import model_bundles, model_depends, model_paging
from lab.model_duty import ways
from lab.model_records import Book, Mail, Outage, Work

LIVES: Final = {
    "page": timedelta(hours=24),
    "recovery": timedelta(hours=24),
    "ticket": timedelta(hours=24),
    "reminder": timedelta(hours=2),
}
PATIENCE: Final = timedelta(seconds=30)
MAY_KNOW: Final = ("accepted", "sending", "ambiguous")


def post(
    book: Book,
    kind: str,
    about: Outage | Work,
    to: str,
    *,
    order: tuple[str, ...],
    word: str,
    by_hand: bool = False,
    hurry: bool = False,
    after: Mail | None = None,
) -> Mail:
    """Queue a message on the first channel of `order`. `after` is what did not get through elsewhere."""
    outage = about if isinstance(about, Outage) else None
    mail = Mail(
        kind=kind,
        about=about.id,
        word=word,
        to=to,
        channel=order[0],
        rest=order[1:],
        created=book.now,
        not_before=book.now,
        not_after=book.now + LIVES[kind],
        incident=outage.id if outage else None,
        ticket=outage.ticket if outage else about.id,
        by_hand=by_hand,
    )
    if kind == "page" and outage is not None:
        same = [
            one
            for one in book.mails_of(outage)
            if (one.kind, one.to, one.channel) == (kind, to, mail.channel)
        ]
        if same and same[-1].state == "cancelled":
            mail.tried = same[-1].tried
    if after is not None:
        mail.not_after = max(after.not_after, book.now)
        model_bundles.follow(book, after, mail)
    else:
        model_bundles.place(book, mail, hurry=hurry)
    mail.number = book.count()
    book.mails.setdefault(about.id, []).append(mail)
    book.fresh.append(mail)
    book.touch(mail)
    return mail


def remind(book: Book, kind: str, about: Outage | Work, to: str, word: str) -> None:
    """Remind somebody: at once by their first channel, or without hurry by their last."""
    order = ways(book.plan, to)
    if order:
        post(
            book, kind, about, to, order=order if kind == "reminder" else (order[-1], *order[:-1]), word=word
        )


def call_off(book: Book, outage: Outage, *kinds: str, to: str | None = None, asked_for: bool = True) -> None:
    """Call off what still waits."""
    for mail in book.mails_of(outage):
        meant = mail.kind in kinds and to in (None, mail.to) and (asked_for or not mail.by_hand)
        if meant and mail.state == "pending":
            mail.state, mail.tried = "cancelled", _tried(book, mail)
            book.touch(mail)


def _tried(book: Book, mail: Mail) -> timedelta:
    """Return how long it has been tried, and what was called off before it: an outage may come and go."""
    return mail.tried + max(book.now - max(mail.due, mail.created), timedelta(0))


def may_know(mail: Mail) -> bool:
    """True where somebody has read it, or may have."""
    return mail.state in MAY_KNOW or mail.repeated


def tell_the_end(book: Book, outage: Outage, only: Mail | None = None, *, anew: bool = False) -> None:
    """Tell each person who may know of the outage that it is over: on the channel that told them, once per opening."""
    before = book.numbers.get("mail", 0)
    parts = [mail for one in model_depends.merged(book, outage) for mail in book.mails_of(one)]
    for mail in [only] if only else [*book.mails_of(outage), *parts]:
        if mail.kind not in ("page", "ticket") or not may_know(mail):
            continue
        heard = [
            one.number
            for one in book.mails_of(outage)
            if one.kind == "recovery"
            and (one.to, one.channel) == (mail.to, mail.channel)
            and one.state != "cancelled"
            and not (anew and one.number <= before)
        ]
        if heard and max(heard) > mail.number:
            continue
        others = tuple(way for way in ways(book.plan, mail.to) if way != mail.channel)
        post(book, "recovery", outage, mail.to, order=(mail.channel, *others), word=f"over.{outage.opening}")


def booked(book: Book, mail: Mail, receipt: Receipt) -> None:
    """Take in what came of an attempt."""
    if mail.forgotten or receipt.attempt < mail.attempts:
        return
    book.touch(mail)
    state, again = receipt.state.value, receipt.retry_at
    unsure = receipt.state is NotificationState.AMBIGUOUS
    mail.attempts = receipt.attempt
    if mail.state == "cancelled" and state != "accepted":
        state, again = "cancelled", None
    elif unsure and (not mail.repeated or receipt.reason is Reason.INTERRUPTED):
        rest = timedelta(seconds=10 if mail.repeated else 0)
        state, again = "pending", again or book.now + rest  # silence is worse than a duplicate
    if state == "pending" and (again or book.now) >= mail.not_after:
        state, again = "expired", None
    mail.lost = mail.lost if state == "cancelled" else receipt.reason is Reason.NO_ADDRESS
    mail.state = state
    mail.repeated = mail.repeated or unsure
    mail.not_before = again or mail.not_before
    outage = book.outages.get(mail.incident or "")
    whole = model_depends.goes_on_as(book, outage) if outage is not None else None
    if (
        outage is not None
        and outage.state == "resolved"
        and whole
        and whole.state == "resolved"
        and not mail.alive
    ):
        tell_the_end(book, whole, mail)
    _follow(book, mail, outage)
    if outage is None and not mail.alive:
        mail.forgotten = True


def _follow(book: Book, mail: Mail, outage: Outage | None) -> None:
    """Ask the next channel where this one has failed or takes too long; after the last one, the next people."""
    gone, last = mail.state in ("failed", "ambiguous"), not mail.rest and not mail.moved
    if not gone and not is_slow(book, mail):
        return
    asked = move_on(book, mail)
    if gone and last and not asked and outage is not None and _wanted(outage, mail):
        model_paging.failed(book, outage, mail)


def is_slow(book: Book, mail: Mail) -> bool:
    """True where it has waited for half a minute, or will."""
    if mail.state != "pending":
        return False
    put_off = mail.attempts > 0 and mail.not_before - book.now > PATIENCE
    return put_off or _tried(book, mail) >= PATIENCE


def move_on(book: Book, mail: Mail) -> bool:
    """Ask the next channel, once, where the message is still wanted; tell whether there was one to ask."""
    outage = book.outages.get(mail.incident or "")
    about = outage or book.tickets.get(mail.ticket or "")
    if mail.moved or about is None:
        return False
    if mail.kind == "page" and (outage is None or not _wanted(outage, mail)):
        return False
    rest = _left(book, mail)
    if rest or mail.rest:
        mail.moved = True
        book.touch(mail)
    if rest:
        post(book, mail.kind, about, mail.to, order=rest, word=mail.word, by_hand=mail.by_hand, after=mail)
    return bool(rest)


def _left(book: Book, mail: Mail) -> tuple[str, ...]:
    """Return the channels to ask next: of an end those that do not tell of it; of a lost channel what there is now."""
    anew = mail.lost and not mail.rest
    left = ways(book.plan, mail.to) if anew else mail.rest
    told = {mail.channel}
    if mail.incident is not None and (anew or mail.kind == "recovery"):
        told = {
            one.channel
            for one in book.mails.get(mail.incident, [])
            if (one.kind, one.to, one.word) == (mail.kind, mail.to, mail.word) and not one.forgotten
        }
    return tuple(way for way in left if way not in told)


def reroute(book: Book, outage: Outage) -> None:
    """Let a page that waits for its next try on a channel that is gone take the way there is now."""
    for mail in list(book.mails_of(outage)):
        waits = mail.kind == "page" and mail.state == "pending" and mail.not_before > book.now
        if not waits or mail.channel in ways(book.plan, mail.to, (mail.channel,)):
            continue
        known = (mail.lost, mail.rest)
        mail.lost, mail.rest = (
            True,
            tuple(way for way in mail.rest if way in ways(book.plan, mail.to, (way,))),
        )
        if move_on(book, mail):
            mail.state = "cancelled"
            book.touch(mail)
        else:
            mail.lost, mail.rest = known


def overdue(book: Book) -> None:
    """Ask the next channel for whatever waits too long without a receipt."""
    for mail in [one for mails in book.mails.values() for one in mails]:
        if mail.kind in ("page", "recovery") and mail.rest and not mail.moved and is_slow(book, mail):
            move_on(book, mail)


def _wanted(outage: Outage, mail: Mail) -> bool:
    return outage.active if mail.by_hand else model_paging.wanted(outage)


def unwanted(book: Book, mail: Mail) -> Reason | None:
    """Return why a page must not leave now, None where it may."""
    outage = book.outages.get(mail.incident or "")
    if mail.kind != "page":
        return None
    if outage is None or not outage.active or mail.state == "cancelled":
        return Reason.OVER
    if mail.by_hand:
        return None
    if outage.acked:
        return Reason.ACKNOWLEDGED
    if outage.quiet:
        return Reason.SILENCED
    return None if outage.severity is Severity.CRITICAL else Reason.OVER
