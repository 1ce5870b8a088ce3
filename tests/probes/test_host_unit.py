"""systemd units: what each state means, and a systemctl that is missing, fails, floods or hangs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from lab.probe_run import LOOPS, finished, look, programs, surroundings, until
from probes.api import ProbeFailed, Reading
from probes.host.unit import Unit, judge
from probes.sample import ErrorClass

ACTIVE = {
    "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success", "Type": "notify",
    "NRestarts": "2", "MemoryCurrent": "1048576", "TasksCurrent": "[not set]",
    "ActiveEnterTimestampMonotonic": "40000000",
}  # fmt: skip


def test_an_active_unit_is_up_and_reports_what_systemd_counts() -> None:
    values = judge("nginx.service", ACTIVE, now=100.0).values
    assert values == {"active": 1, "restarts": 2, "memory_bytes": 1048576, "running_seconds": 60}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"ActiveState": "reloading"}, id="reloads"),
        pytest.param({"SubState": "exited"}, id="has ended and remains"),
        pytest.param(
            {"ActiveState": "inactive", "SubState": "dead", "Type": "oneshot"}, id="a job that has succeeded"
        ),
        pytest.param(
            {"ActiveState": "activating", "SubState": "start", "Type": "oneshot"}, id="a job at work"
        ),
        pytest.param({"MemoryCurrent": str(2**64 - 1), "NRestarts": ""}, id="numbers unknown"),
    ],
)
def test_these_states_are_up(state: dict[str, str]) -> None:
    assert judge("x.service", ACTIVE | state, now=100.0).values["active"] in {0, 1}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param({"ActiveState": "failed", "Result": "exit-code"}, "is failed (running, result", id="failed"),
        pytest.param({"ActiveState": "inactive", "SubState": "dead"}, "is inactive (dead", id="stopped"),
        pytest.param({"ActiveState": "activating", "SubState": "auto-restart"}, "(auto-restart", id="crashes"),
        pytest.param({"ActiveState": "inactive", "Type": "oneshot", "Result": "timeout"}, "timeout", id="failed job"),
        pytest.param({"LoadState": "not-found", "ActiveState": "inactive"}, "is not installed", id="not installed"),
        pytest.param({"LoadState": "masked", "ActiveState": "inactive"}, "is masked", id="masked"),
        pytest.param({"LoadState": "bad-setting", "ActiveState": "inactive"}, "loaded (bad-setting)", id="broken"),
        pytest.param({"LoadState": "", "ActiveState": ""}, "cannot be loaded", id="no answer worth the name"),
    ],
)  # fmt: skip
def test_these_states_are_down_with_class_exec(state: dict[str, str], message: str) -> None:
    with pytest.raises(ProbeFailed) as failed:
        judge("x.service", ACTIVE | state, now=100.0)
    assert failed.value.error is ErrorClass.EXEC
    assert message in failed.value.message
    assert failed.value.reading is not None
    assert failed.value.reading.values["active"] == 0


def install(systemctl: Path, script: str) -> None:
    systemctl.write_text(f"#!/bin/sh\n{script}\n")
    systemctl.chmod(0o755)


def ask(
    unit: str = "nginx", loop: str = "asyncio", within: float = 10
) -> Reading | ProbeFailed | TimeoutError:
    async def go() -> Reading | ProbeFailed | TimeoutError:
        with surroundings() as run:
            return await look(Unit(unit=unit), run, within=within)

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_systemctl_is_asked_for_the_unit_by_its_full_name(systemctl: Path, loop: str) -> None:
    answer = "\n".join(f"{name}={value}" for name, value in ACTIVE.items())
    install(systemctl, f'test "$3 $4" = "-- nginx.service" || exit 4\ncat <<END\n{answer}\nEND')
    reading = ask(loop=loop)
    assert isinstance(reading, Reading)
    assert reading.values["restarts"] == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_a_systemctl_that_fails_is_our_own_fault(systemctl: Path, loop: str) -> None:
    install(systemctl, "echo 'Failed to connect to bus' >&2; exit 1")
    with pytest.raises(OSError, match=r"cannot ask systemd about nginx\.service: Failed to connect to bus"):
        ask(loop=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_missing_systemctl_is_our_own_fault(tmp_path: Path, loop: str) -> None:
    with programs(str(tmp_path)), pytest.raises(OSError, match="there is no systemctl on this machine"):
        ask(loop=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_systemctl_that_floods_is_cut_short(systemctl: Path, loop: str) -> None:
    install(systemctl, "exec yes LoadState=loaded 2>&1")
    with pytest.raises(OSError, match="does not end"):
        ask(loop=loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_systemctl_that_hangs_is_killed_with_the_run(systemctl: Path, tmp_path: Path, loop: str) -> None:
    install(systemctl, f"echo $$ > {tmp_path}/pid; exec sleep 60")

    async def go() -> None:
        with surroundings() as run:
            task = asyncio.get_running_loop().create_task(Unit(unit="nginx").probe(run))
            await until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    finished(go, loop)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("turns", range(4))
def test_one_that_is_cut_off_while_it_starts_leaves_no_process_behind(
    turns: int, loop: str, systemctl: Path
) -> None:
    install(systemctl, "exec sleep 60")

    async def go() -> None:
        with surroundings() as run:
            task = asyncio.get_running_loop().create_task(Unit(unit="nginx").probe(run))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    before = set(psutil.Process().children())
    finished(go, loop)
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("nginx", "nginx.service"),
        ("backup.timer", "backup.timer"),
        ("getty@tty1", "getty@tty1.service"),
        ("a.b", "a.b.service"),
    ],
)
def test_a_name_without_an_ending_is_a_service(given: str, name: str) -> None:
    assert Unit(unit=given).unit == name


@pytest.mark.parametrize("name", ["", "-H", "--root=/", "a b", "a/b", "*", "a\n", "a" * 256])
def test_what_can_be_no_unit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unit must be a name"):
        Unit(unit=name)
