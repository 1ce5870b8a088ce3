"""Reaching a provider: its addresses, a connection, its certificate, and its words made fit to keep.

Looking up names and loading certificates block. They run on threads of their own, never in the event loop's
default pool: a dead name server must not hold up whatever else waits there, nor the daemon's exit.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import quote, unquote, urlsplit

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError

T = TypeVar("T")
Addresses: TypeAlias = list[tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]]

PATIENCE_SECONDS: Final = 3.0
"""How long one of several addresses may keep us from trying the next."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_SEAM: Final = re.compile(r"[/:@?&=+,;#\s]+")


def words(text: str, limit: int = 200) -> str:
    """Return `text` as one line without control and direction characters, cut to `limit`."""
    line = _UNPRINTABLE.sub(" ", text[: limit * 4]).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def cause(error: BaseException) -> str:
    """Return the operating system's or TLS library's own word for `error`; never an address or URL in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {words(getattr(error, 'verify_message', 'no reason given'))}"
    if isinstance(error, ssl.SSLError):  # what libraries derive from it has not all it has
        return words(getattr(error, "reason", None) or "TLS failed").lower().replace("_", " ")
    if isinstance(error, socket.gaierror) and error.strerror:
        return words(error.strerror).lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()  # a library's `strerror` may hold the URL
    return type(error).__name__


def hide(text: str, *secrets: str | None) -> str:
    """Return `text` with every piece of `secrets` (a URL, a header) that is long enough to tell replaced by `***`.

    Providers repeat what they were sent, and libraries print tokens they find invalid.
    """
    for piece in _pieces(secrets):
        text = text.replace(piece, "***")
    return text


@lru_cache(maxsize=64)
def _pieces(secrets: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return what is to be hidden, the longest first: the same for each message of a channel."""
    raw = [piece for secret in secrets if secret for piece in _SEAM.split(secret)]
    pieces = {form for piece in raw for form in (piece, unquote(piece), quote(unquote(piece), safe=""))}
    return tuple(sorted((piece for piece in pieces if len(piece) >= 4), key=len, reverse=True))


async def aside(function: Callable[..., T], *args: object) -> T:
    """Await `function(*args)` on a thread of its own, which may be left behind when we are cancelled."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type] # None only where T is

    def work() -> None:
        value, error = None, None
        try:
            value = function(*args)
        except BaseException as caught:  # handed over, raised by the awaiter
            error = caught
        with suppress(RuntimeError):  # the loop is gone, and with it whoever asked
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=work, name=f"notifier-{function.__name__}", daemon=True).start()
    return await answer


@lru_cache(maxsize=64)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> Addresses:
    """Return where `host` can be reached, in order of preference. Raise OSError or UnicodeError."""
    if _is_address(host):  # answers at once, without asking anybody
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    else:
        found = await aside(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
    return [(entry[0], entry[4]) for entry in found]  # type: ignore[misc] # stream sockets: IPv4 and IPv6 only


async def connect(host: str, port: int) -> socket.socket:
    """Return a connected non-blocking socket. Raise DeliveryError with reason `CONNECT`."""
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise DeliveryError(f"cannot look up {host}: {cause(error)}", reason=Reason.CONNECT) from error
    last = "no address"
    for left, (family, address) in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        candidate = socket.socket(family, socket.SOCK_STREAM)
        try:
            candidate.setblocking(False)
            async with asyncio.timeout(PATIENCE_SECONDS if left else None):
                await asyncio.get_running_loop().sock_connect(candidate, address)
        except BaseException as error:
            candidate.close()
            if not isinstance(error, OSError):  # TimeoutError is one
                raise
            last = "no answer" if isinstance(error, TimeoutError) and error.errno is None else cause(error)
        else:
            return candidate
    raise DeliveryError(f"cannot connect to {host} port {port}: {last}", reason=Reason.CONNECT)


@dataclass(slots=True, eq=False)
class Trust:
    """Whose certificates we believe: loaded at the first use, off the loop (it takes tens of milliseconds)."""

    context: ssl.SSLContext | None = None

    async def load(self, ca: str | None) -> ssl.SSLContext:
        """Return the context; `ca` is a PEM file believed instead of the system's. Raise DeliveryError `CONFIG`."""
        if self.context is None:
            try:
                self.context = await aside(_context, ca)
            except OSError as error:  # ssl.SSLError is one
                raise DeliveryError(
                    f"cannot load certificates from {ca}: {cause(error)}", reason=Reason.CONFIG, retry=False
                ) from error
        return self.context


def _context(ca: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def ca_complaint(ca: str | None) -> str | None:
    """Say what is wrong with the option `ca`; None when nothing is."""
    if ca is not None and not Path(ca).is_file():
        return f"ca: cannot find the file {words(ca)}"
    return None


def url_complaint(url: str, option: str = "url") -> str | None:
    """Say what is wrong with an http(s) URL, none of it repeated; None when nothing is. Braces are not judged."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only when asked for
    except ValueError:
        return f"{option}: cannot be read as a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{option}: must begin with https:// or http:// and name a host"
    if re.search(r"[\x00-\x20\x7f]", url):
        return f"{option}: must not hold spaces or control characters"
    return None
