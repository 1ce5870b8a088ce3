"""Keeps a store at hand whatever happens to its file; used by the store's thread only.

What cannot be opened now is tried again each second, and read meanwhile as far as it can be. A damaged file is kept
aside, and a fresh one takes its place.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from alerting.state import State
from monitor.store import dialect, rescue
from monitor.store.aside import first_numbers, keep_aside
from monitor.store.database import Database
from monitor.store.errors import Fault, StoreError
from monitor.store.lock import StoreLock
from monitor.store.rescue import Salvage, Snapshot
from monitor.store.store import Store

if TYPE_CHECKING:
    from monitor.store.reading import Reading

log = logging.getLogger("nightbell.store")

T = TypeVar("T")

RETRY_SECONDS: Final = 1.0
"""Between two tries to open what cannot be opened."""
RESERVE_AFTER: Final = 2.0
"""Seconds before room is made in advance: whoever starts us is not kept waiting for it."""
RESERVE_EVERY: Final = 60.0
RENEW_EVERY: Final = 60.0
"""A store damaged again sooner waits: a disk that spoils whatever it holds must not be filled with what it spoilt."""


class Keeper:
    """Opens the store, and answers for it while it cannot be opened."""

    def __init__(
        self,
        url: str,
        state_dir: Path,
        *,
        lost: Callable[[str], None] = lambda _: None,
        ask: Callable[[], None] = lambda: None,
    ) -> None:
        """`lost` is told what of the past is gone; `ask` that a snapshot of the state is wanted, for `renew`."""
        self.problem: StoreError | None = None
        """Why the store is not open; None where it is."""
        self._address = url
        self._url = dialect.read_url(url)
        self._state_dir = state_dir
        self._lost = lost
        self._ask = ask
        self._lock: StoreLock | None = None
        self._store: Store | None = None
        self._reading: Reading | None = None
        self._damaged: Store | None = None
        self._asked = False
        self._salvage: Salvage | None = None
        self._aside = False
        """True where the damaged file is still to be kept aside."""
        self.forgetful = False
        """True where records of the past could not be loaded, whatever they were."""
        self._unloaded = False
        self._renewed_at = float("-inf")
        self._due = 0.0

    def open(self) -> None:
        """Lock the directory and open the store, or begin without it where what is wrong may pass.

        Raises StoreError where trying again is of no use: another process has the directory, a newer program wrote
        the file, the address makes no sense.
        """
        self._lock = StoreLock.take(self._state_dir)
        try:
            self._open()
        except StoreError as err:
            if not err.fault.passing:
                self.close()
                raise
            from monitor.store.reading import read_only  # rarely needed

            self._reading = read_only(self._url, err)
            self._wait(err)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close whatever is open and give the lock back."""
        for one in (self._store, self._reading, self._damaged):
            if one is not None:
                one.close()
        self._store = self._reading = self._damaged = None
        if self._lock is not None:
            self._lock.release()

    def use(self, work: Callable[[Store], T]) -> T:
        """Do work on the store; on what can only be read of it where it is not open. Raises StoreError."""
        store = self._store or (self._reading.store if self._reading else None)
        if store is None:
            assert self.problem is not None  # noqa: S101 - for the type checker
            raise self.problem.again()
        try:
            return work(store)
        except StoreError as err:
            self.notice(err)
            raise

    def notice(self, err: StoreError) -> None:
        """Take a store whose file has turned out to be damaged out of use."""
        if err.fault is Fault.CORRUPT and self._store is not None:
            log.critical("the store is damaged: %s", err)
            self._damaged, self._store, self.problem = self._store, None, err
            self._asked = False
            self._due = max(time.monotonic(), self._renewed_at + RENEW_EVERY)

    def load(self, now: datetime | None) -> State:
        """Return the state as far as it can be had. What is missing is said, and numbers begin where none was given."""
        now = now or datetime.now(UTC)
        for _ in range(2):
            try:
                store = self._reading.store if self._store is None and self._reading else self._store
                state = self.use(lambda store: store.load(now))
            except StoreError as err:
                log.critical("%s", err)
                if self._damaged is not None:
                    self.renew(Snapshot(records=(), numbers={}))
                continue
            if store is not None and store.unread:
                self._tell(f"cannot be read, and is left out: {', '.join(sorted(set(store.unread))[:20])}")
            if self._reading is not None and self._reading.stale:
                self._tell("the last that was recorded before this start cannot be read")
                _count_anew(state, now)
            return state
        from monitor.store.reading import holds_nothing  # rarely needed

        self._unloaded = True
        state = State()
        if not holds_nothing(self._url):  # else it is the first start
            _count_anew(state, now)
            self._tell("nothing that was recorded before this start can be read")
        return state

    def renew(self, snapshot: Snapshot) -> None:
        """Begin a fresh file with what is in memory; the damaged one is kept aside."""
        if self._damaged is not None:
            self._salvage = self._damaged.salvage(snapshot)
            self._damaged.close()
            self._damaged = None
            self._aside = True
            self._try()

    def tend(self, *, idle: bool) -> None:
        """Do what is due: try again to open what is not open; keep room in advance, while nothing else is to do."""
        if time.monotonic() < self._due:
            return
        if self._store is not None:
            if idle:
                self._reserve(self._store)
        elif self._damaged is None:
            self._try()
        elif not self._asked:
            self._asked = True
            self._ask()

    def patience(self) -> float | None:
        """Return in how many seconds something is due; None where nothing will be."""
        waits = self._damaged is not None and self._asked
        return None if waits else max(0.0, self._due - time.monotonic())

    def _try(self) -> None:
        try:
            self._open()
        except StoreError as err:
            self._wait(err)

    def _open(self) -> None:
        salvage = self._salvage
        if salvage is not None and self._aside:
            self._keep_aside(self.problem)
        try:
            database = Database.open(self._address)
        except StoreError as err:
            if err.fault is not Fault.CORRUPT or not self._ours():
                raise
            salvage = self._salvage = salvage or rescue.remains(self._url)
            self._keep_aside(err)
            database = Database.open(self._address)
        store = Store(database)
        if salvage is not None:
            try:
                store.refill(salvage)
            except BaseException:
                store.close()
                raise
            self._renewed_at = time.monotonic()
        self._take(store)

    def _keep_aside(self, damage: StoreError | None) -> None:
        path = Path(self._url.database or "")
        try:
            kept = keep_aside(path, datetime.now(UTC))
        except OSError as err:
            fault, words = dialect.fault_of(err)
            raise StoreError(f"cannot keep {path} aside: {words}", fault=fault, path=path) from err
        self._aside = False
        self._tell(f"the store was damaged and is kept as {kept.name}: {damage}")

    def _ours(self) -> bool:
        """True where the file is one to be moved: what lies elsewhere and is no database is some other file."""
        path = Path(self._url.database or "")
        try:
            with path.open("rb") as file:
                head = file.read(16)
            return head == b"SQLite format 3\0" or path.parent.samefile(self._state_dir)
        except OSError:
            return False

    def _take(self, store: Store) -> None:
        if self.problem is not None:
            log.warning("the store can be used again")
        if self._unloaded and self._salvage is None:
            with suppress(StoreError):
                if left := store.open_incidents():
                    self._tell(
                        f"not taken up before the next start, for it was read too late: {', '.join(left[:20])}"
                    )
        if self._reading is not None:
            self._reading.close()
        self._store, self._reading, self._salvage, self.problem = store, None, None, None
        self._unloaded = False
        self._due = time.monotonic() + RESERVE_AFTER

    def _wait(self, problem: StoreError) -> None:
        if self.problem is None:
            log.critical("%s; going on without, and trying again each second", problem)
        self.problem = problem
        self._due = time.monotonic() + RETRY_SECONDS

    def _reserve(self, store: Store) -> None:
        more = False
        try:
            more = store.reserve()
        except StoreError as err:
            log.debug("%s", err)
            self.notice(err)
        if self._store is not None:
            self._due = time.monotonic() + (0 if more else RESERVE_EVERY)

    def _tell(self, words: str) -> None:
        self.forgetful = True
        log.critical("%s", words)
        self._lost(words)


def _count_anew(state: State, now: datetime) -> None:
    """Count from numbers never given. By chance within a thousand: a start a minute ago may have counted so too."""
    chance = secrets.randbelow(1000)
    for prefix, number in first_numbers(now).items():
        state.numbers[prefix] = max(number + chance, state.numbers.get(prefix, 0))
