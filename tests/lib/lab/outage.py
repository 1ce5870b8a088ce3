"""A shop whose front door closes: what a daemon needs to page somebody, and the door itself.

with Outage(home, channels=…, sms="+86…") as outage:    # the daemon runs, the first sample was good
    outage.strike()
    …
    outage.mend()
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from lab.daemon import Nightbell
from lab.wait import free_port, until

CONFIG = """
host: off
site: {{name: 小店, timezone: Asia/Shanghai, languages: [zh, en]}}
checks:
  front: {{probe: tcp, target: "127.0.0.1:{door}", every: 1s, timeout: 1s, failures: 1, retry_every: 1s, recover: 1}}
services:
  checkout: {{title: {{zh: 下单结算, en: Checkout}}, checks: [front], public: false}}
people:
  li: {{name: 李雷, language: zh, channels: {people}}}
rotas: {{ops: {{people: [li]}}}}
escalations: {{urgent: [{{page: {{rota: ops}}, by: {by}}}, {{repeat: 1h}}]}}
channels:
{channels}
"""


class Outage:
    """`channels` are lines of YAML, in the order in which they are to be tried; `people` maps them to addresses."""

    def __init__(
        self,
        home: Path,
        *,
        channels: dict[str, str],
        addresses: dict[str, str],
        env: dict[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.door: socket.socket | None = None
        people = "{" + ", ".join(f'{name}: "{address}"' for name, address in addresses.items()) + "}"
        config = CONFIG.format(
            door=self.port,
            people=people,
            by=f"[{', '.join(channels)}]",
            channels="\n".join(f"  {name}: {options}" for name, options in channels.items()),
        )
        self.daemon = Nightbell(home, config, env=env)

    def __enter__(self) -> Self:
        self.mend()
        try:
            self.daemon.start()
            until(self._green, within=20, why="the first sample")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.close()
        self.strike()

    def strike(self) -> None:
        """Close the door: from here on the shop is down."""
        if self.door is not None:
            self.door.close()
            self.door = None

    def mend(self) -> None:
        """Open the door again, where it was."""
        self.door = socket.socket()
        self.door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.door.bind(("127.0.0.1", self.port))
        self.door.listen(1024)

    def _green(self) -> bool:
        return any(one["outcome"] == "up" for one in self.daemon.items("checks"))

    def wait(self, what: Callable[[], Any], *, within: float, why: str) -> Any:
        """Return the first true answer of `what`; a failure shows the daemon's own log."""
        try:
            return until(what, within=within, why=why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.daemon.text()[-4000:]}") from None

    def notifications(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Return the pages as the API shows them, oldest first."""
        rows = self.daemon.items("notifications?kind=page")
        return [row for row in rows if channel is None or row["channel"] == channel]

    def acknowledge(self, text: str) -> None:
        """Follow the link in a page, as its receiver would."""
        found = re.search(r"^(http://\S+/ack/(\S+))\r?$", text, re.MULTILINE)
        assert found, text
        status, answer = self.daemon.post(f"/ack/{found[2]}", public=True)
        assert status == 200, answer
        assert self.daemon.items("incidents")[0]["acknowledged_by"] == "li"
