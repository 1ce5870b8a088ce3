"""The real command: what it says when it cannot start, what it tells systemd, and what survives kill -9 after a 200."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.daemon import Nightbell
from lab.wait import free_port, until

QUIET = """
host: off
site: {name: Shop, timezone: UTC, languages: [en]}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Nightbell]:
    one = Nightbell(tmp_path, QUIET)
    yield one
    one.close()


def run(daemon: Nightbell) -> subprocess.CompletedProcess[str]:
    """Run the command where it must end by itself."""
    return daemon.command("run")


def lines(told: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in told.stderr.splitlines() if " warning " not in line.lower()]


def test_a_port_that_is_taken_is_one_clear_line(daemon: Nightbell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", daemon.internal))
        taken.listen()
        told = run(daemon)
    assert told.returncode == 1
    [line] = lines(told)
    assert f"cannot listen on 127.0.0.1:{daemon.internal}: address already in use" in line
    assert "Traceback" not in told.stderr
    assert told.stdout == ""


def test_a_second_daemon_on_the_same_state_is_one_clear_line(daemon: Nightbell, tmp_path: Path) -> None:
    daemon.start()
    other = Nightbell(tmp_path / "other", QUIET)
    text = other.file.read_text().replace(str(other.state), str(daemon.state))
    other.file.write_text(text)
    told = run(other)
    assert told.returncode == 1
    [line] = lines(told)
    assert "cannot" in line
    assert "another" in line
    assert "Traceback" not in told.stderr
    assert daemon.get("/readyz")[0] == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("checks: [", "nightbell.yaml:", id="no YAML"),
        pytest.param("chekcs: {}", "did you mean `checks`", id="a typo"),
        pytest.param("- a\n- b\n", "mapping", id="no mapping"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_complaints_and_no_traceback(
    text: str, says: str, daemon: Nightbell
) -> None:
    daemon.file.write_text(text)
    told = run(daemon)
    assert told.returncode == 1
    assert says in told.stderr
    assert "Traceback" not in told.stderr
    assert not daemon.state.exists(), "nothing is touched before the configuration is good"


def test_a_missing_configuration_is_one_clear_line(daemon: Nightbell) -> None:
    daemon.file.unlink()
    told = run(daemon)
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1
    assert "nightbell.yaml" in told.stderr


@pytest.mark.parametrize("what", ["a file", "below a file", "no place"])
def test_a_state_directory_that_cannot_be_made_is_one_clear_line(
    what: str, daemon: Nightbell, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    place = {
        "a file": tmp_path / "file",
        "below a file": tmp_path / "file" / "deep",
        "no place": Path("/proc/nb"),
    }[what]
    daemon.file.write_text(daemon.file.read_text().replace(str(daemon.state), str(place)))
    told = run(daemon)
    assert told.returncode == 1, told.stderr
    [line] = lines(told)
    assert "cannot" in line
    assert str(place) in line
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("name", ["ack.key", "admin.token"])
def test_a_key_that_cannot_be_written_is_said_and_written_when_it_can_be(
    name: str, daemon: Nightbell
) -> None:
    blocked = daemon.state / f"{name}.new"
    blocked.mkdir(parents=True)
    daemon.start()
    status, text = daemon.get("/healthz")
    assert status == 503
    assert f"cannot use {name}" in json.loads(text)["troubles"]["secrets"]
    assert "Traceback" not in daemon.text()

    blocked.rmdir()

    until((daemon.state / name).exists, within=10, why="it is not written")
    until(lambda: daemon.get("/healthz")[0] == 200, within=10, why="the trouble stays")
    assert daemon.items("incidents") == []
    kept = (daemon.state / name).read_bytes()
    daemon.stop()
    daemon.start()
    assert (daemon.state / name).read_bytes() == kept


def test_a_key_of_the_wrong_length_is_refused(daemon: Nightbell) -> None:
    daemon.state.mkdir()
    (daemon.state / "ack.key").write_bytes(b"short")
    told = run(daemon)
    assert told.returncode == 1
    [line] = lines(told)
    assert "it is not 32 bytes long" in line


def test_keys_are_made_once_and_only_we_may_read_them(daemon: Nightbell) -> None:
    daemon.start()
    files = {name: (daemon.state / name).read_bytes() for name in ("ack.key", "admin.token")}
    assert {oct((daemon.state / name).stat().st_mode & 0o777) for name in files} == {"0o600"}
    assert not list(daemon.state.glob("*.new"))
    assert daemon.stop() == 0
    daemon.start()
    assert {name: (daemon.state / name).read_bytes() for name in files} == files
    assert daemon.stop() == 0

    (daemon.state / "admin.token").unlink()
    daemon.start()
    assert daemon.items("incidents") == []
    old = files["admin.token"].decode().strip()
    assert daemon.get("/api/v1/incidents", headers={"Authorization": f"Bearer {old}"})[0] == 401


def test_systemd_hears_of_start_reload_and_stop_in_order(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}
        daemon = Nightbell(tmp_path / "home", QUIET, env=env)
        try:
            daemon.spawn()
            heard = listen(listener, "READY=1")
            assert heard == ["READY=1\nSTATUS=watching"], "nothing comes before it is ready"
            assert daemon.get("/readyz")[0] == 200
            assert "WATCHDOG=1" in listen(listener, "WATCHDOG=1")

            daemon.hup()
            heard = without_watchdog(listen(listener, "READY=1"))
            assert heard[0].startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert heard[1:] == ["READY=1"]

            daemon.file.write_text("chekcs: {}")
            daemon.hup()
            heard = without_watchdog(listen(listener, "READY=1"))
            assert [one.partition("\n")[0] for one in heard] == ["RELOADING=1", "READY=1"]
            assert "the running configuration stays" in daemon.text()
            assert "config" in json.loads(daemon.get("/healthz")[1])["troubles"]

            assert daemon.stop() == 0
            assert without_watchdog(listen(listener, "STOPPING=1")) == ["STOPPING=1"]
        finally:
            daemon.close()


def listen(listener: socket.socket, until_it_says: str) -> list[str]:
    heard = [listener.recv(4096).decode()]
    while until_it_says not in heard[-1].split("\n"):
        heard.append(listener.recv(4096).decode())
    return heard


def without_watchdog(heard: list[str]) -> list[str]:
    return [one for one in heard if one != "WATCHDOG=1"]


def test_twenty_reloads_in_a_row_end_with_the_last_configuration_and_everything_running(
    daemon: Nightbell,
) -> None:
    daemon.start()
    for number in range(20):
        daemon.write(QUIET + f"checks: {{check-{number}: 'tcp://127.0.0.1:{free_port()}'}}\n")
        daemon.hup()
        time.sleep(0.01)
    until(lambda: [one["name"] for one in daemon.items("checks")] == ["check-19"], within=15,
          why=f"the last configuration: {daemon.text()[-2000:]}")  # fmt: skip
    assert daemon.get("/readyz")[0] == 200
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.text()


def test_a_reload_while_the_store_is_locked_does_not_end_the_daemon(daemon: Nightbell) -> None:
    daemon.write(QUIET + "checks: {gone: 'tcp://127.0.0.1:1'}\ndefaults: {every: 1s, failures: 1}\n")
    daemon.start()
    until(lambda: daemon.items("incidents"), within=10, why="an incident")
    with sqlite3.connect(daemon.state / "nightbell.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        daemon.write(QUIET)
        daemon.hup()
        until(
            lambda: "recorded later" in daemon.text(), within=20, why=f"it says so: {daemon.text()[-2000:]}"
        )
        assert "records" in json.loads(daemon.get("/healthz")[1])["troubles"]
        other.execute("ROLLBACK")
    other.close()
    until(lambda: daemon.items("incidents")[0]["state"] in ("resolved", "closed"), within=15,
          why=f"what the reload ended is recorded: {daemon.text()[-2000:]}")  # fmt: skip
    until(lambda: daemon.get("/healthz")[0] == 200, within=10, why="it is well again")
    assert daemon.stop() == 0


def test_sighup_during_the_start_does_not_end_the_process(daemon: Nightbell) -> None:
    daemon.spawn()
    process = daemon._process
    assert process is not None
    for _ in range(200):
        time.sleep(0.01)
        if _catches(process.pid, 1):
            daemon.hup()
        if process.poll() is not None or daemon.get("/readyz")[0] == 200:
            break
    until(lambda: daemon.get("/readyz")[0] == 200, within=10, why=f"ready all the same: {daemon.text()}")
    assert daemon.stop() == 0


def _catches(pid: int, number: int) -> bool:
    """Return whether the process has a handler for the signal: before Python runs our code nobody can have one."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_what_was_answered_with_200_is_there_after_kill_9_every_time(tmp_path: Path) -> None:
    """Twenty times: a silence and an acknowledgement, killed right after the answer."""
    text = """
host: off
site: {name: Shop, timezone: UTC, languages: [en]}
checks: {gone: 'tcp://127.0.0.1:1'}
defaults: {every: 1s, failures: 1, severity: critical}
people: {li: {name: Li, log: li, language: en}}
channels: {log: {notifier: log}}
"""
    daemon = Nightbell(tmp_path, text)
    silences: set[str] = set()
    try:
        daemon.start()
        until(lambda: daemon.items("incidents"), within=10, why="an incident")
        for turn in range(20):
            if turn % 2:
                ends = (datetime.now(UTC) + timedelta(hours=turn + 1)).isoformat()
                status, answer = daemon.post(
                    "/api/v1/silences",
                    {"matchers": {"check": f"x{turn}"}, "reason": "known", "ends_at": ends},
                )
                daemon.kill()
                assert status in (200, 201), answer
                silences.add(json.loads(answer)["id"])
            else:
                status, answer = daemon.post("/api/v1/incidents/INC-1/ack", {"lasting": f"{turn + 1}h"})
                daemon.kill()
                assert status == 200, answer
                acknowledged = json.loads(answer)["acknowledged_at"]
            daemon.start()
            assert {one["id"] for one in daemon.items("silences")} == silences
            assert daemon.api("incidents/INC-1")["acknowledged_at"] == acknowledged
    finally:
        daemon.close()


def test_the_module_runs_isolated_from_whoever_calls_it(tmp_path: Path) -> None:
    """A folder named like a library must not be taken for it."""
    (tmp_path / "asyncio.py").write_text("raise SystemExit('the wrong one')")
    told = subprocess.run(
        [sys.executable, "-I", "-m", "monitor", "--version"],
        cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ), check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


def test_what_a_plain_start_does_not_need_is_not_loaded(daemon: Nightbell) -> None:
    """Start to ready is measured in tenths of a second: a library nobody asked for is one of them."""
    daemon.start()
    assert daemon.stop() == 0  # the first start makes the tables, and may load what makes them
    told = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "monitor", "-c", str(daemon.file), "run"],
        cwd=daemon.home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until(lambda: daemon.get("/readyz")[0] == 200, within=20, why="ready")
    finally:
        told.terminate()
        _, words = told.communicate(timeout=15)
    loaded = {
        line.rpartition("|")[2].strip() for line in words.splitlines() if line.startswith("import time:")
    }
    assert "monitor.process" in loaded
    unwanted = {
        "alembic",
        "mako",
        "apprise",
        "rich",
        "aiosmtplib",
        "cryptography",
        "sqlalchemy.dialects.postgresql",
    }
    assert loaded & unwanted == set()
