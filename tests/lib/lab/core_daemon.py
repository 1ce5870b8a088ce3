"""The real daemon with scripted edges, as a process of its own: `python -m lab.core_daemon HOME SCRIPT`.

Its check `home` is down while HOME/down exists. What its channels take goes to HOME/took.jsonl, on the disk before
anything else happens; the script says where the process dies, hangs or dawdles.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.core_parts import Provider, channels, check, for_ever
from lab.ledger import Ledger, read
from lab.wait import free_port, until
from probes.api import ProbeFailed, Reading, Run
from probes.sample import ErrorClass

if TYPE_CHECKING:
    from alerting.notifiers.api import Accepted, Message, Progress
    from config.model import Config

CONFIG = """
store: sqlite:///{home}/state/nightbell.db
listen: {{internal: "127.0.0.1:{internal}", public: "127.0.0.1:{public}"}}
host: off
site: {{name: Shop, timezone: UTC, languages: [en]}}
defaults: {{every: 1s, failures: 1, recover: 1, retry_every: 1s}}
checks: {{home: "tcp://127.0.0.1:1"}}
services: {{shop: {{title: {{en: Shop}}, checks: [home], announce: auto}}}}
people: {{li: {{name: Li, channels: {{sms: "1"}}, language: en}}}}
rotas: {{ops: {{people: [li]}}}}
channels:
  sms: {{notifier: smtp, host: 127.0.0.1, security: none, from: nb@shop.example}}
  customers: {{notifier: webhook, url: "http://127.0.0.1:1/", audience: everyone}}
announcements: {{channels: [customers], hold_recovery: 1s}}
"""

DEAD = 9
"""The exit code of a process that was made to die at a point."""


class Edges:
    """The scripted edges of one process."""

    def __init__(self, home: Path, script: str) -> None:
        self.home = home
        self.script, _, self.channel = script.partition(":")
        self._taken = Ledger(home / "took.jsonl")
        self._looks = 0

    async def look(self, run: Run) -> Reading:
        """Be down while the file `down` is there."""
        if self.script == "hung-thread":
            await run.offload(threading.Event().wait)
        if (self.home / "down").exists():
            raise ProbeFailed(ErrorClass.CONNECT, "cannot connect: refused")
        self._looks += 1
        if self._looks == 3:
            (self.home / "worked").touch()
        return Reading()

    def answer(self, name: str, provider: Provider) -> Callable[[Message, Progress], Awaitable[Accepted]]:
        """Return how a channel behaves: as it should, unless the script is about it."""
        from alerting.notification import Reason
        from alerting.notifiers.api import Accepted, DeliveryError

        async def send(message: Message, progress: Progress) -> Accepted:
            mine = self.channel == name
            if mine and self.script == "dies-before":
                os._exit(DEAD)
            if mine and self.script == "hangs-before":
                await for_ever()
            progress.sent = True
            self._taken.write(
                {
                    "channel": name,
                    "id": message.id,
                    "key": message.dedup_key,
                    "text": message.text,
                    "kind": message.kind.value,
                }
            )
            if mine and self.script == "dies-after":
                os._exit(DEAD)
            if mine and self.script == "dies-answered":
                asyncio.get_running_loop().call_soon(os._exit, DEAD)
            if mine and self.script == "dies-later":
                asyncio.get_running_loop().call_later(0.5, os._exit, DEAD)
            if mine and self.script == "slow":
                await asyncio.sleep(1.5)
                if provider.closed:
                    raise DeliveryError("closed while it was sending", reason=Reason.CONNECT, ambiguous=True)
            if mine and self.script == "hangs":
                await for_ever()
            return Accepted(provider_id=f"p-{message.id}")

        return send

    def load(self) -> Config:
        """Load the configuration as the command does, and put the edges in."""
        import config

        loaded = config.load(self.home / "nightbell.yaml", env={}, state_dir=self.home / "state")
        providers = {name: Provider() for name in loaded.channels}
        for name, provider in providers.items():
            provider.answer = self.answer(name, provider)
        home = check(
            "home", self.look, host=self.script == "hung-thread", every=0.1, timeout=0.1, retry_every=0.1
        )
        return replace(loaded, channels=channels(providers), checks={"home": home})


class Scripted:
    """Starts the process, and tells what became of it."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.internal = free_port()
        text = CONFIG.format(home=home, internal=self.internal, public=free_port())
        (home / "nightbell.yaml").write_text(text, encoding="utf-8")
        self.log = home / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, script: str = "well") -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "lab.core_daemon", str(self.home), script],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def down(self) -> None:
        """Let the check fail, after it has worked: before, it would be a typo and no outage."""
        until((self.home / "worked").exists, within=10, why=f"the check never worked: {self.text()}")
        (self.home / "down").touch()

    def terminate(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def hup(self) -> None:
        import signal

        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def ends(self, within: float = 20) -> int:
        """Wait for the end and return the exit code."""
        assert self._process is not None
        code = self._process.wait(within)
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def took(self, channel: str) -> list[dict[str, Any]]:
        return [one for one in read(self.home / "took.jsonl") if one["channel"] == channel]

    def text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


def main() -> int:
    from monitor import process

    logging.basicConfig(level=logging.INFO)
    home, script = Path(sys.argv[1]), sys.argv[2]
    return process.run(home / "nightbell.yaml", loader=Edges(home, script).load)


if __name__ == "__main__":
    sys.exit(main())
