"""A worker's seat: the checks that belong to it, which stay while one worker after another takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import floor

from config.model import Check
from monitor.engine.scheduler import first_turn
from monitor.engine.workers.hand import Hand
from monitor.engine.workers.wire import ORDERS, Again, Order, Watch


@dataclass(slots=True, eq=False)
class Post:
    """A check in a worker's care. `first` is when its first turn is due, on the daemon's loop's clock."""

    number: int
    check: Check
    first: float

    def turns(self, now: float) -> int:
        """Return how many of its turns have been due."""
        return max(0, floor((now - self.first) / self.check.every) + 1)

    def order(self, now: float) -> Order:
        """Return it as a worker needs it, in time for its next turn."""
        check = self.check
        return Order(
            number=self.number,
            name=check.name,
            probe=check.probe,
            every=check.every,
            timeout=check.timeout,
            retry_every=check.retry_every,
            fingerprint=check.fingerprint,
            wait=self.first + self.turns(now) * check.every - now,
        )


@dataclass(slots=True, eq=False)
class Seat:
    """One worker's share. Times are those of the daemon's loop."""

    number: int
    empty_since: float
    posts: dict[str, Post] = field(default_factory=dict)
    by_number: dict[int, Post] = field(default_factory=dict)
    hand: Hand | None = None
    """The worker process, once it is started."""
    greeted: bool = False
    """It has reported, and has its checks."""
    heard: float = 0.0
    """When it last reported, or was started."""
    trouble: str = ""
    """Why there is none."""
    _counted: float = 0.0
    """Up to here the turns are known that nobody took."""

    def watch(self, wanted: Mapping[str, Check], numbers: Iterator[int], now: float) -> None:
        """Have the worker run exactly `wanted`: what is unchanged keeps its phase and its worker's memory."""
        gone = [name for name in self.posts if name not in wanted]
        fresh: list[Post] = []
        for name, check in wanted.items():
            post = self.posts.get(name)
            if post is not None and post.check.fingerprint == check.fingerprint:
                post.check = check
                continue
            fresh.append(Post(next(numbers), check, now + first_turn(check)))
        for name in (*gone, *(post.check.name for post in fresh)):
            if (old := self.posts.pop(name, None)) is not None:
                del self.by_number[old.number]
        for post in fresh:
            self.posts[post.check.name] = self.by_number[post.number] = post
        if self.greeted and (gone or fresh):
            self._hand_over(tuple(gone), fresh, now)

    def name_of(self, number: int) -> str | None:
        """Return whose number it is; None where it is not watched any more."""
        post = self.by_number.get(number)
        return None if post is None else post.check.name

    def look_again(self, wishes: dict[str, bool]) -> None:
        """Have checks run again soon, or (True) at once; where nobody sits they wait for their turn."""
        if self.greeted and self.hand is not None:
            soon = tuple(name for name, at_once in wishes.items() if not at_once)
            now = tuple(name for name, at_once in wishes.items() if at_once)
            self.hand.order(Again(names=soon, at_once=now))

    def greet(self, now: float) -> None:
        """Give the worker that has just taken the seat its checks."""
        self.greeted, self.trouble = True, ""
        self._hand_over((), list(self.posts.values()), now)

    def leave(self, now: float) -> None:
        """Have nobody sit here."""
        if self.greeted:
            self.empty_since, self._counted = now, self.heard
        self.hand, self.greeted = None, False

    def missed(self, now: float) -> Iterator[tuple[Check, int]]:
        """Give each check whose turns have passed untaken since this was last asked, and how many those were."""
        before, self._counted = self._counted, now
        for post in list(self.posts.values()):
            if missed := post.turns(now) - post.turns(before):
                yield post.check, missed

    def _hand_over(self, gone: tuple[str, ...], posts: list[Post], now: float) -> None:
        if self.hand is None:
            return
        for begin in range(0, max(1, len(posts)), ORDERS):
            self.hand.order(
                Watch(
                    gone=gone if begin == 0 else (),
                    orders=tuple(post.order(now) for post in posts[begin : begin + ORDERS]),
                    more=begin + ORDERS < len(posts),
                )
            )
