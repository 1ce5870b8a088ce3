"""Lists: one page at a time, newest first, from an opaque cursor on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa

from alerting.incidents.incident import Entry
from alerting.state import Record
from monitor.store.documents import SHELVES, Shelf, columns, readable
from monitor.store.page import Page
from monitor.store.schema import Utc, mentions

R = TypeVar("R", bound=Record | Entry)

LIMIT_MAX: Final = 1000

TIMELINE_MAX: Final = 5000
"""Lines of one timeline that are read: the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Generic[R]):
    """What was asked for, found to make sense."""

    kind: type[R]
    limit: int
    statement: sa.Select[Any]

    @classmethod
    def of(cls, kind: type[R], filters: Mapping[str, str], limit: int, cursor: str | None) -> Query[R]:
        """Read a request for up to `limit` records that match all filters, from `cursor` on; or ValueError."""
        if not 1 <= limit <= LIMIT_MAX:
            raise ValueError(f"cannot list {limit} items: between 1 and {LIMIT_MAX} is possible")
        shelf = SHELVES[kind]
        order: list[sa.ColumnElement[Any]] = [shelf.table.c[name] for name in shelf.order]
        chosen = sa.select(*dict.fromkeys((*columns(kind), *order))).where(*_matches(shelf, filters))
        if "service" in filters and shelf.services is not None:
            order = [mentions.c.number, mentions.c.record]  # the same, and in an index with the service
            chosen = chosen.join(mentions, mentions.c.record == shelf.table.c.id).where(
                mentions.c.kind == shelf.table.name, mentions.c.service == filters["service"]
            )
        if cursor is not None:
            place = _read_cursor(cursor, order)
            after = sa.tuple_(*order) < sa.tuple_(*place, types=[one.type for one in order])
            # The first part alone says the same, more loosely: by it an index finds the place.
            chosen = chosen.where(order[0] <= place[0], after)
        chosen = chosen.order_by(*(one.desc() for one in order)).limit(limit + 1)
        return Query(kind=kind, limit=limit, statement=chosen)


def page(connection: sa.Connection, query: Query[R]) -> Page[R]:
    """Answer a query."""
    rows: Sequence[sa.Row[Any]] = connection.execute(query.statement).all()
    items, _ = readable(query.kind, rows[: query.limit])
    more = len(rows) > query.limit
    return Page(
        items=tuple(items), next=_write_cursor(rows[query.limit - 1], SHELVES[query.kind]) if more else None
    )


def get(connection: sa.Connection, kind: type[R], key: str) -> R | None:
    """Return one record by its id."""
    table = SHELVES[kind].table
    rows = connection.execute(sa.select(*columns(kind)).where(table.c.id == key)).all()
    found, _ = readable(kind, rows)
    return found[0] if found else None


def timeline(connection: sa.Connection, incident: str) -> list[Entry]:
    """Return an incident's timeline, oldest first."""
    table = SHELVES[Entry].table
    newest = (
        sa.select(*columns(Entry))
        .where(table.c.incident == incident)
        .order_by(table.c.number.desc())
        .limit(TIMELINE_MAX)
    )
    found, _ = readable(Entry, connection.execute(newest))
    return found[::-1]


def _matches(shelf: Shelf, filters: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for name, value in filters.items():
        if name not in shelf.filters:
            known = ", ".join(shelf.filters) or "nothing"
            raise ValueError(f"cannot filter {shelf.table.name} by {name!r}: {known} is possible")
        if name in shelf.table.c:
            found.append(shelf.table.c[name] == value)
    return found


def _write_cursor(row: sa.Row[Any], shelf: Shelf) -> str:
    place = [getattr(row, name) for name in shelf.order]
    text = json.dumps([part.isoformat() if isinstance(part, datetime) else part for part in place])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Sequence[sa.ColumnElement[Any]]) -> list[Any]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return [_part(part, one) for part, one in zip(json.loads(text), order, strict=True)]
    except (ValueError, TypeError, RecursionError) as err:
        raise ValueError("cannot read the cursor: it is not one of ours") from err


def _part(part: object, column: sa.ColumnElement[Any]) -> object:
    if isinstance(column.type, Utc):
        instant = datetime.fromisoformat(str(part))
        if instant.tzinfo is None:
            raise ValueError(part)
        return instant
    if type(part) is not column.type.python_type or (isinstance(part, int) and abs(part) >= 2**63):
        raise ValueError(part)
    return part
