"""The outbox: notifications on their way. Claim → send → receipt, each step fenced by the attempt's number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from alerting.notification import Kind, Notification, NotificationState, Reason, Receipt
from monitor.store import claiming, dialect
from monitor.store.documents import DETAIL_MAX, Row, columns, instant, number, priority, readable
from monitor.store.page import OutboxStats
from monitor.store.prepared import Prepared
from monitor.store.schema import PENDING, SENDING, Utc, outbox, receipts
from monitor.store.taking import Taking

BEATS_KEPT: Final = timedelta(minutes=10)
"""Heartbeats older than this are deleted once they are through: they come for ever and say nothing of the past."""
BEATS_AT_ONCE: Final = 100

_PENDING: Final = outbox.c.state == PENDING
_SENDING: Final = outbox.c.state == SENDING


def _word(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=sa.String())


def _count(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.Integer())


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Utc())


def _ended(column: str) -> sa.ColumnElement[Any]:
    """Take the new value where the row still waits and a decision ended it; leave the rest to delivery."""
    ends = sa.and_(_PENDING, sa.bindparam("ended", type_=sa.Boolean()).is_(True))
    return sa.case((ends, _word(f"new_{column}")), else_=outbox.c[column])


_UPDATE: Final = (
    sa.update(outbox)
    .where(outbox.c.id == _word("key"))
    .values(
        body=sa.bindparam("new_body", type_=sa.JSON()),
        channel=_word("new_channel"),
        bundle=_word("new_bundle"),
        incident=_word("new_incident"),
        priority=sa.bindparam("new_priority", type_=sa.SmallInteger()),
        not_after=_time("new_not_after"),
        # Attempts made from memory while we failed count: the next receipt must not be taken for an old one.
        attempts=sa.case(
            (sa.and_(_PENDING, outbox.c.attempts < _count("new_attempts")), _count("new_attempts")),
            else_=outbox.c.attempts,
        ),
        # A decision may put a send off; it does not hurry past what the provider asked for, once it was asked.
        not_before=sa.case(
            (
                sa.or_(outbox.c.attempts == 0, outbox.c.not_before < _time("new_not_before")),
                _time("new_not_before"),
            ),
            else_=outbox.c.not_before,
        ),
        state=_ended("state"),
        reason=_ended("reason"),
        detail=_ended("detail"),
    )
)

_ATTEMPT: Final = sa.and_(
    outbox.c.id == _word("key"), outbox.c.attempts == sa.bindparam("tried", type_=sa.Integer()), _SENDING
)
"""The row, as long as the attempt of that number is under way."""

_APPLY: Final = (
    sa.update(outbox)
    .where(_ATTEMPT)
    .values(
        state=_word("new_state"),
        reason=_word("new_reason"),
        detail=_word("new_detail"),
        provider_id=_word("new_provider_id"),
        not_before=sa.func.coalesce(_time("new_retry_at"), outbox.c.not_before),
        owner=None,
        lease_until=None,
    )
)

_FREE: Final = (
    sa.update(outbox)
    .where(_ATTEMPT)
    .values(state=PENDING, attempts=outbox.c.attempts - 1, owner=None, lease_until=None)
)

_SPOILT: Final = (
    sa.update(outbox)
    .where(outbox.c.id == _word("key"))
    .values(
        state=NotificationState.FAILED.value,
        reason=Reason.INTERNAL.value,
        detail="cannot be read",
        owner=None,
        lease_until=None,
    )
)


_DECIDED: Final = (
    "body",
    "channel",
    "bundle",
    "incident",
    "priority",
    "not_after",
    "not_before",
    "state",
    "reason",
    "detail",
    "attempts",
)

_INTERRUPTED: Final = sa.select(*columns(Notification)).where(_SENDING).order_by(outbox.c.number)
_LEFT: Final = _INTERRUPTED.where(sa.or_(outbox.c.owner.is_(None), outbox.c.owner != _word("holder")))
_HELD: Final = _INTERRUPTED.where(outbox.c.owner == _word("holder"))
_OVERDUE: Final = _INTERRUPTED.where(outbox.c.lease_until < _time("now"))
_BEATS: Final = (
    sa.select(outbox.c.id)
    .where(
        outbox.c.kind == Kind.HEARTBEAT.value,
        outbox.c.state.not_in([PENDING, SENDING]),
        outbox.c.created_at < _time("before"),
    )
    .limit(BEATS_AT_ONCE)
)
_TAKEN: Final = sa.select(outbox.c.id).where(
    _SENDING,
    outbox.c.owner == _word("holder"),
    outbox.c.attempts == 1,
    outbox.c.id.in_(sa.bindparam("taken", type_=sa.String(), expanding=True)),
)
_GONE: Final = sa.bindparam("gone", type_=sa.String(), expanding=True)
_COUNTS: Final = sa.select(outbox.c.state, sa.func.count().label("rows")).group_by(outbox.c.state)
_OLDEST: Final = sa.select(sa.func.min(outbox.c.created_at)).where(_PENDING)
_RECEIPTS: Final = sa.select(receipts).where(receipts.c.notification == _word("key"))


NOTHING: Final[frozenset[str]] = frozenset()


class Outbox:
    """Statements on the outbox, run in the caller's transaction."""

    def __init__(self, name: str) -> None:
        """Prepare what differs between databases."""
        self._add = Prepared(dialect.add_missing(outbox, name))
        self._update = Prepared(_UPDATE)
        self._book = Prepared(dialect.add_missing(receipts, name).values(late=~sa.exists().where(_ATTEMPT)))
        self._apply = Prepared(_APPLY)
        self._claims: dict[int, Prepared] = {}
        self._next: dict[int, Prepared] = {}

    def write(
        self, connection: sa.Connection, rows: list[Row], taking: Taking | None = None
    ) -> tuple[int, frozenset[str]]:
        """Write notifications; return how many were left out since their `dedup_key` is there already, and what of
        `taking` is claimed now: all that is new, and still waits.

        What is known already keeps what delivery said of it, unless it still waits and the decision ends it.
        """
        if beats := [row["created_at"] for row in rows if row["kind"] == Kind.HEARTBEAT.value]:
            self._forget_beats(connection, max(beats) - BEATS_KEPT)
        fresh = [row for row in rows if _looks_new(row)]
        taken = frozenset(row["id"] for row in fresh if row["id"] in taking.ids) if taking else NOTHING
        if taken and taking is not None:
            mine = {"state": SENDING, "attempts": 1, "owner": taking.owner, "lease_until": taking.until}
            fresh = [row | mine if row["id"] in taken else row for row in fresh]
        if fresh and self._add.run(connection, fresh) == len(fresh):  # as nearly always: what is new is new
            rows = [row for row in rows if not _looks_new(row)]
        elif taken and taking is not None:
            asked = {"holder": taking.owner, "taken": sorted(taken)}
            taken = frozenset(connection.execute(_TAKEN, asked).scalars())
        known = self._update.run(connection, [_changed(row) for row in rows]) if rows else 0
        if known == len(rows):
            return 0, taken
        return len(rows) - known - self._add.run(connection, rows), taken

    def book(self, connection: sa.Connection, given: Iterable[Receipt]) -> None:
        """Keep receipts, and apply those of the attempt that is under way; others are marked late."""
        for wave in _waves(given):
            self._book.run(connection, [_receipt_row(receipt) for receipt in wave])
            self._apply.run(connection, [_applied(receipt) for receipt in wave])

    def _forget_beats(self, connection: sa.Connection, before: datetime) -> None:
        gone = connection.execute(_BEATS, {"before": before}).scalars().all()
        if gone:
            connection.execute(sa.delete(receipts).where(receipts.c.notification.in_(_GONE)), {"gone": gone})
            connection.execute(sa.delete(outbox).where(outbox.c.id.in_(_GONE)), {"gone": gone})

    def claim(
        self,
        connection: sa.Connection,
        *,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        exclude_channels: frozenset[str],
    ) -> list[Notification]:
        """Mark due rows as being sent and return them, most urgent first. One that cannot be read has failed."""
        count = len(exclude_channels)
        if count not in self._claims:
            self._claims[count] = Prepared(claiming.claim(count))
        asked = {"now": now, "most": limit, "holder": owner, "until": now + lease, **_named(exclude_channels)}
        # Row by row: a bundle of thousands is not held twice.
        claimed, spoilt = readable(Notification, self._claims[count].ask(connection, asked))
        if spoilt:
            connection.execute(_SPOILT, [{"key": key} for key in spoilt])
        return sorted(claimed, key=_turn)

    def release(self, connection: sa.Connection, claimed: Iterable[Notification]) -> None:
        """Let claimed rows wait again, as if they had not been claimed."""
        connection.execute(_FREE, [{"key": row.id, "tried": row.attempts} for row in claimed])

    def next_due(self, connection: sa.Connection, exclude_channels: frozenset[str]) -> datetime | None:
        """Return the earliest `not_before` that waits."""
        count = len(exclude_channels)
        if count not in self._next:
            self._next[count] = Prepared(claiming.next_due(count))
        [[found]] = self._next[count].ask(connection, _named(exclude_channels))
        return None if found is None else instant(found)

    def interrupted(self, connection: sa.Connection, besides: str = "") -> list[Notification]:
        """Return what is marked as being sent, other than by `besides`."""
        return readable(Notification, connection.execute(_LEFT, {"holder": besides}))[0]

    def held(self, connection: sa.Connection, owner: str) -> list[Notification]:
        """Return what is marked as being sent by `owner`."""
        return readable(Notification, connection.execute(_HELD, {"holder": owner}))[0]

    def overdue(self, connection: sa.Connection, now: datetime) -> list[Notification]:
        """Return what is marked as being sent although its lease has run out."""
        return readable(Notification, connection.execute(_OVERDUE, {"now": now}))[0]

    def stats(self, connection: sa.Connection) -> OutboxStats:
        """Count rows by state."""
        counts = {state.value: 0 for state in NotificationState}
        counts |= {row.state: row.rows for row in connection.execute(_COUNTS)}
        return OutboxStats(counts=counts, oldest_pending=connection.execute(_OLDEST).scalar())

    def receipts(self, connection: sa.Connection, notification: str) -> list[Receipt]:
        """Return all attempts at one notification, oldest first."""
        found = connection.execute(_RECEIPTS.order_by(receipts.c.id), {"key": notification})
        return [_receipt(row) for row in found]


def _named(channels: Iterable[str]) -> Row:
    return {f"excluded_{place}": channel for place, channel in enumerate(sorted(channels))}


def _turn(row: Notification) -> tuple[int, datetime, int]:
    return priority(row), row.not_before, number(row.id, "N")


def _looks_new(row: Row) -> bool:
    """Guess whether the row is written for the first time: the guess costs or saves a statement, and nothing else."""
    return row["state"] == PENDING and not row["attempts"] and row["not_before"] == row["created_at"]


def _changed(row: Row) -> Row:
    new = {f"new_{name}": row[name] for name in _DECIDED}
    return {"key": row["id"], "ended": row["state"] not in (PENDING, SENDING), **new}


def _waves(given: Iterable[Receipt]) -> Iterator[list[Receipt]]:
    """Split so that no wave holds two receipts of one attempt: the second must see what the first did."""
    wave: dict[tuple[str, int], Receipt] = {}
    for receipt in given:
        key = (receipt.notification, receipt.attempt)
        if key in wave:
            yield list(wave.values())
            wave.clear()
        wave[key] = receipt
    if wave:
        yield list(wave.values())


def _receipt_row(receipt: Receipt) -> Row:
    return {
        "key": receipt.notification,
        "tried": receipt.attempt,
        "notification": receipt.notification,
        "attempt": receipt.attempt,
        "at": receipt.at,
        "retry_at": receipt.retry_at,
        **_outcome(receipt),
    }


def _applied(receipt: Receipt) -> Row:
    new = {f"new_{name}": value for name, value in _outcome(receipt).items()}
    return {
        "key": receipt.notification,
        "tried": receipt.attempt,
        "new_retry_at": receipt.retry_at,
        **new,
    }


def _outcome(receipt: Receipt) -> Row:
    return {
        "state": receipt.state.value,
        "reason": receipt.reason.value if receipt.reason else None,
        "detail": receipt.detail[:DETAIL_MAX],
        "provider_id": receipt.provider_id[:DETAIL_MAX],
    }


def _receipt(row: sa.Row[Any]) -> Receipt:
    return Receipt(
        notification=row.notification,
        attempt=row.attempt,
        state=NotificationState(row.state),
        at=row.at,
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        provider_id=row.provider_id,
        retry_at=row.retry_at,
    )
