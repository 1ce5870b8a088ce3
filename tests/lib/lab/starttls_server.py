"""Servers that begin in the clear and turn to TLS, well-behaved or not: a script of what is expected and said."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from lab.probe_server import Serve

AGREES: Final[dict[str, tuple[str, ...]]] = {
    "smtp": (
        "> 220-mail.example.com ESMTP\r\n220 ready\r\n",
        "< EHLO nightbell\r\n",
        "> 250-mail.example.com\r\n250-SIZE 100\r\n250-STARTTLS\r\n250 HELP\r\n",
        "< STARTTLS\r\n",
        "> 220 go ahead\r\n",
    ),
    "imap": (
        "> * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
        "< a1 STARTTLS\r\n",
        "> * BAD luck for others\r\na1 OK begin TLS\r\n",
    ),
    "pop3": ("> +OK ready\r\n", "< STLS\r\n", "> +OK begin TLS\r\n"),
    "ftp": ("> 220-Welcome\r\n to all\r\n220 ready\r\n", "< AUTH TLS\r\n", "> 234 proceed\r\n"),
}
"""By protocol, what a server says (>) and hears (<) before TLS."""


def turning(lines: tuple[str, ...], tls: ssl.SSLContext, *, after: bytes = b"") -> Serve:
    """Return a server that keeps to a script, then shakes hands, and says `after`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in lines:
            text = line[2:].encode()
            if line.startswith(">"):
                writer.write(text)
                await writer.drain()
            else:
                heard = await reader.readexactly(len(text))
                assert heard == text, heard
        await writer.start_tls(tls)
        writer.write(after)
        await writer.drain()
        await reader.read()

    return serve
