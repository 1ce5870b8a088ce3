"""The crew: shares the network checks out over worker processes, keeps each seat taken, and takes what they saw.

A check belongs to one worker, by a hash of its name, for as long as the daemon runs. Where a worker has died or hangs,
another takes its seat after a pause that grows. Turns that fall into the gap are counted as skipped; when it lasts
longer than ABSENT each of them is told as a sample `unknown` of class `self`. Nothing is ever said about a target
nobody has looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Mapping
from typing import Final

from config.model import Check
from monitor.clock import Clock
from monitor.daemon import Vitals
from monitor.descriptors import ALL, Shares
from monitor.engine.workers.hand import Hand, Room
from monitor.engine.workers.seat import Seat
from monitor.engine.workers.wire import UNREADABLE, read_report
from probes.sample import ErrorClass, Outcome, Sample

log = logging.getLogger("nightbell.workers")

TROUBLE: Final = "workers"
BEAT: Final = 1.0
"""Seconds between two looks at every worker; each reports as often at least."""
SLOW: Final = 4.0
"""Seconds without a report after which a worker counts as in trouble."""
HUNG: Final = 10.0
"""Seconds without a report after which it is killed."""
LOADING: Final = 30.0
"""The same for the first report: on a machine that is just starting, programs take their time to load."""
PAUSE: Final = 0.5
"""Seconds before a worker is replaced; twice as many each time, up to LONGEST, unless it lived for SETTLED."""
LONGEST: Final = 30.0
SETTLED: Final = 60.0
ABSENT: Final = 5.0
"""Seconds without a worker after which its checks are told as unknown."""


def how_many(workers: int | None) -> int:
    """Return how many worker processes `workers:` asks for; None (`auto`) is one for each core we may use.

    One means none: the daemon's own process probes then.
    """
    wanted = len(os.sched_getaffinity(0)) if workers is None else workers
    return wanted if wanted > 1 else 0


class Crew:
    """All worker processes of the daemon; none where `count` is 0, and then everything here does nothing."""

    def __init__(
        self,
        count: int,
        *,
        take: Callable[[Check, Sample], None],
        vitals: Vitals,
        clock: Clock,
        shares: Shares = ALL,
        hung: float = HUNG,
        absent: float = ABSENT,
    ) -> None:
        """Belongs to the running loop. `take` gets every sample; nothing is started before `run`.

        Every worker has as many descriptors as the daemon, of which `shares` tells who may have how many.
        """
        self._loop = asyncio.get_running_loop()
        self._take = take
        self._vitals = vitals
        self._clock = clock
        per_host = max(1, shares.per_host // max(1, count))
        self._room = Room(
            runs=shares.runs, per_host=per_host, kept=shares.kept, name_servers=shares.name_servers
        )
        self._hung = hung
        self._absent = absent
        self._seats = tuple(Seat(number, self._loop.time()) for number in range(count))
        self._numbers = itertools.count()
        self._again: dict[Seat, dict[str, bool]] = {}
        self._manned = asyncio.Event()
        self._looked = self._loop.time()

    @property
    def answered(self) -> float:
        """When all workers were last looked at, on the loop's clock."""
        return self._looked if self._seats else self._loop.time()

    def shares_out(self, check: Check) -> bool:
        """Say whether a check is for a worker: what is measured on this machine stays in the daemon."""
        return bool(self._seats) and check.probe.target is not None

    def watch(self, checks: Mapping[str, Check]) -> None:
        """Have the workers run exactly `checks`: only what has changed is handed over."""
        shares: dict[Seat, dict[str, Check]] = {seat: {} for seat in self._seats}
        for name, check in checks.items():
            shares[self._seat(name)][name] = check
        for seat, share in shares.items():
            seat.watch(share, self._numbers, self._loop.time())

    def look_again(self, name: str, *, at_once: bool = False) -> None:
        """Have a check run again soon, or at once."""
        if not self._seats or name not in (seat := self._seat(name)).posts:
            return
        if not self._again:
            self._loop.call_soon(self._ask_again)
        wishes = self._again.setdefault(seat, {})
        wishes[name] = at_once or wishes.get(name, False)

    async def manned(self, within: float) -> None:
        """Return once every worker has taken its seat, or when `within` seconds have passed."""
        if self._seats:
            self._loop.call_later(within, self._manned.set)
            await self._manned.wait()

    async def run(self) -> None:
        """Keep every seat taken, until cancelled; all workers end with it."""
        if not self._seats:
            return
        async with asyncio.TaskGroup() as tasks:
            for seat in self._seats:
                tasks.create_task(self._keep(seat), name=f"worker {seat.number + 1}")
            tasks.create_task(self._look_after(), name="look after workers")

    async def _keep(self, seat: Seat) -> None:
        """Have a worker in this seat."""
        pause = PAUSE
        while True:
            began = self._loop.time()
            self._complain(seat, await self._employ(seat))
            pause = PAUSE if self._loop.time() - began > SETTLED else pause
            log.error("%s; another is started in %g s", seat.trouble, pause)
            await asyncio.sleep(pause)
            self._vitals.workers_restarted += 1
            pause = min(2 * pause, LONGEST)

    async def _employ(self, seat: Seat) -> str:
        """Have one worker process from its start to its end; return why it ended."""
        try:
            hand = Hand(lambda frame: self._hear(seat, frame), self._room)
        except OSError as problem:
            return f"cannot start it: {os.strerror(problem.errno or 0).lower()}"
        seat.hand, seat.heard = hand, self._loop.time()
        try:
            await hand.listen()
            why = await hand.ended
        except OSError as problem:
            why = f"cannot listen to it: {os.strerror(problem.errno or 0).lower()}"
        except asyncio.CancelledError:
            self._leave(seat)
            await hand.end(at_once=False)
            raise
        self._leave(seat)
        self._complain(seat, why or "it has ended")
        code = await hand.end(at_once=why is not None)
        if code is None:
            return f"{why or 'it has closed its line'}, and cannot be killed"
        return why or _ending(code)

    def _leave(self, seat: Seat) -> None:
        seat.leave(self._loop.time())
        self._vitals.worker_lag.pop(seat.number, None)
        self._count_workers()

    def _complain(self, seat: Seat, why: str) -> None:
        seat.trouble = f"{self._called(seat)} is not running: {why}"
        self._say_troubles()

    def _hear(self, seat: Seat, frame: bytes) -> None:
        report = read_report(frame, seat.name_of)
        now = seat.heard = self._loop.time()
        if not seat.greeted and seat.hand is not None:
            log.info("%s runs, process %d", self._called(seat), seat.hand.pid)
            self._vitals.skipped += sum(missed for _, missed in seat.missed(now))
            seat.greet(now)
            self._count_workers()
            self._say_troubles()
        self._vitals.add(report.counts)
        self._vitals.worker_lag[seat.number] = report.lag
        for note in report.notes:
            logging.getLogger(note.name).log(note.level, "%s", note.text)
        for number, sample in report.samples:
            post = seat.by_number.get(number)
            if post is not None:  # taking the one before may have changed what is watched
                self._take(post.check, sample)

    async def _look_after(self) -> None:
        due = self._loop.time()
        while True:
            due += BEAT
            await asyncio.sleep(due - self._loop.time())
            now = self._loop.time()
            if now - due > BEAT:  # it was us who were held up: what they have said meanwhile waits to be read
                for seat in self._seats:
                    seat.heard += now - due
                due = now
            for seat in self._seats:
                self._look_at(seat, now)
            self._say_troubles()
            self._looked = now

    def _look_at(self, seat: Seat, now: float) -> None:
        if seat.hand is not None:
            silent = now - seat.heard
            if silent > (self._hung if seat.greeted else LOADING):
                seat.hand.dismiss(f"it has not answered for {silent:.0f} s")
        if not seat.greeted:
            for check, missed in seat.missed(now):
                self._vitals.skipped += missed
                if now - seat.empty_since > self._absent:
                    self._take(check, self._not_looked(check))

    def _not_looked(self, check: Check) -> Sample:
        return Sample(
            check=check.name,
            at=self._clock.now(),
            duration=0.0,
            outcome=Outcome.UNKNOWN,
            error=ErrorClass.SELF,
            message=f"cannot run {check.name}: its worker process is not running",
        )

    def _say_troubles(self) -> None:
        now = self._loop.time()
        troubles = [trouble for seat in self._seats if (trouble := self._trouble(seat, now))]
        if troubles:
            more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
            self._vitals.troubles[TROUBLE] = troubles[0] + more
        elif self._vitals.troubles.pop(TROUBLE, None) is not None:
            log.warning("all %d worker processes run again", len(self._seats))

    def _trouble(self, seat: Seat, now: float) -> str:
        silent = now - (seat.heard if seat.greeted else seat.empty_since)
        if seat.trouble or silent <= SLOW:
            return seat.trouble
        return f"{self._called(seat)} has not answered for {silent:.0f} s"

    def _count_workers(self) -> None:
        self._vitals.workers = sum(seat.greeted for seat in self._seats)
        if self._vitals.workers == len(self._seats):
            self._manned.set()

    def _ask_again(self) -> None:
        for seat, wishes in self._again.items():
            seat.look_again(wishes)
        self._again = {}

    def _called(self, seat: Seat) -> str:
        return f"worker process {seat.number + 1} of {len(self._seats)}"

    def _seat(self, name: str) -> Seat:
        """Return where a check belongs, by other bytes than those its phase is made of."""
        digest = hashlib.blake2b(name.encode(), digest_size=4, person=b"worker").digest()
        return self._seats[int.from_bytes(digest) % len(self._seats)]


def _ending(code: int) -> str:
    """Say how a process has ended by itself, by its exit code as Popen gives it."""
    if code == UNREADABLE:
        return f"it has ended with {code}, as it cannot read its orders; after an upgrade, restart the daemon"
    return f"it was ended by signal {-code}" if code < 0 else f"it has ended with {code}"
