"""Certificates made in the test: an authority of our own, and what it signs."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A server's TLS context and the PEM file of the authority that signed its certificate."""

    context: ssl.SSLContext
    ca: str


def certificate(directory: Path, *names: str) -> Trusted:
    """Return a context for a server called `names` (default 127.0.0.1 and localhost)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    ca = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    return Trusted(context=context, ca=str(ca))
