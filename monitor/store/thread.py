"""The store's face towards the event loop: everything is done by the one thread that touches it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alerting.incidents.incident import Entry
from alerting.notification import Notification, Receipt
from alerting.state import Changes, Record, State
from monitor.store.errors import Fault, StoreError
from monitor.store.page import OutboxStats, Page, Token
from monitor.store.taking import Taking
from monitor.store.worker import Job, Recording, Recordings, Renewal, Stop, Worker

if TYPE_CHECKING:
    from monitor.store.keeper import Keeper
    from monitor.store.store import Store

T = TypeVar("T")
R = TypeVar("R", bound=Record | Entry)


class StoreThread:
    """The store, to be awaited. Every method raises StoreError; deadlines are the caller's.

    Everything handed to `record` while a write is on its way goes into the next transaction together. What was
    handed over is written even where the caller no longer waits for it. Recording and claiming go before reading.
    """

    def __init__(self, url: str, state_dir: Path) -> None:
        """Take the address (`sqlite:////…`); nothing is opened yet."""
        self.losses: list[str] = []
        """What of the past is gone or out of reach, in words for people."""
        self.on_loss: Callable[[str], None] = lambda _: None
        """Called on the loop with each of them."""
        self._url = url
        self._state_dir = state_dir
        self._state: State | None = None
        self._worker: Worker | None = None

    @property
    def problem(self) -> StoreError | None:
        """Why the store cannot be used just now; it is tried again each second. None where it is open."""
        keeper = self._worker.keeper if self._worker is not None else None
        return keeper.problem if keeper is not None else None

    @property
    def forgetful(self) -> bool:
        """True where records of the past could not be loaded: what is not in the state may have been all the same."""
        keeper = self._worker.keeper if self._worker is not None else None
        return keeper is not None and keeper.forgetful

    def remember(self, state: State) -> None:
        """Write what is in `state` by then into a fresh file, should the present one turn out to be damaged."""
        self._state = state

    async def open(self) -> None:
        """Start the thread and open the store in it. After a failure it may be called again.

        Where the store cannot be opened for a reason that may pass, it is tried again each second: until then
        `problem` says why, and every method raises it, but for what only reads what can be read.
        """
        if self.alive():
            return
        loop = asyncio.get_running_loop()
        worker = Worker(lambda: self._keeper(worker, loop))
        try:
            await worker.start()
        except asyncio.CancelledError:
            worker.put(Stop(answer=asyncio.get_running_loop().create_future()))  # nobody would ever close it
            raise
        self._worker = worker

    async def close(self) -> None:
        """Write what is queued, close the store, end the thread. Harmless when closed already."""
        worker, self._worker = self._worker, None
        if worker is not None and worker.alive():
            stop = Stop(answer=asyncio.get_running_loop().create_future())
            worker.put(stop)
            await stop.answer

    def alive(self) -> bool:
        """True while the thread runs and takes work."""
        return self._worker is not None and self._worker.alive()

    async def load(self, now: datetime | None = None) -> State:
        """Return everything that is still going on; silences that ended before `now` are over.

        What cannot be read is among the `losses`.
        """
        answer: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._running().put(Job(work=lambda keeper: keeper.load(now), answer=answer))
        return await answer

    async def record(self, changes: Changes) -> None:
        """Return once `changes` are on the disk, all of them or (StoreError) none."""
        if not changes:
            return
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running().put(Recording(changes=changes, answer=answer))
        await answer

    async def record_all(self, group: Sequence[Changes]) -> list[BaseException | None]:
        """Write changes in their order, together; return for each None once it is durable, or what went wrong.

        After one that the store could not write none is written: a later one never stands without an earlier one.
        """
        loop = asyncio.get_running_loop()
        recordings = tuple(Recording(changes=changes, answer=loop.create_future()) for changes in group)
        self._running().put(Recordings(group=recordings))
        return list(await asyncio.gather(*(one.answer for one in recordings), return_exceptions=True))

    async def record_taking(
        self, group: Sequence[Changes], taking: Taking
    ) -> tuple[list[BaseException | None], frozenset[str] | None]:
        """Write changes as `record_all` does, what is `taking` as claimed already.

        Return also what is claimed with that, and durably so; None where some may be that nobody knows of.
        """
        loop = asyncio.get_running_loop()
        recordings = tuple(
            Recording(changes=changes, answer=loop.create_future(), taking=taking) for changes in group
        )
        self._running().put(Recordings(group=recordings))
        answers = await asyncio.gather(*(one.answer for one in recordings), return_exceptions=True)
        outcomes = [answer if isinstance(answer, BaseException) else None for answer in answers]
        taken = [answer for answer in answers if isinstance(answer, frozenset)]
        return outcomes, frozenset().union(*taken) if len(taken) == len(answers) else None

    async def claim(
        self,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        exclude_channels: frozenset[str] = frozenset(),
    ) -> list[Notification]:
        """Take up to `limit` due notifications for sending, most urgent first; recorded as `sending`.

        Whole bundles are claimed, beyond the limit too. What is claimed for a caller that is gone by then is given
        back.
        """
        return await self._ask(
            lambda store: store.claim(owner, now, lease, limit, exclude_channels),
            urgent=True,
            undo=_release,
        )

    async def release(self, claimed: Iterable[Notification]) -> None:
        """Give back claimed notifications no attempt was made with."""
        given = list(claimed)
        if given:
            await self._ask(lambda store: store.release(given), urgent=True)

    async def next_due(
        self, now: datetime, exclude_channels: frozenset[str] = frozenset()
    ) -> datetime | None:
        """Return when the earliest pending notification may be sent, `now` at the earliest; None where none is."""
        return await self._ask(lambda store: store.next_due(now, exclude_channels), urgent=True)

    async def interrupted(self, besides: str = "") -> list[Notification]:
        """Return what is marked `sending`, other than by the owner `besides`: what a former process left."""
        return await self._ask(lambda store: store.interrupted(besides))

    async def held(self, owner: str) -> list[Notification]:
        """Return what `owner` has claimed and not given back, nor a receipt of."""
        return await self._ask(lambda store: store.held(owner), urgent=True)

    async def overdue(self, now: datetime) -> list[Notification]:
        """Return what is marked `sending` although its lease has run out: nobody sends it any more."""
        return await self._ask(lambda store: store.overdue(now))

    async def outbox_stats(self) -> OutboxStats:
        """Return how full the outbox is."""
        return await self._ask(lambda store: store.outbox_stats())

    async def page(
        self,
        kind: type[R],
        filters: Mapping[str, str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[R]:
        """Return one page, newest first. Filters are equalities of `state`, `kind`, `incident`, `service`.

        Raises ValueError for a filter this kind does not have, a bad limit or a bad cursor.
        """
        return await self._ask(lambda store: store.page(kind, filters, limit, cursor))

    async def get(self, kind: type[R], key: str) -> R | None:
        """Return one record by its id; None where there is none."""
        return await self._ask(lambda store: store.get(kind, key))

    async def timeline(self, incident: str) -> list[Entry]:
        """Return an incident's timeline, oldest first."""
        return await self._ask(lambda store: store.timeline(incident))

    async def receipts(self, notification: str) -> list[Receipt]:
        """Return every attempt to deliver a notification, oldest first."""
        return await self._ask(lambda store: store.receipts(notification))

    async def add_token(self, name: str, role: str, digest: str) -> None:
        """Keep a token by its digest. Raises StoreError (TAKEN) where the name is in use."""
        await self._ask(lambda store: store.add_token(name, role, digest), urgent=True)

    async def token_role(self, digest: str) -> tuple[str, str] | None:
        """Return (name, role) of the token with this digest; None for a stranger."""
        return await self._ask(lambda store: store.token_role(digest))

    async def tokens(self) -> list[Token]:
        """Return all tokens by name."""
        return await self._ask(lambda store: store.tokens())

    async def revoke_token(self, name: str) -> bool:
        """Forget a token; False where there was none of that name."""
        return await self._ask(lambda store: store.revoke_token(name), urgent=True)

    async def duplicates(self) -> int:
        """Return how many notifications were left out since their `dedup_key` was there already."""
        return await self._ask(lambda store: store.duplicates)

    async def tokens_given(self) -> bool:
        """Return whether the store ever knew a token; a fresh one in a damaged one's place does not."""
        return await self._ask(lambda store: store.tokens_given())

    async def check(self, now: datetime) -> str:
        """Prove that the store can be written (at most one write a minute), else raise StoreError.

        Return what people should hear although it works: that the volume is nearly full; else an empty text.
        """
        return await self._ask(lambda store: store.check(now), urgent=True)

    def _keeper(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> Keeper:
        # SQLAlchemy comes with these: whoever only knows our face is spared it.
        from monitor.store.keeper import Keeper
        from monitor.store.rescue import Snapshot

        def renew() -> None:
            worker.put(Renewal(snapshot=Snapshot.of(self._state or State())))

        def on_loop(what: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                loop.call_soon_threadsafe(what)

        return Keeper(
            self._url,
            self._state_dir,
            lost=lambda words: on_loop(lambda: self._lose(words)),
            ask=lambda: on_loop(renew),
        )

    def _lose(self, words: str) -> None:
        self.losses.append(words)
        self.on_loss(words)

    def _running(self) -> Worker:
        worker = self._worker
        if worker is None or not worker.alive():
            raise StoreError("cannot use the store: it is closed", fault=Fault.CLOSED)
        return worker

    async def _ask(
        self,
        work: Callable[[Store], T],
        *,
        urgent: bool = False,
        undo: Callable[[Keeper, Any], None] | None = None,
    ) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running().put(
            Job(work=lambda keeper: keeper.use(work), answer=answer, urgent=urgent, undo=undo)
        )
        return await answer


def _release(keeper: Keeper, claimed: list[Notification]) -> None:
    if claimed:
        keeper.use(lambda store: store.release(claimed))
