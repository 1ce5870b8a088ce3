"""Turning to TLS within a protocol: against servers others wrote, and against those that do not keep to it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiosmtpd.controller import Controller

from lab.exim import Exim
from lab.postgres import Postgres
from lab.probe_certificates import Authority
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import Serve, serving
from lab.starttls_server import AGREES, turning
from probes.api import ProbeFailed, Reading
from probes.network.handshake import Tls
from probes.network.starttls import StartTls
from probes.network.tcp import Step, Tcp
from probes.sample import ErrorClass

Result = Reading | ProbeFailed | TimeoutError


def shake(serve: Serve, protocol: str, ca: str, *, loop: str = "asyncio", within: float = 10) -> Result:
    async def go() -> Result:
        async with serving(serve) as port:
            with surroundings() as run:
                probe = Tls(target=f"127.0.0.1:{port}", starttls=StartTls(protocol), ca=ca)
                return await look(probe, run, within=within)

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("protocol", AGREES)
def test_each_protocol_turns_to_tls(protocol: str, loop: str, authority: Authority) -> None:
    tls = authority.server(days=12)
    result = shake(turning(AGREES[protocol], tls), protocol, authority.file, loop=loop)
    assert isinstance(result, Reading), result
    assert result.values["certificate_expires_seconds"] == pytest.approx(12 * 86400, abs=60)
    assert {"connect", "processing", "tls"} <= set(result.phases)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_conversation_goes_on_under_tls(loop: str, authority: Authority) -> None:
    async def go() -> Result:
        serve = turning(AGREES["pop3"], authority.server(), after=b"+OK and now in private\r\n")
        async with serving(serve) as port:
            with surroundings() as run:
                probe = Tcp(
                    target=f"127.0.0.1:{port}",
                    starttls=StartTls.POP3,
                    ca=authority.file,
                    steps=(Step(send="NOOP"), Step(expect="in private$")),
                )
                return await look(probe, run)

    result = finished(go, loop)
    assert isinstance(result, Reading), result
    assert 0 <= result.values["answer_seconds"] <= result.phases["processing"]


@pytest.mark.parametrize(
    ("protocol", "lines", "message"),
    [
        ("smtp", ("> 554 go away\r\n",), "does not greet: it answers '554 go away'"),
        ("smtp", ("> 220 hi\r\n", "< EHLO nightbell\r\n", "> 250 HELP\r\n"), "does not offer STARTTLS"),
        ("smtp", ("> 220 hi\r\n", "< EHLO nightbell\r\n", "> 502 no\r\n"), "does not accept EHLO"),
        ("smtp", ("> 220-" + "x\r\n220-" * 200,), "longer than 100 lines"),
        ("smtp", ("> " + "x" * 5000,), "longer than 4096 bytes"),
        ("imap", ("> * BYE\r\n",), "does not greet"),
        ("imap", ("> * OK\r\n", "< a1 STARTTLS\r\n", "> a1 NO\r\n"), "does not accept STARTTLS"),
        ("imap", ("> * OK\r\n", "< a1 STARTTLS\r\n", "> " + "* x\r\n" * 200), "within 100 lines"),
        ("pop3", ("> -ERR\r\n",), "does not greet"),
        ("pop3", ("> +OK\r\n", "< STLS\r\n", "> -ERR\r\n"), "does not accept STLS"),
        ("ftp", ("> 421 busy\r\n",), "does not greet"),
        ("ftp", ("> 220 hi\r\n", "< AUTH TLS\r\n", "> 500 what?\r\n"), "does not accept AUTH TLS"),
        ("postgresql", ("> N",), "does not accept TLS: it answers 'N'"),
        ("postgresql", ("> E",), "does not accept TLS: it answers 'E'"),
        ("postgresql", ("> SSS",), "says more in the clear"),
        ("pop3", ("> +OK\r\n", "< STLS\r\n", "> +OK\r\n+OK injected\r\n"), "says more in the clear"),
        ("smtp", ("> SSH-2.0-OpenSSH_9.2\r\n",), "does not greet: it answers 'SSH-2.0-OpenSSH_9.2'"),
    ],
)
def test_a_server_that_does_not_agree_is_class_protocol(
    protocol: str, lines: tuple[str, ...], message: str, authority: Authority
) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            if line.startswith(">"):
                writer.write(line[2:].encode())
                await writer.drain()
            else:
                await reader.readexactly(len(line[2:].encode()))
        await reader.read(1)

    result = shake(refuses, protocol, authority.file)
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.PROTOCOL
    assert message in result.message


# Servers that others wrote


@pytest.mark.parametrize("loop", LOOPS)
def test_a_mail_server_others_wrote(loop: str, authority: Authority) -> None:
    class Nothing:
        """Takes no mail."""

    controller = Controller(
        Nothing(), hostname="127.0.0.1", port=0, tls_context=authority.server("mail.example.com", days=20)
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        controller.port = free.getsockname()[1]
    controller.start()
    try:

        async def go() -> Result:
            with surroundings() as run:
                probe = Tcp(
                    target=f"127.0.0.1:{controller.port}",
                    starttls=StartTls.SMTP,
                    server_name="mail.example.com",
                    ca=authority.file,
                    steps=(
                        Step(send="EHLO again"),
                        Step(expect="^250 "),
                        Step(send="QUIT"),
                        Step(expect="^221"),
                    ),
                )
                return await look(probe, run)

        result = finished(go, loop)
    finally:
        controller.stop()
    assert isinstance(result, Reading), result
    assert result.values["certificate_expires_seconds"] == pytest.approx(20 * 86400, abs=60)


@pytest.mark.parametrize("loop", LOOPS)
def test_exim(loop: str) -> None:
    async def go(port: int, ca: str) -> Result:
        with surroundings() as run:
            return await look(Tls(target=f"127.0.0.1:{port}", starttls=StartTls.SMTP, ca=ca), run)

    with Exim(users={}) as exim:
        result = finished(lambda: go(exim.port, exim.ca), loop)
    assert isinstance(result, Reading), result
    assert result.values["valid"] == 1


@pytest.mark.parametrize("tls", [True, False])
def test_postgresql(tls: bool) -> None:
    async def go(port: int, ca: str) -> list[Result]:
        with surroundings() as run:
            probe = Tls(target=f"127.0.0.1:{port}", starttls=StartTls.POSTGRESQL, ca=ca)
            strict = Tls(target=f"127.0.0.1:{port}", starttls=StartTls.POSTGRESQL)
            return [await look(probe, run), await look(strict, run)]

    with Postgres(tls=tls) as postgres:
        trusted, unknown = finished(lambda: go(postgres.port, postgres.ca))
    assert isinstance(unknown, ProbeFailed)
    if tls:
        assert isinstance(trusted, Reading), trusted
        assert unknown.error is ErrorClass.TLS
        assert unknown.reading is not None
    else:
        assert isinstance(trusted, ProbeFailed)
        assert trusted.error is ErrorClass.PROTOCOL
        assert "does not accept TLS: it answers 'N'" in trusted.message
