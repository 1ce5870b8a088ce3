"""What is carried over when a damaged file gives way to a fresh one: the state, and what can still be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

import sqlalchemy as sa

from alerting.incidents.incident import Incident
from alerting.notification import Notification
from alerting.state import Changes, Record, State
from monitor.store import dialect
from monitor.store.changes import Batch, Writer
from monitor.store.database import Database
from monitor.store.documents import SHELVES, Row
from monitor.store.errors import StoreError
from monitor.store.schema import NUMBERS, PENDING, SENDING, incidents, meta, timeline, tokens

log = logging.getLogger("nightbell.store")

SENSIBLE: Final = 10**12
"""Numbers from here on were made by damage."""
LINES_MAX: Final = 10_000
"""Lines of open incidents' timelines that are carried over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state in memory at one moment: records never change, so it is a matter of listing them."""

    records: tuple[Record, ...]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, state: State) -> Self:
        """List what is in the state."""
        records = tuple(record for table in state.records.values() for record in table.values())
        return cls(records=records, numbers=dict(state.numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One notification that this process is sending."""

    attempt: int
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """All that goes into a fresh file: the state, what is being sent right now, tokens, lines of timelines."""

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(records=(), numbers={}))
    claims: Mapping[str, Claim] = field(default_factory=dict)
    tokens: tuple[Row, ...] = ()
    whole: bool = False
    """True where the snapshot is the state in memory, which knows every number that was given."""
    lines: tuple[Row, ...] = ()


def salvage(database: Database, snapshot: Snapshot) -> list[Row]:
    """Return the timelines of the incidents in `snapshot`, as far as the damaged file still yields them."""
    found: list[Row] = []
    for incident in (record.id for record in snapshot.records if isinstance(record, Incident)):
        wanted = sa.select(timeline).where(timeline.c.incident == incident).order_by(timeline.c.number)
        with suppress(StoreError), database.read("read from") as connection:
            found += [
                dict(row) for row in connection.execute(wanted.limit(LINES_MAX - len(found))).mappings()
            ]
    return found


def refill(database: Database, writer: Writer, kept: Salvage) -> None:
    """Write all of it into a fresh file, in one transaction. What is being sent stays claimed.

    Numbers go on from those of the state; where only some could be had, not below those a fresh file begins with.
    """
    batches: list[Batch] = []
    for record in kept.snapshot.records:
        try:
            batch = Batch.of(Changes(records=(record,)))
        except StoreError as err:  # it was never recorded either, and must not keep the others out
            log.error("%s", err)  # noqa: TRY400 - one line
            continue
        claim = kept.claims.get(record.id)
        row = batch.rows.get(Notification, {}).get(record.id)
        if claim is not None and row is not None and row["state"] == PENDING:
            row.update(state=SENDING, attempts=claim.attempt, owner=claim.owner, lease_until=claim.until)
        batches.append(batch)
    name = database.dialect
    with database.write("write anew") as connection:
        writer.write(connection, batches)
        if kept.tokens:
            connection.execute(dialect.add_missing(tokens, name), list(kept.tokens))
        if kept.lines:
            connection.execute(dialect.add_missing(timeline, name), list(kept.lines))
        numbers = dict(kept.snapshot.numbers)
        if not kept.whole:
            stored = connection.execute(sa.select(meta.c.value).where(meta.c.key == NUMBERS)).scalar()
            floor: dict[str, int] = json.loads(stored) if stored else {}
            numbers = {prefix: max(number, numbers.get(prefix, 0)) for prefix, number in floor.items()}
        if numbers:
            row = {"key": NUMBERS, "value": json.dumps(numbers)}
            connection.execute(dialect.upsert(meta, name), row)


def remains(url: sa.URL) -> Salvage:
    """Return what can still be read of a damaged file that nobody had open: tokens, and the numbers given."""
    database = Database(url, "mode=ro")
    found: tuple[Row, ...] = ()
    numbers: dict[str, int] = {}
    try:
        with suppress(StoreError), database.read("read from") as connection:
            found = all_tokens(connection)
        for shelf in SHELVES.values():
            if shelf.prefix:
                with suppress(StoreError), database.read("read from") as connection:
                    highest = connection.execute(sa.select(sa.func.max(shelf.table.c.number))).scalar()
                    if isinstance(highest, int) and highest < SENSIBLE:
                        numbers[shelf.prefix] = highest
    finally:
        database.close()
    return Salvage(snapshot=Snapshot(records=(), numbers=numbers), tokens=found)


def all_tokens(connection: sa.Connection) -> tuple[Row, ...]:
    """Return the tokens as they are kept."""
    return tuple(dict(row) for row in connection.execute(sa.select(tokens)).mappings())


def open_incidents(database: Database) -> tuple[str, ...]:
    """Return the numbers of the incidents that a file says are open."""
    with database.read("read from") as connection:
        found = connection.execute(sa.select(incidents.c.id).where(incidents.c.alive.is_(True)))
        return tuple(found.scalars())
