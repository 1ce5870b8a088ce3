"""Over which of IPv4 and IPv6 a target is asked, and how one run asks over both."""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, Final

from probes.api import ProbeFailed, Reading, Run
from probes.network.address import is_address
from probes.network.connection import Family


class Families(enum.Enum):
    """Over what a target is asked: over either, over one, or in each run over both."""

    ANY = "any"
    V4 = "v4"
    V6 = "v6"
    BOTH = "both"

    __hash__ = object.__hash__  # looked up in every run


_ONE: Final = {Families.ANY: Family.ANY, Families.V4: Family.V4, Families.V6: Family.V6}
_NAMES: Final = {Family.V4: "IPv4", Family.V6: "IPv6"}


def check_both(families: Families, host: str) -> None:
    """Refuse to ask over both where there is only one address."""
    if families is Families.BOTH and is_address(host):
        raise ValueError("family: both needs a name: an address has but one family")


Look = Callable[[Run, Family], Coroutine[Any, Any, Reading]]


def over(families: Families, look: Look, run: Run) -> Coroutine[Any, Any, Reading]:
    """Look over what `families` says, in one run."""
    return _over_both(look, run) if families is Families.BOTH else look(run, _ONE[families])


async def _over_both(look: Look, run: Run) -> Reading:
    """Look over IPv4, then over IPv6, and return what the slower one read. Raises ProbeFailed when either fails.

    Both are looked at in any case, so that the message names all that is wrong.
    """
    slowest, slower = -1.0, Reading()
    failures: list[tuple[str, ProbeFailed]] = []
    for family, name in _NAMES.items():
        run.phases = {}
        run.way = f"over {name}"
        run.log("{}", run.way)
        began = perf_counter()
        try:
            reading = await look(run, family)
        except ProbeFailed as failure:
            run.phase(None)
            failures.append((name, failure))
        else:
            run.phase(None)
            if perf_counter() - began > slowest:
                slowest, slower = perf_counter() - began, reading
    run.way = ""
    if not failures:
        return slower
    first = failures[0][1]
    raise ProbeFailed(
        first.error,
        "; ".join(f"over {name}: {failure.message}" for name, failure in failures),
        detail="\n".join(failure.detail for _, failure in failures if failure.detail),
        reading=first.reading,
    ) from first
