"""The process around the daemon: all is made in one straight line and let go in reverse; signals, exit codes."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from alerting.state import Changes, Proof, State
from config.model import Config
from monitor import descriptors
from monitor.app import App
from monitor.clock import Clock, SystemClock
from monitor.daemon import Vitals
from monitor.descriptors import Shares
from monitor.engine.loop import COLLECT_CYCLES, loop_factory
from monitor.keys import Secrets
from monitor.memory import give_back
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from monitor.systemd import notify
from monitor.web.server import DOORS, ListenError, Servers
from probes.network.spare import SPARE

log = logging.getLogger("nightbell")

MANNED: Final = 10.0
"""Seconds in which worker processes are awaited before we are ready; who is late begins later."""
GRACE: Final = 6.0
"""Seconds a send under way is given to end when we stop."""


async def serve(loader: Callable[[], Config], clock: Clock) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises ConfigError, StoreError or ListenError where it cannot start."""
    loop = asyncio.get_running_loop()
    limit = descriptors.want()
    config = loader()
    stopping, hangup = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)  # from the start: unhandled it would end the process
    async with AsyncExitStack() as stack:
        store = StoreThread(config.store, config.state_dir)
        await store.open()
        stack.push_async_callback(store.close)
        state = await store.load(clock.now())
        store.remember(state)
        if store.forgetful:
            await _presume(config, state, store, clock)
        secrets = Secrets(config.state_dir, store)
        settled = await secrets.settle()

        shares = _share_out(limit, config)
        app = App(config, state, store, clock, secrets.ack_key, shares=shares)
        _watch_store(store, app.vitals)
        secrets.tell(app.vitals.troubles)
        stack.callback(app.executors.close)
        app.sample_history.start()
        stack.push_async_callback(app.sample_history.close)
        stack.push_async_callback(partial(_close_channels, app))
        doors = {name: replace(door, connections=getattr(shares, name)) for name, door in DOORS.items()}
        servers = Servers(app, doors)
        await servers.start(config.listen)
        stack.push_async_callback(servers.close)

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(app.pipeline.run(), name="pipeline")]
            running.append(tasks.create_task(app.crew.run(), name="workers"))
            await app.take_over()
            await app.crew.manned(MANNED)
            running.append(tasks.create_task(app.recall_past(), name="recall"))
            app.watch()
            running += [
                tasks.create_task(app.delivery.run(), name="delivery"),
                tasks.create_task(app.scheduler.run(), name="scheduler"),
                tasks.create_task(app.lookout.scheduler.run(), name="canaries"),
                tasks.create_task(app.selfwatch.run(), name="selfwatch"),
                tasks.create_task(app.rounds.run(), name="rounds"),
                tasks.create_task(app.finish_taking_over(), name="take over"),
                tasks.create_task(_reloads(app, servers, hangup, loader), name="reload"),
            ]
            if not settled:
                running.append(tasks.create_task(secrets.keep_settling(app.vitals.troubles), name="secrets"))
            app.vitals.ready = True
            _say_ready(servers.addresses())
            _keep_what_stays()
            await stopping.wait()

            app.vitals.ready = False
            notify("STOPPING=1")
            log.info("stopping")
            for task in reversed(running[1:]):
                task.cancel()
            await app.delivery.close(GRACE)
            await servers.close()  # while the pipeline can still answer who is waiting
            if app.retiring:
                await asyncio.wait(app.retiring, timeout=1)
            running[0].cancel()


def _share_out(limit: int, config: Config) -> Shares:
    """Give each its share of the descriptors, and say so where checks will have to wait for each other."""
    shares = Shares.of(limit)
    SPARE.connections, SPARE.name_servers = shares.kept, shares.name_servers
    if warning := shares.warning(limit, len(config.checks)):
        log.warning("%s", warning)
    return shares


async def _presume(config: Config, state: State, store: StoreThread, clock: Clock) -> None:
    """Take every check for one that has worked: we do not know any more, and a page too many is the smaller harm."""
    unsure = [name for name in config.checks if name not in state.records[Proof]]
    proofs = tuple(Proof(id=name, at=clock.now()) for name in unsure)
    changes = Changes(records=proofs)
    state.apply(changes)
    try:
        await store.record(changes)
    except StoreError as problem:
        log.error("what is presumed to have worked is not recorded: %s", problem)  # noqa: TRY400 - one line


def _watch_store(store: StoreThread, vitals: Vitals) -> None:
    """Have what the store cannot do and what it has lost among the troubles; a loss until the next start."""

    def lost(words: str) -> None:
        vitals.troubles["state"] = words

    store.on_loss = lost
    for words in store.losses:
        lost(words)
    if store.problem is not None:
        vitals.troubles["store"] = str(store.problem)


async def _close_channels(app: App) -> None:
    for channel in app.config.channels.values():
        await channel.notifier.close()


async def _reloads(app: App, servers: Servers, hangup: asyncio.Event, loader: Callable[[], Config]) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        await app.reload(loader)
        try:
            servers.renew(app.config.listen)  # a certificate is renewed in its file, and then we are told
        except ListenError as problem:
            log.error("cannot renew the certificate, the old one stays: %s", problem)  # noqa: TRY400 - one line


def _say_ready(addresses: Mapping[str, str]) -> None:
    """Tell whoever started us where everything is."""
    notify("READY=1\nSTATUS=watching")
    print("Nightbell is watching.")  # noqa: T201 - the person at the terminal reads this
    for name, address in addresses.items():
        print(f"  {name:<12} {address}")  # noqa: T201
    sys.stdout.flush()
    log.info("ready")


def _keep_what_stays() -> None:
    """Have the garbage collector leave alone what was made while starting: each full pass over it stops the loop.

    Not even now is there one, while everybody waits for us to be ready: of 190,000 objects it found 147 to let go of.
    """
    give_back()
    gc.freeze()
    gc.set_threshold(*COLLECT_CYCLES)
    gc.enable()


def run(_path: Path, *, loader: Callable[[], Config], clock: Clock | None = None) -> int:
    """Run the daemon; return the exit code: 0 stopped as asked, 1 it could not start, 70 it broke."""
    from config import ConfigError

    code = 0
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(loader, clock or SystemClock()))
    except* ConfigError as group:
        code = 1
        for line in _leaves(group):
            print(line, file=sys.stderr)  # noqa: T201 - the complaints are the message
    except* (StoreError, ListenError) as group:
        code = 1
        for line in _leaves(group):
            log.critical("%s", line)
    except* Exception:
        code = 70
        log.exception("the daemon broke")
    _leave_stuck_threads(code)
    return code


def _leaves(group: BaseExceptionGroup[Any]) -> list[str]:
    return [
        line
        for one in group.exceptions
        for line in (_leaves(one) if isinstance(one, BaseExceptionGroup) else [str(one)])
    ]


def _leave_stuck_threads(code: int) -> None:
    """End even where a thread hangs in the kernel (a dead network mount): Python would wait for it for ever."""
    stuck = [one for one in threading.enumerate() if one is not threading.main_thread() and one.is_alive()]
    if any(one.name.startswith(("host", "resolve", "config")) for one in stuck):
        for one in stuck:
            one.join(timeout=0.5)
        if any(one.is_alive() for one in stuck):
            logging.shutdown()
            sys.stdout.flush()
            os._exit(code)
