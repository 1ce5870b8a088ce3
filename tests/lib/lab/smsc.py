"""An SMS centre that keeps a ledger and misbehaves as told. It reads packets by a library that others wrote.

    async with Smsc(script={"SUBMIT": ["status:0b"]}) as smsc:    # then ok for ever
        smsc.port, smsc.entries, texts(smsc.entries)

    python -m lab.smsc LEDGER [--port N] [--script SUBMIT=status:58,ok,hang]

prints `port N` once it listens. A verb is one of CONNECT BIND SUBMIT; what happens there is

    ok             taken
    status:HEX     refused with that status (status:0b is "invalid destination"); SUBMIT: not in the ledger
    nack:HEX       refused by a generic_nack
    hang           no answer, ever; SUBMIT: not in the ledger
    close, rst     closes or resets instead of answering; SUBMIT: not in the ledger
    take-hang, take-close, take-rst    SUBMIT: the same, but the message is in the ledger
    end            takes leave (unbind) instead of answering
    drip           a packet that arrives a byte every 20 ms and is not over before 4096
    crumbs         taken; the answer arrives a byte at a time
    huge, short    a packet that claims 2 GB, or 3 bytes
    garbage        an answer that is not SMPP
    other          an answer to a request that was never made
    odd            an answer to another kind of request
    enquire        first enquire_link, whose answer is waited for, then taken
    deliver        first a message for us, then taken
    unknown        first a request nobody knows, then taken
    chatter        enquire_link without end

A list is used up item by item, then all is well. What was taken is in the ledger before the answer leaves. Accounts
are `users`; without them everybody may log in.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import smpp34

from alerting.notifiers.smpp_text import CODES
from lab.ledger import Ledger

HEAD: Final = struct.Struct(">IIII")
BIND_TRANSCEIVER, BIND_TRANSMITTER, SUBMIT, DELIVER, UNBIND, ENQUIRE = 9, 2, 4, 5, 6, 0x15
CHARACTERS: Final = {code: character for character, code in CODES.items()}


class Smsc:
    """Listens on loopback while the context is open."""

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        script: Mapping[str, str | Iterable[str]] | None = None,
        users: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.ledger = Ledger(ledger)
        self.port = port
        self.users = dict(users or {})
        self.heard: list[tuple[int, int]] = []
        """Command and status of every packet that arrived, over all conversations."""
        self.reached = asyncio.Event()
        """Set when a scripted misbehaviour has begun."""
        self._tls = tls
        self._script = {
            verb: act if isinstance(act, str) else deque(act) for verb, act in (script or {}).items()
        }
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.ledger.entries

    def act(self, verb: str) -> str:
        act = self._script.get(verb, "ok")
        if isinstance(act, deque):
            act = act.popleft() if act else "ok"
        if act != "ok":
            self.reached.set()
        return act

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await _Conversation(self, reader, writer).serve()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client has gone, or we are
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class _Conversation:
    def __init__(self, server: Smsc, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.user = ""

    async def serve(self) -> None:
        await self._misbehave(self.server.act("CONNECT"), 0, 0)
        while True:
            command, sequence, raw = await self._hear()
            if command in (BIND_TRANSMITTER, BIND_TRANSCEIVER):
                await self._bind(command, sequence, raw)
            elif command == SUBMIT:
                await self._submit(sequence, raw)
            elif command == UNBIND:
                await self._say(UNBIND | 1 << 31, 0, sequence)
                return

    async def _bind(self, command: int, sequence: int, raw: bytes) -> None:
        if await self._misbehave(self.server.act("BIND"), command, sequence):
            return
        user, password, *_ = (word.decode() for word in raw[16:].split(b"\0"))
        if self.server.users and self.server.users.get(user) != password:
            await self._say(command | 1 << 31, 0x0E, sequence)
            return
        self.user = user
        await self._say(command | 1 << 31, 0, sequence, b"lab\0")

    async def _submit(self, sequence: int, raw: bytes) -> None:
        act = self.server.act("SUBMIT")
        if act.startswith("take-"):
            self._keep(raw)
            act = act.removeprefix("take-")
        if not self.user:
            await self._say(SUBMIT | 1 << 31, 0x04, sequence)
        elif not await self._misbehave(act, SUBMIT, sequence):
            number = self._keep(raw)
            answer = HEAD.pack(17 + len(number), SUBMIT | 1 << 31, 0, sequence) + number.encode() + b"\0"
            for piece in (bytes((byte,)) for byte in answer) if act == "crumbs" else (answer,):
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(0)

    async def _misbehave(self, act: str, command: int, sequence: int) -> bool:
        """Do as told; return True when that was the answer."""
        word, _, code = act.partition(":")
        match word:
            case "ok" | "crumbs":
                return False
            case "status":
                await self._say(command | 1 << 31, int(code, 16), sequence)
            case "nack":
                await self._say(1 << 31, int(code, 16), sequence)
            case "hang":
                await asyncio.Event().wait()
            case "close":
                self.writer.close()
                await self.writer.wait_closed()
                raise EOFError
            case "rst":
                plain: socket.socket = self.writer.get_extra_info("socket")
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
                raise EOFError
            case "end":
                await self._say(UNBIND, 0, 1)
            case "drip":
                await self._drip(command)
            case "huge" | "short":
                self.writer.write(HEAD.pack(2**31 if word == "huge" else 3, command | 1 << 31, 0, sequence))
            case "garbage":
                self.writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            case "other":
                await self._say(command | 1 << 31, 0, sequence + 77)
            case "odd":
                await self._say(0x103 | 1 << 31, 0, sequence)
            case "chatter":
                for number in range(1, 100_000):
                    await self._say(ENQUIRE, 0, number)
            case "enquire":
                await self._ask(ENQUIRE, ENQUIRE | 1 << 31)
                return False
            case "deliver":
                await self._ask(DELIVER, DELIVER | 1 << 31, smpp34.DeliverSm("1", "2", b"ok").encode()[16:])
                return False
            case "unknown":
                await self._ask(0x777, 1 << 31)
                return False
            case _:
                raise ValueError(act)
        return True

    async def _drip(self, command: int) -> None:
        for byte in HEAD.pack(4096, command | 1 << 31, 0, 1) + bytes(4080):
            self.writer.write(bytes((byte,)))
            await self.writer.drain()
            await asyncio.sleep(0.02)

    async def _hear(self) -> tuple[int, int, bytes]:
        head = await self.reader.readexactly(16)
        length, command, status, sequence = HEAD.unpack(head)
        self.server.heard.append((command, status))
        return command, sequence, head + await self.reader.readexactly(length - 16)

    async def _say(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self.writer.write(HEAD.pack(16 + len(body), command, status, sequence) + body)
        await self.writer.drain()

    async def _ask(self, command: int, wanted: int, body: bytes = b"") -> None:
        await self._say(command, 0, 4711, body)
        answer, sequence, _ = await self._hear()
        if (answer, sequence) != (wanted, 4711):
            raise EOFError

    def _keep(self, raw: bytes) -> str:
        number = f"LAB{len(self.server.entries) + 1}"
        submit = smpp34.decode(raw)
        assert isinstance(submit, smpp34.SubmitSm)
        self.server.ledger.write(
            {"at": datetime.now(UTC).isoformat(), "user": self.user, "id": number, **told(submit)}
        )
        return number


def told(submit: Any) -> dict[str, Any]:
    """Return what a submit_sm, decoded by others, says: addresses, text, and which part of what it is."""
    tags = {one.tag: one.value for one in submit.tlvs}
    data = tags.get(smpp34.TLV_MESSAGE_PAYLOAD, submit.short_message)
    reference, total, number = 0, 1, 1
    if submit.esm_class & 0x40:
        assert data[:3] == b"\x05\x00\x03", data[:6]
        reference, total, number = data[3:6]
        data = data[6:]
    elif smpp34.TLV_SAR_TOTAL_SEGMENTS in tags:
        reference = int.from_bytes(tags[smpp34.TLV_SAR_MSG_REF_NUM], "big")
        total = tags[smpp34.TLV_SAR_TOTAL_SEGMENTS][0]
        number = tags[smpp34.TLV_SAR_SEGMENT_SEQNUM][0]
    return {
        "from": [submit.source_addr_ton, submit.source_addr_npi, submit.source_addr],
        "to": [submit.dest_addr_ton, submit.dest_addr_npi, submit.destination_addr],
        "coding": submit.data_coding,
        "text": data.decode("utf-16-be") if submit.data_coding == 8 else gsm(data),
        "part": [reference, number, total],
        "bytes": len(submit.short_message),
    }


def gsm(data: bytes) -> str:
    """Return the text of bytes in GSM 03.38."""
    text, escape = "", b""
    for byte in data:
        if byte == 0x1B and not escape:
            escape = b"\x1b"
            continue
        text += CHARACTERS[escape + bytes((byte,))]
        escape = b""
    return text


def texts(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return every message of which all parts have come, put together as a phone does."""
    found: dict[tuple[object, ...], dict[int, str]] = {}
    whole = []
    for entry in entries:
        reference, number, total = entry["part"]
        if total == 1:
            whole.append(entry["text"])
            continue
        parts = found.setdefault((*entry["to"], reference, total), {})
        parts[number] = entry["text"]
        if len(parts) == total:
            whole.append("".join(parts[index] for index in sorted(parts)))
            del found[(*entry["to"], reference, total)]
    return whole


async def _serve(arguments: argparse.Namespace) -> None:
    script: dict[str, str | list[str]] = {}
    for words in arguments.script:
        verb, _, acts = words.partition("=")
        script[verb] = acts.split(",")
    for words in arguments.always:
        verb, _, act = words.partition("=")
        script[verb] = act
    async with Smsc(ledger=arguments.ledger, script=script, port=arguments.port) as smsc:
        print(f"port {smsc.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab.smsc")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", action="append", default=[], metavar="VERB=ACT,ACT")
    parser.add_argument("--always", action="append", default=[], metavar="VERB=ACT")
    with asyncio.Runner() as runner:
        try:
            runner.run(_serve(parser.parse_args()))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
