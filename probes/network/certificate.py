"""What every kind that speaks TLS tells of the certificates and of what was agreed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Final

from probes.api import Metric
from probes.network.connection import Connection
from probes.network.tls import validity, version
from probes.units import Unit

CERTIFICATE_METRICS: Final[Mapping[str, Metric]] = {
    "certificate_expires_seconds": Metric(
        unit=Unit.SECONDS, help="Time until the first certificate of the chain ends; only over TLS."
    ),
    "certificate_ends_timestamp_seconds": Metric(
        unit=Unit.SECONDS,
        help="Unix time at which the first certificate of the chain ends; only over TLS.",
        exposed="probe_ssl_earliest_cert_expiry",
    ),
    "certificate_lifetime_left_ratio": Metric(
        unit=Unit.RATIO,
        help="Share of its lifetime that the certificate has left which ends first; only over TLS.",
    ),
    "tls_version": Metric(unit=Unit.COUNT, help="Version of TLS that was agreed, like 1.3; only over TLS."),
}


def certificate_values(connection: Connection) -> dict[str, float]:
    """Return what is known once hands are shaken; nothing without TLS. Durations in seconds."""
    secured = connection.secured
    return {} if secured is None else tls_values(secured)


def tls_values(secured: ssl.SSLSocket | ssl.SSLObject) -> dict[str, float]:
    """Return the same of a TLS connection of the library's own; a certificate that has ended has less than nothing."""
    values = {"tls_version": version(secured)}
    holds = validity(secured)
    if holds is not None:
        now = time.time()
        values["certificate_expires_seconds"] = holds.ends - now
        values["certificate_ends_timestamp_seconds"] = holds.ends
        values["certificate_lifetime_left_ratio"] = holds.left_ratio(now)
    return values
