"""A worker process: runs the checks it is given at their turns and reports what they saw, until its line ends.

Started by the daemon as `python -I -m monitor.engine.workers.worker PARENT LEVEL RUNS PER_HOST KEPT NAMES`, its
end of the line as standard input. It knows its checks and nothing else: no channel, no store, no key. It never
outlives the daemon, and ends by itself where nobody reads what it says or its own turns have come to a stop; the
daemon then starts another.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from monitor.engine.counts import Counts
from monitor.engine.loop import COLLECT_CYCLES, loop_factory
from monitor.engine.runner import Attempt, Executors, Runner
from monitor.engine.scheduler import Memory, Scheduler
from monitor.engine.workers.wire import (
    ORDERS_BYTES,
    UNREADABLE,
    Again,
    Line,
    Note,
    Order,
    pack_report,
    pack_sample,
    read_order,
)
from probes.network.poller import serve
from probes.network.spare import SPARE
from probes.sample import Sample

log = logging.getLogger("nightbell.worker")

COLLECT: Final = 0.01
"""Seconds for which samples are collected: each report wakes the daemon."""
COLLECT_BYTES: Final = 256 * 1024
"""A report with as many is sent at once."""
BEAT: Final = 1.0
"""Seconds between two reports at most: the daemon shall know that we live."""
UNREAD: Final = 64 * 1024 * 1024
"""Bytes that the daemon has not read after which we give up."""
STOPPED: Final = 35.0
"""Seconds without a sample beyond the time the quickest check needs for one: our turns have stopped."""
NOTES: Final = 100
"""Lines for the log in one report; a worker that has more to say repeats itself."""
NOTE_CHARACTERS: Final = 8000


class Worker(logging.Handler):
    """What runs here. Also takes what is logged, which the daemon writes where it writes its own lines."""

    def __init__(self, runs: int, per_host: int, *, unread: int = UNREAD, stopped: float = STOPPED) -> None:
        """Belongs to the running loop; `runs` and `per_host` bound its runs under way."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._unread = unread
        self._stopped = stopped
        self._counts = Counts()
        self._lag = 0.0
        self._runner = Runner(Executors())
        self._scheduler: Scheduler[Order] = Scheduler(
            self._run,
            self._counts,
            first=lambda order: order.wait,
            room=runs,
            per_host=per_host,
            breathe=serve,
        )
        self._orders: dict[str, Order] = {}
        self._quickest: float | None = None
        """Seconds within which the quickest check has a sample, from one to the next."""
        self._last = self._loop.time()
        """When a sample last came."""
        self._line = Line(self._obey, _leave, ORDERS_BYTES)
        self._rows: list[bytes] = []
        self._bytes = 0
        self._notes: list[Note] = []
        self._collecting: asyncio.TimerHandle | None = None

    async def serve(self, line: socket.socket) -> None:
        """Work until the line ends, and this process with it."""
        await self._loop.create_unix_connection(lambda: self._line, sock=line)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._scheduler.run(), name="scheduler")
            tasks.create_task(self._live(), name="live")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line for the daemon's log."""
        text = record.getMessage()
        if record.exc_info:
            text = "\n".join((text, "".join(traceback.format_exception(*record.exc_info)).rstrip()))
        if len(self._notes) < NOTES:
            self._notes.append(Note(level=record.levelno, name=record.name, text=text[:NOTE_CHARACTERS]))
            self._loop.call_soon_threadsafe(self._collect)

    async def _live(self) -> None:
        """Show the daemon that we live, once a second; end where that would be a lie."""
        due = self._loop.time()
        while True:
            self._report()
            due += BEAT
            await asyncio.sleep(due - self._loop.time())
            now = self._loop.time()
            self._lag = max(0.0, now - due)
            if self._lag > BEAT:  # we were held up: nobody is blamed before the next beat
                due = self._last = now
            elif self._quickest is not None and now - self._last > self._quickest + self._stopped:
                log.critical("the turns of this worker process have stopped: it ends")
                self._report()
                _leave()
            if self._line.waiting > self._unread:
                _leave()

    def _obey(self, frame: bytes) -> None:
        try:
            given = read_order(frame)
        except Exception:  # such as another version's: what it means is not to be guessed
            traceback.print_exc()
            os._exit(UNREADABLE)
        if isinstance(given, Again):
            for name in given.names:
                self._scheduler.look_again(name)
            for name in given.at_once:
                self._scheduler.look_again(name, at_once=True)
            return
        for name in given.gone:
            self._orders.pop(name, None)
        self._orders |= {order.name: order for order in given.orders}
        if not given.more:
            self._watch()

    def _watch(self) -> None:
        self._scheduler.watch(self._orders)
        self._last = self._loop.time()
        orders = self._orders.values()
        longest = max(
            (one.timeout for one in orders), default=0.0
        )  # others may wait behind it for their place
        self._quickest = min((one.every + one.timeout + longest for one in orders), default=None)
        gc.set_threshold(*COLLECT_CYCLES)
        gc.collect()
        gc.freeze()  # what was handed over stays: each full pass over it would stop the loop

    def _run(self, order: Order, memory: Memory, done: Callable[[], None]) -> Attempt:
        def take(sample: Sample | None) -> None:
            done()
            if sample is not None:
                self._say(order.number, sample)

        return self._runner.start(order, memory, take)

    def _say(self, number: int, sample: Sample) -> None:
        self._last = self._loop.time()
        row = pack_sample(number, sample)
        self._rows.append(row)
        self._bytes += len(row)
        if self._bytes > COLLECT_BYTES:
            self._report()
        else:
            self._collect()

    def _collect(self) -> None:
        if self._collecting is None:
            self._collecting = self._loop.call_later(COLLECT, self._report)

    def _report(self) -> None:
        """Tell what there is to tell; nothing at all still says that we live."""
        if self._collecting is not None:
            self._collecting.cancel()
            self._collecting = None
        self._line.send(pack_report(self._rows, self._counts, self._lag, self._notes))
        self._rows, self._bytes, self._notes = [], 0, []
        self._counts.clear()


def main() -> None:
    """Serve the daemon that started us."""
    parent, level, runs, per_host, SPARE.connections, SPARE.name_servers = map(int, sys.argv[1:7])
    _die_with(parent)
    _fall_first()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # systemd tells a whole group to stop: the daemon ends us when it is ready to.
        signal.signal(number, lambda *_: None)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(runs, per_host, level))


async def _serve(runs: int, per_host: int, level: int) -> None:
    line = socket.socket(fileno=0)
    line.setblocking(False)
    worker = Worker(runs, per_host)
    logging.getLogger().handlers[:] = [worker]
    logging.getLogger("nightbell").setLevel(level)
    await worker.serve(line)


def _die_with(parent: int) -> None:
    """Never outlive the daemon, not even where the loop hangs."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; only Linux has it
    if os.getppid() != parent:
        os._exit(0)


def _fall_first() -> None:
    """Have the kernel, short of memory, take us before the daemon: a worker is replaced in a second."""
    own = Path("/proc/self/oom_score_adj")
    with suppress(OSError, ValueError):
        own.write_text(str(min(1000, int(own.read_text("ascii")) + 200)), "ascii")


def _leave() -> NoReturn:
    """End at once, whatever is under way: nobody would hear of it."""
    os._exit(0)


if __name__ == "__main__":
    main()
