"""Rules for words to customers: by whose leave they leave, to whom, in which order, and when it may be called over.

They rest on the reference model's account of what goes on, and on what people said; not on the desk's own record
of its announcements.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from alerting.announcements.announcement import Announcement
from alerting.inputs import Input, Publish, Reloaded, Resolve, Say, Tick
from alerting.notification import Kind, Notification
from alerting.plan import Audience, Plan
from alerting.severity import Severity
from alerting.state import Changes
from lab.model_felt import felt_by, grave_of
from lab.model_records import Book, Outage
from lab.simulation_disk import Disk
from lab.simulation_judge import Divergence
from probes.sample import ErrorClass, Sample

PATIENCE: Final = timedelta(minutes=2)


@dataclass(slots=True)
class Story:
    """One announcement as its readers live through it. Channels map to the rows that went there, oldest first."""

    id: str
    incident: str
    created: datetime
    colleagues: tuple[str, ...]
    rows: dict[str, list[str]] = field(default_factory=dict)
    ends: set[str] = field(default_factory=set)
    """Channels that were told of the end."""
    approved: bool = False
    spoken: bool = False
    """True once a person has said something of their own."""
    over: bool = False
    moved: datetime | None = None
    """When it went on under another incident, or since when nothing was grave before it did."""
    begun: dict[str, int] = field(default_factory=dict)
    """By channel, the place of the newest row that has begun to leave."""


class Customers:
    """What customers were told, and what must be true of it."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.hit: dict[str, set[str]] = {}
        """By incident, every service that was ever down in it."""
        self.born: dict[str, int] = {}
        """By incident, how many plans there had been when it opened."""
        self.plans: list[Plan] = []
        self.due: dict[str, tuple[object, datetime]] = {}
        """By incident, since when customers are owed a word, and under which circumstances."""

    def decided(self, given: Input | Sample, changes: Changes | None, book: Book) -> None:
        """Look at one decision."""
        if not self.plans or self.plans[-1] is not book.plan:
            self.plans.append(book.plan)
        self._seen(book)
        if isinstance(given, Publish | Say):
            self._spoken(given)
        for record in changes.records if changes else ():
            if isinstance(record, Announcement) and record.id not in self.stories:
                self.stories[record.id] = Story(
                    record.id, record.incident, book.now, _channels(book.plan, Audience.INTERNAL)
                )
        for record in changes.records if changes else ():
            if isinstance(record, Announcement):
                self._moved(self.stories[record.id], record.incident, book)
        for record in changes.records if changes else ():
            if isinstance(record, Notification) and record.kind is Kind.ANNOUNCEMENT and record.announcement:
                self._queued(given, record, self.stories[record.announcement], book)
        for record in changes.records if changes else ():
            if isinstance(record, Announcement) and record.state.value == "resolved":
                self._ended(self.stories[record.id], book.plan)
        if isinstance(given, Tick):
            self._owed(book)

    def begun(self, row: Notification) -> None:
        """Older words never leave after newer ones."""
        story = self.stories[row.announcement or ""]
        place = story.rows[row.channel].index(row.id)
        if place < story.begun.get(row.channel, 0):
            raise Divergence(f"{row.id} leaves by {row.channel} although newer words have")
        story.begun[row.channel] = place

    def died(self, disk: Disk) -> None:
        """What was not recorded has not happened; nobody is owed anything for the time in which nothing lives."""
        self.due.clear()
        words = {key: disk.announced(key) for key in self.stories}
        self.stories = {key: story for key, story in self.stories.items() if words[key] is not None}
        for key, story in self.stories.items():
            kept = {channel: [row for row in ids if disk.has(row)] for channel, ids in story.rows.items()}
            story.rows = {channel: ids for channel, ids in kept.items() if ids}
            story.over = words[key] == "resolved"
            story.ends = set(story.rows) if story.over else set()
            story.begun.clear()

    def _moved(self, story: Story, incident: str, book: Book) -> None:
        """What is said of one incident may go on under another: what customers have felt of it goes with it."""
        if story.incident != incident:
            story.moved = book.eased.get(story.incident, book.now)
            story.incident = incident

    # --- by whose leave, and when

    def _seen(self, book: Book) -> None:
        for outage in book.outages.values():
            self.born.setdefault(outage.id, len(self.plans))
            for alarm in grave_of(book, outage) if outage.active else ():
                self.hit.setdefault(outage.id, set()).update(book.plan.checks[alarm.check].services)

    def _spoken(self, given: Publish | Say) -> None:
        story = self.stories.get(given.announcement)
        if story is not None:
            story.approved = story.approved or isinstance(given, Publish)
            story.spoken = story.spoken or isinstance(given, Say)

    def _queued(self, given: Input | Sample, row: Notification, story: Story, book: Book) -> None:
        known = story.rows.setdefault(row.channel, [])
        if row.id in known:
            return
        internal = row.channel in _channels(book.plan, Audience.INTERNAL)
        if story.over:
            raise Divergence(f"{row.id} by {row.channel} after {story.id} was called over")
        if row.about == "resolved":
            if not known:
                raise Divergence(f"{row.id} tells {row.channel} of the end of what it never heard of")
            self._may_be_over(given, row, story, book)
            story.ends.add(row.channel)
        elif not known and not internal:
            self._may_begin(row, story, book)
            for channel in story.colleagues:
                if channel in book.plan.channels and not story.rows.get(channel):
                    raise Divergence(
                        f"{row.id}: customers by {row.channel} hear of it before colleagues by {channel}"
                    )
        known.append(row.id)

    def _may_begin(self, row: Notification, story: Story, book: Book) -> None:
        """Customers hear of it by a person's leave, or when the policy of each service that is named gives it."""
        outage = book.outages.get(story.incident)
        if story.approved:
            return
        if outage is None or outage.quiet or outage.severity is not Severity.CRITICAL:
            raise Divergence(f"{row.id} tells customers of what is muted, mild or over")
        alarms = grave_of(book, outage)
        if not any(alarm.state == "firing" and alarm.error != ErrorClass.AUTH.value for alarm in alarms):
            raise Divergence(f"{row.id} tells customers of a refused login, a mere warning, or what recovers")
        for name in row.services:
            service = book.plan.services.get(name)
            if service is None:
                continue
            wait = service.announce.push
            if wait is None or book.now - story.created < wait:
                raise Divergence(f"{row.id} tells customers of {name} before its time, or without leave")

    def _may_be_over(self, given: Input | Sample, row: Notification, story: Story, book: Book) -> None:
        """By itself it is called over once recovery has held; by a person's word or a reload at once."""
        if isinstance(given, Say | Resolve | Reloaded) or story.spoken:
            return
        if book.felt.get(story.incident):
            raise Divergence(f"{row.id} calls {story.incident} over while customers feel it")
        told_of = book.outages.get(story.incident)
        if told_of is not None and told_of.into is not None:
            return  # what it was merged into has words of its own, and this says so
        since = book.eased.get(story.incident, story.moved)
        if since is None or book.now - since < book.plan.hold_recovery:
            raise Divergence(f"{row.id} calls {story.incident} over before recovery has held")

    def _ended(self, story: Story, plan: Plan) -> None:
        """Whoever was told hears the end, in the very decision that ends it."""
        deaf = [channel for channel in story.rows if channel in plan.channels and channel not in story.ends]
        if deaf:
            raise Divergence(f"{story.id} is over, and {deaf} never hear of it")
        story.over = True

    def _owed(self, book: Book) -> None:
        """What every policy gives leave to say is said soon."""
        for outage in book.outages.values():
            wait = self._leave(book, outage)
            alarms = tuple(sorted(alarm.key for alarm in felt_by(book, outage)))
            if wait is None:
                self.due.pop(outage.id, None)
                continue
            circumstances = (wait, id(book.plan), outage.opening, alarms)
            known = self.due.get(outage.id)
            if known is None or known[0] != circumstances:
                self.due[outage.id] = known = (circumstances, book.now)
            if book.now - known[1] > wait + PATIENCE and not self._told(outage):
                raise Divergence(f"customers were never told of {outage.id}")

    def _leave(self, book: Book, outage: Outage) -> timedelta | None:
        """Return how long customers wait for a word of this incident; None where they may wait for ever."""
        if outage.state != "open" or outage.quiet or outage.severity is not Severity.CRITICAL:
            return None
        alarms = grave_of(book, outage)
        if not alarms or any(
            alarm.error == ErrorClass.AUTH.value or alarm.state != "firing" for alarm in alarms
        ):
            return None
        if any(story.incident == outage.id and story.spoken for story in self.stories.values()):
            return None
        if not _channels(book.plan, Audience.EVERYONE) or self.born[outage.id] != len(self.plans):
            return None  # a channel that a reload brings is not told of what others have read
        names = self.hit.setdefault(outage.id, set())  # what has joined has all the others wait for its leave
        services = [book.plan.services[name] for name in sorted(names) if name in book.plan.services]
        waits = [one.announce.push for one in services if one.public]
        return None if None in waits else max((wait for wait in waits if wait is not None), default=None)

    def _told(self, outage: Outage) -> bool:
        return any(
            story.incident == outage.id and any(channel in ("news", "feed") for channel in story.rows)
            for story in self.stories.values()
        )


def _channels(plan: Plan, audience: Audience) -> tuple[str, ...]:
    return tuple(name for name in plan.announce_on if plan.channels[name].audience is audience)
