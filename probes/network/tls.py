"""Whom to trust over TLS, what a certificate says, and what went wrong in words."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from probes.api import Run

_KEPT: Final = 64
_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}


async def trust(run: Run, *, verify: bool, ca: str | None) -> ssl.SSLContext:
    """Return the context for these options. Loading certificates takes milliseconds: done once, and off the loop.

    A trust store that changes on disk is loaded again, since a daemon outlives the certificates it began with.
    Raises OSError, which is our own trouble, when `ca` cannot be read.
    """
    key = (verify, ca, _stamp(ca or ssl.get_default_verify_paths().cafile) if verify else None)
    context = _contexts.get(key)
    if context is None:
        context = await run.offload(_load, verify, ca)
        for old in list(_contexts)[: max(len(_contexts) - _KEPT + 1, 0)]:
            del _contexts[old]
        _contexts[key] = context
    return context


def certificate_expires(connection: ssl.SSLSocket) -> float | None:
    """Return when the first certificate of the chain ends, in seconds since the epoch; None when unknown.

    The whole chain counts: an intermediate that ends tomorrow takes the site down as surely as its leaf.
    Without verification it is the chain as the server sent it.
    """
    certificates: Iterable[Any] = ()
    inner = getattr(connection, "_sslobj", None)  # public only from Python 3.13 on
    verified = connection.context.verify_mode is not ssl.CERT_NONE
    chain = getattr(inner, "get_verified_chain" if verified else "get_unverified_chain", None)
    if chain is not None:
        certificates = (certificate.get_info() for certificate in chain() or ())
    elif verified:
        certificates = (connection.getpeercert(),)
    ends = [ssl.cert_time_to_seconds(info["notAfter"]) for info in certificates if info]
    return min(ends, default=None)


def describe(failure: OSError) -> str:
    """Say in a few words why a TLS handshake failed."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {failure.verify_message}"
    if isinstance(failure, ssl.SSLEOFError | ConnectionError):
        return "the connection broke during the TLS handshake"
    if isinstance(failure, ssl.SSLError):
        if failure.reason in _NOT_TLS:
            return "the answer is not TLS; is this a plain port?"
        return (failure.reason or "TLS error").replace("_", " ").lower()
    return failure.strerror or type(failure).__name__


_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)


def _load(verify: bool, ca: str | None) -> ssl.SSLContext:
    if verify:
        try:
            return ssl.create_default_context(cafile=ca)
        except OSError as failure:
            raise OSError(f"cannot load certificates from {ca or 'the system'}: {failure}") from failure
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _stamp(path: str | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        stat = Path(path).stat()
    except OSError:  # loading says why
        return None
    return stat.st_mtime_ns, stat.st_size
