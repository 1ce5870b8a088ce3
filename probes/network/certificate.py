"""What every kind that speaks TLS tells of the certificates and of what was agreed."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from probes.api import Metric
from probes.network.address import is_address
from probes.network.connection import Connection
from probes.network.tls import Validity, validity, version
from probes.units import Unit

CERTIFICATE_METRICS: Final[Mapping[str, Metric]] = {
    "certificate_expires_seconds": Metric(
        unit=Unit.SECONDS, help="Time until the first certificate of the chain ends; only over TLS."
    ),
    "certificate_ends_at": Metric(
        unit=Unit.COUNT,
        help="Unix time at which the first certificate of the chain ends; only over TLS.",
        exposed="probe_ssl_earliest_cert_expiry",
    ),
    "certificate_lifetime_left_ratio": Metric(
        unit=Unit.RATIO,
        help="Share of its lifetime that the certificate has left which ends first; only over TLS.",
    ),
    "tls_version": Metric(unit=Unit.COUNT, help="Version of TLS that was agreed, like 1.3; only over TLS."),
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed when hands were shaken: it stays the same for as long as the connection lasts."""

    version: float
    holds: Validity | None

    def values(self) -> dict[str, float]:
        """Return what there is to tell now, in seconds; a certificate that has ended has less than nothing left."""
        values = {"tls_version": self.version}
        if self.holds is not None:
            now = time.time()
            values["certificate_expires_seconds"] = self.holds.ends - now
            values["certificate_ends_at"] = self.holds.ends
            values["certificate_lifetime_left_ratio"] = self.holds.left_ratio(now)
        return values


def agreed(secured: ssl.SSLSocket | ssl.SSLObject) -> Agreed:
    """Ask a TLS connection what was agreed."""
    return Agreed(version(secured), validity(secured))


def certificate_values(connection: Connection) -> dict[str, float]:
    """Return what is known once hands are shaken; nothing without TLS. Durations in seconds."""
    secured = connection.secured
    return {} if secured is None else agreed(secured).values()


def is_for(connection: Connection, name: str) -> bool:
    """Say whether the certificate of the other side names a host or address; for those that nobody has verified."""
    secured = connection.secured
    inner = getattr(secured, "_sslobj", None)  # public only from Python 3.13 on
    get = getattr(inner, "get_unverified_chain", None)
    chain = None if get is None else get()
    if not chain:
        return False
    return any(fits(kind, known, name) for kind, known in chain[0].get_info().get("subjectAltName", ()))


def fits(kind: str, known: str, name: str) -> bool:
    """Say whether an entry of a certificate (`DNS` or `IP Address`, and its text) is for a host or address."""
    if is_address(name):
        try:  # the library writes IPv6 in full, with zeros
            return kind == "IP Address" and ipaddress.ip_address(name) == ipaddress.ip_address(known.strip())
        except ValueError:
            return False
    if kind != "DNS":
        return False
    known, name = known.lower(), name.removesuffix(".").lower()
    return known == name or (known.startswith("*.") and known[1:] == f".{name.partition('.')[2]}")
