"""How a plain conversation turns to TLS, protocol by protocol."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Final

from probes.api import ProbeFailed, Run
from probes.network.talk import LINES, Talk, printable
from probes.sample import ErrorClass

# Length 8 and the code 1234.5679, which no version of the protocol has as its number.
_SSL_REQUEST: Final = bytes((0, 0, 0, 8, 4, 210, 22, 47))


class StartTls(enum.Enum):
    """A protocol that begins in the clear and turns to TLS when asked."""

    SMTP = "smtp"
    IMAP = "imap"
    POP3 = "pop3"
    FTP = "ftp"
    POSTGRESQL = "postgresql"


async def ask_for_tls(talk: Talk, protocol: StartTls, run: Run) -> None:
    """Have the other side expect a TLS handshake next. Raises ProbeFailed(PROTOCOL) when it does not agree."""
    run.phase("processing")
    await _WAYS[protocol](talk)
    if talk.rest:  # somebody in between may have put it there, to be taken for what was said under TLS
        raise talk.failed("it says more in the clear after agreeing to TLS")
    run.phase(None)
    run.log("it agrees to TLS by {}", protocol.value)


async def _smtp(talk: Talk) -> None:
    await _reply(talk, b"220", "greet")
    await talk.send(b"EHLO nightbell\r\n")
    offers = await _reply(talk, b"250", "accept EHLO")
    if not any(line[4:].strip().upper() == b"STARTTLS" for line in offers):
        raise _refused(talk, "offer STARTTLS", offers[-1])
    await talk.send(b"STARTTLS\r\n")
    await _reply(talk, b"220", "accept STARTTLS")


async def _ftp(talk: Talk) -> None:
    await _reply(talk, b"220", "greet")
    await talk.send(b"AUTH TLS\r\n")
    await _reply(talk, b"234", "accept AUTH TLS")


async def _imap(talk: Talk) -> None:
    greeting = await talk.line()
    if not greeting.upper().startswith(b"* OK"):
        raise _refused(talk, "greet", greeting)
    await talk.send(b"a1 STARTTLS\r\n")
    for _ in range(LINES):
        line = await talk.line()
        if line.startswith(b"a1 "):
            if not line.upper().startswith(b"A1 OK"):
                raise _refused(talk, "accept STARTTLS", line)
            return
    raise talk.failed(f"no answer to STARTTLS within {LINES} lines")


async def _pop3(talk: Talk) -> None:
    greeting = await talk.line()
    if not greeting.startswith(b"+OK"):
        raise _refused(talk, "greet", greeting)
    await talk.send(b"STLS\r\n")
    answer = await talk.line()
    if not answer.startswith(b"+OK"):
        raise _refused(talk, "accept STLS", answer)


async def _postgresql(talk: Talk) -> None:
    await talk.send(_SSL_REQUEST)
    answer = await talk.byte()
    if answer != b"S":
        raise _refused(talk, "accept TLS", answer)


async def _reply(talk: Talk, code: bytes, what: str) -> list[bytes]:
    """Return the lines of a numbered reply. Raises ProbeFailed unless it has the code."""
    lines = [await talk.line()]
    number = lines[0][:3]
    if not number.isdigit():
        raise _refused(talk, what, lines[0])
    while lines[-1][:3] != number or lines[-1][3:4] == b"-":
        if len(lines) >= LINES:
            raise talk.failed(f"a reply is longer than {LINES} lines")
        lines.append(await talk.line())
    if number != code:
        raise _refused(talk, what, lines[0])
    return lines


def _refused(talk: Talk, what: str, answer: bytes) -> ProbeFailed:
    return ProbeFailed(
        ErrorClass.PROTOCOL, f"{talk.name} does not {what}: it answers {printable(answer, 80)!r}"
    )


_WAYS: Final[dict[StartTls, Callable[[Talk], Awaitable[None]]]] = {
    StartTls.SMTP: _smtp,
    StartTls.IMAP: _imap,
    StartTls.POP3: _pop3,
    StartTls.FTP: _ftp,
    StartTls.POSTGRESQL: _postgresql,
}
