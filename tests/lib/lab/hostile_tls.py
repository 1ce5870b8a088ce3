"""Handshakes and certificates made to mislead or to hurt: contexts of servers, and servers that only play TLS.

    async with tls_ports(authority) as by_name: by_name["expired"]

All that have a certificate answer like a web server afterwards, at `/ok` for one; `authority` is whom to trust.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from lab.hostile_http import hostile
from lab.hostile_tcp import reset, silent
from lab.probe_certificates import BAD, Authority
from lab.probe_server import Serve, serving

NAME: Final = "shop.example.com"
HERE: Final = x509.IPAddress(ip_address("127.0.0.1"))
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DRIP_SECONDS: Final = 0.05


def context(
    authority: Authority,
    folder: Path,
    *,
    names: Sequence[x509.GeneralName] = (x509.DNSName(NAME),),
    common: str = "server",
    key: Key | None = None,
    extra: int = 0,
) -> ssl.SSLContext:
    """Return a server's context with a certificate of these names; `extra` more come along in its chain."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    root = x509.load_pem_x509_certificate(authority.ca.cert_pem.bytes())
    signer = serialization.load_pem_private_key(authority.ca.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    leaf = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + leaf + leaf * extra)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(path)
    return made


def outdated(authority: Authority, folder: Path, *, bits: int, digest: str) -> ssl.SSLContext:
    """Return a server's context with a certificate for 127.0.0.1 as no library of today makes one."""
    signer, key, leaf = (folder / name for name in ("signer.pem", "old-key.pem", "old.pem"))
    authority.ca.private_key_pem.write_to_path(signer)
    for command in (
        f"req -newkey rsa:{bits} -nodes -keyout {key} -subj /CN=server -addext subjectAltName=IP:127.0.0.1 -out {leaf}",
        f"x509 -req -in {leaf} -CA {authority.file} -CAkey {signer} -{digest} -copy_extensions copy -out {leaf}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, timeout=30, capture_output=True)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(leaf, key)
    return made


def dns(*names: str) -> tuple[x509.GeneralName, ...]:
    """Return names as certificates hold them."""
    return tuple(x509.DNSName(name) for name in names)


def tls_1_0(made: ssl.SSLContext) -> None:
    """Let a server speak nothing newer."""
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    made.maximum_version = ssl.TLSVersion.TLSv1


def weak_ciphers(made: ssl.SSLContext) -> None:
    """Let a server know only ciphers without a certificate."""
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("AECDH:@SECLEVEL=0")


def no_common_protocol(made: ssl.SSLContext) -> None:
    """Let a server want a protocol that nobody offers."""
    made.set_alpn_protocols(["nothing-known"])


def many_tickets(made: ssl.SSLContext) -> None:
    made.num_tickets = 200


def wants_a_certificate(made: ssl.SSLContext) -> None:
    """Let a server insist on a certificate of its client."""
    made.verify_mode = ssl.CERT_REQUIRED


# What only plays TLS. A record is its type, version and length, then what it holds.


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


def handshake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3) + body


HELLO: Final = handshake(2, b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0")
"""A server's greeting in TLS 1.2 that agrees to what every client offers."""


def says(*pieces: bytes) -> Serve:
    """Listen to the greeting, say this, and wait for the end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await reader.read()

    return serve


def for_ever(piece: bytes, first: bytes = b"") -> Serve:
    """Listen to the greeting, say this, and go on saying the same."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()

    return serve


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A greeting whose end never comes, byte by byte."""
    await reader.read(1)
    writer.write(struct.pack("!BHH", 22, 0x0303, 16000) + b"\x02\x00\x40\x00\x03\x03")
    while True:
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(_DRIP_SECONDS)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


PLAYED: Final[dict[str, Serve]] = {
    "silent-handshake": silent,
    "drips-handshake": drips,
    "resets-handshake": resets,
    "refuses": says(record(21, b"\x02\x28")),
    "internal-error": says(record(21, b"\x02\x50")),
    "knows-no-such-name": says(record(21, b"\x02\x70")),
    "no-such-protocol": says(record(21, b"\x02\x78")),
    "farewell-at-once": says(record(21, b"\x01\x00")),
    "warns-for-ever": for_ever(record(21, b"\x01\x5a") * 1000),
    "empty-records": for_ever(struct.pack("!BHH", 22, 0x0303, 0) * 1000),
    "record-too-long": says(b"\x16\x03\x03\xff\xff" + bytes(65535)),
    "no-certificate": says(record(22, HELLO + handshake(11, b"\0\0\0"))),
    "endless-certificate": for_ever(record(22, bytes(16000)), record(22, HELLO + b"\x0b\xff\xff\xff")),
    "asks-anew": for_ever(record(22, handshake(0, b"")) * 1000, record(22, HELLO)),
    "greets-for-ever": for_ever(record(22, HELLO) * 100),
    "another-cipher": says(record(22, handshake(2, b"\x03\x03" + bytes(32) + b"\0\x00\x05\0"))),
    "version-3": says(b"\x15\x03\x00\x00\x02\x02\x28"),
    "encrypted-rubbish": says(record(22, HELLO), record(23, bytes(range(256)))),
}
"""What says something instead of shaking hands."""

CHANGED: Final[dict[str, Callable[[ssl.SSLContext], None]]] = {
    "only-tls-1.0": tls_1_0,
    "weak-ciphers": weak_ciphers,
    "another-protocol": no_common_protocol,
    "many-tickets": many_tickets,
    "wants-a-certificate": wants_a_certificate,
}
"""Good certificates behind odd settings."""


def certificates(authority: Authority, folder: Path) -> dict[str, ssl.SSLContext]:
    """Return contexts by name."""
    made = {name.replace(" ", "-"): make(authority) for name, make in BAD.items()}

    def own(**options: object) -> ssl.SSLContext:
        return context(authority, folder, **options)  # type: ignore[arg-type]

    made |= {
        "short-chain": authority.short_chain(),
        "address": own(names=[HERE]),
        "wildcard": own(names=dns("*.example.com")),
        "thousand-names": own(names=[*dns(*(f"h{number}.example.com" for number in range(1000))), HERE]),
        "star": own(names=dns("*")),
        "country": own(names=dns("*.com")),
        "nul-in-name": own(names=dns(f"{NAME}\0.evil.com"), common=f"{NAME}\0.evil.com"),
        "common-name-only": own(names=(), common=NAME),
        "address-as-name": own(names=dns("127.0.0.1")),
        "weak-key": own(names=[HERE], key=rsa.generate_private_key(65537, 1024)),
        "weakest-key": outdated(authority, folder, bits=512, digest="sha256"),
        "weak-digest": outdated(authority, folder, bits=2048, digest="sha1"),
        "chain-of-200-kb": own(names=[HERE], extra=400),
    }
    for name, change in CHANGED.items():
        made[name] = own(names=[HERE])
        change(made[name])
    return made


async def no_farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whole, and go without the farewell of TLS."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle")
    await writer.drain()
    writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
    await reader.read()


async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Go the same way within the answer."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nneedle")
    await writer.drain()
    writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
    await reader.read()


@contextlib.asynccontextmanager
async def tls_ports(authority: Authority, folder: Path) -> AsyncIterator[dict[str, int]]:
    """Serve all, and give each its port."""
    async with contextlib.AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(serving(serve)) for name, serve in PLAYED.items()}
        for name, made in certificates(authority, folder).items():
            found[name] = (await stack.enter_async_context(hostile(tls=made))).port
        for name, serve in (("no-farewell", no_farewell), ("cut-off", cut_off)):
            found[name] = await stack.enter_async_context(serving(serve, tls=authority.server()))
        yield found
