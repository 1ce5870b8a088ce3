"""Stands in for the daemon's API: answers from a table and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "nb_a-token-of-the-lab"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Api:
    """`answers` maps "METHOD /path", or that with "?name=value…", to a body, or to (status, body)."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Look the answer up; what is not in the table is 404 as the daemon says it."""
        query = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "limit")
        whole = f"{asked.method} {asked.path}"
        missing = (404, {"error": {"code": "not_found", "message": "there is nothing here"}})
        found = self.answers.get(f"{whole}?{query}", self.answers.get(whole, missing))
        status, body = found if isinstance(found, tuple) else (200, found)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


@contextmanager
def cli_api(answers: Mapping[str, Any] | None = None) -> Iterator[Api]:
    """Run the stand-in on a port of its own."""
    api = Api(url="", answers=dict(answers or {}))

    class Handler(BaseHTTPRequestHandler):
        def _act(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            text = self.rfile.read(length)
            asked = Asked(
                method=self.command,
                path=parts.path.removeprefix("/api/v1"),
                query=dict(parse_qsl(parts.query)),
                body=json.loads(text) if text else None,
                headers=dict(self.headers),
            )
            api.asked.append(asked)
            guarded = parts.path.startswith("/api/v1")
            if guarded and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, body = 401, b'{"error": {"code": "unauthorized", "message": "no"}}'
            else:
                status, body = api.answer(asked)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _act

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
