"""Who may have how many descriptors, so that what probes open never takes what recording, paging and answering need.

Each run under way holds one, each connection kept for the next run, each visitor and each send. Where the machine gives
out few, checks wait for each other; pages do not wait for checks.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from monitor.engine.scheduler import IN_FLIGHT, PER_HOST
from monitor.web.server import DOORS

WANTED: Final = 65536
"""As many as the systemd unit gives."""
OURS: Final = 192
"""Kept back: the store, 64 sends, look-ups by libc, sending processes, host checks, the log."""
NAME_SERVERS: Final = 256
_INTERNAL, _PUBLIC = DOORS["internal"].connections, DOORS["public"].connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How many descriptors each may have.

    runs: runs of checks under way at once; per_host: of those against one host; kept: connections kept from one run
    to the next; name_servers: sockets to name servers; internal, public: visitors of the two listeners.
    """

    runs: int
    per_host: int
    kept: int
    name_servers: int
    internal: int
    public: int

    @classmethod
    def of(cls, limit: int) -> Self:
        """Share out `limit` descriptors: half of what is not kept back is for runs, the rest in equal parts."""
        room = max(limit - OURS, limit // 2)
        part = max(room // 8, 2)
        runs = max(min(room // 2, IN_FLIGHT), 4)
        shares = {
            "name_servers": min(part, NAME_SERVERS),
            "internal": min(part, _INTERNAL),
            "public": min(part, _PUBLIC),
        }
        return cls(
            runs=runs,
            per_host=max(runs * PER_HOST // IN_FLIGHT, 1),
            kept=max(room - runs - sum(shares.values()), 0),
            **shares,
        )

    def warning(self, limit: int, checks: int) -> str:
        """Return the words for people where so many checks may have to wait for each other, else an empty text."""
        if self.runs >= min(checks, IN_FLIGHT):
            return ""
        return (
            f"the limit of open files is {limit}: at most {self.runs} of {checks} checks run at once, the others wait;"
            f" raise it to {WANTED} (ulimit -n, LimitNOFILE= of a unit)"
        )


ALL: Final = Shares.of(WANTED)


def want() -> int:
    """Take as many descriptors as we may have, since shells give out few; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, WANTED) if hard != resource.RLIM_INFINITY else WANTED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft
