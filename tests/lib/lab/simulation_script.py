"""The script of a simulated day: what breaks, what people do, how providers, disk, process and clock behave.

A script is a list of events, each with its moment in milliseconds from the start. What an event means does not
depend on the others, so that any of them can be left out: that is how a failing day is made small.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from alerting.announcements.announcement import AnnouncementState
from alerting.inputs import TicketAction
from alerting.plan import Plan
from alerting.tickets.terms import TicketClass
from lab.simulation_plans import PARTS, PEOPLE, site_of

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE


class Condition(enum.Enum):
    """How a target is."""

    UP = "up"
    DOWN = "down"
    LOGIN = "login refused"
    UNKNOWN = "unknown"
    FLAKY = "flaky"
    EDGE = "between the marks"
    SLOW = "past the first mark"
    CRAWLS = "past both marks"
    GONE = "one part gone"


class Manner(enum.Enum):
    """How a provider behaves."""

    WELL = "takes it at once"
    SLOW = "takes it after 20 s"
    REFUSES = "refuses for good"
    LATER = "fails for now"
    MUCH_LATER = "fails for now and asks for two minutes"
    DEAF = "hangs before it takes anything"
    UNSURE = "takes it and never answers"
    LOST = "takes nothing and never answers"
    MIXED = "each time another of these"


class Point(enum.Enum):
    """Where the process dies."""

    DECIDED = "decided, not recorded"
    RECORDED = "recorded, nobody told"
    CLAIMED = "claimed, nothing sent"
    MARKED = "about to send"
    TAKEN = "taken by the provider, no receipt"
    ANSWERED = "receipt decided, not recorded"
    ANYWHERE = "wherever it is"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at `at`. `what` names it; `more` holds the rest."""

    at: int
    what: str
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it on one line."""
        seconds = self.at / SECOND
        words = " ".join(
            f"{name}={value.value if isinstance(value, enum.Enum) else value}"
            for name, value in self.more.items()
        )
        return f"{int(seconds // 3600):02}:{int(seconds % 3600 // 60):02}:{seconds % 60:06.3f} {self.what} {words}"


@dataclass(frozen=True, slots=True)
class Script:
    """A day: the seed it came from, its plans, when it begins (UTC), its events in order, and how long it lasts."""

    seed: str
    plans: tuple[Plan, ...]
    begins: datetime
    events: tuple[Event, ...]
    lasts: int
    fresh: bool = False
    """True where no check has ever worked when it begins."""


def script_of(seed: str, *, hours: float = 24) -> Script:
    """Draw a day from a seed."""
    dice = Random(seed)
    plans = tuple(site_of(dice))
    begins = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(700 * 24 * 60))
    lasts = round(hours * HOUR)
    author = _Author(dice, plans, lasts)
    events = sorted(author.write(), key=lambda event: event.at)
    return Script(
        seed=seed, plans=plans, begins=begins, events=tuple(events), lasts=lasts, fresh=dice.random() < 0.15
    )


class _Author:
    """Draws events."""

    def __init__(self, dice: Random, plans: tuple[Plan, ...], lasts: int) -> None:
        self.dice = dice
        self.plans = plans
        self.lasts = lasts

    def write(self) -> list[Event]:
        dice, hours = self.dice, self.lasts / HOUR
        events: list[Event] = []
        for _ in range(max(2, round(hours * dice.uniform(0.2, 0.6)))):
            events += self._outage()
        for _ in range(round(hours * dice.uniform(0, 0.5))):
            events.append(self._provider())
        for _ in range(round(hours * dice.uniform(0, 0.3))):
            events.append(self._death(self._moment()))
        if dice.random() < 0.5:
            events += [self._disk() for _ in range(dice.randint(1, 3))]
        if dice.random() < 0.4:
            events += [self._reload(self._moment()) for _ in range(dice.randint(1, 4))]
        if dice.random() < 0.4:
            jumps = [dice.choice([-3, -1, 1, 2, 20]) for _ in range(dice.randint(1, 3))]
            events += [Event(self._moment(), "jump", {"seconds": seconds}) for seconds in jumps]
        events += [self._word(self._moment()) for _ in range(round(hours * 0.3))]
        for word in [event for event in events if "by" in event.more and dice.random() < 0.05]:
            events.append(self._death(word.at - 1, dice.choice([Point.DECIDED, Point.RECORDED])))
        return [event for event in events if event.at < self.lasts]

    def _moment(self) -> int:
        return self.dice.randrange(SECOND, self.lasts)

    def _outage(self) -> list[Event]:
        """Something breaks, and what belongs to it: others with it, people who act, faults in the midst of it."""
        dice = self.dice
        at = self._moment()
        lasts = dice.choice([8, 25, 90, 400, 1200, 3600, 9000]) * SECOND + dice.randrange(10 * SECOND)
        names = [name for name in self.plans[0].checks if name != "disk"]
        chosen = dice.sample(names, dice.choice([1, 1, 1, min(2, len(names)), len(names)]))
        events = [self._trouble(name, at + dice.randrange(20 * SECOND), lasts) for name in chosen]
        returns = dice.choice([0, 0, 0, 1, 3])  # within the reopen window, or soon after
        for turn in range(returns):
            again = at + lasts + dice.choice([5, 30, 120, 600, 1000]) * SECOND * (turn + 1)
            events.append(self._trouble(dice.choice(chosen), again, dice.choice([15, 60, 400]) * SECOND))
        if dice.random() < 0.4:
            events.append(self._full_disk(at + dice.randrange(-200, 600) * SECOND))
        span = max(lasts, 5 * MINUTE)
        words = dice.choice([0, 1, 1, 2, 5])
        events += [self._word(at + dice.randrange(round(span * 1.3))) for _ in range(words)]
        if dice.random() < 0.5:
            events.append(self._provider(at + dice.randrange(-MINUTE, span)))
        if dice.random() < 0.35:
            events.append(self._death(at + dice.randrange(span)))
        if dice.random() < 0.1:
            events.append(self._disk(at + dice.randrange(-MINUTE, span)))
        if dice.random() < 0.1:
            events.append(self._reload(at + dice.randrange(span)))
        return [event for event in events if event.at > 0]

    def _trouble(self, check: str, at: int, lasts: int) -> Event:
        kinds = [
            Condition.DOWN,
            Condition.LOGIN,
            Condition.UNKNOWN,
            Condition.FLAKY,
            Condition.SLOW,
            Condition.CRAWLS,
        ]
        condition = self.dice.choices([*kinds, Condition.EDGE], [12, 1, 2, 3, 2, 2, 1])[0]
        return Event(at, "trouble", {"check": check, "lasts": lasts, "condition": condition})

    def _full_disk(self, at: int) -> Event:
        conditions = [Condition.SLOW, Condition.CRAWLS, Condition.EDGE, Condition.GONE, Condition.DOWN]
        more = {
            "check": "disk",
            "part": self.dice.choice(PARTS),
            "lasts": self.dice.choice([60, 600, 3000]) * SECOND,
            "condition": self.dice.choices(conditions, [4, 5, 2, 2, 1])[0],
        }
        return Event(max(at, SECOND), "trouble", more)

    def _provider(self, at: int | None = None) -> Event:
        more = {
            "channel": self.dice.choice(
                ["sms", "mail", "chat", "sms", "mail", "news", "news", "inside", "feed"]
            ),
            "lasts": self.dice.choice([30, 120, 900, 5400]) * SECOND,
            "manner": self.dice.choice([one for one in Manner if one is not Manner.WELL]),
        }
        return Event(self._moment() if at is None else max(at, SECOND), "provider", more)

    def _death(self, at: int, point: Point | None = None) -> Event:
        dice = self.dice
        more = {
            "point": point or dice.choice(list(Point)),
            "nth": 1 if point else dice.choice([1, 1, 2, 4]),
            "down": dice.choice([1, 3, 40, 900]) * SECOND,
            "power": dice.random() < 0.3,
        }
        return Event(at, "death", more)

    def _disk(self, at: int | None = None) -> Event:
        lasts = self.dice.choice([2, 10, 60, 300]) * SECOND
        return Event(self._moment() if at is None else max(at, SECOND), "disk fails", {"lasts": lasts})

    def _reload(self, at: int) -> Event:
        return Event(at, "reload", {"plan": self.dice.choice([0, 1, 2, 3])})

    def _word(self, at: int) -> Event:
        """Somebody does something; `pick` chooses what it is done to, of what there is by then."""
        dice = self.dice
        who = dice.choice([*PEOPLE, None])
        more: dict[str, Any] = {"by": who, "pick": round(dice.random(), 6)}
        what = dice.choices(
            [
                "acknowledge",
                "resolve",
                "escalate",
                "silence",
                "unsilence",
                "ticket",
                "publish",
                "say",
                "open ticket",
            ],
            [30, 6, 10, 10, 4, 12, 8, 6, 2],
        )[0]
        match what:
            case "acknowledge":
                more["minutes"] = dice.choice([None, None, None, 5, 120])
            case "resolve":
                more["false_alarm"] = dice.random() < 0.3
            case "silence":
                more["matchers"] = dice.choice(
                    [
                        {"check": dice.choice(sorted(self.plans[0].checks))},
                        {"service": dice.choice(sorted(self.plans[0].services))},
                        {"severity": dice.choice(["warning", "critical"])},
                        {"team": dice.choice(["red", "blue"])},
                        {"host": "*.example", "threshold": dice.choice(["down", "used", "s*"])},
                    ]
                )
                more["minutes"] = dice.choice([1, 5, 30, 200])
                more["delay"] = dice.choice([0, 0, 0, 4])
            case "ticket":
                more["action"] = dice.choice(list(TicketAction))
                more["assignee"] = dice.choice(PEOPLE)
                more["class"] = dice.choice(list(TicketClass))
                more["note"] = dice.choice(["", "why"])
            case "open ticket":
                more["class"] = dice.choice(list(TicketClass))
                more["service"] = dice.choice([None, *sorted(self.plans[0].services)])
            case "say":
                more["state"] = dice.choice([None, *(one for one in AnnouncementState if not one.planned)])
                more["minutes"] = dice.choice([None, 10, 40])
                more["words"] = dice.random() < 0.5
        return Event(max(at, SECOND), what, more)
