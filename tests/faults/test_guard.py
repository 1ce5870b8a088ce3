"""Who guards the guard: when a part of the daemon stands still, somebody outside notices, and soon.

The heartbeat stops within two periods, whatever stands still; systemd's watchdog is fed as long as every part answers;
when no channel reaches staff any more the daemon says so everywhere it can. All is well again by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from lab.daemon import Nightbell
from lab.providers import Providers
from lab.tier import NIGHTLY
from lab.wait import until
from lab.world import World

PERIOD: Final = 1.0
"""Seconds between two beats of the heart: the shortest there is."""

NOTICED: Final = 2 * PERIOD
WATCHDOG: Final = 4.0
"""Seconds after which systemd would lose patience: it wants to be fed within half of that."""
SLACK: Final = 0.3
"""Seconds a beat may be on its way while the fault begins."""

CONFIG: Final = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, timeout: 1s, failures: 1, recover: 1, retry_every: 1s}}
heartbeat: {{url: "http://127.0.0.1:{chat}/beat", every: 1s}}
{checks}
people: {{li: {{channels: {{hook: li}}}}, han: {{channels: {{mail: han@example.com}}}}}}
escalations: {{urgent: [{{page: [li, han]}}, {{repeat: 24h}}]}}
channels:
  hook: {{notifier: webhook, url: "http://127.0.0.1:{pager}/{{address}}", timeout: 1s}}
  mail: {{notifier: smtp, host: 127.0.0.1, port: {mail}, security: none, from: nb@example.com, timeout: 1s}}
"""


class Systemd:
    """Stands in for systemd: listens on the notification socket and keeps when it was fed."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.fed: list[float] = []
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while (words := self._socket.recv(4096)) != b"end":
            if words == b"WATCHDOG=1":
                self.fed.append(time.time())

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.connect(self._socket.getsockname())
            one.send(b"end")
        self._thread.join(5)
        self._socket.close()


class Guarded:
    """A daemon whose faults can be armed, and all that watches it from outside."""

    def __init__(self, home: Path, world: World, providers: Providers, *, fault: str) -> None:
        self.world = world
        self.providers = providers
        self.systemd = Systemd(home / "notify")
        self._armed = home / "armed"
        env = {
            "NOTIFY_SOCKET": str(home / "notify"),
            "WATCHDOG_USEC": f"{WATCHDOG * 1e6:.0f}",
            "JOURNAL_STREAM": "8:1",
            "NIGHTBELL_FAULT_ARMED": str(self._armed),
        }
        self.daemon = Nightbell(home, CONFIG.format(checks=world.checks(), **providers.ports), env=env)
        self.daemon.start(within=120, fault=fault)

    def close(self) -> None:
        self.daemon.close()
        self.systemd.close()

    def beats(self) -> list[float]:
        return [float(one["at"]) for one in self.providers.receipts() if one.get("path") == "/beat"]

    def fed(self) -> list[float]:
        return self.systemd.fed

    def arm(self) -> None:
        self._armed.touch()

    def disarm(self) -> None:
        self._armed.unlink()

    def well(self) -> None:
        """Wait until all is well, as seen from outside."""
        until(
            lambda: self.daemon.get("/healthz")[0] == 200,
            within=20,
            why=f"well again: {self.daemon.text()[-2000:]}",
        )
        alive(self.beats)
        alive(self.fed)


def alive(told: Callable[[], list[float]], *, within: float = 10) -> None:
    """Wait for one more sign of life."""
    since = time.time()
    until(lambda: max(told(), default=0) > since, within=within, why="there is no sign of life")


def silent(told: Callable[[], list[float]], since: float, *, after: float = NOTICED + SLACK) -> float:
    """Wait a period longer than it may take, and return how long signs of life went on since the fault began."""
    time.sleep(max(0.0, since + after + PERIOD - time.time()))
    went_on = max([at - since for at in told() if at >= since], default=0.0)
    assert went_on <= after, f"a sign of life {went_on:.1f} s after the fault"
    return went_on


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One daemon for all that leaves it well in the end; its store can be made to fail."""
    home = tmp_path_factory.mktemp("guarded")
    with World(home / "world", targets=1) as world, Providers(home / "providers") as providers:
        made = Guarded(home, world, providers, fault="record.begin:raise=1000000")
        yield made
        made.close()


def test_while_the_store_fails_the_heart_stands_still_and_the_watchdog_is_fed(
    guarded: Guarded, figures: Any
) -> None:
    guarded.well()
    guarded.arm()
    since = time.time()
    went_on = silent(guarded.beats, since)
    alive(guarded.fed)
    assert guarded.daemon.get("/healthz")[0] == 503
    guarded.disarm()
    back = time.time()
    guarded.well()
    figures.record(
        "heartbeat: the store fails", n=1, went_on=f"{went_on:.1f} s", back=f"{time.time() - back:.1f} s"
    )


def test_when_no_channel_reaches_staff_it_is_said_everywhere_until_one_does(
    guarded: Guarded, figures: Any
) -> None:
    guarded.well()
    guarded.providers.mode("pager", "500")
    guarded.providers.mode("mail", "451")
    began = time.time()
    guarded.world.down("target-000")
    until(lambda: guarded.daemon.get("/healthz")[0] == 503, within=20, why="nothing is said")
    said = time.time() - began
    assert "no channel reaches staff" in guarded.daemon.get("/healthz")[1]
    assert 'nightbell_trouble{part="delivery"} 1' in guarded.daemon.get("/metrics")[1]
    alarms = [line for line in guarded.daemon.text().splitlines() if line.startswith("<1>")]
    assert len(alarms) == 1, guarded.daemon.text()[-2000:]
    assert "no channel reaches staff" in alarms[0]

    guarded.providers.mode("mail", "ok")
    back = time.time()
    until(lambda: guarded.daemon.get("/healthz")[0] == 200, within=60, why="one reaches staff again")
    figures.record("every channel fails", n=1, said=f"{said:.1f} s", back=f"{time.time() - back:.1f} s")
    assert 'nightbell_trouble{part="delivery"}' not in guarded.daemon.get("/metrics")[1]
    guarded.providers.mode("pager", "ok")
    guarded.world.up("target-000")
    guarded.well()


STANDSTILLS: Final = {
    "the claims fail": ("claim.done:raise=1000000", 0.0, 0.0),
    "the loop stands still, a beat just begun": ("input.taken@Beat:pause=8", 8.0, NOTICED),
    "the loop stands still, a beat just to be sent": ("send.begin@heartbeat:pause=8", 8.0, NOTICED),
    "the store hangs": ("record.begin:pause=40", 40.0, 30.0),
}
"""What is done to a daemon, for how long it stands still by itself, and when the watchdog is fed no more (0: it is)."""


if NIGHTLY:  # these take their time, and what is above fails with them

    def test_while_all_is_well_no_beat_is_missed(guarded: Guarded, figures: Any) -> None:
        guarded.well()
        since = time.time()
        time.sleep(60)
        beats = [at for at in guarded.beats() if at >= since]
        gaps = [later - earlier for earlier, later in pairwise(beats)]
        figures.record("all is well", n=len(beats), longest_gap=f"{max(gaps):.2f} s")
        assert max(gaps) <= NOTICED
        assert (
            max(later - earlier for earlier, later in pairwise(guarded.fed()) if earlier >= since)
            <= WATCHDOG * 3 / 4
        )

    def test_a_process_that_is_stopped_gives_no_sign_of_life_until_it_goes_on(
        guarded: Guarded, figures: Any
    ) -> None:
        guarded.well()
        os.kill(guarded.daemon.pid, signal.SIGSTOP)
        since = time.time()
        went_on = silent(guarded.beats, since)
        fed = silent(guarded.fed, since)
        os.kill(guarded.daemon.pid, signal.SIGCONT)
        guarded.well()
        figures.record("SIGSTOP", n=1, went_on=f"{went_on:.1f} s", fed=f"{fed:.1f} s")

    @pytest.mark.parametrize("name", STANDSTILLS)
    def test_whatever_stands_still_is_noticed_outside(name: str, tmp_path: Path, figures: Any) -> None:
        fault, lasts, unfed = STANDSTILLS[name]
        with World(tmp_path / "world", targets=1) as world, Providers(tmp_path / "providers") as providers:
            guarded = Guarded(tmp_path, world, providers, fault=fault)
            try:
                guarded.well()
                guarded.arm()
                since = time.time()
                went_on = silent(guarded.beats, since)
                row: dict[str, Any] = {"went_on": f"{went_on:.1f} s"}
                if unfed:
                    row["fed"] = f"{silent(guarded.fed, since, after=unfed):.1f} s"
                else:
                    alive(guarded.fed)
                time.sleep(max(0.0, since + lasts - time.time()))
                guarded.disarm()
                guarded.well()
                figures.record(f"heartbeat: {name}", n=1, **row)
            finally:
                guarded.close()


def test_a_process_that_is_killed_gives_no_sign_of_life(guarded: Guarded, figures: Any) -> None:
    guarded.well()
    guarded.daemon.kill()
    since = time.time()
    went_on = silent(guarded.beats, since, after=SLACK)
    silent(guarded.fed, since, after=SLACK)
    figures.record("SIGKILL", n=1, went_on=f"{went_on:.1f} s")
