"""The runner: whatever a probe does, one run gives one sample, in time, and harms nobody else."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import socket
import threading
import time
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.model import Check
from lab.core_parts import check, for_ever
from lab.core_virtual import clock, virtually
from lab.probe_run import LOOPS, finished, until
from monitor.engine.runner import HOST_THREADS, LEFT_BEHIND, Executors, Runner, run_once
from probes.api import ProbeFailed, Reading, Run
from probes.network.tcp import Tcp
from probes.sample import ErrorClass, Outcome, Sample


def observe(look: Any, *, host: bool = False, **fields: Any) -> Sample:
    async def story() -> Sample:
        with Executors() as executors:
            return await run_once(check("home", look, host=host, **fields), executors, {}, clock())

    return virtually(story)


def test_a_run_that_finds_all_well_is_up_with_what_it_measured() -> None:
    async def look(run: Run) -> Reading:
        run.phases["connect"] = 0.25
        return Reading(values={"status": 200.0})

    sample = observe(look)
    assert (sample.outcome, sample.error, sample.message) == (Outcome.UP, None, "")
    assert sample.values == {"status": 200.0}
    assert sample.phases == {"connect": 0.25}


def test_a_bad_target_is_down_with_its_class_its_words_and_its_evidence() -> None:
    async def look(_run: Run) -> Reading:
        raise ProbeFailed(ErrorClass.STATUS, "status 503", detail="Server: nginx\nRetry-After: 5")

    sample = observe(look)
    assert (sample.outcome, sample.error, sample.message) == (Outcome.DOWN, ErrorClass.STATUS, "status 503")
    assert [line.split("s ", 1)[1] for line in sample.log] == [
        "failed: status 503",
        "Server: nginx",
        "Retry-After: 5",
    ]


def test_what_a_bad_target_showed_all_the_same_is_kept() -> None:
    """The status code of a bad answer and the days a certificate has left are worth a threshold, down or not."""
    seen = Reading(
        values={"status": 503.0},
        parts={"/data": {"used_ratio": 0.5}},
        phases={"resolve": 0.1, "connect": 0.2},
    )

    async def look(_run: Run) -> Reading:
        raise ProbeFailed(ErrorClass.STATUS, "status 503", reading=seen)

    sample = observe(look)
    assert sample.outcome is Outcome.DOWN
    assert (sample.values, sample.parts, sample.phases) == (seen.values, seen.parts, seen.phases)


def test_the_deadline_makes_it_down_with_class_timeout_and_says_how_far_it_came() -> None:
    async def look(run: Run) -> Reading:
        run.phases["resolve"] = 0.1
        run.phases["connect"] = 0.2
        return await for_ever()

    sample = observe(look, timeout=3)
    assert (sample.outcome, sample.error) == (Outcome.DOWN, ErrorClass.TIMEOUT)
    assert sample.message == "timed out after 3 s after resolve, connect"
    assert sample.phases == {"resolve": 0.1, "connect": 0.2}


def test_a_host_that_does_not_answer_its_own_monitor_is_unknown() -> None:
    sample = observe(for_ever, host=True)
    assert (sample.outcome, sample.error) == (Outcome.UNKNOWN, ErrorClass.SELF)


@pytest.mark.parametrize(
    "cause", [ValueError("x"), TimeoutError("not ours"), MemoryError(), KeyError("secret")]
)
def test_our_own_fault_is_unknown_and_told_in_the_journal(
    cause: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(_run: Run) -> Reading:
        raise cause

    sample = observe(look)
    assert (sample.outcome, sample.error) == (Outcome.UNKNOWN, ErrorClass.INTERNAL)
    assert sample.message == f"cannot run home: {type(cause).__name__}"
    [record] = [one for one in caplog.records if one.name == "nightbell.runner"]
    assert record.levelno == logging.ERROR
    assert "cannot run check home" in record.getMessage()
    assert record.exc_info


def test_cancellation_passes_through() -> None:
    async def story() -> None:
        with Executors() as executors:
            running = asyncio.create_task(run_once(check("home", for_ever), executors, {}, clock()))
            await asyncio.sleep(1)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    virtually(story)


def test_a_run_s_own_account_is_bounded() -> None:
    async def look(run: Run) -> Reading:
        for _ in range(1000):
            run.log("x" * 10_000)
        raise ProbeFailed(ErrorClass.BODY, "too much", detail="\n" * 100_000)

    sample = observe(look)
    assert len(sample.log) <= 100
    assert max(map(len, sample.log)) < 400


def test_a_thread_that_never_returns_ends_its_run_at_the_deadline_and_holds_up_no_other_check() -> None:
    """Run after run: the threads are few, and a hung call keeps the one it has."""
    release = threading.Event()

    async def hang(run: Run) -> Reading:
        await run.offload(release.wait)
        return Reading()

    async def well(run: Run) -> Reading:
        return Reading(values={"one": float(await run.offload(int, 1))})

    async def story() -> None:
        with Executors() as executors:
            hung: list[Sample] = []
            for _ in range(HOST_THREADS + 2):
                one = check("hung", hang, host=True, timeout=0.05)
                began = time.monotonic()
                hung.append(await run_once(one, executors, {}))
                assert time.monotonic() - began < 5
            assert {(one.outcome, one.error) for one in hung} == {(Outcome.UNKNOWN, ErrorClass.SELF)}
            assert "earlier runs have not returned" in hung[LEFT_BEHIND].message

            sample = await run_once(check("well", well, host=True), executors, {})
            assert (sample.outcome, sample.values) == (Outcome.UP, {"one": 1.0})

            release.set()
            for _ in range(1000):
                sample = await run_once(check("hung", hang, host=True), executors, {})
                if sample.outcome is Outcome.UP:
                    break
                await asyncio.sleep(0.01)
            assert sample.outcome is Outcome.UP, "what hung answers again and is looked at again"

    try:
        asyncio.run(story())
    finally:
        release.set()


def test_a_probe_that_asks_many_things_at_once_is_not_mistaken_for_one_that_hangs() -> None:
    async def many(run: Run) -> Reading:
        await asyncio.gather(*(run.offload(time.sleep, 0.005) for _ in range(20)))
        return Reading()

    async def story() -> None:
        with Executors() as executors:
            for _ in range(5):
                assert (await run_once(check("disk", many, host=True), executors, {})).outcome is Outcome.UP

    asyncio.run(story())


def test_memory_is_the_check_s_own_from_run_to_run() -> None:
    async def look(run: Run) -> Reading:
        run.memory["runs"] = run.memory.get("runs", 0) + 1
        return Reading(values={"runs": float(run.memory["runs"])})

    async def story() -> list[float]:
        with Executors() as executors:
            memory: dict[str, object] = {}
            return [
                (await run_once(check("home", look), executors, memory, clock())).values["runs"]
                for _ in range(3)
            ]

    assert virtually(story) == [1, 2, 3]


def test_the_deadline_tells_how_far_a_run_got_and_on_which_way() -> None:
    async def look(run: Run) -> Reading:
        run.way = "over IPv6"
        run.phase("resolve")
        run.phase("connect")
        await for_ever()
        return Reading()

    async def story() -> Sample:
        with Executors() as executors:
            return await run_once(check("dual", look), executors, {}, clock())

    assert virtually(story).message == "timed out after 5 s over IPv6 after resolve, connect"


def test_out_of_descriptors_is_our_own_trouble_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """It says nothing of the target; and thousands of checks must not all fill the journal with it."""

    async def look(_run: Run) -> Reading:
        raise OSError(errno.EMFILE, "Too many open files")

    async def story() -> list[Sample]:
        found: list[Any] = []
        with Executors() as executors:
            runner = Runner(executors, clock())
            for number in range(100):
                runner.start(check(f"c{number}", look), {}, found.append)
        return found

    samples = virtually(story)
    assert {(one.outcome, one.error) for one in samples} == {(Outcome.UNKNOWN, ErrorClass.SELF)}
    assert samples[7].message == "cannot run c7: too many open files"
    assert len(caplog.records) == 1


def test_a_good_run_keeps_no_log_and_a_bad_one_does() -> None:
    async def good(run: Run) -> Reading:
        run.log("looked at {}", "it")
        return Reading()

    async def bad(run: Run) -> Reading:
        run.log("looked at {}", "it")
        raise ProbeFailed(ErrorClass.STATUS, "no")

    async def story() -> list[Sample]:
        found: list[Any] = []
        with Executors() as executors:
            for look in (good, bad):
                Runner(executors, clock()).start(check("c", look), {}, found.append)
        return found

    up, down = virtually(story)
    assert up.log == ()
    assert [line.split("s ", 1)[1] for line in down.log] == ["looked at it", "failed: no"]


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_lies_in_the_kernel_when_its_deadline_strikes_came_in_time(loop: str) -> None:
    """One turn of the loop may hold up the next for a little while: timers come before sockets then."""

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as asked:
            time.sleep(0.15)  # the answer comes before the deadline, and while nobody reads
            asked.sendall(b"hello\n")
            asked.recv(1)

    async def go() -> Sample:
        with socket.create_server(("127.0.0.1", 0)) as listener, Executors() as executors:
            far = threading.Thread(target=serve, args=(listener,))
            far.start()
            probe = Tcp(target=f"127.0.0.1:{listener.getsockname()[1]}", expect="hello")
            one = Check(name="c", probe=probe, every=10, timeout=0.3, retry_every=1, fingerprint="c")
            runner, found = Runner(executors), list[Any]()
            runner.start(one, {}, found.append)
            ready, writing = (
                socket.socketpair()
            )  # the turn that holds us up is one of a socket, as a scrape's is
            with ready, writing:
                loop = asyncio.get_running_loop()
                loop.add_reader(ready, lambda: (ready.recv(1), time.sleep(0.22)))
                await asyncio.sleep(0.12)
                writing.send(b"x")
                await until(lambda: len(found) == 1)
                loop.remove_reader(ready)
            far.join()
        return found[0]  # type: ignore[no-any-return]

    assert finished(go, loop).outcome is Outcome.UP


@pytest.mark.parametrize("loop", LOOPS)
def test_where_we_are_held_up_those_who_answered_in_time_are_not_called_down(loop: str) -> None:
    """A paused machine finds more answers than it reads at once, and all deadlines over."""
    count = 200

    def serve(listener: socket.socket) -> None:
        with ExitStack() as stack:
            asked = [stack.enter_context(listener.accept()[0]) for _ in range(count)]
            for one in asked:
                one.sendall(b"hello\n")
            for one in asked:
                one.recv(1)  # until they have gone

    async def go() -> list[Sample]:
        with socket.create_server(("127.0.0.1", 0), backlog=count) as listener, Executors() as executors:
            far = threading.Thread(target=serve, args=(listener,))
            far.start()
            runner, found, port = Runner(executors), list[Any](), listener.getsockname()[1]
            probe = Tcp(target=f"127.0.0.1:{port}", expect="hello")
            for number in range(count):
                name = f"c{number}"
                one = Check(name=name, probe=probe, every=10, timeout=0.3, retry_every=1, fingerprint=name)
                runner.start(one, {}, found.append)
            await asyncio.sleep(0.05)
            time.sleep(0.7)  # noqa: ASYNC251 - the loop stands still, the far side does not
            await until(lambda: len(found) == count)
            far.join()
        return found

    assert {sample.outcome for sample in finished(go, loop)} == {Outcome.UP}


def test_a_run_that_does_not_end_at_its_deadline_is_cut_off_again() -> None:
    cuts = 0

    async def stubborn(_run: Run) -> Reading:
        nonlocal cuts
        while cuts < 3:
            try:
                await for_ever()
            except asyncio.CancelledError:
                cuts += 1
        return Reading()

    assert observe(stubborn).outcome is Outcome.UP
    assert cuts == 3


def test_calls_of_ours_that_hang_say_nothing_of_the_target(tmp_path: Path) -> None:
    """Disks that hang keep all threads busy; to load a certificate needs one."""
    trusted = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(trusted)
    release = threading.Event()

    async def go() -> Sample:
        with socket.create_server(("127.0.0.1", 0)) as listener, Executors() as executors:
            for _ in range(HOST_THREADS):
                executors.host.submit(release.wait, 10)
            probe = Tcp(target=f"127.0.0.1:{listener.getsockname()[1]}", tls=True, ca=str(trusted))
            web = Check(name="web", probe=probe, every=10, timeout=0.2, retry_every=1, fingerprint="web")
            try:
                return await run_once(web, executors, {})
            finally:
                release.set()

    sample = finished(go)
    assert (sample.outcome, sample.error) == (Outcome.UNKNOWN, ErrorClass.SELF)


def test_a_run_that_is_over_keeps_nothing_of_its_check() -> None:
    class Held:
        pass

    async def go() -> None:
        with Executors() as executors:
            runner, memory, found = Runner(executors), {"held": Held()}, list[Any]()
            held = weakref.ref(memory["held"])

            async def look(_run: Run) -> Reading:
                await asyncio.sleep(0)
                return Reading()

            runner.start(check("home", look), memory, found.append)
            await until(lambda: found)
            del memory
            gc.collect()
            assert held() is None

    finished(go)
