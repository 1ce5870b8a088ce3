"""The reference model's collections: messages of further incidents to one person leave together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from lab.model_records import ALIVE, Book, Mail

LEAVES: Final = (*ALIVE, "accepted", "ambiguous")
GATHER: Final = timedelta(seconds=5)


def place(book: Book, mail: Mail, *, hurry: bool) -> None:
    """Let a new message wait for its like, where the reader was told of something else within the window."""
    window = book.plan.bundle
    if window is None or hurry or mail.by_hand or _told_alone(book, mail):
        return
    like = [one for one in _all(book) if (one.kind, one.to) == (mail.kind, mail.to) and one.state in LEAVES]
    collected = _newest(one for one in like if one.until is not None)
    if collected is not None and book.now < collected.due <= book.now + window:
        mail.bundle, mail.until, mail.not_before = collected.bundle, collected.due, collected.due
        return
    single = _newest(one for one in like if one.until is None)
    known = [one for one in (collected, single) if one is not None and one.due <= book.now]
    last = max(known, key=lambda one: one.due, default=None)
    if last is None or (last.incident or last.ticket) == (mail.incident or mail.ticket):
        return
    until = last.due + window
    if until > book.now:
        mail.bundle, mail.until, mail.not_before = mail, until, until


def follow(book: Book, failed: Mail, mail: Mail) -> None:
    """What was to leave together stays together on the next channel."""
    if failed.bundle is None:
        return
    waiting = [
        one
        for one in _all(book)
        if one.bundle is failed.bundle and one.channel == mail.channel and one.state == "pending"
        if one.attempts == 0 and one.not_before > book.now
    ]
    first = _newest(waiting)
    mail.bundle, mail.not_before = failed.bundle, first.not_before if first else book.now + GATHER


def hasten(book: Book) -> None:
    """Let leave now what would wait for longer than anything may: the clock was set back."""
    longest = book.now + max(book.plan.bundle or GATHER, GATHER)
    newest: dict[tuple[str, str, bool], Mail] = {}
    for mail in _all(book):
        key = (mail.kind, mail.to, mail.until is not None)
        if mail.state in LEAVES and (key not in newest or newest[key].number < mail.number):
            newest[key] = mail
    for (_, to, _), last in newest.items():
        if to in book.plan.people and _untried(last) and last.not_before > longest:
            mates = [one for one in _all(book) if one.bundle is last.bundle and one.channel == last.channel]
            for one in [one for one in mates if _untried(one)] if last.bundle else [last]:
                one.not_before = book.now
                one.until = None if one.until is None else book.now


def _untried(mail: Mail) -> bool:
    return mail.state == "pending" and mail.attempts == 0


def _all(book: Book) -> Iterable[Mail]:
    return (mail for mails in book.mails.values() for mail in mails if not mail.forgotten)


def _newest(mails: Iterable[Mail]) -> Mail | None:
    return max(mails, key=lambda mail: mail.number, default=None)


def _told_alone(book: Book, mail: Mail) -> bool:
    return mail.incident is not None and any(
        one.kind == mail.kind and one.to == mail.to and one.bundle is None and one.state in LEAVES
        for one in book.mails.get(mail.incident, [])
    )
