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
    "other-bomb": ("/brotli-bomb", "down", "body"),
    "many-members": ("/gzip-1000-members", "down", "body"),
    "many-cookies": ("/many-headers", "down", "protocol"),
    "endless-interim": ("/endless-interim", "down", "protocol"),
    "drip-body": ("/drip-body", "down", "timeout"),
    "resets": ("/reset", "down", "protocol"),
    "resets-in-body": ("/reset-in-body", "down", "protocol"),
    "closes-in-chunks": ("/close-in-chunks", "down", "protocol"),
    "negative-chunk": ("/chunk-size-negative", "down", "protocol"),
    "two-lengths": ("/two-lengths", "down", "protocol"),
    "no-status": ("/status-000", "down", "protocol"),
    "radio": ("/icy", "down", "protocol"),
    "redirects-to-the-cloud": ("/redirect-to-metadata", "down", "protocol"),
    "redirects-far": ("/redirect-longer", "down", "protocol"),
    "forbidden": ("/status/403", "down", "auth"),
    "unavailable": ("/status/503", "down", "status"),
    "no-length": ("/no-length", "up", None),
}
OTHERS = {
    "not-the-word": (
        "http, url: 'http://127.0.0.1:{port}/empty', expect: {body_contains: needle}",
        "down",
        "assertion",
    ),
    "deep": ("http, url: 'http://127.0.0.1:{port}/json-deep', expect: {json: {$: 1}}", "down", "body"),
    "kept": ("http, url: 'http://127.0.0.1:{port}/after-the-end', connection: reuse", "up", None),
    "no-tls": ("http, url: 'https://127.0.0.1:{port}/'", "down", "tls"),
    "no-handshake": ("tls, target: '127.0.0.1:{port}'", "down", "tls"),
    "no-greeting": ("tcp, target: '127.0.0.1:{port}', steps: [{expect: '^220'}]", "down", "timeout"),
    "no-mail": ("tls, target: '127.0.0.1:{port}', starttls: smtp", "down", "timeout"),
    "no-proxy": (
        "http, url: 'http://h.example.com/', proxy: 'http://127.0.0.1:{refused}'",
        "down",
        "connect",
    ),
    "nobody": ("tcp, target: '127.0.0.1:{refused}'", "down", "connect"),
    "no-name": ("http, url: 'http://no-such-host.invalid/'", "down", "dns"),
}
"""Checks that are more than a path, in the words of the configuration."""


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
    for name, (words, _, _) in OTHERS.items():
        options = words.replace("{port}", str(target)).replace("{refused}", str(refused))
        checks += f"  {name}: {{probe: {options}, every: 2s, timeout: 1s}}\n"
    expected = {name: (outcome, error) for name, (_, outcome, error) in (EXPECTED | OTHERS).items()}
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
