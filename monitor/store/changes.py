"""How changes are written: encoded first, so that what cannot be written is known before anything is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from alerting.incidents.incident import Entry
from alerting.notification import Notification, Receipt
from alerting.state import RECORDS, Changes
from monitor.store import dialect
from monitor.store.documents import SHELVES, Row, to_row
from monitor.store.outbox import NOTHING, Outbox
from monitor.store.prepared import Prepared
from monitor.store.schema import mentions
from monitor.store.taking import Taking


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes as rows: records by type and id, timeline, receipts, and the services records mention."""

    receipts: tuple[Receipt, ...]
    rows: dict[type, dict[str, Row]]
    mentioned: dict[tuple[str, str, str], Row]

    @property
    def kinds(self) -> set[str]:
        """Return the names of the types it holds."""
        return {kind.__name__ for kind in self.rows} | ({Receipt.__name__} if self.receipts else set())

    @classmethod
    def of(cls, changes: Changes) -> Self:
        """Encode changes; raise StoreError where one of them cannot be."""
        rows: dict[type, dict[str, Row]] = {}
        mentioned: dict[tuple[str, str, str], Row] = {}
        for record in (*changes.records, *changes.entries):
            kind = type(record)
            row = rows.setdefault(kind, {})[record.id] = to_row(record)
            shelf = SHELVES[kind]
            for service in shelf.services(record) if shelf.services else ():
                mentioned[shelf.table.name, service, record.id] = {
                    "kind": shelf.table.name,
                    "service": service,
                    "number": row["number"],
                    "record": record.id,
                }
        return cls(receipts=changes.receipts, rows=rows, mentioned=mentioned)


class Writer:
    """Writes batches in the caller's transaction."""

    def __init__(self, name: str, outbox: Outbox) -> None:
        """Prepare one statement per table."""
        self.duplicates = 0
        """Notifications left out so far since their `dedup_key` was there already."""
        self._outbox = outbox
        self._put = {
            kind: Prepared(dialect.upsert(SHELVES[kind].table, name))
            for kind in RECORDS
            if kind is not Notification
        }
        self._add_entries = Prepared(dialect.add_missing(SHELVES[Entry].table, name))
        self._add_mentions = Prepared(dialect.add_missing(mentions, name))

    def write(
        self, connection: sa.Connection, batches: Iterable[Batch], taking: Taking | None = None
    ) -> tuple[int, frozenset[str]]:
        """Write receipts, then records, then the timeline.

        Return how many notifications were there already, and what of `taking` is claimed with that. Of a record that
        several batches write, the last word counts.
        """
        receipts: list[Receipt] = []
        rows: dict[type, dict[str, Row]] = {}
        mentioned: dict[tuple[str, str, str], Row] = {}
        for batch in batches:
            receipts += batch.receipts
            mentioned |= batch.mentioned
            for kind, those in batch.rows.items():
                rows.setdefault(kind, {}).update(those)
        self._outbox.book(connection, receipts)
        for kind, statement in self._put.items():
            if kind in rows:
                statement.run(connection, list(rows[kind].values()))
        duplicates, taken = 0, NOTHING
        if Notification in rows:
            duplicates, taken = self._outbox.write(connection, list(rows[Notification].values()), taking)
        if mentioned:
            self._add_mentions.run(connection, list(mentioned.values()))
        if Entry in rows:
            self._add_entries.run(connection, list(rows[Entry].values()))
        return duplicates, taken
