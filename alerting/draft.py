"""A draft: what one decision would change, laid over the recorded state. The state itself is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import TypeVar, cast

from alerting.incidents.incident import Entry
from alerting.notification import Receipt
from alerting.plan import Plan
from alerting.state import Changes, Record, State, keys_of

R = TypeVar("R", bound=Record)

NO_DATA: Mapping[str, str] = MappingProxyType({})


class Draft:
    """Reads through to the state, keeps what is put, and hands it over as `Changes`."""

    __slots__ = ("_about", "_entries", "_numbers", "_put", "_receipts", "_state", "now", "plan")

    def __init__(self, state: State, plan: Plan, now: datetime) -> None:
        """Begin with nothing changed."""
        self.plan = plan
        self.now = now
        self._state = state
        self._put: dict[tuple[type, str], Record] = {}
        self._about: dict[tuple[type, str], dict[str, None]] = {}
        self._entries: list[Entry] = []
        self._receipts: list[Receipt] = []
        self._numbers: dict[str, int] = {}

    def get(self, kind: type[R], key: str | None) -> R | None:
        """Return the record of that type and id as this decision sees it; None where there is none."""
        if key is None:
            return None
        found = self._put.get((kind, key))
        # No cast: this is asked twenty times for each incident that opens.
        return found if found is not None else self._state.records[kind].get(key)  # type: ignore[return-value]

    def all(self, kind: type[R], where: Callable[[R], bool] | None = None) -> Iterator[R]:
        """Iterate over the records of one type as this decision sees them."""
        put = self._put
        known = cast("dict[str, R]", self._state.records[kind])
        for key, record in list(known.items()):
            seen = cast("R", put.get((kind, key), record)) if put else record
            if where is None or where(seen):
                yield seen
        for (its_kind, key), ours in list(put.items()):
            if its_kind is kind and key not in known and (where is None or where(cast("R", ours))):
                yield cast("R", ours)

    def about(
        self, kind: type[R], key: str, where: Callable[[R], bool] | None = None, *, newest_first: bool = False
    ) -> Iterator[R]:
        """Iterate over the records of one type that are, or were before this decision, about `key`."""
        known = self._state.about(kind, key)  # type: ignore[arg-type]
        put = self._about.get((kind, key))
        if not (put or known):
            return
        ours = [id_ for id_ in put if id_ not in known] if put else ()
        ids = chain(reversed(ours), reversed(known)) if newest_first else chain(known, ours)
        for id_ in ids:
            seen = self.get(kind, id_)
            if seen is not None and (where is None or where(seen)):
                yield seen

    def newest(self, kind: type[R], key: str, where: Callable[[R], bool] | None = None) -> R | None:
        """Return the record that was the last to be about `key`, and still is; cheap among thousands."""
        known = self._state.about(cast("type[Record]", kind), key)
        ours = (id_ for id_ in reversed(self._about.get((kind, key), {})) if id_ not in known)
        for id_ in chain(ours, reversed(known)):
            seen = self.get(kind, id_)
            if seen is not None and key in keys_of(seen) and (where is None or where(seen)):
                return seen
        return None

    def put(self, record: R) -> R:
        """Write a record: new, or instead of the one with its id."""
        kind = type(record)
        self._put[(kind, record.id)] = record
        for key in keys_of(record):
            self._about.setdefault((kind, key), {})[record.id] = None
        return record

    def note(
        self,
        incident: str | None,
        event: str,
        text: str,
        *,
        who: str = "nightbell",
        data: Mapping[str, str] = NO_DATA,
    ) -> None:
        """Add a line to the incident's timeline; nothing without an incident."""
        if incident:
            self._entries.append(
                Entry(
                    id=self.number("E"),
                    incident=incident,
                    at=self.now,
                    event=event,
                    text=text,
                    who=who,
                    data=dict(data),
                )
            )

    def book(self, receipt: Receipt) -> None:
        """Record what came of an attempt to deliver."""
        self._receipts.append(receipt)

    def number(self, prefix: str) -> str:
        """Return the next free number, `INC-7`. Numbers are never given twice."""
        number = self._numbers.get(prefix, self._state.numbers.get(prefix, 0)) + 1
        self._numbers[prefix] = number
        return f"{prefix}-{number}"

    def changes(self) -> Changes:
        """Return all that was put and noted, in order."""
        return Changes(
            records=tuple(self._put.values()),
            entries=tuple(self._entries),
            receipts=tuple(self._receipts),
        )
