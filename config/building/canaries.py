"""Canaries put together, and which checks a blind monitor knows nothing about."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from alerting.plan import CheckPlan, GroupBy
from alerting.sight import CHECK, THRESHOLD
from config.building.staff import Answering
from config.document import CheckEntry, Document
from config.model import Check
from config.schema.checks import Blind

EVERY: Final = 10.0
"""Seconds between two runs of a canary, unless it says otherwise: of `defaults:` it takes nothing."""
TIMEOUT: Final = 3.0
"""So long a page may have to wait for a canary that hangs. What is to be told of here answers in a tenth of a second;
over TCP this leaves time for a lost packet to be sent once more."""
RETRY: Final = 2.0
"""Seconds until one that failed is asked again: also how soon it is seen that the line is back."""

_NEAR: Final = tuple(
    ip_network(block)
    for block in (
        *("127.0.0.0/8", "0.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "::/128", "fe80::/10", "fc00::/7"),
    )
)
"""This machine and networks nobody routes through the Internet. Shared space (100.64.0.0/10) is not among them: it is
where providers and overlay networks put what lies behind the very line that may be dead."""
_NEAR_NAMES: Final = ("localhost", "local", "internal", "lan", "home.arpa", "localdomain")
"""Names, and ends of names, that no public server answers for."""


def is_remote(entry: CheckEntry, machine: str) -> bool:
    """Tell whether a check says nothing while we are blind: by its own word, else by where its target lies."""
    match entry.keys.blind:
        case Blind.NEVER:
            return False
        case Blind.ALWAYS:
            return True
        case Blind.AUTO:
            target = None if entry.probe.HOST else entry.probe.target
            return target is not None and not is_near(target, machine)


def is_near(target: str, machine: str) -> bool:
    """Tell whether a host is this machine or on its own network, judged by what is written.

    A name is looked up anew with every run and may lead elsewhere tomorrow, so it is not looked up here: it is taken
    for remote unless its form alone says that it is not. A name without a dot is one of those: the Internet has none.
    """
    host = target.strip("[]").partition("%")[0].rstrip(".").lower()
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        own = host == machine.rstrip(".").lower()
        return own or "." not in host or host.endswith(tuple(f".{name}" for name in _NEAR_NAMES))
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in block for block in _NEAR)


def build_canaries(document: Document) -> dict[str, Check]:
    """Return the canaries by name, each named for its target."""
    canaries: dict[str, Check] = {}
    for entry in document.canaries:
        keys = entry.keys
        wanted = f"canary:{entry.probe.target or keys.probe}"
        name = next(
            one for number in range(1, len(canaries) + 2)
            if (one := wanted if number == 1 else f"{wanted}#{number}") not in canaries
        )  # fmt: skip
        every, timeout = keys.every or EVERY, keys.timeout or TIMEOUT
        retry = keys.retry_every or RETRY
        canaries[name] = Check(
            name=name,
            probe=entry.probe,
            every=every,
            timeout=timeout,
            retry_every=retry,
            fingerprint=f"{entry.made_of} {every} {timeout} {retry}",
        )
    return canaries


def eyes(canaries: Mapping[str, Check], answering: Answering) -> dict[str, CheckPlan]:
    """Return what is said to fail when we are blind; without canaries there is no telling, and nothing."""
    if not canaries:
        return {}
    return {
        CHECK: CheckPlan(
            name=CHECK,
            probe=CHECK,
            host=socket.gethostname() or "localhost",
            thresholds=(THRESHOLD,),
            owner=answering.owner(None),
            escalation=answering.escalation(None, None),
            group_by=GroupBy.CHECK,
        )
    }
