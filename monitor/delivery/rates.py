"""How many sends each channel's rate allows right now."""

from __future__ import annotations

from collections.abc import Mapping

from config.model import Channel
from monitor.delivery.bucket import Bucket


class Rates:
    """The bucket of each channel that has a rate; what is in it stays over a reload that changes the rate."""

    def __init__(self) -> None:
        """Begin with every bucket full."""
        self._buckets: dict[str, Bucket] = {}

    def free(self, channels: Mapping[str, Channel], now: float) -> dict[str, int]:
        """Return by channel that has a rate how many sends it allows. `now` in seconds of a steady clock."""
        return {name: bucket.tokens(now) for name, bucket in self._of(channels, now).items()}

    def wait(self, channels: Mapping[str, Channel], now: float, longest: float) -> float:
        """Return the seconds until an exhausted channel allows one more, `longest` where none is exhausted."""
        empty = (bucket for bucket in self._of(channels, now).values() if not bucket.tokens(now))
        return min((bucket.wait(now) for bucket in empty), default=longest)

    def pay(self, channel: str, count: int, now: float) -> None:
        """Take so many sends out of a channel's bucket; give them back where `count` is negative."""
        bucket = self._buckets.get(channel)
        if bucket is not None:
            self._buckets[channel] = bucket.taken(now, count)

    def _of(self, channels: Mapping[str, Channel], now: float) -> dict[str, Bucket]:
        rates = {name: one.rate for name, one in channels.items() if one.rate is not None}
        self._buckets = {
            name: self._buckets[name].under(rate, now) if name in self._buckets else Bucket.full(rate, now)
            for name, rate in rates.items()
        }
        return self._buckets
