"""Providers that hang in every way there is, and a name server that never answers: the daemon in a network of its own.

    unshare -rmn python -m lab.hung_world HOME PAGES

fills every slot of the hung channels, lets one target after another go down, and prints one JSON object: how long the
page of each took to a healthy provider, what hung meanwhile, and what became of the sending processes.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from lab.daemon import Nightbell
from lab.wait import until

HUNG = {"hang": 16, "drip": 16, "noname": 12, "mail": 8, "mailnoname": 8, "app": 2, "appnoname": 2}
"""By channel, how many sends it lets hang at once."""
SENDS = sum(HUNG.values())
FILL = max(HUNG.values())
"""So many pages fill every one of them."""

CONFIG = """
host: off
site: {{name: Lab, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 900ms, failures: 1, retry_every: 1s, recover: 1, group_by: check}}
checks:
{checks}
people:
{people}
  healthy: {{name: healthy, channels: {{healthy: healthy}}, language: en}}
escalations: {{urgent: [{{page: [{everybody}, healthy]}}, {{repeat: 12h}}]}}
paging: {{bundle: off}}
channels:
  healthy: {{notifier: webhook, url: "http://127.0.0.1:{healthy}/{{address}}"}}
  hang: {{notifier: webhook, url: "http://127.0.0.1:{hang}/{{address}}", parallel: 16}}
  drip: {{notifier: webhook, url: "http://127.0.0.1:{drip}/{{address}}", parallel: 16}}
  noname: {{notifier: webhook, url: "http://hooks.shop.example/{{address}}", parallel: 12}}
  mail: {{notifier: smtp, host: 127.0.0.1, port: {hang}, security: none, from: nb@shop.example, parallel: 8}}
  mailnoname: {{notifier: smtp, host: smtp.shop.example, security: none, from: nb@shop.example, parallel: 8}}
  app: {{notifier: apprise, url: "json://127.0.0.1:{hang}/{{address}}?rto=60", timeout: 4s}}
  appnoname: {{notifier: apprise, url: "json://push.shop.example/{{address}}", timeout: 4s}}
"""


class Listener:
    """Accepts on loopback; what becomes of each connection is `serve`'s."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self.socket.getsockname()[1])
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        """Hang: read nothing, answer nothing."""
        self.open.append(connection)

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def under_way(self) -> int:
        """Count the connections whose other side has not given up."""
        return sum(1 for one in self.open if not _gone(one))


def _gone(connection: socket.socket) -> bool:
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


class Drip(Listener):
    """Answers a byte of a header every now and then, without end."""

    def serve(self, connection: socket.socket) -> None:
        super().serve(connection)
        threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Wait: ")
            while connection.send(b"."):
                time.sleep(0.2)
        except OSError:
            pass


class Healthy(Listener):
    """Takes each message at once, and keeps when."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as request:
            length = 0
            while (line := request.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            title = json.loads(request.read(length))["title"]
            self.took.setdefault(title, time.monotonic())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def when(self, check: str) -> float | None:
        return next((at for title, at in list(self.took.items()) if f" {check}: " in title), None)


class Swallow:
    """A name server that takes every question and answers none."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.asked: set[tuple[str, int]] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            _, sender = self.socket.recvfrom(4096)
            self.asked.add(sender)


def alone(home: Path) -> None:
    """Bring up loopback in a network of our own, and point the resolver there."""
    with socket.socket() as any_socket:
        fcntl.ioctl(
            any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40)
        )  # SIOCSIFFLAGS: up, running
    resolver = home / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="utf-8")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True, timeout=10)


def config(targets: list[Listener], **ports: int) -> str:
    checks = "\n".join(f'  c{n:03}: "tcp://127.0.0.1:{one.port}"' for n, one in enumerate(targets))
    address = {"mail": "{0}@shop.example", "mailnoname": "{0}@shop.example"}
    people = "\n".join(
        f"  {name}: {{name: {name}, channels: {{{name}: {address.get(name, '{0}').format(name)}}}, language: en}}"
        for name in HUNG
    )
    return CONFIG.format(checks=checks, people=people, everybody=", ".join(HUNG), **ports)


def senders(daemon: Nightbell) -> set[int]:
    """Return the sending processes of the daemon that live."""
    return {
        child.pid
        for child in psutil.Process(daemon.pid).children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE
    }


def threads_that_look_up(daemon: Nightbell) -> int:
    names = (Path("/proc") / str(daemon.pid) / "task").glob("*/comm")
    return sum(1 for name in names if name.read_text().startswith("notifier-get"))


def run(home: Path, pages: int) -> dict[str, Any]:
    alone(home)
    names = Swallow()
    hang, drip, healthy = Listener(), Drip(), Healthy()
    targets = [Listener() for _ in range(FILL + pages)]
    daemon = Nightbell(home / "daemon", config(targets, hang=hang.port, drip=drip.port, healthy=healthy.port))
    try:
        daemon.start(within=30)
        until(lambda: sum(one["outcome"] == "up" for one in daemon.items("checks?limit=1000")) == len(targets),
              within=30, why="all targets are up")  # fmt: skip
        for one in targets[:FILL]:
            one.close()
        until(lambda: drip.under_way() >= HUNG["drip"], within=30, why="what drips is full")
        most_hung = HUNG["hang"] + HUNG["mail"] + HUNG["app"]
        until(lambda: hang.under_way() >= most_hung, within=30, why="what hangs is full")
        first, waits, hung = senders(daemon), [], []
        for number, target in enumerate(targets[FILL:], FILL):
            hung.append(hang.under_way() + drip.under_way())
            target.close()
            began = time.monotonic()
            at = until(
                lambda n=number: healthy.when(f"c{n:03}"), within=30, why="a healthy page", look_every=0.01
            )  # type: ignore[misc]
            waits.append(at - began)
        time.sleep(max(0.0, 5.5 - sum(waits)))  # past the deadline of the sending processes
        last = senders(daemon)
        daemon.kill()
        killed = time.monotonic()
        left = last
        while left and time.monotonic() - killed < 2:
            left = {
                pid for pid in left if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
            }
            time.sleep(0.02)
        return {
            "waits": waits,
            "hung": hung,
            "lookups": len(names.asked),
            "replaced": len(first - last),
            "sending": len(last),
            "left": len(left),
        }
    finally:
        daemon.close()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]))))
