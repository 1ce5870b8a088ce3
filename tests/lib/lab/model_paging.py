"""The reference model's escalation: a stopwatch that is held while an incident recovers, and steps along it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from alerting.severity import Severity
from lab import model_depends, model_mail
from lab.model_duty import meant, policy_of, ways
from lab.model_records import Book, Ladder, Mail, No, Outage

SHORTEST: Final = timedelta(minutes=1)


def wanted(outage: Outage) -> bool:
    """True while the clock may page: open, nobody on it, not muted."""
    return outage.state == "open" and not outage.acked and not outage.quiet and not outage.flaps


def start(book: Book, outage: Outage, *, hurry: bool = False) -> None:
    """Begin at step one; a critical incident nobody is on. `hurry`: its pages wait for no others."""
    if outage.severity is not Severity.CRITICAL or outage.acked:
        return
    ladder = _ladder(book, outage)
    if ladder is not None:
        outage.ladder = ladder
        run(book, outage, hurry=hurry)


def _ladder(book: Book, outage: Outage) -> Ladder | None:
    policy, former = policy_of(book.plan, outage), outage.ladder
    known = policy or former
    if known is None:
        return None
    return Ladder(
        steps=known.steps,
        repeat=max(known.repeat, SHORTEST),
        base=book.now,
        due=book.now + known.steps[0].after,
        turn=former.turn + 1 if former else 1,
        held_at=book.now if outage.state == "recovering" else None,
    )


def hold(book: Book, outage: Outage) -> None:
    """Stop the stopwatch: it recovers."""
    if outage.ladder is not None and outage.ladder.held_at is None:
        outage.ladder.held_at = book.now


def go_on(book: Book, outage: Outage) -> None:
    """Let the stopwatch run again: a relapse."""
    ladder = outage.ladder
    if ladder is not None and ladder.held_at is not None:
        held = book.now - ladder.held_at
        ladder.base += held
        ladder.due = ladder.due + held if ladder.due else None
        ladder.held_at = None
    run(book, outage)


def stop(outage: Outage) -> None:
    """Take no more steps until it is started again."""
    if outage.ladder is not None:
        outage.ladder.due = None
        outage.ladder.held_at = None


def run(book: Book, outage: Outage, *, hurry: bool = False) -> None:
    """Take every step that is due."""
    ladder = outage.ladder
    if ladder is None or not wanted(outage):
        return
    while ladder.held_at is None and ladder.due is not None and ladder.due <= book.now:
        _take(book, outage, ladder, hurry=hurry)


def by_hand(book: Book, outage: Outage) -> None:
    """Take the next step now: a person asks for it."""
    ladder = outage.ladder
    if ladder is None or ladder.turn < outage.first_turn:  # it came back: from step one
        ladder = _ladder(book, outage)
    if ladder is None:
        raise No("nobody to page")
    outage.ladder = ladder
    _take(book, outage, ladder, by_hand=True)
    if outage.severity is not Severity.CRITICAL or outage.acked or outage.quiet:
        ladder.due = None


def _take(book: Book, outage: Outage, ladder: Ladder, *, by_hand: bool = False, hurry: bool = False) -> None:
    step = ladder.steps[ladder.place]
    people = [
        one
        for one in meant(book.plan, step.recipients, book.now)
        if one not in ladder.told and ways(book.plan, one, step.by)
    ]
    known = set() if by_hand or ladder.turn > outage.first_turn else model_depends.spared(book, outage)
    for person in people:
        if person in known:
            continue
        _page(book, outage, person, step.by, f"{ladder.turn}.{ladder.place}", by_hand=by_hand, hurry=hurry)
    ladder.told += people
    ladder.place += 1
    if ladder.place < len(ladder.steps):
        ladder.due = ladder.base + ladder.steps[ladder.place].after if people else ladder.clock(book.now)
        return
    ladder.nobody = not ladder.told and not last_resort(book, outage, ladder.turn, len(ladder.steps))
    ladder.turn, ladder.place, ladder.told = ladder.turn + 1, 0, []
    ladder.base = ladder.clock(book.now) + ladder.repeat
    ladder.due = ladder.base + ladder.steps[0].after


def last_resort(book: Book, outage: Outage, turn: int, steps: int) -> bool:
    """Page those of the fallback whom that round has not paged; False where there is nobody."""
    words = {f"{turn}.{place}" for place in range(steps + 1)}
    paged = {mail.to for mail in book.mails_of(outage) if mail.word in words}
    left = [one for one in book.plan.fallback if one not in paged and ways(book.plan, one)]
    for person in left:
        _page(book, outage, person, (), f"{turn}.{steps}")
    return bool(left)


def _page(
    book: Book,
    outage: Outage,
    person: str,
    by: tuple[str, ...],
    word: str,
    *,
    by_hand: bool = False,
    hurry: bool = False,
) -> None:
    model_mail.call_off(book, outage, "page", to=person)  # this one says it all
    order = ways(book.plan, person, by)
    model_mail.post(book, "page", outage, person, order=order, word=word, by_hand=by_hand, hurry=hurry)


def failed(book: Book, outage: Outage, mail: Mail) -> None:
    """A page has failed on its last channel: where nobody of its step can be reached the next step is due."""
    ladder = outage.ladder
    if mail.kind != "page" or ladder is None or ladder.due is None or ladder.held_at is not None:
        return
    turn, place = (
        (ladder.turn, ladder.place - 1) if ladder.place else (ladder.turn - 1, len(ladder.steps) - 1)
    )
    if mail.word != f"{turn}.{place}":
        return
    if ladder.place:
        if not _hope(book, outage, [mail.word]):
            ladder.due = book.now
            run(book, outage)
    elif not _hope(book, outage, [f"{turn}.{one}" for one in range(len(ladder.steps))]):
        last_resort(book, outage, turn, len(ladder.steps))


def _hope(book: Book, outage: Outage, words: list[str]) -> bool:
    pages = [mail for mail in book.mails_of(outage) if mail.kind == "page" and mail.word in words]
    return any(mail.alive or mail.state == "accepted" for mail in pages)


def revive(book: Book, outage: Outage) -> None:
    """A new plan may reach somebody where nobody could be reached."""
    if outage.severity is not Severity.CRITICAL or not wanted(outage):
        return
    ladder = outage.ladder
    if ladder is not None and ladder.due is not None and not ladder.nobody:
        return
    policy = policy_of(book.plan, outage)
    named = (
        [(one, step.by) for step in policy.steps for one in meant(book.plan, step.recipients, book.now)]
        if policy
        else []
    )
    if policy and any(
        ways(book.plan, one, by) for one, by in [*named, *((one, ()) for one in book.plan.fallback)]
    ):
        start(book, outage)
