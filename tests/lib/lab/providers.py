"""Providers of messages on loopback, one process: they take, refuse, hang and break off as told while they run.

    with Providers(folder) as providers:
        providers.ports["pager"], ["chat"], ["mail"]        # HTTP with keys, HTTP without, SMTP
        providers.mode("chat", "500")                       # every request from now on
        providers.script("pager", "hold", "ok")             # the next ones, then the mode again
        providers.chances("mail", seed, {"ok": 8, "451": 1}, latency=(0.0, 0.05))
        receipt = providers.held("pager")                   # it has taken one and waits: now kill the daemon
        providers.release()

A request is a receipt in the ledger, synced, before a byte of its answer leaves. `taken` says whether a person could
have read it. What the HTTP ones know:

    ok                  200 {"id": N}; the pager says {"again": true} to a key it has seen
    500 503 400 401 …   that status, nothing taken; `429:S` with Retry-After: S
    error-body          200 {"ok": false, "error": …}; nothing taken
    redirect            302 to itself; nothing taken
    hang                reads nothing, answers nothing
    early:N             resets after N bytes of the body; nothing taken
    swallow             takes it, never answers
    rst                 takes it, resets instead of answering
    lose                reads it all, loses it, resets: nothing taken
    answer-rst          takes it, answers and resets at once
    drip                takes it, answers one byte every 3 s
    cut:N               takes it, closes after N bytes of the answer
    garbage             takes it, answers what is no HTTP (on port `tls`: to whatever is said)
    hold                takes it and waits for `release`, then answers as `ok`

The mail server knows ok, any SMTP code (said to a letter's end, or at RCPT as `rcpt=450`), hang, swallow, rst, lose,
drip and hold.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lab.ledger import read

SERVICES: Final = ("pager", "chat", "mail", "tls")


class Providers:
    """The process, as a test speaks with it."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.ledger = home / "receipts.jsonl"
        self.ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._control = 0
        self._seen = (0, 0)
        """Lines and bytes of the ledger that were read already."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.provider_server", str(self.ledger)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self._control = ports.pop("control")
        self.ports = ports
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def receipts(self) -> list[dict[str, Any]]:
        """Return what came in so far, oldest first."""
        return read(self.ledger)

    def receipts_from(self, number: int) -> list[dict[str, Any]]:
        """Return what came in after the first `number`; reads only what is new where called with growing numbers."""
        if number == 0:
            self._seen = (0, 0)
        lines, offset = self._seen
        if lines != number or not self.ledger.exists():
            return self.receipts()[number:]
        with self.ledger.open("rb") as file:
            file.seek(offset)
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        found = [json.loads(line) for line in whole.splitlines()]
        self._seen = (number + len(found), offset + len(whole))
        return found

    def mode(self, service: str, word: str) -> None:
        """Treat every further request so."""
        self._ask({"do": "mode", "service": service, "word": word})

    def script(self, service: str, *words: str) -> None:
        """Treat the next requests so, one by one; then as before."""
        self._ask({"do": "script", "service": service, "words": words})

    def chances(
        self,
        service: str,
        seed: str,
        weights: Mapping[str, float],
        *,
        latency: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Throw dice for each further request; what is answered well is answered after a while within `latency`."""
        self._ask(
            {"do": "chances", "service": service, "seed": seed, "weights": dict(weights), "latency": latency}
        )

    def held(self, service: str, *, within: float = 20) -> dict[str, Any]:
        """Wait until the service holds a message it has taken; return its receipt."""
        found = self._ask({"do": "held", "service": service, "within": within}, within=within + 5)
        assert found["held"], f"{service} has taken nothing to hold (waited {within:g} s)"
        return dict(found["held"])

    def release(self) -> None:
        """Answer all that is held, and hold nothing more."""
        self._ask({"do": "release"})

    def unanswered(self) -> list[dict[str, Any]]:
        """Return what is taken and whose answer has not left yet."""
        return list(self._ask({"do": "unanswered"})["unanswered"])

    def _ask(self, words: Mapping[str, Any], *, within: float = 20) -> Any:
        with socket.create_connection(("127.0.0.1", self._control), timeout=within) as line:
            line.sendall(json.dumps(words).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = line.recv(65536)
                assert more, f"the providers do not answer to {words}"
                answer += more
        told = json.loads(answer)
        assert "error" not in told, told
        return told
