"""The real daemon as a subprocess, with a configuration of its own, and the servers around it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lab.ledger import read
from lab.wait import free_port, until


class Nightbell:
    """Writes its configuration, starts, stops, kills and asks the daemon."""

    def __init__(
        self,
        home: Path,
        config: str,
        *,
        wrap: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        tree: Path | None = None,
    ) -> None:
        """`tree` is another copy of the source to run; left out: NIGHTBELL_TREE, else what is installed here."""
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.state = home / "state"
        self.internal, self.public = free_port(), free_port()
        self.file = home / "nightbell.yaml"
        self.log = home / "daemon.log"
        self._wrap = wrap
        self._tree = str(tree) if tree else os.environ.get("NIGHTBELL_TREE", "")
        self._env = {**os.environ, **(env or {}), "PYTHONWARNINGS": "error"}
        self._process: subprocess.Popen[bytes] | None = None
        self.write(config)

    def write(self, config: str) -> None:
        """Write the configuration, with state folder and ports of this daemon's own."""
        own = (
            f"store: sqlite:///{self.state}/nightbell.db\n"
            f"listen: {{internal: '127.0.0.1:{self.internal}', public: '127.0.0.1:{self.public}'}}\n"
        )
        self.file.write_text(own + config, encoding="utf-8")
        self.file.chmod(0o600)

    def start(self, *, within: float = 20, fault: str = "") -> None:
        """Start and wait until it is ready; `fault` is a plan as `lab.failing` takes it."""
        self.spawn(fault=fault)
        until(self._ready, within=within, why=f"the daemon is not ready: {self.text()[-3000:]}")

    def spawn(self, *, fault: str = "") -> None:
        program, env = ["-I", "-W", "error", "-m", "monitor"], self._env
        if fault or self._tree:  # both need a path of their own, which -I would not look at
            paths = [self._tree, str(Path(__file__).parents[1]), self._env.get("PYTHONPATH", "")]
            program = ["-P", "-W", "error", "-m", "lab.failing"]
            env = {
                **self._env,
                "PYTHONPATH": os.pathsep.join(path for path in paths if path),
                "NIGHTBELL_FAULT": fault,
            }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._wrap, sys.executable, *program, "-c", str(self.file), "run"],
                cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, *, within: float = 15) -> int:
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(within)
        self._process = None
        return code

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def hup(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self._process.returncode}: {self.text()[-3000:]}")
        return self.get("/readyz")[0] == 200

    def get(
        self, path: str, *, public: bool = False, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        port = self.public if public else self.internal
        return fetch(f"http://127.0.0.1:{port}{path}", headers=headers)

    def post(self, path: str, body: object | None = None, *, public: bool = False) -> tuple[int, str]:
        port = self.public if public else self.internal
        headers = (
            {} if public else {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        )
        data = b"" if body is None else json.dumps(body).encode()
        return fetch(f"http://127.0.0.1:{port}{path}", data=data, headers=headers)

    @property
    def token(self) -> str:
        return (self.state / "admin.token").read_text().strip()

    def api(self, path: str) -> Any:
        """Return the decoded answer of a GET below /api/v1."""
        status, text = self.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {self.token}"})
        assert status == 200, (path, status, text)
        return json.loads(text)

    def items(self, path: str) -> list[dict[str, Any]]:
        return list(self.api(path)["items"])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this daemon."""
        return subprocess.run(
            [sys.executable, "-I", "-m", "monitor", "-c", str(self.file), *words],
            cwd=self.home, env=self._env, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


def fetch(url: str, *, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Return status and body; (0, reason) where nobody answers."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read(2_000_000).decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read(2_000_000).decode()
    except (urllib.error.URLError, OSError) as cause:
        return 0, str(cause)


class Server:
    """One of the lab's servers as a subprocess (`lab.smtp_server`, `lab.webhook_server`), with its ledger."""

    def __init__(self, module: str, ledger: Path, *arguments: str, port: int = 0) -> None:
        self.ledger = ledger
        library = Path(__file__).parents[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(ledger), "--port", str(port), *arguments],
            env={**os.environ, "PYTHONPATH": str(library)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().split()[1])

    def entries(self) -> list[dict[str, Any]]:
        return read(self.ledger)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
