"""Looks names up as libc does, and remembers the answers for as long as they hold.

However many checks ask for a name at once, it is looked up once. What went wrong is forgotten before the next run
asks, so who comes back is seen at once. Where libc asks more than the files and DNS, it is asked instead.
"""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from probes.api import Offload
from probes.network.names.flight import Flight
from probes.network.names.order import Found, ordered, reachable
from probes.network.names.settings import Files, Settings, Stamp, load
from probes.network.names.stub import LONGEST_SECONDS, NO_NAME, Entry, Stub

_ORDER_SECONDS: Final = 5.0
_STAMP_SECONDS: Final = 1.0
_NAMES: Final = 65536


class Resolver:
    """The names known on one loop."""

    __slots__ = (
        "_entries",
        "_files",
        "_flights",
        "_libc",
        "_loading",
        "_look_at",
        "_settings",
        "_stamp",
        "_stub",
    )

    def __init__(self, files: Files | None = None) -> None:
        """Begin with nothing known and nothing read."""
        self._files = files or Files()
        self._settings: Settings | None = None
        self._stamp: Stamp = ()
        self._look_at = 0.0
        self._entries: dict[tuple[str, int], Entry] = {}
        self._flights: dict[tuple[str, int], Flight[Entry]] = {}
        self._libc: dict[tuple[str, int], Flight[list[Any]]] = {}
        self._loading: Flight[Settings] | None = None
        self._stub = Stub()

    async def settings(self, offload: Offload) -> Settings:
        """Return what the machine's files say now, read off the loop when they have changed."""
        if self._loading is not None:
            return await self._loading.join()
        now = monotonic()
        if self._settings is None or now >= self._look_at:
            self._look_at = now + _STAMP_SECONDS
            stamp = self._files.stamp()
            if self._settings is None or stamp != self._stamp:
                self._loading = Flight(self._load(stamp, offload), self._loaded)
                return await self._loading.join()
        return self._settings

    def known(self, host: str, family: int) -> Entry | None:
        """Return what is known of a name without looking anywhere; None where there is need to."""
        now = monotonic()
        entry = self._entries.get((host, family))
        if entry is None or entry.expires <= now or self._look_at <= now or self._loading is not None:
            return None
        if entry.ordered_at + _ORDER_SECONDS <= now and len(entry.addresses) > 1:
            return None
        return entry

    async def addresses(self, host: str, family: int, offload: Offload) -> Entry | None:
        """Return what is known of a name in one family or both (AF_UNSPEC), looked up where it must be.

        None means that libc has to be asked. Raises OSError when we have run out of something.
        """
        settings = await self.settings(offload)
        if not settings.ours:
            return None
        key = host, family
        now = monotonic()
        entry = self._entries.get(key)
        if entry is None or entry.expires <= now:
            entry = self._at_hand(host, family, settings, now)
            if entry is None:
                flight = self._flights.get(key)
                if flight is None:
                    flights = self._flights
                    flight = flights[key] = Flight(self._ask(key, settings), lambda: flights.pop(key, None))
                entry = await flight.join()
        elif entry.ordered_at + _ORDER_SECONDS <= now and len(entry.addresses) > 1:
            entry.addresses, entry.ordered_at = ordered(entry.addresses), now
        return entry

    async def ask_libc(self, host: str, family: int, offload: Offload) -> list[Any]:
        """Return what libc says. One name holds one thread, however many runs have given up on it."""
        key = host, family
        flight = self._libc.get(key)
        if flight is None:
            flight = self._libc[key] = Flight(
                self._libc_says(key, offload), lambda: self._libc.pop(key, None)
            )
        return await flight.join()

    async def _libc_says(self, key: tuple[str, int], offload: Offload) -> list[Any]:
        return await offload(socket.getaddrinfo, key[0], 0, key[1], socket.SOCK_STREAM)

    async def _load(self, stamp: Stamp, offload: Offload) -> Settings:
        try:
            settings = await offload(load, self._files)
        except OSError:
            self._look_at = 0.0
            if self._settings is None:
                raise
            return self._settings  # out of descriptors: what was read before still holds
        if settings != self._settings:
            self._entries.clear()
            self._flights = {}  # who is on them arrives; who comes now asks as the files say now
        self._settings, self._stamp = settings, stamp
        return settings

    def _loaded(self) -> None:
        self._loading = None

    def _at_hand(self, host: str, family: int, settings: Settings, now: float) -> Entry | None:
        """Return what needs nobody asked: the machine's own file, `localhost` and `invalid` (RFC 6761)."""
        name = host.removesuffix(".").lower()
        found = _of(family, settings.hosts.get(name, ()))
        if not found and (name == "localhost" or name.endswith(".localhost")):
            loopback: tuple[Found, ...] = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
            found = tuple(one for one in _of(family, loopback) if reachable(*one) is not None)
        if not found and settings.dns and not (name == "invalid" or name.endswith(".invalid")):
            return None
        if not found:
            return Entry(problem=NO_NAME)
        return self._keep((host, family), Entry(ordered(found), expires=now + LONGEST_SECONDS))

    async def _ask(self, key: tuple[str, int], settings: Settings) -> Entry:
        entry = await self._stub.look_up(*key, settings)
        return self._keep(key, entry) if settings is self._settings else entry

    def _keep(self, key: tuple[str, int], entry: Entry) -> Entry:
        entries = self._entries
        entries.pop(key, None)
        if len(entries) >= _NAMES:
            del entries[next(iter(entries))]
        entries[key] = entry
        return entry


def _of(family: int, addresses: tuple[Found, ...]) -> tuple[Found, ...]:
    return tuple(found for found in addresses if family in {socket.AF_UNSPEC, found[0]})


def resolver() -> Resolver:
    """Return the running loop's own."""
    loop = asyncio.get_running_loop()
    known = _resolvers.get(loop)
    if known is None:
        known = _resolvers[loop] = Resolver()
    return known


def use(one: Resolver) -> None:
    """Have names on the running loop looked up by `one`: where the files are not the machine's."""
    _resolvers[asyncio.get_running_loop()] = one


_resolvers: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Resolver]] = WeakKeyDictionary()
