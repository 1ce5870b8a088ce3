"""How the program itself ends: broken pipes, Ctrl-C, wrong usage."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import monitor
from lab.cli_api import TOKEN, cli_api

ROOT = Path(monitor.__file__).parent.parent
NIGHTBELL = [sys.executable, "-m", "monitor"]


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "NIGHTBELL_TOKEN": TOKEN, **more}


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    rows = [{"id": f"INC-{number}", "state": "open", "title": "x" * 200} for number in range(2000)]
    with cli_api({"GET /incidents": {"items": rows, "next": None}}) as api:
        process = subprocess.Popen(
            [*NIGHTBELL, "--url", api.url, "incidents", "--state", "all", "--limit", "5000"],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (141, b"")


def test_a_closed_stdout_from_the_beginning_is_quiet_too() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*NIGHTBELL, "--help"],
        cwd=ROOT,
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_ends_with_130_and_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            [
                "env",
                "--default-signal=INT",
                *NIGHTBELL,
                "--url",
                f"http://127.0.0.1:{silent.getsockname()[1]}",
                "status",
            ],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            connection.recv(65536)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err.strip()) == (130, "", "")


@pytest.mark.parametrize(("encoding", "seen"), [("ascii", "商城"), ("latin-1", "??")])
def test_letters_the_terminal_does_not_know_do_not_break_it(encoding: str, seen: str) -> None:
    """Who says ASCII has set nothing, and gets UTF-8; who says another encoding means it."""
    row = {"id": "INC-1", "state": "open", "title": "商城"}
    with cli_api({"GET /incidents": {"items": [row], "next": None}}) as api:
        done = subprocess.run(
            [*NIGHTBELL, "--url", api.url, "incidents", "--state", "all"],
            cwd=ROOT,
            env=environment(PYTHONIOENCODING=encoding),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
    assert seen in done.stdout


def test_wrong_usage_ends_with_2() -> None:
    done = subprocess.run(
        [*NIGHTBELL, "stauts"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'status'?" in done.stderr


def test_a_problem_is_told_on_stderr_by_the_name_of_the_program() -> None:
    done = subprocess.run(
        [*NIGHTBELL, "-c", "/nonexistent/n.yaml", "status"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "nightbell: cannot read /nonexistent/n.yaml: no such file or directory; "
        "name the file with -c FILE, or the daemon with --url URL\n"
    )


def test_run_with_a_broken_configuration_prints_every_complaint_and_ends_with_1(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text("servces: {}\nchanels: {}\n", encoding="utf-8")
    done = subprocess.run(
        [*NIGHTBELL, "-c", str(path), "run"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{path}:1:1: servces: unknown key; did you mean `services`?",
        f"{path}:2:1: chanels: unknown key; did you mean `channels`?",
    ]
