"""One conversation with an SMS centre: log in, hand over every part of a message, take leave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from alerting.notification import Reason
from alerting.notifiers.api import Accepted, DeliveryError, Progress
from alerting.notifiers.reach import cause, connect
from alerting.notifiers.smpp_pdu import HEAD, BadPdu, Bind, Command, Pdu, body_length, message_id
from alerting.notifiers.smpp_status import OK, TRY_LATER, UNKNOWN_COMMAND, of_command_status

ASIDES: Final = 100
"""How much a centre may say between our request and its answer."""


class Session:
    """Request by request, so that each failure knows what it was about. The deadline is the caller's."""

    def __init__(self, *, host: str, port: int, progress: Progress) -> None:
        """Only remember; nothing is connected yet."""
        self.host = host
        self.port = port
        self.progress = progress
        self.at = "the connection"
        self.sequence = 0
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter | None = None

    async def send(
        self, submits: Sequence[bytes], *, context: ssl.SSLContext | None, command: Command, login: Bind
    ) -> Accepted:
        """Hand over the bodies in order; encrypted where there is a `context`. Raise DeliveryError.

        Nothing outlives us but the last words of a finished conversation.
        """
        try:
            with self._explained():
                await self._connect(context)
                self.at = "the login"
                await self._ask(command, login.encode())
                numbers = await self._submit(submits)
        except BaseException:
            self._hang_up()
            raise
        if self.writer is not None:
            # Politeness: the answer is not waited for.
            self.writer.write(self._request(Command.UNBIND).encode())
            self.writer.close()
        told = f"{len(numbers)} parts taken" if len(numbers) > 1 else "taken"
        return Accepted(provider_id=" ".join(filter(None, numbers)), detail=told)

    def _hang_up(self) -> None:
        """End the connection at once, in whatever state it is; a TLS farewell would wait for the other side."""
        if self.writer is not None:  # else the loop closes what did not become a connection
            self.writer.transport.abort()

    async def _connect(self, context: ssl.SSLContext | None) -> None:
        plain = await connect(self.host, self.port)
        self.reader, self.writer = await asyncio.open_connection(
            sock=plain, ssl=context, server_hostname=self.host if context else None
        )

    async def _submit(self, submits: Sequence[bytes]) -> list[str]:
        numbers = []
        for count, body in enumerate(submits, 1):
            self.at = f"part {count} of {len(submits)}" if len(submits) > 1 else "the message"
            self.progress.sent = True
            numbers.append(message_id(await self._ask(Command.SUBMIT_SM, body)))
        return numbers

    def _request(self, command: Command, body: bytes = b"") -> Pdu:
        self.sequence += 1
        return Pdu(command=command, sequence=self.sequence, body=body)

    async def _ask(self, command: Command, body: bytes) -> bytes:
        """Send a request and return the body of its answer; whatever the centre asks meanwhile is answered."""
        request = self._request(command, body)
        await self._write(request)
        for _ in range(ASIDES):
            pdu = await self._read()
            if pdu.answers(request):
                if pdu.status != OK:
                    raise self._refused(pdu.status)
                if pdu.command == Command.GENERIC_NACK:
                    raise BadPdu("a refusal without a status")
                return pdu.body
            if pdu.is_response:
                raise BadPdu("an answer to what was not asked")
            await self._reply(pdu)
        raise BadPdu("much talk and no answer")

    async def _reply(self, pdu: Pdu) -> None:
        match pdu.command:
            case Command.ENQUIRE_LINK:
                await self._write(pdu.response())
            case Command.DELIVER_SM | Command.DATA_SM:  # somebody's answer by SMS: not ours to swallow
                await self._write(pdu.response(TRY_LATER, b"\0"))
            case Command.UNBIND:
                await self._write(pdu.response())
                raise self._failed("the centre ended the session", Reason.CONNECT)
            case Command.ALERT_NOTIFICATION | Command.OUTBIND:
                pass  # these ask for no answer
            case _:
                await self._write(
                    Pdu(command=Command.GENERIC_NACK, sequence=pdu.sequence, status=UNKNOWN_COMMAND)
                )

    async def _write(self, pdu: Pdu) -> None:
        assert self.writer is not None  # noqa: S101 - connected before anything is said
        self.writer.write(pdu.encode())
        await self.writer.drain()

    async def _read(self) -> Pdu:
        head = await self.reader.readexactly(HEAD.size)
        return Pdu.decode(head + await self.reader.readexactly(body_length(head)))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLError as error:
            raise self._failed(cause(error), Reason.TLS) from None
        except (OSError, EOFError) as error:  # asyncio.IncompleteReadError is an EOFError
            why = "the connection was closed" if isinstance(error, EOFError) else cause(error)
            raise self._failed(why, Reason.CONNECT) from None
        except BadPdu as error:
            raise self._failed(str(error), Reason.PROTOCOL) from None

    def _failed(self, why: str, reason: Reason) -> DeliveryError:
        return DeliveryError(
            f"cannot send by {self.host}: at {self.at}: {why}",
            reason=reason,
            ambiguous=self.progress.sent,
        )

    def _refused(self, status: int) -> DeliveryError:
        """Class a refusal. It is never ambiguous: a message that lacks a part is completed by the next try's."""
        verdict = of_command_status(status)
        return DeliveryError(
            f"cannot send by {self.host}: at {self.at}: refused with {verdict.name}",
            reason=verdict.reason,
            retry=verdict.retry,
        )
