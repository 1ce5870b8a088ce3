"""Ping: sends a few ICMP echo requests and measures how many come back, and how soon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from probes.api import Metric, Misfit, ProbeFailed, Reading, Run
from probes.network.address import parse_host_port
from probes.network.connection import Family, resolve
from probes.network.echo import NONCE_BYTES, Volley, echo_socket
from probes.sample import ErrorClass
from probes.units import Bytes, Seconds, Unit, show_seconds

_COUNT_MOST: Final = 100
_SECONDS_MOST: Final = 60.0
_SIZE_MOST: Final = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sends a few ICMP echo requests. Up when at least one is answered; the share that is lost is a value.

    All are sent to one address. A run ends with the last answer, or `wait` after the last request; the check's
    `timeout` should leave room for that.

    target: host name or address
    count: how many requests are sent (default 3)
    interval: time between two of them (default 200ms)
    wait: how long answers are waited for after the last one (default 1s)
    size: what each carries, from 8 bytes on (default 56B)
    family: which addresses of the host may be used: v4, v6 or any (default any)
    """

    KIND: ClassVar[str] = "ping"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("ping",)
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "rtt_seconds": Metric(unit=Unit.SECONDS, help="Mean time from request to answer."),
        "rtt_min_seconds": Metric(unit=Unit.SECONDS, help="Shortest time from request to answer."),
        "rtt_max_seconds": Metric(unit=Unit.SECONDS, help="Longest time from request to answer."),
        "loss_ratio": Metric(unit=Unit.RATIO, help="Share of the requests without an answer."),
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"target": "router.example.com"}

    target: str
    count: int = 3
    interval: Seconds = 0.2
    wait: Seconds = 1.0
    size: Bytes = 56
    family: Family = Family.ANY

    def __post_init__(self) -> None:
        """Refuse what cannot be sent, or would be a flood."""
        host, port = parse_host_port(self.target)
        if port is not None:
            raise ValueError("target must be a host alone: ping knows no ports")
        object.__setattr__(self, "target", host)
        object.__setattr__(self, "size", int(self.size))
        if not 1 <= self.count <= _COUNT_MOST:
            raise ValueError(f"count must be from 1 to {_COUNT_MOST}")
        if not 0.01 <= self.interval <= _SECONDS_MOST:
            raise ValueError("interval must be from 10ms to 1m")
        if not 0 < self.wait <= _SECONDS_MOST:
            raise ValueError("wait must be longer than nothing and at most 1m")
        if not NONCE_BYTES <= self.size <= _SIZE_MOST:
            raise ValueError(f"size must be from {NONCE_BYTES}B to {_SIZE_MOST}B")

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which ping://host stands for."""
        return {"target": url.partition("://")[2].removesuffix("/")}

    def misfit(self, timeout: float) -> Misfit | None:
        """Say where the deadline comes before the last request, or before its answer has been waited for."""
        sent, shown = (self.count - 1) * self.interval, show_seconds(timeout)
        if sent >= timeout:
            words = f"is too long: the last request leaves after {show_seconds(sent)}, the timeout is {shown}"
            return Misfit(option="interval", words=words, fatal=True)
        if sent + self.wait >= timeout:
            words = f"outlasts the timeout of {shown}: a run that loses a request ends there, and its loss is not known"
            return Misfit(option="wait", words=words)
        return None

    async def probe(self, run: Run) -> Reading:
        """Send all, wait for what comes back."""
        address = await resolve(run, self.target, 0, self.family)
        run.phase("processing")
        volley = Volley(
            echo_socket(address.family),
            address.sockaddr,
            count=self.count,
            interval=self.interval,
            wait=self.wait,
            size=int(self.size),
        )
        await volley.fly()
        run.phase(None)
        rtts = volley.rtts
        values = {"loss_ratio": 1 - len(rtts) / self.count}
        run.log("{} of {} requests to {} answered", len(rtts), self.count, address.sockaddr[0])
        if not rtts:
            raise self._failed(address.sockaddr[0], volley.problem, Reading(values=values, phases=run.phases))
        run.memory["family"] = address.family
        values["rtt_seconds"] = sum(rtts) / len(rtts)
        values["rtt_min_seconds"] = min(rtts)
        values["rtt_max_seconds"] = max(rtts)
        return Reading(values=values, phases=run.phases)

    def _failed(self, ip: str, problem: str, reading: Reading) -> ProbeFailed:
        name = self.target if ip == self.target else f"{self.target} ({ip})"
        if problem:
            return ProbeFailed(ErrorClass.CONNECT, f"cannot reach {name}: {problem}", reading=reading)
        requests = "request" if self.count == 1 else "requests"
        return ProbeFailed(
            ErrorClass.TIMEOUT,
            f"{name} does not answer: {self.count} echo {requests} sent, none came back",
            reading=reading,
        )
