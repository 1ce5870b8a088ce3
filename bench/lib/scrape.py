"""Reads /metrics as Prometheus does: its headers, gzip, one connection kept open."""

from __future__ import annotations

import gzip
import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
}
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_BOUND = re.compile(r'le="([^"]+)"')


@dataclass(frozen=True, slots=True, eq=False)
class Scrape:
    """One answer, still packed."""

    seconds: float
    body: bytes
    packed: bool

    @property
    def text(self) -> str:
        """Return it unpacked."""
        return (gzip.decompress(self.body) if self.packed else self.body).decode()

    def read(self) -> Metrics:
        """Return its figures."""
        return Metrics.of(self.text)


class Scraper:
    """Scrapes a port of the loopback again and again."""

    def __init__(self, port: int) -> None:
        """Connect at the first scrape."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __enter__(self) -> Self:
        """Use as a scope."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._connection.close()

    def scrape(self) -> Scrape:
        """Scrape once. Raises OSError or HTTPException where there is no answer."""
        began = time.perf_counter()
        self._connection.request("GET", "/metrics", headers=HEADERS)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"/metrics says {answer.status}")
        return Scrape(time.perf_counter() - began, body, answer.getheader("Content-Encoding") == "gzip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures of one scrape. `single` has series without labels, `buckets` histograms, `many` all values of a name."""

    series: int
    single: Mapping[str, float]
    buckets: Mapping[str, Mapping[float, float]]
    many: Mapping[str, list[float]]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read the text format or OpenMetrics; labels other than `le` are not looked at."""
        single: dict[str, float] = {}
        buckets: dict[str, dict[float, float]] = {}
        many: dict[str, list[float]] = {}
        series = 0
        for line in text.splitlines():
            if line.startswith("#") or (match := _LINE.match(line)) is None:
                continue
            series += 1
            name, labelled, value = match[1], match[2], float(match[3])
            if not labelled:
                single[name] = value
            elif name.endswith("_bucket") and (bound := _BOUND.search(labelled)):
                buckets.setdefault(name.removesuffix("_bucket"), {})[float(bound[1])] = value
            else:
                many.setdefault(name, []).append(value)
        return cls(series=series, single=single, buckets=buckets, many=many)


def quantile(share: float, before: Mapping[float, float], after: Mapping[float, float]) -> float | None:
    """Return a quantile of what a histogram gained, as histogram_quantile() has it; None where it gained nothing."""
    bounds = sorted(after)
    gained = [after[bound] - before.get(bound, 0.0) for bound in bounds]
    if not bounds or gained[-1] <= 0:
        return None
    wanted, low, below = share * gained[-1], 0.0, 0.0
    for bound, count in zip(bounds, gained, strict=True):
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (count - below) if count > below else bound
        low, below = bound, count
    return low
