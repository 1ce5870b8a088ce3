"""Certificates made in the test for probes to judge: a good one, and one for each way to be bad."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Who signs. `file` holds its own certificate, for the option `ca`."""

    def __init__(self, directory: Path) -> None:
        """Make the keys and write the certificate into `directory`."""
        self.directory = directory
        self.ca = trustme.CA()
        self.file = str(directory / "authority.pem")
        self.ca.cert_pem.write_to_path(self.file)

    def server(
        self, *names: str, days: float = 30, began_days_ago: float = 1, ca: trustme.CA | None = None
    ) -> ssl.SSLContext:
        """Return a server's context with a certificate for these names that ends after so many days."""
        now = datetime.now(UTC)
        leaf = (ca or self.ca).issue_cert(
            *(names or ("127.0.0.1", "localhost")),
            not_before=now - timedelta(days=began_days_ago),
            not_after=now + timedelta(days=days),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context

    def self_signed(self) -> ssl.SSLContext:
        """Return a server's context with a certificate that nobody but itself vouches for."""
        return self._own("self-signed", issuer=None, days=30)

    def short_chain(self) -> ssl.SSLContext:
        """Return a server's context whose intermediate ends in 3 days, long before its leaf."""
        return self._own("short-chain", issuer=_intermediate(self.ca, days=3), days=30)

    def _own(self, name: str, issuer: Issuer | None, days: float) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        sign, issuer_name, chain = issuer or (key, _name(name), [])
        leaf = (
            _builder(_name(name), issuer_name, key, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(sign, hashes.SHA256())
        )
        path = self.directory / f"{name}.pem"
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(secret + b"".join(certificate.public_bytes(pem) for certificate in (leaf, *chain)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


Issuer = tuple[ec.EllipticCurvePrivateKey, x509.Name, list[x509.Certificate]]

BAD: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "expired": lambda authority: authority.server(days=-1, began_days_ago=10),
    "not yet valid": lambda authority: authority.server(began_days_ago=-1),
    "wrong name": lambda authority: authority.server("elsewhere.example.com"),
    "unknown authority": lambda authority: authority.server(ca=trustme.CA()),
    "self-signed": Authority.self_signed,
}
"""Server contexts that no client should accept."""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _intermediate(ca: trustme.CA, *, days: float) -> Issuer:
    root = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    root_key = serialization.load_pem_private_key(ca.private_key_pem.bytes(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name("short-lived intermediate"), root.subject, key, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return key, certificate.subject, [certificate]
