"""The daemon's parts together, in virtual time: reloads, poisoned checks, replaced channels, test messages."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerting.inputs import Refusal, Refused
from alerting.notification import NotificationState, Reason
from alerting.notifiers.api import Accepted, DeliveryError, Message, Progress
from config import Complaint, ConfigError
from config.model import Check, Config
from lab.core_parts import Provider, check, for_ever
from lab.core_virtual import Outside, clock, settle, virtually, wait_for
from lab.core_world import SHOP, shop
from monitor.app import App
from monitor.giving_way import SLICE
from monitor.store.errors import StoreError
from monitor.store.thread import StoreThread
from probes.api import ProbeFailed, Reading, Run
from probes.sample import ErrorClass, Outcome


def providers() -> dict[str, Provider]:
    return {name: Provider() for name in ("sms", "mail", "customers")}


def configured(home: Path, *checks: Check, to: dict[str, Provider] | None = None) -> Config:
    loaded = shop(home, to if to is not None else providers(), SHOP)
    return replace(loaded, checks={one.name: one for one in checks})


@asynccontextmanager
async def daemon(config: Config) -> AsyncIterator[App]:
    """Run everything but the listeners."""
    store: Any = Outside(StoreThread(config.store, config.state_dir), asyncio.get_running_loop())  # type: ignore[arg-type]
    await store.open()
    now = clock()
    app = App(config, await store.load(now.now()), store, now, b"k" * 32)
    tasks = [asyncio.create_task(app.pipeline.run())]
    try:
        await app.take_over()
        app.scheduler.watch(config.checks)
        tasks += [asyncio.create_task(part.run()) for part in (app.delivery, app.scheduler, app.selfwatch)]
        tasks.append(asyncio.create_task(app.finish_taking_over()))
        yield app
    finally:
        await app.delivery.close(0)
        await settle(*tasks, *app.retiring)
        app.executors.close()
        await store.close()


def within(config: Config, story: Callable[[App], Coroutine[Any, Any, None]]) -> None:
    async def tell() -> None:
        async with daemon(config) as app:
            await story(app)

    virtually(tell)


async def down(_run: Run) -> Reading:
    raise ProbeFailed(ErrorClass.CONNECT, "cannot connect: refused")


def flipping(after: float) -> Any:
    """Return a probe that works for so long, and then no more."""
    began = None

    async def look(run: Run) -> Reading:
        nonlocal began
        now = asyncio.get_running_loop().time()
        began = began if began is not None else now
        return Reading() if now - began < after else await down(run)

    return look


def test_from_a_failing_probe_to_the_page_within_one_interval(tmp_path: Path) -> None:
    to = providers()

    async def story(app: App) -> None:
        loop = asyncio.get_running_loop()
        await wait_for(lambda: "home" in app.samples)
        first = loop.time()
        await wait_for(lambda: to["sms"].took, within=100)
        assert loop.time() - first < 30 + 10 + 1
        assert app.samples["home"].outcome is Outcome.DOWN

    within(configured(tmp_path, check("home", flipping(30)), to=to), story)


class Poison:
    """A threshold nobody can judge."""

    id = "poison"

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("evaluation broke")


def test_a_check_nobody_can_judge_stops_no_other_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    to = providers()
    config = configured(tmp_path, check("home", flipping(30)), check("cart", flipping(30)), to=to)
    poisoned: Any = (Poison(),)
    checks = {**config.plan.checks, "cart": replace(config.plan.checks["cart"], thresholds=poisoned)}
    config = replace(config, plan=replace(config.plan, checks=checks))

    async def story(app: App) -> None:
        await wait_for(lambda: to["sms"].took, within=100)
        assert "cannot judge" in app.vitals.troubles["desk"] or "cannot decide" in app.vitals.troubles["desk"]
        assert app.samples["cart"].outcome is Outcome.DOWN, "it is looked at and shown all the same"

    within(config, story)
    assert "cart" in caplog.text


def test_the_first_checks_after_hours_without_any_are_no_reason_to_be_killed(tmp_path: Path) -> None:
    async def story(app: App) -> None:
        await asyncio.sleep(10 * 3600)
        await app.reload(lambda: configured(tmp_path, check("home", every=3600.0)))
        for _ in range(3000):
            await asyncio.sleep(1)
            assert "stuck" not in app.vitals.troubles

    within(configured(tmp_path), story)


def test_a_scheduler_that_runs_nothing_is_noticed(tmp_path: Path) -> None:
    async def story(app: App) -> None:
        await asyncio.sleep(60)
        assert not app.vitals.troubles
        app.scheduler.watch({})  # as if it had lost its heap
        await asyncio.sleep(60)
        assert app.vitals.troubles["stuck"] == "no answer from scheduler"

    within(configured(tmp_path, check("home")), story)


def test_what_a_run_saw_of_the_old_check_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def old(run: Run) -> Reading:
        await gate.wait()
        return await down(run)

    async def story(app: App) -> None:
        await wait_for(lambda: app.vitals.runs == 1, within=20, every=0.01)
        fresh = configured(tmp_path, check("home", fingerprint="another target", every=600.0))
        await app.reload(lambda: fresh)
        gate.set()
        await asyncio.sleep(1)
        assert "home" not in app.samples

    within(configured(tmp_path, check("home", old)), story)


def test_a_bad_file_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async def story(app: App) -> None:
        before = app.config
        for bad in (
            ConfigError([Complaint(file="nightbell.yaml", line=1, col=1, path="x", message="unknown key")]),
            RuntimeError("a bug in loading"),
            RecursionError(),
        ):

            def loader(problem: Exception = bad) -> Config:
                raise problem

            await app.reload(loader)
            assert app.config is before
            assert app.vitals.reload_ok is False
            assert app.vitals.troubles["config"]
        await app.reload(lambda: configured(tmp_path, check("home")))
        assert app.vitals.reload_ok
        assert not app.vitals.troubles

    within(configured(tmp_path, check("home")), story)


def test_a_reading_that_hangs_is_said_and_given_way_to_no_more_and_taken_up_when_it_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    usual = sys.getswitchinterval()
    fresh, pipe = configured(tmp_path, check("cart")), tmp_path / "pipe"
    os.mkfifo(pipe)

    def loader() -> Config:
        pipe.read_bytes()  # nobody writes: the kernel holds us, as on a dead mount
        return fresh

    async def story(app: App) -> None:
        loop: Any = asyncio.get_running_loop()

        async def passes(seconds: float) -> None:
            """Let time pass, which stands still by itself while a thread is at work."""
            loop.jump(seconds)
            for _ in range(100):
                await asyncio.sleep(0)

        before = app.config
        reload = asyncio.create_task(app.reload(loader))
        try:
            await passes(0)
            await passes(29)
            assert sys.getswitchinterval() == pytest.approx(SLICE)
            assert "config" not in app.vitals.troubles
            await passes(2)
            assert sys.getswitchinterval() == usual
            line = f"reading {before.path} has taken more than 30 s"
            assert app.vitals.troubles["config"] == line
            assert not app.vitals.reload_ok
            await passes(31)
            assert caplog.text.count(f"cannot reload, the running configuration stays: {line}") == 1
            assert app.config is before
        finally:
            while not reload.done():
                os.close(os.open(pipe, os.O_RDWR))  # whoever waits to read it finds it empty
                await asyncio.sleep(0)
        await reload
        assert app.config is fresh
        assert app.vitals.reload_ok
        assert "config" not in app.vitals.troubles
        assert sys.getswitchinterval() == usual
        await app.reload(lambda: fresh)
        await asyncio.sleep(40)
        assert "config" not in app.vitals.troubles, "what has been read is said to hang"

    within(configured(tmp_path, check("home")), story)


def test_replaced_channels_are_closed_after_their_last_send_and_kept_ones_never(tmp_path: Path) -> None:
    old, new = providers(), providers()
    ended: list[int] = []

    async def slow(_message: Message, progress: Progress) -> Accepted:
        progress.sent = True
        await asyncio.sleep(8)
        ended.append(old["sms"].closed)
        return Accepted()

    old["sms"].answer = slow

    async def story(app: App) -> None:
        await wait_for(lambda: old["sms"].under_way, within=100)
        kept = app.config.channels["mail"]
        fresh = configured(tmp_path, check("home", flipping(30)), to=new)
        await app.reload(lambda: replace(fresh, channels={**fresh.channels, "mail": kept}))
        await asyncio.sleep(20)
        assert ended == [0], "it was closed under a send"
        assert (old["sms"].closed, old["customers"].closed, old["mail"].closed) == (1, 1, 0)
        assert not app.retiring

    within(configured(tmp_path, check("home", flipping(30)), to=old), story)


def test_a_reload_is_not_held_up_by_host_calls_that_hang(tmp_path: Path) -> None:
    import threading

    release = threading.Event()

    async def hang(run: Run) -> Reading:
        await run.offload(release.wait)
        return Reading()

    async def tell() -> None:
        config = configured(
            tmp_path, *(check(f"host-{n}", hang, host=True, every=0.1, timeout=0.05) for n in range(9))
        )
        store = StoreThread(config.store, config.state_dir)
        await store.open()
        now = clock()
        app = App(config, await store.load(now.now()), store, now, b"k" * 32)
        running = [asyncio.create_task(part.run()) for part in (app.pipeline, app.scheduler)]
        app.scheduler.watch(config.checks)
        try:
            await wait_for(lambda: app.vitals.runs > 30, within=20, every=0.05)
            async with asyncio.timeout(5):
                await app.reload(lambda: configured(tmp_path))
            assert app.config.checks == {}
        finally:
            release.set()
            await settle(*running, *app.retiring)
            app.executors.close()
            await store.close()

    asyncio.run(tell())


def test_a_test_message_says_what_came_of_it(tmp_path: Path) -> None:
    to = providers()

    async def broken(_message: Message, _progress: Progress) -> Accepted:
        raise DeliveryError("cannot send: 401", reason=Reason.AUTH, retry=False)

    to["mail"].answer = broken

    async def story(app: App) -> None:
        receipt = await app.test_channel("sms", "li")
        assert receipt.state is NotificationState.ACCEPTED
        assert to["sms"].took[0].address == "+8613800000001"
        receipt = await app.test_channel("mail", "li")
        assert (receipt.state, receipt.reason) == (NotificationState.FAILED, Reason.AUTH)
        to["mail"].answer = lambda *_: for_ever()
        assert (await app.test_channel("mail", "li")).reason is Reason.TIMEOUT
        for channel, person, refusal in (
            ("fax", "li", Refusal.UNKNOWN),
            ("sms", "nobody", Refusal.UNKNOWN),
            ("sms", None, Refusal.INVALID),
            ("customers", None, Refusal.INVALID),
        ):
            with pytest.raises(Refused) as refused:
                await app.test_channel(channel, person)
            assert refused.value.refusal is refusal

    within(configured(tmp_path, to=to), story)


def test_a_reload_while_the_store_fails_takes_effect_and_is_recorded_later(tmp_path: Path) -> None:
    from lab.core_world import Faulty

    async def tell() -> None:
        config = configured(tmp_path, check("home", flipping(30)))
        inner: Any = Outside(StoreThread(config.store, config.state_dir), asyncio.get_running_loop())  # type: ignore[arg-type]
        await inner.open()
        store = Faulty(inner)
        now = clock()
        app = App(config, await inner.load(now.now()), store, now, b"k" * 32)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(part.run()) for part in (app.pipeline, app.scheduler)]
        app.scheduler.watch(config.checks)
        await wait_for(lambda: app.state.numbers.get("INC"), within=100)
        store.fails()
        fresh = configured(tmp_path)
        fresh = replace(fresh, plan=replace(fresh.plan, checks={}, services={}))
        await app.reload(lambda: fresh)
        assert app.config is fresh
        with pytest.raises(StoreError):
            await app.submit(_tick())
        store.works()
        await wait_for(lambda: not app.vitals.troubles, within=10)
        await settle(*tasks, *app.retiring)
        app.executors.close()
        await inner.close()

    def _tick() -> Any:
        from alerting.inputs import OpenTicket
        from alerting.tickets.terms import TicketClass

        return OpenTicket(title="x", ticket_class=TicketClass.GENERAL, by=None)

    virtually(tell)


def test_a_check_that_a_reload_points_elsewhere_has_no_sample_before_the_new_target_was_asked(
    tmp_path: Path,
) -> None:
    async def story(app: App) -> None:
        await asyncio.sleep(3700)
        assert app.samples["home"].outcome is Outcome.DOWN
        fresh = check("home", down, every=3600.0, fingerprint="other")
        await app.reload(lambda: configured(tmp_path, fresh))
        assert not app.samples
        assert not app.history

    within(configured(tmp_path, check("home", down, every=3600.0)), story)
