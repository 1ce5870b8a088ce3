"""The store: where decisions become durable. Used by one thread only; `StoreThread` is its face to the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self, TypeVar

import sqlalchemy as sa

from alerting.incidents.incident import Entry
from alerting.notification import Notification, Receipt
from alerting.state import Changes, Record, State
from monitor.landmark import Landmark, reached
from monitor.store import dialect, lists, loading, rescue, reserve
from monitor.store.changes import Batch, Writer
from monitor.store.database import Database
from monitor.store.documents import Row
from monitor.store.errors import Fault, StoreError
from monitor.store.lock import StoreLock
from monitor.store.outbox import NOTHING, Outbox
from monitor.store.page import OutboxStats, Page, Token
from monitor.store.rescue import Claim, Salvage, Snapshot
from monitor.store.schema import meta, tokens
from monitor.store.taking import Taking
from monitor.store.tokens import ROLES

log = logging.getLogger("nightbell.store")

R = TypeVar("R", bound=Record | Entry)

TOKENS_GIVEN: Final = "tokens_given"
PROOF_SECONDS: Final = 60.0
"""For so long a write proves that the store can be written."""


class Store:
    """Records, timeline, outbox, receipts and tokens in one database. Every method raises StoreError."""

    def __init__(self, database: Database, lock: StoreLock | None = None) -> None:
        """Take an open database, and the lock that proves we are alone where it is to be released with it."""
        self.unread: list[str] = []
        """What the last load found but could not read."""
        self._lock = lock
        self._database = database
        self._claims: dict[str, Claim] = {}
        self._known: tuple[Row, ...] = ()
        self._outbox = Outbox(database.dialect)
        self._writer = Writer(database.dialect, self._outbox)
        self._put_meta = dialect.upsert(meta, database.dialect)
        self._add_token = dialect.add_missing(tokens, database.dialect)
        self._proved = float("-inf")

    @classmethod
    def open(cls, url: str, state_dir: Path) -> Self:
        """Lock the state directory and open the database, made or brought up to date where need be.

        A damaged file raises StoreError with fault CORRUPT and its path: the lock is given back, so that the file
        can be moved aside and the call repeated.
        """
        lock = StoreLock.take(state_dir)
        try:
            return cls(Database.open(url), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Close the database, give the lock back. Harmless when done already."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def duplicates(self) -> int:
        """How many notifications were left out since their `dedup_key` was there already."""
        return self._writer.duplicates

    def load(self, now: datetime | None = None) -> State:
        """Return everything that is still going on.

        That is what is alive, the notifications of incidents not closed, all proofs, the last recoveries of each
        service, silences that end after `now`, and the highest number ever given per prefix.
        """
        with self._database.read("load from", Fault.CORRUPT) as connection:
            state, self.unread = loading.load(connection, now or datetime.now(UTC))
            self._known = rescue.all_tokens(connection)
        return state

    def record(self, changes: Changes) -> None:
        """Write `changes` durably, all of them or none: receipts, then records, then the timeline."""
        (error,) = self.record_all([changes])
        if error is not None:
            raise error

    def record_all(self, group: Sequence[Changes]) -> list[StoreError | None]:
        """Write many changes at the price of one; return for each what went wrong with it, None where it is durable.

        Where the group as a whole fails, each is tried alone, so that a bad one does not take the others with it.
        Where it is the store itself that fails, what comes after fails too: it must not be written before what
        it builds upon.
        """
        return self.record_taking(group, None)[0]

    def record_taking(
        self, group: Sequence[Changes], taking: Taking | None
    ) -> tuple[list[StoreError | None], frozenset[str] | None]:
        """Write many changes as `record_all` does, what is `taking` as claimed already where all of it goes well.

        Return also the ids of what is claimed with that; None where nobody knows.
        """
        outcomes: list[StoreError | None] = [None] * len(group)
        batches: dict[int, Batch] = {}
        for place, changes in enumerate(group):
            try:
                batches[place] = Batch.of(changes)
            except StoreError as err:
                outcomes[place] = err
        error, taken = self._write(tuple(batches.values()), taking) if batches else (None, NOTHING)
        if error is None:
            return outcomes, self._took(taken, taking)
        hopeless = error if error.fault.slow or len(batches) == 1 else None
        for place, batch in batches.items():
            outcomes[place] = error = hopeless or self._write([batch])[0]
            if error is not None and error.fault is not Fault.REFUSED:
                hopeless = error
        return outcomes, None if taking else NOTHING

    def _took(self, taken: frozenset[str], taking: Taking | None) -> frozenset[str] | None:
        """Note what is claimed, and return it; None where we are not let."""
        if not taken or taking is None:
            return taken
        for key in taken:
            self._claims[key] = Claim(attempt=1, owner=taking.owner, until=taking.until)
        try:
            with self._database.said("claim from"):
                reached(Landmark.CLAIM_DONE, str(len(taken)))
        except StoreError as err:
            log.error("cannot tell what is claimed: %s", err)  # noqa: TRY400 - no traceback helps
            return None
        return taken

    def claim(
        self,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        exclude_channels: frozenset[str] = frozenset(),
    ) -> list[Notification]:
        """Take up to `limit` due notifications for sending, most urgent first; durably marked before they return.

        What is due and shares channel and bundle with one of them comes along, beyond the limit too: they leave as
        one message.
        """
        with self._database.write("claim from") as connection:
            claimed = self._outbox.claim(
                connection, owner=owner, now=now, lease=lease, limit=limit, exclude_channels=exclude_channels
            )
        with self._database.said("claim from"):
            reached(Landmark.CLAIM_DONE, str(len(claimed)))
        for row in claimed:
            self._claims[row.id] = Claim(attempt=row.attempts, owner=owner, until=now + lease)
        return claimed

    def release(self, claimed: Iterable[Notification]) -> None:
        """Give back claimed notifications no attempt was made with."""
        given = list(claimed)
        with self._database.write("release in") as connection:
            self._outbox.release(connection, given)
        self._through(row.id for row in given)

    def next_due(self, now: datetime, exclude_channels: frozenset[str] = frozenset()) -> datetime | None:
        """Return when the first of what is pending may be sent, `now` at the earliest; None where nothing is."""
        with self._database.read("read from") as connection:
            found = self._outbox.next_due(connection, exclude_channels)
        return max(found, now) if found else None

    def interrupted(self, besides: str = "") -> list[Notification]:
        """Return what is marked as being sent, other than by the owner `besides`.

        They come back by a receipt for the attempt they carry.
        """
        with self._database.read("read from") as connection:
            return self._outbox.interrupted(connection, besides)

    def held(self, owner: str) -> list[Notification]:
        """Return what `owner` has claimed and not given back, nor a receipt of."""
        with self._database.read("read from") as connection:
            return self._outbox.held(connection, owner)

    def overdue(self, now: datetime) -> list[Notification]:
        """Return what is marked as being sent although its lease has run out: nobody sends it any more."""
        with self._database.read("read from") as connection:
            return self._outbox.overdue(connection, now)

    def outbox_stats(self) -> OutboxStats:
        """Return how full the outbox is."""
        with self._database.read("read from") as connection:
            return self._outbox.stats(connection)

    def receipts(self, notification: str) -> list[Receipt]:
        """Return every attempt to deliver a notification, oldest first."""
        with self._database.read("read from") as connection:
            return self._outbox.receipts(connection, notification)

    def page(
        self,
        kind: type[R],
        filters: Mapping[str, str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[R]:
        """Return one page, newest first. Raises ValueError for a filter, limit or cursor that makes no sense."""
        query = lists.Query.of(kind, filters or {}, limit, cursor)
        with self._database.read("read from") as connection:
            return lists.page(connection, query)

    def get(self, kind: type[R], key: str) -> R | None:
        """Return one record by its id; None where there is none."""
        with self._database.read("read from") as connection:
            return lists.get(connection, kind, key)

    def timeline(self, incident: str) -> list[Entry]:
        """Return an incident's timeline, oldest first."""
        with self._database.read("read from") as connection:
            return lists.timeline(connection, incident)

    def add_token(self, name: str, role: str, digest: str, now: datetime | None = None) -> None:
        """Keep a token by its digest."""
        if role not in ROLES:
            raise ValueError(f"cannot add token {name!r}: its role must be one of {', '.join(ROLES)}")
        row = {"name": name, "role": role, "digest": digest, "created_at": now or datetime.now(UTC)}
        with self._database.write("add a token to") as connection:
            added = connection.execute(self._add_token, row).rowcount
            connection.execute(self._put_meta, {"key": TOKENS_GIVEN, "value": "yes"})
            known = rescue.all_tokens(connection)
        self._known = known
        if not added:
            raise StoreError(f"cannot add token {name!r}: the name is taken", fault=Fault.TAKEN)

    def token_role(self, digest: str) -> tuple[str, str] | None:
        """Return (name, role) of the token with this digest; None for a stranger."""
        with self._database.read("read from") as connection:
            row = connection.execute(
                sa.select(tokens.c.name, tokens.c.role).where(tokens.c.digest == digest)
            ).first()
        return (row.name, row.role) if row else None

    def tokens(self) -> list[Token]:
        """Return all tokens by name."""
        with self._database.read("read from") as connection:
            rows = connection.execute(sa.select(tokens).order_by(tokens.c.name)).all()
        return [Token(name=row.name, role=row.role, created_at=row.created_at) for row in rows]

    def revoke_token(self, name: str) -> bool:
        """Forget a token; False where there was none of that name."""
        with self._database.write("revoke a token in") as connection:
            revoked = connection.execute(sa.delete(tokens).where(tokens.c.name == name)).rowcount > 0
            known = rescue.all_tokens(connection)
        self._known = known
        return revoked

    def tokens_given(self) -> bool:
        """Return whether this database ever knew a token; a fresh one in a damaged one's place does not."""
        with self._database.read("read from") as connection:
            ever = connection.execute(sa.select(meta.c.value).where(meta.c.key == TOKENS_GIVEN)).scalar()
            return ever is not None or bool(rescue.all_tokens(connection))

    def check(self, now: datetime) -> str:
        """Prove that the store can be written, by a write where there was none for PROOF_SECONDS.

        Return what people should hear although it works: that the volume is nearly full; else an empty text.
        """
        self._database.verify()
        if time.monotonic() - self._proved >= PROOF_SECONDS:
            with self._database.write("write to") as connection:
                connection.execute(self._put_meta, {"key": "checked_at", "value": now.isoformat()})
            self._proved = time.monotonic()
        return reserve.scarce(self._database)

    def reserve(self) -> bool:
        """Do one step towards the room that a full volume leaves us; return False where nothing is left to do."""
        with self._database.said("reserve room in"):
            return reserve.step(self._database)

    def open_incidents(self) -> tuple[str, ...]:
        """Return the numbers of the incidents that are recorded as open."""
        return rescue.open_incidents(self._database)

    def salvage(self, snapshot: Snapshot) -> Salvage:
        """Return what can be had of a damaged store beside the state in memory."""
        return Salvage(
            snapshot=snapshot,
            whole=bool(snapshot.numbers),
            claims=dict(self._claims),
            tokens=self._known,
            lines=tuple(rescue.salvage(self._database, snapshot)),
        )

    def refill(self, kept: Salvage) -> None:
        """Write what was kept of a damaged store into this fresh one, in one transaction."""
        rescue.refill(self._database, self._writer, kept)
        self._claims = dict(kept.claims)
        self._known = kept.tokens

    def _through(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._claims.pop(key, None)

    def _write(
        self, batches: Sequence[Batch], taking: Taking | None = None
    ) -> tuple[StoreError | None, frozenset[str]]:
        """Write batches in one transaction; return what went wrong, and what was claimed with that."""
        kinds = ",".join(sorted(set().union(*(batch.kinds for batch in batches))))
        try:
            with self._database.said("record to"):
                reached(Landmark.RECORD_BEGIN, kinds)
                with self._database.write("record to") as connection:
                    duplicates, taken = self._writer.write(connection, batches, taking)
                    reached(Landmark.RECORD_COMMIT, kinds)
                reached(Landmark.RECORD_DONE, kinds)
        except StoreError as err:
            self._proved = float("-inf")
            return err, NOTHING
        self._writer.duplicates += duplicates
        self._through(receipt.notification for batch in batches for receipt in batch.receipts)
        self._proved = time.monotonic()
        return None, taken
