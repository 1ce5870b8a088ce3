"""Whom to trust over TLS, what a certificate says, and what went wrong in words."""

from __future__ import annotations

import enum
import errno
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from probes.api import OUR_FAULT, OwnTrouble, Run

_KEPT: Final = 64
_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_CHAINS_KEPT: Final = 4096
_chains: dict[tuple[Any, ...], Validity | None] = {}


class TlsVersion(enum.Enum):
    """A version of TLS that a server may be held to. Older ones are broken, and refused anyway."""

    V1_2 = "1.2"
    V1_3 = "1.3"


# In YAML the bare 1.3 is a number.
TlsMinimum = Annotated[
    TlsVersion,
    BeforeValidator(lambda text: str(text) if isinstance(text, float) else text),
    WithJsonSchema({"enum": ["1.2", "1.3", 1.2, 1.3]}),
]
_VERSIONS: Final = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when the certificate of a chain holds that ends first, in seconds since the epoch."""

    begins: float
    ends: float

    def left_ratio(self, now: float) -> float:
        """Return the share of its lifetime that is left; negative once it has ended."""
        return (self.ends - now) / max(self.ends - self.begins, 1.0)


async def trust(
    run: Run,
    *,
    verify: bool,
    ca: str | None,
    cert: str | None = None,
    key: str | None = None,
    minimum: TlsVersion | None = None,
) -> ssl.SSLContext:
    """Return the context for these options. Loading certificates takes milliseconds: done once, and off the loop.

    Files that change on disk are loaded again, since a daemon outlives the certificates it began with.
    Raises OwnTrouble when one cannot be read, OSError when we have run out of something.
    """
    known = (
        verify,
        ca,
        _stamp(ca or ssl.get_default_verify_paths().cafile) if verify else None,
        None if cert is None else (cert, key, _stamp(cert), _stamp(key)),
        minimum,
    )
    context = _contexts.get(known)
    if context is None:
        context = await run.offload(_load, verify, ca, cert, key, minimum)
        for old in list(_contexts)[: max(len(_contexts) - _KEPT + 1, 0)]:
            del _contexts[old]
        _contexts[known] = context
    return context


def check_files(cert: str | None, key: str | None) -> None:
    """Refuse a key without its certificate."""
    if key is not None and cert is None:
        raise ValueError("key needs cert, the certificate it belongs to")


def validity(connection: ssl.SSLSocket | ssl.SSLObject) -> Validity | None:
    """Return how long the chain of the other side holds; None when unknown.

    The whole chain counts: an intermediate that ends tomorrow takes the site down as surely as its leaf.
    Without verification it is the chain as the server sent it.
    """
    inner = getattr(connection, "_sslobj", None)  # public only from Python 3.13 on
    verified = connection.context.verify_mode is not ssl.CERT_NONE
    get = getattr(inner, "get_verified_chain" if verified else "get_unverified_chain", None)
    if get is None:
        return _first_to_end([connection.getpeercert()] if verified else [])
    chain = tuple(get() or ())
    if chain not in _chains:  # taking a certificate apart costs as much as the rest of a small probe
        if len(_chains) >= _CHAINS_KEPT:
            _chains.clear()
        _chains[chain] = _first_to_end([certificate.get_info() for certificate in chain])
    return _chains[chain]


def version(connection: ssl.SSLSocket | ssl.SSLObject) -> float:
    """Return the version of TLS that was agreed, as a number like 1.3."""
    name = connection.version() or ""
    return float(name.removeprefix("TLSv")) if name.startswith("TLSv1.") else 1.0


def _first_to_end(certificates: list[Any]) -> Validity | None:
    known = [
        Validity(
            float(ssl.cert_time_to_seconds(info["notBefore"])),
            float(ssl.cert_time_to_seconds(info["notAfter"])),
        )
        for info in certificates
        if info
    ]
    return min(known, key=lambda one: one.ends, default=None)


def names_another(failure: ssl.SSLCertVerificationError) -> bool:
    """Say whether a certificate was refused for the names in it, and not for its chain."""
    return failure.verify_code in _MISMATCHES


def want(failure: OSError) -> OSError | None:
    """Return what we have run out of where a handshake or talk over TLS failed for that; else None."""
    if isinstance(failure, ssl.SSLError):  # its number is not the system's
        return OSError(errno.ENOMEM, str(failure)) if "malloc failure" in str(failure) else None
    return failure if failure.errno in OUR_FAULT else None


def describe(failure: OSError) -> str:
    """Say in a few words why a TLS handshake failed."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        what = "not valid for this name" if names_another(failure) else "not valid"
        return f"the certificate is {what}: {failure.verify_message}"
    if isinstance(failure, ssl.SSLEOFError | ConnectionError):
        return "the connection broke during the TLS handshake"
    if isinstance(failure, ssl.SSLError):
        if failure.reason in _NOT_TLS:
            return "the answer is not TLS; is this a plain port?"
        return (failure.reason or "TLS error").replace("_", " ").lower()
    return failure.strerror or type(failure).__name__


# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
_MISMATCHES: Final = frozenset({62, 64})
_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)


def _load(
    verify: bool, ca: str | None, cert: str | None, key: str | None, minimum: TlsVersion | None
) -> ssl.SSLContext:
    if verify:
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as failure:
            if failure.errno in OUR_FAULT:
                raise
            raise OwnTrouble(f"cannot load certificates from {ca or 'the system'}: {failure}") from failure
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        try:
            context.load_cert_chain(cert, key, password=_no_password)
        except OSError as failure:
            if failure.errno in OUR_FAULT:
                raise
            raise OwnTrouble(f"cannot load the client certificate from {cert}: {failure}") from failure
    if minimum is not None:
        context.minimum_version = _VERSIONS[minimum]
    return context


def _no_password() -> str:
    """Answer for a key under a password: without this, the library would ask at the terminal."""
    raise OSError("its key needs a password; give it one without")


def _stamp(path: str | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        stat = Path(path).stat()
    except OSError:  # loading says why
        return None
    return stat.st_mtime_ns, stat.st_size
