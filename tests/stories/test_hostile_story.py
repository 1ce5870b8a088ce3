"""Targets that hang, drip, flood and lie, all at once: each gets its outcome and class, and the daemon stays small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.daemon import Nightbell
from lab.wait import free_port, until

EXPECTED = {
    "ok": ("/ok", "up", None),
    "hang": ("/hang", "down", "timeout"),
    "drip-headers": ("/drip-headers", "down", "timeout"),
    "ten-gigabytes": ("/huge-body", "up", None),
    "endless": ("/endless-body", "up", None),
    "endless-header": ("/endless-header", "down", "protocol"),
    "closes-at-once": ("/close-at-once", "down", "protocol"),
    "closes-in-body": ("/close-in-body", "down", "protocol"),
    "redirects-for-ever": ("/redirect-for-ever", "down", "status"),
    "redirects-to-a-file": ("/redirect-to-file", "down", "protocol"),
    "bad-chunks": ("/chunk-size-junk", "down", "protocol"),
    "tiny-chunks": ("/tiny-chunks", "up", None),
    "bomb": ("/gzip-bomb", "down", "body"),
    "not-gzip": ("/not-gzip", "down", "body"),
    "rubbish": ("/binary-status", "down", "protocol"),
}


@pytest.fixture
def target() -> Iterator[int]:
    server = subprocess.Popen(
        [sys.executable, "-m", "lab.hostile_http", "--port", "0"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "lib")},
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    yield int(server.stdout.readline().split()[-1])
    server.terminate()
    server.wait(10)
    server.stdout.close()


def test_hostile_targets_get_their_outcome_and_cost_the_daemon_little(target: int, tmp_path: Path) -> None:
    refused = free_port()
    checks = "".join(
        f"  {name}: {{probe: http, url: 'http://127.0.0.1:{target}{path}', every: 2s, timeout: 1s}}\n"
        for name, (path, _, _) in EXPECTED.items()
    )
    checks += f"  nobody: {{probe: tcp, target: '127.0.0.1:{refused}', every: 2s, timeout: 1s}}\n"
    checks += "  no-name: {probe: http, url: 'http://no-such-host.invalid/', every: 2s, timeout: 1s}\n"
    expected = {name: (outcome, error) for name, (_, outcome, error) in EXPECTED.items()}
    expected |= {"nobody": ("down", "connect"), "no-name": ("down", "dns")}
    daemon = Nightbell(tmp_path / "daemon", f"host: off\nchecks:\n{checks}")
    try:
        daemon.start()
        until(lambda: len(daemon.items("checks")) == len(expected) and all(
            one["outcome"] for one in daemon.items("checks")), within=15, why="every check ran")  # fmt: skip
        before = memory(daemon.pid)
        end = time.monotonic() + 10
        worst = 0.0
        while time.monotonic() < end:
            began = time.monotonic()
            assert daemon.get("/healthz")[0] in (200, 503)
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.05)
        grown = memory(daemon.pid) - before

        seen = {one["name"]: (one["outcome"], one["error"]) for one in daemon.items("checks")}
        print(f"worst answer {worst * 1000:.0f} ms, memory grew by {grown / 1e6:.1f} MB")
        assert seen == expected
        assert grown < 20_000_000
        assert daemon.stop() == 0
    finally:
        daemon.close()


def memory(pid: int) -> int:
    """Return the proportional set size of a process in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
