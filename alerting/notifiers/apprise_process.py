"""The sending process: sends one message at a time through Apprise and tells what happened.

Apprise blocks, sleeps and loads two hundred plugins, so it lives here, where it can be killed. Started by file name
in isolated mode, this module stands alone: it imports nothing of ours. It speaks lines of JSON over the socket that
is its standard input, and nothing else: what plugins print goes nowhere, what they log is kept for the answer.

    asked     {"url", "title", "body", "type", "key", "look_only"}
    answers   {"sent": true}    right before the provider may take the message
              {"done": OUTCOME, "lines": [[level, text], …]}

OUTCOME is `success`, `failure`, `config` (Apprise takes the URL or the address for invalid), `unknown` (only where
just to look was asked: an option after the `?` that the plugin does not read; the line says which) or `crash`.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

LINES: Final = 20
PARTS: Final = 6
"""Messages that one text becomes at most: nobody reads forty SMS, and each costs."""
LINE_CHARACTERS: Final = 1000
TELLING: Final = ("Socket Exception", "Response Details")
"""What of the DEBUG log says why; the rest repeats messages and URLs."""
KEYED: Final = {
    **dict.fromkeys(("json", "jsons", "form", "forms", "xml", "xmls"), ("Idempotency-Key", {})),
    **dict.fromkeys(("mailto", "mailtos"), ("X-Nightbell-Dedup-Key", {"Auto-Submitted": "auto-generated"})),
}
"""Schemes whose plugins take headers: the one for the notification's key, and others."""


class Witness:
    """Sees, by the interpreter's audit events, how far a plugin has come with the network."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.reached = False
        """True once anything went towards the network: a name looked up, a connection opened."""
        self.sent = True
        """True once the provider may have taken the message; also between messages."""
        sys.addaudithook(self)

    def begin(self, *, seen: bool) -> None:
        """A message is about to be sent, by a plugin whose last step is `seen` as an event or not."""
        self.reached = False
        self.sent = False
        if not seen:
            self.tell()

    def tell(self) -> None:
        """Tell our parent, once, before the bytes leave."""
        if not self.sent:
            self.sent = True
            self.line.sendall(b'{"sent": true}\n')

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.sent and self.reached:
            return
        if event in ("socket.getaddrinfo", "socket.connect", "socket.sendto"):
            self.reached = True
        elif event == "http.client.send":
            data = arguments[1]
            if not (
                isinstance(data, bytes) and data.startswith(b"CONNECT ")
            ):  # to a proxy, not to the provider
                self.tell()
        elif event == "smtplib.send":
            data = arguments[1]
            if (data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")).endswith(
                b"\r\n.\r\n"
            ):
                self.tell()


def main() -> None:
    """Serve until our parent closes the line or dies."""
    line = socket.socket(fileno=0)
    _die_with(int(sys.argv[1]))
    asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, asked), daemon=True).start()
    logging.lastResort = None
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    import apprise
    from apprise.manager_plugins import NotificationManager

    NotificationManager().load_modules()  # type: ignore[no-untyped-call]
    asset = apprise.AppriseAsset(
        app_id="Nightbell",
        app_desc="Nightbell",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        service_timeout=0,  # else it sends on a shared pool of threads; our parent kills us in time
        storage_mode="memory",
    )
    witness = Witness(line)
    while True:
        request = json.loads(asked.get())
        try:
            answer = _serve(request, asset, witness)
        except (
            BaseException
        ) as error:  # a plugin may raise anything, SystemExit included; text may hold secrets
            answer = {"done": "crash", "lines": [["ERROR", type(error).__name__]]}
        line.sendall(json.dumps(answer).encode() + b"\n")


def _die_with(parent: int) -> None:
    """Never outlive our parent, not even in a plugin that hangs."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; only Linux has it
    if os.getppid() != parent:
        os._exit(0)


def _listen(line: socket.socket, asked: queue.SimpleQueue[bytes]) -> None:
    with suppress(OSError), line.makefile("rb") as lines:
        for request in lines:
            asked.put(request)
    os._exit(0)


def _serve(request: dict[str, Any], asset: Any, witness: Witness) -> dict[str, Any]:
    import apprise

    try:
        service = apprise.Apprise.instantiate(request["url"], asset=asset, suppress_exceptions=False)
    except TypeError as error:  # AppriseImproperlyConfigured is one
        return {"done": "config", "lines": [["ERROR", type(error).__name__]]}
    if service is None:
        return {"done": "config", "lines": [["ERROR", "unknown scheme or unreadable URL"]]}
    if request["look_only"]:
        number = _unknown(request["url"], service)
        return {
            "done": "unknown" if number else "success",
            "lines": [["ERROR", str(number)]] if number else [],
        }
    _adjust(service, request)
    sender = apprise.Apprise(asset=asset)
    sender.add(service)
    witness.begin(seen=_is_seen(service))
    result = sender.notify(
        body=_fitting(service, request),
        title=request["title"],
        notify_type=request["type"],
        body_format=apprise.NotifyFormat.TEXT,
        log_level=logging.DEBUG,
    )
    lines = [
        [entry.level, entry.message[:LINE_CHARACTERS]]
        for entry in result.logs()
        if entry.level in ("WARNING", "ERROR", "CRITICAL") or entry.message.startswith(TELLING)
    ]
    if result:
        return {"done": "success", "lines": []}
    return {"done": "failure" if witness.reached else "config", "lines": lines[-LINES:]}


def _fitting(service: Any, request: dict[str, Any]) -> str:
    """Return as much of the text as PARTS messages of this service hold; what matters most stands first in it."""
    body = str(request["body"])
    room = service.body_maxlen * PARTS * 9 // 10  # parts end at words
    if not service.title_maxlen:  # it has no titles of its own: they go on top of the body
        room -= len(request["title"]) + 2
    if len(body) <= room or "overflow" in dict(parse_qsl(urlsplit(request["url"]).query)):
        return body
    return body[: room - 2].rstrip() + " …"


def _adjust(service: Any, request: dict[str, Any]) -> None:
    """Take out the waiting, keep long texts whole, pass the key on."""
    import apprise

    parts = urlsplit(request["url"])
    service.request_rate_per_sec = 0  # it sleeps up to 5.5 s; pacing is our parent's
    if "overflow" not in dict(parse_qsl(parts.query)):
        service.overflow_mode = (
            apprise.OverflowMode.SPLIT
        )  # a cut page loses its link, a refused one everything
    name, others = KEYED.get(parts.scheme.lower(), ("", {}))
    if name and isinstance(getattr(service, "headers", None), dict):
        service.headers = {**others, **service.headers, name: request["key"]}


def _unknown(url: str, service: Any) -> int:
    """Return which option after the `?` the plugin does not read, counted from 1; 0: none. Apprise lets it pass.

    A plugin declares its options, and some aliases stand only in the code that reads the URL.
    """
    known = {*service.template_args, *service.template_tokens, "user", "password", "port"}
    for kind in type(service).__mro__:
        if reader := kind.__dict__.get("parse_url"):
            known |= set(_strings(reader.__func__.__code__))
    own = ("+", "-", ":") if getattr(service, "template_kwargs", None) else ()  # names of the user's own
    given = [
        unquote(option.partition("=")[0]) for option in urlsplit(url).query.split("&")
    ]  # a + is a + here
    names = [name for name in given if name]
    for number, name in enumerate(names, 1):
        if name.lower() not in known and not name.startswith(own):
            return number
    return 0


def _strings(code: types.CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from (one for one in constant if isinstance(one, str))
        elif isinstance(constant, types.CodeType):
            yield from _strings(constant)


def _is_seen(service: Any) -> bool:
    """True where the last step shows as an audit event: all that goes by http.client or smtplib."""
    modules = [sys.modules.get(kind.__module__) for kind in type(service).__mro__]
    return any(hasattr(module, name) for module in modules for name in ("requests", "smtplib"))


if __name__ == "__main__":
    main()
