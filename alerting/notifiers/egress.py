"""The way out: straight, or through the proxy that the environment names.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` mean what they mean to curl, in lower or upper case. This
machine itself is always reached straight.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from yarl import URL

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError

PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


def proxy_for(url: URL, environment: Mapping[str, str]) -> URL | None:
    """Return the proxy that leads to `url`; None: none does. Raise DeliveryError `CONFIG` for one we cannot use."""
    host, port = url.host or "", url.port or 0
    if _is_here(host) or _is_excepted(host, port, _read("no_proxy", environment)):
        return None
    text = _read(f"{url.scheme}_proxy", environment) or _read("all_proxy", environment)
    if not text:
        return None
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in PORTS or not proxy.host:
        raise DeliveryError(
            f"cannot use the proxy of the environment for {url.scheme}: it must be http://host:port",
            reason=Reason.CONFIG,
            retry=False,
        )
    return proxy


def _read(name: str, environment: Mapping[str, str]) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _is_here(host: str) -> bool:
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    return any(_matches(entry, host, port) for entry in re.split(r"[\s,]+", exceptions.lower()) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of NO_PROXY names the host: `*`, name, .suffix, address, network; perhaps with a port."""
    if entry == "*":
        return True
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:  # a name, or one with a port
            pass
    name, _, only = entry.rpartition(":")
    if name and only.isdecimal():
        if int(only) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").removeprefix(".")
    return host == entry or host.endswith(f".{entry}")


@lru_cache(maxsize=64)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
