"""A world seen by customers and colleagues, and what people do to their words."""

from __future__ import annotations

from typing import Any

from alerting.announcements.policy import AnnouncePolicy
from alerting.inputs import Publish, Say
from alerting.notification import Kind
from alerting.plan import Plan
from lab.desk_plans import check, plan, service
from lab.desk_world import World

STAFF = (Kind.PAGE, Kind.RECOVERY, Kind.TICKET, Kind.REMINDER)


class Outside(World):
    """A world in which only words to customers and colleagues count as messages; staff is another story."""

    def deliver(self) -> None:
        """Send what is due, and drop what only staff reads."""
        super().deliver()
        self.inbox = [letter for letter in self.inbox if letter.row.kind not in STAFF]


def publish(world: World, number: str = "A-1") -> None:
    """Let li approve an announcement."""
    world.submit(Publish(announcement=number, by="li"))
    world.deliver()


def say(world: World, **fields: Any) -> None:
    """Let li say something in the announcement A-1."""
    world.submit(Say(announcement="A-1", by="li", **fields))
    world.deliver()


def both(first: AnnouncePolicy, second: AnnouncePolicy) -> Plan:
    """Return a plan of the services `shop` (check web) and `pay` (card), joined by the check `gate`."""
    return plan(
        check("web"),
        check("card"),
        check("gate"),
        services=[
            service("shop", "web", "gate", announce=first),
            service("pay", "card", "gate", announce=second),
        ],
    )
