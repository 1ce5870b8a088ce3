"""A machine that gives out few descriptors: checks wait for each other, nothing else does; no target is blamed for it.

More checks hang than there are descriptors, so without a share of their own the API would not be reached and no page
would leave. What happens where descriptors run out all the same is tried by taking them away under the daemon's feet.
"""

from __future__ import annotations

import http.client
import json
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from lab.daemon import Nightbell
from lab.providers import Providers
from lab.wait import until

LIMIT: Final = 96
HANGING: Final = 90
"""Checks that hang until their deadline, of as many hosts; more than there are descriptors."""

CONFIG: Final = """
host: off
defaults: {{every: 2s, timeout: 1s, failures: 1, recover: 1, retry_every: 2s, group_by: check}}
checks:
  watched: 'tcp://127.0.0.1:{watched}'
{checks}
people: {{li: {{channels: {{pager: li}}}}}}
escalations: {{urgent: [{{page: [li]}}, {{repeat: 24h}}]}}
channels: {{pager: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}"}}}}
"""

UP, HUNG, OURS = ("up", None), ("down", "timeout"), ("unknown", "self")


class Silent:
    """Takes connections and says nothing; from `answer` on, what is expected."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.port = int(self._socket.getsockname()[1])

    def answer(self) -> None:
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.sendall(b"well\r\n")

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Samples:
    """What every sample came to, each once; asked for over one connection that stays open."""

    def __init__(self, daemon: Nightbell) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", daemon.internal, timeout=10)
        self._token = daemon.token
        self._at: dict[str, str] = {}
        self.seen: Counter[tuple[str, str | None]] = Counter()
        self.of: dict[str, tuple[str, str | None]] = {}

    def close(self) -> None:
        self._connection.close()

    def look(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        self._connection.request("GET", "/api/v1/checks?limit=1000", headers=headers)
        answer = self._connection.getresponse()
        assert answer.status == 200
        items: list[dict[str, Any]] = json.loads(answer.read())["items"]
        for item in items:
            if item["at"] is not None and self._at.get(item["name"]) != item["at"]:
                self._at[item["name"]] = item["at"]
                self.of[item["name"]] = item["outcome"], item["error"]
                self.seen[self.of[item["name"]]] += 1
        return len(self.of) == len(items)


@pytest.fixture
def silent() -> Iterator[Silent]:
    one = Silent()
    yield one
    one.close()


def open_now(daemon: Nightbell) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def test_checks_that_wait_for_descriptors_hold_up_no_page_and_blame_no_target(
    silent: Silent, tmp_path: Path, tier: str, figures: Any
) -> None:
    with ExitStack() as stack:
        providers = stack.enter_context(Providers(tmp_path / "providers"))
        watched = socket.create_server(("127.0.0.1", 0), backlog=1024)
        port = watched.getsockname()[1]
        stack.callback(watched.close)
        checks = "\n".join(
            f"  c{n:03}: {{probe: tcp, target: '127.0.1.{n + 1}:{silent.port}', expect: well}}"
            for n in range(HANGING)
        )
        config = CONFIG.format(watched=port, checks=checks, pager=providers.ports["pager"])
        daemon = Nightbell(tmp_path / "daemon", config, wrap=("prlimit", f"--nofile={LIMIT}:{LIMIT}"))
        stack.callback(daemon.close)
        daemon.start()
        assert f"the limit of open files is {LIMIT}: at most 24 of {HANGING + 1} checks" in daemon.text()
        samples = stack.enter_context(closing(Samples(daemon)))
        most = 0

        def all_ran() -> bool:
            nonlocal most
            most = max(most, open_now(daemon))
            assert daemon.get("/healthz")[0] == 200, "whoever comes anew is let in"
            return samples.look()

        until(all_ran, within=60, why="all ran")
        assert samples.of["watched"] == UP
        assert set(samples.seen) == {UP, HUNG}
        assert most < LIMIT - 20, "there is room for what must not wait"

        watched.close()
        closed = time.time()
        told = until(
            lambda: [one for one in providers.receipts() if "watched" in one.get("title", "")],
            within=60,
            why="a page",
        )
        paged = told[0]["at"] - closed
        assert paged < 30

        # Now they run out all the same.
        stack.callback(socket.create_server(("127.0.0.1", port), backlog=1024).close)
        until(lambda: samples.look() and samples.of["watched"] == UP, within=60, why="it is up again")
        samples.seen.clear()
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (20, LIMIT))
        seconds = 60.0 if tier == "nightly" else 4.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            samples.look()
            time.sleep(0.2)
        without = dict(samples.seen)
        assert set(without) - {HUNG} == {OURS}, "what had begun before may still meet its deadline"
        assert without.get(HUNG, 0) <= 24

        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        silent.answer()
        until(lambda: samples.look() and set(samples.of.values()) == {UP}, within=60, why="all are up")
        assert daemon.get("/readyz")[0] == 200
        figures.record(
            f"{HANGING} hanging checks on {LIMIT} descriptors", n=sum(without.values()), most_open=most,
            slowest_page=round(paged, 1),
        )  # fmt: skip
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
