"""A mail server that keeps a ledger and misbehaves as told, at any verb of the conversation.

    async with SmtpServer(refuse={"RCPT": "550 5.1.1 nobody here"}) as server:
        server.port, server.entries

    python -m lab.smtp_server LEDGER [--port N] [--refuse RCPT=451_4.7.1_later] [--users nb:secret]

prints `port N` once it listens; in `--refuse` an underscore is a space. A verb is one of CONNECT EHLO STARTTLS AUTH
MAIL RCPT DATA DOT QUIT; what happens there is a reply (`550 5.1.1 no`), or

    hang          no answer, ever
    close         closes instead of answering
    rst           resets instead of answering
    take-close    DOT only: keeps the mail, then closes without saying so
    take-hang     DOT only: keeps the mail, then says nothing

A list is used up item by item, then all is well: `["451 4.7.1 come back"]` is greylisting. What was accepted is in
the ledger before the 250 leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from lab.ledger import Ledger


class SmtpServer:
    """Listens on loopback while the context is open."""

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        refuse: Mapping[str, str | Iterable[str]] | None = None,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        logins: Iterable[str] = ("LOGIN", "PLAIN"),
        utf8: bool = False,
        port: int = 0,
    ) -> None:
        """`tls` is offered as STARTTLS, or spoken from the first byte when `implicit`."""
        self.ledger = Ledger(ledger)
        self.port = port
        self.verbs: list[str] = []
        """Every verb that arrived, over all conversations."""
        self.reached = asyncio.Event()
        """Set when a scripted misbehaviour has begun."""
        self.users = dict(users or {})
        self.logins = set(logins)
        self.tls = tls
        self.implicit = implicit
        self.utf8 = utf8
        self.open: set[asyncio.Transport] = set()
        self._script: dict[str, str | deque[str]] = {
            verb: act if isinstance(act, str) else deque(act) for verb, act in (refuse or {}).items()
        }
        self._server: asyncio.Server | None = None

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.ledger.entries

    def act(self, verb: str) -> str | None:
        """Return what to do at `verb`; None when all is well."""
        self.verbs.append(verb)
        act = self._script.get(verb)
        if isinstance(act, deque):
            act = act.popleft() if act else None
        if act is not None:
            self.reached.set()
        return act

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Conversation(self), "127.0.0.1", self.port, ssl=self.tls if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for transport in list(self.open):
            transport.abort()
        await self._server.wait_closed()
        for turn in range(100):  # the transports tell their protocols, these end their tasks
            if turn > 5 and not self.open:
                break
            await asyncio.sleep(0 if turn <= 5 else 0.01)


class _Conversation(SMTP):
    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self.plain: asyncio.Transport | None = None
        super().__init__(
            self,
            hostname="mail.lab",
            ident="lab",
            tls_context=None if server.implicit else server.tls,
            auth_require_tls=server.tls is not None and not server.implicit,
            auth_required=bool(server.users) and server.tls is not None and not server.implicit,
            auth_exclude_mechanism={"LOGIN", "PLAIN"} - server.logins,
            authenticator=self.check_login,
            enable_SMTPUTF8=server.utf8,
            loop=asyncio.get_running_loop(),
        )

    def check_login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        known = self.server.users.get(data.login.decode())
        return AuthResult(success=known == data.password.decode(), handled=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.plain is None:
            self.plain = transport  # type: ignore[assignment] # uvloop's are of no such class
            self.server.open.add(transport)  # type: ignore[arg-type]
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.plain is not None:
            self.server.open.discard(self.plain)
        super().connection_lost(error)

    async def _misbehaved(self, verb: str) -> bool:
        act = self.server.act(verb)
        if act is None:
            return False
        await self._do(act.removeprefix("take-"))
        return True

    async def _do(self, act: str) -> None:
        assert self.plain is not None
        if act == "hang":
            await asyncio.Event().wait()
        elif act == "close":
            assert self.transport is not None
            self.transport.close()  # type: ignore[attr-defined]
        elif act == "rst":
            plain = self.plain.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.plain.abort()
        else:
            await self.push(act)
            if act.startswith("421"):
                self.transport.close()  # type: ignore[union-attr]

    async def _handle_client(self) -> None:
        if await self._misbehaved("CONNECT"):
            return
        await super()._handle_client()

    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._misbehaved("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        if not await self._misbehaved("STARTTLS"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        if not await self._misbehaved("AUTH"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._misbehaved("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._misbehaved("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._misbehaved("DATA"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        if not await self._misbehaved("QUIT"):
            await super().smtp_QUIT(arg)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        act = self.server.act("DOT")
        if act is None or act.startswith("take-"):
            self._keep(session, envelope)
        if act is None:
            return f"250 2.0.0 Ok: queued as LAB{len(self.server.entries)}"
        if act[:3].isdigit() and not act.startswith("421"):
            return act
        await self._do(act.removeprefix("take-"))
        raise asyncio.CancelledError

    def _keep(self, session: Session, envelope: Envelope) -> None:
        raw = envelope.original_content or b""
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        body = mail.get_body(("plain",))
        self.server.ledger.write(
            {
                "at": datetime.now(UTC).isoformat(),
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "ehlo": session.host_name,
                "tls": session.ssl is not None or self.server.implicit,
                "login": bool(session.authenticated),
                "headers": {name: str(value) for name, value in mail.items()},
                "text": body.get_content().replace("\r\n", "\n") if body is not None else "",
                "raw": raw.decode("utf-8", "replace"),
            }
        )


async def _serve(arguments: argparse.Namespace) -> None:
    refuse: dict[str, str | list[str]] = {}
    for word in arguments.refuse:
        verb, _, act = word.partition("=")
        refuse[verb] = act.replace("_", " ")
    for word in arguments.refuse_once:
        verb, _, act = word.partition("=")
        refuse[verb] = [act.replace("_", " ")]
    users = dict(pair.split(":", 1) for pair in arguments.users)
    server = SmtpServer(ledger=arguments.ledger, refuse=refuse, users=users, port=arguments.port)
    async with server:
        print(f"port {server.port}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="lab.smtp_server")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse", action="append", default=[], metavar="VERB=ACT")
    parser.add_argument("--refuse-once", action="append", default=[], metavar="VERB=ACT")
    parser.add_argument("--users", action="append", default=[], metavar="NAME:PASSWORD")
    with asyncio.Runner() as runner:
        try:
            runner.run(_serve(parser.parse_args()))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
