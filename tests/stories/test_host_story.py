"""The machine itself in trouble: real load, real traffic, a real full disk, real memory, each over its threshold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.daemon import Nightbell
from lab.wait import until

CONFIG = """
site: {{name: Shop, timezone: UTC, languages: [en]}}
checks:
  cpu:    {{probe: cpu, every: 1s}}
  memory: {{probe: memory, every: 1s}}
  disks:  {{probe: disk, every: 1s, include: ["{mount}"]}}
  uplink: {{probe: bandwidth, interface: lo, capacity: 50Mbit/s, every: 1s}}
host: off
thresholds:
  busy:
    select: {{probe: cpu}}
    metric: used_ratio
    critical: {{above: 85%, clear_below: 70%, for: 2s}}
  hog:
    select: {{probe: memory}}
    metric: available_ratio
    critical: {{below: {available:.4f}, clear_above: {available:.4f}, for: 1s}}
  full:
    select: {{probe: disk}}
    metric: used_ratio
    critical: {{above: 90%, clear_below: 80%, for: 1s}}
  line:
    select: {{probe: bandwidth}}
    metric: ratio
    critical: {{above: 90%, clear_below: 70%, for: 1s}}
"""

ALLOCATE = psutil.virtual_memory().total // 10
"""A tenth of the machine: what else comes and goes on it meanwhile, half a gigabyte at times, must not matter."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Nightbell, Path]]:
    mount = tmp_path / "small"
    mount.mkdir()
    memory = psutil.virtual_memory()
    available = (memory.available - ALLOCATE / 2) / memory.total
    # A mount namespace of its own: the small disk exists for the daemon and for nobody else.
    inside = f'mount -t tmpfs -o size=8m,mode=0777 small {mount} && exec "$@"'
    wrap = (
        "unshare",
        "--mount",
        *(() if os.geteuid() == 0 else ("--map-root-user",)),
        "sh",
        "-c",
        inside,
        "sh",
    )
    daemon = Nightbell(tmp_path / "daemon", CONFIG.format(mount=mount, available=available), wrap=wrap)
    daemon.start()
    yield daemon, mount
    daemon.close()


def state_of(daemon: Nightbell, check: str) -> tuple[str, str]:
    """Return the state of the newest incident that names `check`, and its text."""
    for one in daemon.items("incidents"):
        if any(check == alert["check"] and alert["state"] != "resolved" for alert in one["alerts"]):
            return one["state"], one["title"]
    return "", ""


def alerts(daemon: Nightbell) -> dict[str, str]:
    return {alert["check"]: alert["state"] for one in daemon.items("incidents") for alert in one["alerts"]}


def test_each_host_metric_fires_under_real_load_and_clears_after_it(world: tuple[Nightbell, Path]) -> None:
    daemon, mount = world
    until(lambda: "used_ratio" in value_of(daemon, "cpu"), within=10, why="the first rates")
    assert alerts(daemon) == {}

    # a disk: fill the small one from inside the daemon's mount namespace
    outside = Path(f"/proc/{daemon.pid}/root") / mount.relative_to("/")
    (outside / "filler").write_bytes(b"x" * 7_900_000)
    until(lambda: alerts(daemon).get("disks") == "firing", within=10, why=f"disk: {daemon.text()[-800:]}")
    (outside / "filler").unlink()
    until(lambda: alerts(daemon).get("disks") == "resolved", within=10, why="disk clears")

    # memory: allocate and touch
    hog = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import time; b=bytearray(b'x')*{ALLOCATE}; print('full',flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        until(lambda: alerts(daemon).get("memory") == "firing", within=15, why="memory")
    finally:
        hog.kill()
        hog.communicate()
    until(lambda: alerts(daemon).get("memory") == "resolved", within=15, why="memory clears")

    # an interface: traffic over loopback
    stop = threading.Event()
    sender = threading.Thread(target=pump, args=(stop,))
    sender.start()
    try:
        until(lambda: alerts(daemon).get("uplink") == "firing", within=15, why="bandwidth")
    finally:
        stop.set()
        sender.join()
    until(lambda: alerts(daemon).get("uplink") == "resolved", within=15, why="bandwidth clears")

    # the processors: one burner each
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(psutil.cpu_count() or 1)
    ]
    try:
        until(lambda: alerts(daemon).get("cpu") == "firing", within=20, why="cpu")
    finally:
        for one in burners:
            one.kill()
            one.wait()
    until(lambda: alerts(daemon).get("cpu") == "resolved", within=60, why="cpu clears")


def value_of(daemon: Nightbell, check: str) -> dict[str, float]:
    return next((one["values"] for one in daemon.items("checks") if one["name"] == check), {})


def pump(stop: threading.Event) -> None:
    """Send some 20 MB a second over loopback, at most for half a minute."""
    end = time.monotonic() + 30
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        with client, peer:
            while not stop.wait(0.05) and time.monotonic() < end:
                for _ in range(20):
                    client.sendall(bytes(50_000))  # fits the buffers: nobody waits for anybody
                    left = 50_000
                    while left:
                        left -= len(peer.recv(left))
