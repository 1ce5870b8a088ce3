"""The process behind `lab.providers`: three services and a tap that is no TLS, and a port to steer them by.

    python -m lab.provider_server LEDGER

prints its ports as one JSON object once it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import os
import random
import re
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

REFUSED: Final = ("redirect", "error-body", "lose")
"""Read, but not taken; every status from 300 up is neither."""
DRIP: Final = 3.0


class Service:
    """How one service treats its requests, and what it has taken."""

    def __init__(self, name: str, book: Book) -> None:
        self.name = name
        self.book = book
        self.word = "ok"
        self.words: deque[str] = deque()
        self.weights: dict[str, float] = {}
        self.latency = (0.0, 0.0)
        self.dice = random.Random(0)
        self.keys: set[str] = set()
        self.held: deque[dict[str, Any]] = deque()
        self.is_held = asyncio.Event()
        self.released = asyncio.Event()

    def next(self) -> tuple[str, str]:
        """Return what to do with the next request: a word and its argument."""
        if self.words:
            act = self.words.popleft()
        elif self.weights:
            act = self.dice.choices(list(self.weights), list(self.weights.values()))[0]
        else:
            act = self.word
        word, _, rest = act.partition(":")
        return word, rest

    async def take(self, receipt: dict[str, Any], word: str) -> dict[str, Any]:
        """Write a receipt down; where it is to be held, tell and wait."""
        code = re.search(r"\d{3}$", word)
        taken = word not in REFUSED and not (code and int(code[0]) >= 300)
        key = str(receipt.get("key", ""))
        receipt = self.book.write(
            {
                "service": self.name,
                "mode": word,
                "taken": taken,
                "again": taken and key in self.keys,
                **receipt,
            }
        )
        if taken:
            self.keys.add(key)
            self.book.open[receipt["n"]] = receipt
        if word == "hold":
            self.held.append(receipt)
            self.is_held.set()
            await self.released.wait()
        elif taken and self.latency[1]:
            await asyncio.sleep(self.dice.uniform(*self.latency))
        return receipt


class Book:
    """The ledger of all services."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._count = 0
        self.open: dict[int, dict[str, Any]] = {}
        """Taken and not answered yet, by number."""

    def write(self, entry: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        entry = {"n": self._count, "at": time.time(), **entry}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return entry


def gone(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Close, or reset, at once."""
    plain = writer.get_extra_info("socket")
    if reset and plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def never(reader: asyncio.StreamReader) -> None:
    """Say nothing until the other side has gone."""
    while await reader.read(65536):
        pass


async def http(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one request and answer it, or not."""
    word, rest = service.next()
    if word == "hang":
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(600)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = (line.partition(":") for line in head.split("\r\n")[1:] if ":" in line)
    names = {name.strip().lower(): value.strip() for name, _, value in lines}
    length = int(names.get("content-length", 0))
    if word == "early":
        await reader.read(int(rest or 1))
        gone(writer, reset=True)
        return
    body = (await reader.readexactly(length)).decode("utf-8", "replace")
    method, path = head.split(" ", 2)[:2]
    told: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        told = json.loads(body)
    receipt = await service.take(
        {
            "key": names.get("idempotency-key", ""),
            "method": method,
            "path": path,
            **{
                name: told.get(name)
                for name in ("id", "kind", "dedup_key", "incident", "to", "title", "text", "state")
            },
        },
        word,
    )
    try:
        await answer(service, receipt, (word, rest), reader, writer)
    finally:
        service.book.open.pop(receipt["n"], None)


async def answer(
    service: Service,
    receipt: dict[str, Any],
    act: tuple[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    word, rest = act
    if word == "swallow":
        await never(reader)
        return
    if word in ("rst", "lose"):
        gone(writer, reset=True)
        return
    text = json.dumps(
        {"id": receipt["n"], "again": receipt["again"]} if service.name == "pager" else {"ok": True}
    )
    status, more = "200 OK", ""
    if word == "error-body":
        text = json.dumps({"ok": False, "error": "we lost it"})
    elif word == "redirect":
        status, more = "302 Found", f"Location: {receipt['path']}\r\n"
    elif word.isdigit():
        status, more = f"{word} No", f"Retry-After: {rest}\r\n" if rest else ""
    said = (
        f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()
    )
    if word == "garbage":
        said = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    if word == "cut":
        said = said[: int(rest or 1)]
    if word == "drip":
        for place in range(len(said)):
            writer.write(said[place : place + 1])
            await writer.drain()
            await asyncio.sleep(DRIP)
    else:
        writer.write(said)
        await writer.drain()
    gone(writer, reset=word == "answer-rst")


async def mail(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One conversation of a mail server."""
    word, rest = service.next()
    if word == "hang":
        await never(reader)
        return

    async def say(line: str) -> None:
        writer.write(line.encode() + b"\r\n")
        await writer.drain()

    await say("220 lab")
    to: list[str] = []
    while line := (await reader.readline()).decode("latin-1").strip():
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            await say("250 lab")
        elif verb == "RCPT" and word.startswith("rcpt="):
            await service.take({"to": line, "kind": "rcpt"}, word)
            await say(f"{word[5:]} not now")
        elif verb == "RCPT":
            to.append(line.partition("<")[2].partition(">")[0])
            await say("250 ok")
        elif verb == "DATA":
            await say("354 go on")
            raw = (await reader.readuntil(b"\r\n.\r\n"))[:-5].replace(b"\r\n..", b"\r\n.")
            receipt = await service.take(letter(raw, to), word)
            try:
                if not await dot(word, rest, say, reader, writer):
                    return
            finally:
                service.book.open.pop(receipt["n"], None)
        elif verb == "QUIT":
            await say("221 bye")
            return
        else:
            await say("250 ok")


async def dot(
    word: str,
    rest: str,
    say: Callable[[str], Coroutine[Any, Any, None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    """Answer to the end of a letter; False where the conversation is over."""
    if word == "swallow":
        await never(reader)
        return False
    if word in ("rst", "lose"):
        gone(writer, reset=True)
        return False
    if word == "drip":
        for one in "250 taken":
            writer.write(one.encode())
            await writer.drain()
            await asyncio.sleep(DRIP)
        await say("")
        return True
    await say(f"{word} {rest or 'no'}" if word.isdigit() else "250 taken")
    if word == "answer-rst":
        gone(writer, reset=True)
        return False
    return True


def letter(raw: bytes, to: list[str]) -> dict[str, Any]:
    """Return what a mail says, in the words of the HTTP services."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    content = mail.get_body(("plain",))
    text = content.get_content() if content is not None else ""
    key = str(mail.get("X-Nightbell-Dedup-Key", ""))
    return {
        "key": key,
        "dedup_key": key,
        "id": str(mail.get("Message-ID", "")),
        "kind": "mail",
        "incident": mail.get("X-Nightbell-Incident"),
        "to": ",".join(to),
        "title": str(mail.get("Subject", "")),
        "text": text.replace("\r\n", "\n"),
    }


async def control(
    services: dict[str, Service], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry out one wish of the test."""
    wish = json.loads(await reader.readline())
    service = services.get(wish.get("service", ""))
    told: dict[str, Any] = {}
    match wish["do"], service:
        case "mode", Service():
            service.word, service.weights = wish["word"], {}
            service.words.clear()
        case "script", Service():
            service.words.extend(wish["words"])
        case "chances", Service():
            service.dice = random.Random(wish["seed"])
            service.weights, service.latency = wish["weights"], tuple(wish["latency"])
        case "held", Service():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wish["within"]):
                    while not service.held:
                        service.is_held.clear()
                        await service.is_held.wait()
            told["held"] = service.held.popleft() if service.held else None
        case "release", _:
            for one in services.values():
                one.held.clear()
                if one.word == "hold":
                    one.word = "ok"
                one.released.set()
                one.released = asyncio.Event()
        case "unanswered", _:
            told["unanswered"] = list(services["pager"].book.open.values())
        case _:
            told["error"] = f"cannot {wish}"
    writer.write(json.dumps(told).encode() + b"\n")
    await writer.drain()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def listen(talk: Talk) -> asyncio.Server:
    async def careful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever sent it has died: that is what we are here for
        finally:
            writer.close()

    return await asyncio.start_server(careful, "127.0.0.1", 0, limit=2**20, backlog=512)


async def serve(path: Path) -> None:
    book = Book(path)
    services = {name: Service(name, book) for name in ("pager", "chat", "mail")}

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x15\x03\x01 this is no TLS\r\n")
        await writer.drain()

    def talk(name: str) -> Talk:
        way = mail if name == "mail" else http
        return lambda reader, writer: way(services[name], reader, writer)

    ways: dict[str, Talk] = {name: talk(name) for name in services}
    ways["tls"] = no_tls
    ways["control"] = lambda reader, writer: control(services, reader, writer)
    servers = {name: await listen(way) for name, way in ways.items()}
    print(json.dumps({name: one.sockets[0].getsockname()[1] for name, one in servers.items()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(Path(sys.argv[1])))
