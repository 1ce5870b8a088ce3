"""A real Alertmanager beside ours: the same question put to both in one run."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lab.daemon import fetch
from lab.tools import ROOT, tool
from lab.wait import free_port, until

UNPACKED = ROOT / ".tools/debian/usr/share/prometheus/alertmanager"
"""Debian's templates, which it reads from one fixed path only: it gets to see them there, and nobody else does."""

THERE = ("unshare", "-rm", "sh", "-ec", """
mount -t tmpfs none /usr/share
mkdir -p /usr/share/prometheus
ln -s "$0" /usr/share/prometheus/alertmanager
exec "$@"
""", str(UNPACKED))  # fmt: skip

CONF = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Alertmanager:
    """Starts, is killed, and keeps its storage in between. It runs as Debian ships it, but for its cluster port."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.home = home
        (home / "alertmanager.yml").write_text(CONF, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        wrap = THERE if UNPACKED.exists() else ()
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*wrap, str(tool("prometheus-alertmanager")), f"--config.file={self.home / 'alertmanager.yml'}",
                 f"--storage.path={self.home / 'storage'}", f"--web.listen-address=127.0.0.1:{self.port}",
                 "--cluster.listen-address="],
                cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until(lambda: fetch(f"{self.url}/-/ready")[0] == 200, within=20, why="Alertmanager is not ready")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Let it end as it likes: it writes down what it knows."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(15)
        self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def silence(self, value: str) -> str:
        """Mute what is named `value`, and return the number it answers with its 200."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": "alertname", "value": value, "isRegex": False, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=2)).isoformat(),
            "createdBy": "lab",
            "comment": "planned work",
        }
        status, text = fetch(
            f"{self.url}/api/v2/silences",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        assert status == 200, text
        return str(json.loads(text)["silenceID"])

    def silences(self) -> set[str]:
        """Return the numbers it knows now, as its own amtool tells them."""
        told = subprocess.run(
            [str(tool("amtool")), f"--alertmanager.url={self.url}", "silence", "query", "-o", "json"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        items: list[dict[str, Any]] = json.loads(told.stdout)
        return {str(one["id"]) for one in items}
