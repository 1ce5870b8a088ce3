"""Rules that hold of what arrived, whatever the model says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from alerting.announcements.announcement import Announcement
from alerting.desk.passing import busy
from alerting.incidents.incident import Incident
from alerting.inputs import Interrupted, Received
from alerting.notification import Kind, Notification, NotificationState
from alerting.state import Changes, State
from alerting.tickets.ticket import Ticket
from lab import model_mail
from lab.model_records import Mail
from lab.simulation_customers import Customers
from lab.simulation_judge import Divergence


class World(Protocol):
    """What rules look at."""

    disk: Any
    judge: Any
    ms: int

    def now(self) -> datetime: ...


class Rules:
    """The ledger of what left and arrived, and what must be true of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.arrived: Counter[str] = Counter()
        self.forgotten: set[str] = set()
        """Keys of messages whose receipts were lost when the power failed."""
        self.doubt: set[str] = set()
        """Keys of messages of which nobody knows whether they arrived."""
        self.keys: dict[str, str] = {}
        """By their numbers, the keys of messages that have begun to leave."""
        self.customers = Customers()
        self.promised: list[Any] = []

    def decided(self, given: Any, changes: Changes | None, state: State) -> None:
        """Look at one decision."""
        self.customers.decided(given, changes, self.world.judge.model.book)
        if isinstance(given, Received) and given.receipt.state is NotificationState.AMBIGUOUS:
            self._doubts([given.receipt.notification])
        elif isinstance(given, Interrupted):
            self._doubts(given.notifications)

    def _doubts(self, numbers: Iterable[str]) -> None:
        self.doubt |= {self.keys[number] for number in numbers if number in self.keys}

    def begun(self, row: Notification, mail: Mail | None) -> None:
        """Look at a message that is about to leave: it is still wanted."""
        self.keys[row.id] = row.dedup_key
        if row.kind is Kind.ANNOUNCEMENT:
            self.customers.begun(row)
        elif mail is not None:
            why = model_mail.unwanted(self.world.judge.model.book, mail)
            if why is not None:
                raise Divergence(f"{row.id} leaves although it is {why.value}")

    def taken(self, row: Notification) -> None:
        """Look at a message that has arrived."""
        key = row.dedup_key
        self.arrived[key] += 1
        if self.arrived[key] > 1 and key not in self.doubt:
            raise Divergence(f"{row.id} arrives again, and nobody doubted that it had")
        if self.arrived[key] > 1 and not row.repeated and key not in self.forgotten:
            raise Divergence(f"{row.id} arrives again, and does not say so")
        self.doubt.discard(key)
        if row.kind is Kind.ANNOUNCEMENT and self.arrived[row.dedup_key] > 1:
            raise Divergence(f"customers read {row.id} twice")

    def answered(self, given: Any, done: bool) -> None:
        """Somebody is told that what they said is recorded, or that it is not."""
        if done:
            self.promised.append(given)

    def died(self, lost: list[Any], *, power: bool) -> None:
        """The process has died, and with it what it had not recorded yet: nothing that somebody was promised.

        Of what it sent from memory while the disk failed nothing is known where the power failed too: neither what
        came of it, nor that it ever was.
        """
        unknown = [given.receipt.notification for given in lost if isinstance(given, Received)]
        if power:
            unknown += [number for number in self.keys if not self.world.disk.has(number)]
            self.forgotten |= {self.keys[number] for number in unknown if number in self.keys}
        self._doubts(unknown)
        broken = [given for given in lost if any(given is one for one in self.promised)]
        if broken:
            raise Divergence(f"answered, and lost: {broken}")
        self.customers.died(self.world.disk)

    def next_due(self, state: State) -> datetime | None:
        """Return when customers are due something next."""
        now, found = self.world.now(), []
        for one in state.records[Announcement].values():
            if isinstance(one, Announcement):
                times = (
                    one.page_at,
                    one.push_at,
                    one.expected_recovery_at,
                    one.next_update_at,
                    one.all_clear_at,
                )
                found += [at for at in times if at is not None and at > now]
        return min(found, default=None)

    def ended(self, process: Any) -> None:
        """Look at what is left when all is quiet: nothing."""
        state: State = process.state
        if busy(state):
            left = [key for kind in (Incident, Ticket, Announcement) for key in state.records[kind]]
            raise Divergence(f"goes on for ever: {left}")
        rows = [row.id for row in state.records[Notification].values()]
        if rows or self.world.disk.waiting():
            raise Divergence(f"never leaves: {rows} {self.world.disk.waiting()}")
        if self.world.disk.left_out:
            raise Divergence(f"two messages shared a key, and one was left out: {self.world.disk.left_out}")
