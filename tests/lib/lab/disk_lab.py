"""A daemon whose disk is going to fail, the targets it watches, the provider of its pages, what it promised."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.checker import Message, Rules, Verdict, check, messages
from lab.daemon import Nightbell
from lab.disk import Housed, Volume
from lab.providers import Providers
from lab.wait import until
from lab.world import World

CONFIG = """
host: off
site: {{name: Lab, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 2, retry_every: 200ms, recover: 2, group_by: check}}
{checks}
people: {{li: {{name: Li, channels: {{pager: li}}, language: en}}}}
escalations: {{urgent: [{{page: [li]}}, {{repeat: 12h}}]}}
paging: {{bundle: off}}
channels:
  pager: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: 3s}}
"""
LABELS = {
    f"label-{number}-{'k' * 80}": f"takes room on the disk {number} ".ljust(300, "x") for number in range(19)
}


class Lab:
    """Everything around one daemon."""

    def __init__(
        self,
        home: Path,
        *,
        targets: int = 1,
        volume: Volume | None = None,
        wrap: tuple[str, ...] = (),
        more: str = "",
    ) -> None:
        """`more` is added to the configuration."""
        self.world = World(home / "world", targets=targets)
        self.providers = Providers(home / "providers")
        self.silences: list[str] = []
        """What was answered with success."""
        self.refused = 0
        self._home, self._volume, self._wrap, self._more = home, volume, wrap, more

    def __enter__(self) -> Self:
        self.world.__enter__()
        self.providers.__enter__()
        config = CONFIG.format(checks=self.world.checks(), pager=self.providers.ports["pager"]) + self._more
        home = self._home / "daemon"
        self.daemon: Nightbell = (
            Housed(home, config, self._volume) if self._volume else Nightbell(home, config, wrap=self._wrap)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.daemon.close()
        self.providers.__exit__(kind, error, trace)
        self.world.__exit__(kind, error, trace)

    def begin(self, *, reserved: bool = False) -> None:
        """Start the daemon, and wait until all works; with `reserved`, until it keeps room in advance too."""
        self.daemon.start(within=60)
        self.await_up()
        if reserved:
            log = self.daemon.state / "nightbell.db-wal"
            until(lambda: log.stat().st_size > 5_000_000, within=30, why="no room is kept in advance")

    def await_up(self) -> None:
        """Wait until the daemon has seen what works working: what never worked is no outage."""
        wanted = sum(not self.world.is_down(name) for name in self.world.names)

        def up() -> bool:
            text = self.daemon.get("/metrics")[1]
            seen = [line for line in text.splitlines() if line.startswith("probe_success{")]
            return sum(float(line.split()[-1]) == 1 for line in seen) == wanted

        until(up, within=30, why=f"something does not work: {self.daemon.text()[-2000:]}")

    def down(self, target: str, *, within: float = 20) -> float:
        """Take a target down and wait for its page; return the seconds it took."""
        began = time.monotonic()
        self.world.down(target)
        until(lambda: self.paged(target), within=within, why=f"no page: {self.daemon.text()[-3000:]}")
        return round(time.monotonic() - began, 2)

    def paged(self, target: str) -> bool:
        return any(target in one.targets for one in self.taken() if one.kind == "page")

    def pages(self) -> int:
        return sum(one.kind == "page" for one in self.taken())

    def taken(self) -> list[Message]:
        return messages(self.providers.receipts())

    def told(self) -> int:
        """Count the notices that all is well again."""
        return sum(one.kind == "recovery" for one in self.taken())

    def from_memory(self) -> int:
        """Count the messages that said they were not recorded."""
        return sum("Not recorded" in str(one.get("text")) for one in self.providers.receipts())

    def silence(self, *, long: bool = False) -> bool:
        """Ask for a silence, of many words or few; False where it is refused for now."""
        number = len(self.silences) + self.refused
        if not (self.daemon.state / "admin.token").exists():
            self.refused += 1
            return False
        matchers = {"check": f"other-{number}", **(LABELS if long else {})}
        body = {"matchers": matchers, "reason": f"planned {number}", "lasting": "8h"}
        status, text = self.daemon.post("/api/v1/silences", body)
        if status == 201:
            self.silences.append(json.loads(text)["id"])
            return True
        assert status == 503, (status, text)
        self.refused += 1
        return False

    def troubles(self) -> dict[str, str]:
        return dict(json.loads(self.daemon.get("/healthz")[1]).get("troubles", {}))

    def well(self, *, within: float = 30) -> None:
        """Wait until nothing troubles the daemon any more."""
        until(
            lambda: self.daemon.get("/healthz")[0] == 200,
            within=within,
            why=f"it stays: {self.troubles()} {self.daemon.text()[-2000:]}",
        )

    def all(self, what: str) -> list[dict[str, Any]]:
        """Return a list of the API, all its pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answer = self.daemon.api(f"{what}?limit=100{cursor}")
            found += answer["items"]
            if not answer.get("next"):
                return found
            cursor = f"&cursor={answer['next']}"

    def recorded(self) -> dict[str, int]:
        """Count notifications by kind, once the store says of all that they were taken."""

        def settled() -> list[dict[str, Any]]:
            rows = self.all("notifications")
            return rows if all(row["state"] == "accepted" for row in rows) else []

        rows = until(settled, within=30, why="not all receipts are recorded")
        return dict(Counter(row["kind"] for row in rows))

    def broken_promises(self) -> set[str]:
        """Return the silences that were promised and are not there."""
        return set(self.silences) - {one["id"] for one in self.all("silences")}

    def verdict(self) -> Verdict:
        rules = Rules(now=time.time(), ways=[("pager", "li")])
        return check(self.world.outages(), self.taken(), rules)
