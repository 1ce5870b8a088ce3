"""One HTTP request and its answer, with a deadline over the whole of it and a limit to its size."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from monitor.cli.exits import Unreachable

ANSWER_BYTES: Final = 16 * 2**20

_KINDS: Final[dict[str, type[http.client.HTTPConnection]]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What came back."""

    status: int
    text: bytes


def check_url(url: str) -> None:
    """Raise Unreachable, without repeating it, for a URL that is none, or that holds more than a place."""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in _KINDS and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        fit = False
    if not fit or url != f"{parts.scheme}://{parts.netloc}":
        raise Unreachable("cannot reach the daemon: its URL must be like http://127.0.0.1:9890")


def exchange(
    url: str, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, patience: float
) -> Raw:
    """Send one request to the daemon at `url` and return its answer within `patience` seconds.

    Redirects are not followed and proxies not asked: the daemon is where the configuration says. Raises
    Unreachable, which says for everything but a GET that it may have been done all the same.
    """
    parts = urlsplit(url)
    connection = _KINDS[parts.scheme](parts.hostname or "", parts.port, timeout=patience)
    deadline = _Deadline(connection, patience)
    sent = False
    try:
        connection.connect()
        deadline.start()
        sent = True
        connection.request(method, path, body=body, headers=dict(headers))
        with closing(connection.getresponse()) as response:
            text = response.read(ANSWER_BYTES + 1)
            if response.length and len(text) <= ANSWER_BYTES:
                raise http.client.IncompleteRead(text)
        if deadline.passed:
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        cause = _cause(TimeoutError() if deadline.passed else error, patience)
        doubt = "; what you asked for may have been done all the same" if sent and method != "GET" else ""
        raise Unreachable(f"cannot reach the daemon at {url}: {cause}{doubt}") from error
    finally:
        deadline.cancel()
        connection.close()
    if len(text) > ANSWER_BYTES:
        raise Unreachable(f"cannot understand the daemon at {url}: its answer is longer than 16 MiB")
    return Raw(status=response.status, text=text)


class _Deadline:
    """Cuts an exchange off that takes too long: a socket's own timeout begins anew with each byte."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: float) -> None:
        self.passed = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.passed = True
        try:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            return  # it is gone already


def _cause(error: Exception, patience: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {patience:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; is it running?"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return "it does not speak HTTP"
    if isinstance(error, http.client.HTTPException):
        return "its answer broke off or makes no sense"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
