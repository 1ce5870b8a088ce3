"""The judge: what really was (`lab.world`), what providers took (`lab.providers`), and what is wrong between the two.

A pure function over ledgers that knows nothing of the daemon but how its messages read: an incident's number, the
target's name, the words that own up to a repeat, and the step inside an acknowledgement link.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lab.world import Outage

MARK: Final = "may be a repeat"
_INCIDENT: Final = re.compile(r"\bINC-\d+\b")
_TARGET: Final = re.compile(r"\btarget-\d+\b")
_LINK: Final = re.compile(r"/ack/([A-Za-z0-9_-]+)")
_SEAL: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a provider took, as its reader sees it. `at` in seconds since 1970; `steps` by incident."""

    at: float
    service: str
    to: str
    kind: str
    key: str
    incidents: frozenset[str]
    targets: frozenset[str]
    steps: Mapping[str, str]
    marked: bool
    n: int = 0
    mode: str = "ok"
    """How the provider treated it."""
    again: bool = False
    """The provider knew its key, and dropped it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is expected. Times in seconds.

    `must`: who is down for longer has to be paged, on each of `ways` (service, to), within `deadline` of going down.
    `may`: who was down for less must not be. `stale`: a page this long after the end is about nothing any more.
    `now`: when the ledgers were closed.
    """

    now: float
    ways: Sequence[tuple[str, str]]
    must: float = 10.0
    may: float = 0.0
    deadline: float = 60.0
    stale: float = 30.0
    steps: int = 1
    """How many different pages one outage may cost each way; a policy of several steps makes more than one."""
    told: bool = True
    """Whether who was paged has to hear of the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A person acknowledged an incident, and was told that it is recorded."""

    incident: str
    at: float
    grace: float = 1.0


@dataclass(slots=True)
class Verdict:
    """What is wrong, one line each."""

    judged: int = 0
    """Outages that had to be paged or were, times ways."""
    pages: int = 0
    lost: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    """The same message taken more than once, marked or not."""
    unmarked: list[str] = field(default_factory=list)
    """A repeat that does not own up to it."""
    effective: list[str] = field(default_factory=list)
    """The same page under two keys: no provider can drop that."""
    false: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    leak: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    """Paged, and never told that it is over."""

    def wrong(self) -> dict[str, list[str]]:
        """All that must never be. Duplicates are not among it: some are allowed, and bounded where they are."""
        names = ("lost", "late", "unmarked", "effective", "false", "order", "leak", "untold")
        return {name: found[:20] for name in names if (found := getattr(self, name))}


def messages(receipts: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Return what was taken, oldest first."""
    return [_message(one) for one in receipts if one.get("taken")]


def _message(one: Mapping[str, Any]) -> Message:
    title, text = str(one.get("title") or ""), str(one.get("text") or "")
    kind = str(one.get("kind") or "")
    if kind == "mail":  # a letter does not say; its subject does
        kind = "recovery" if "recovered" in title else "page"
    steps = dict(filter(None, (_claim(link) for link in _LINK.findall(text))))
    named = {str(one["incident"])} if one.get("incident") else set()
    return Message(
        at=float(one["at"]),
        service=str(one["service"]),
        to=str(one.get("to") or ""),
        kind=kind,
        key=str(one.get("key") or ""),
        incidents=frozenset(named | set(_INCIDENT.findall(f"{title}\n{text}"))),
        targets=frozenset(_TARGET.findall(f"{title}\n{text}")),
        steps=steps,
        marked=MARK in text,
        n=int(one.get("n") or 0),
        mode=str(one.get("mode") or "ok"),
        again=one["service"] == "pager" and bool(one.get("again")),
    )


def _claim(token: str) -> tuple[str, str] | None:
    """Return (incident, step) of a link: behind the seal stand fields led by their lengths, the third is the step."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[_SEAL:]
        fields, place = [], 0
        while place < len(raw):
            size = raw[place]
            fields.append(raw[place + 1 : place + 1 + size])
            place += 1 + size
        incident, _person, step, *_opening = fields
        return incident.decode(), step.decode()
    except (ValueError, IndexError):
        return None


def check(
    outages: Iterable[Outage],
    taken: Sequence[Message],
    rules: Rules,
    acknowledged: Iterable[Acknowledged] = (),
) -> Verdict:
    """Judge."""
    verdict = Verdict()
    by_target: dict[str, list[Outage]] = defaultdict(list)
    for outage in sorted(outages, key=lambda one: one.down_from):
        by_target[outage.target].append(outage)
    taken = sorted(taken, key=lambda one: (one.at, one.n))
    pages = [one for one in taken if one.kind == "page"]
    verdict.pages = len(pages)
    _repeats(verdict, taken)
    _keys(verdict, pages)
    _falsehoods(verdict, by_target, pages, rules)
    for target, row in by_target.items():
        about = [page for page in pages if target in page.targets]
        for place, outage in enumerate(row):
            ends = row[place + 1].down_from if place + 1 < len(row) else float("inf")
            _one(verdict, outage, [page for page in about if outage.down_from <= page.at < ends], rules)
    _ends(verdict, taken, rules)
    for ack in acknowledged:
        verdict.order += [
            f"page after ack: {ack.incident} by {page.service} to {page.to}, {page.at - ack.at:.1f} s after"
            for page in pages
            if ack.incident in page.incidents and page.at > ack.at + ack.grace
        ]
    return verdict


def _repeats(verdict: Verdict, taken: Sequence[Message]) -> None:
    """The same key to the same place again. Only the repeat has to be marked."""
    seen: set[tuple[str, str, str]] = set()
    for one in taken:
        place = (one.service, one.to, one.key)
        if place in seen:
            words = f"#{one.n} {one.kind} {sorted(one.incidents)} by {one.service} to {one.to} key {one.key}"
            verdict.duplicates.append(words)
            if not one.marked:
                verdict.unmarked.append(words)
        seen.add(place)


def _falsehoods(
    verdict: Verdict, by_target: Mapping[str, Sequence[Outage]], pages: Sequence[Message], rules: Rules
) -> None:
    for page in pages:
        if not page.targets:
            verdict.false.append(f"#{page.n} names no target: {sorted(page.incidents)}")
        for target in page.targets:
            if not any(_reason(outage, page.at, rules) for outage in by_target.get(target, ())):
                verdict.false.append(f"#{page.n} {target} by {page.service} to {page.to} at {page.at:.2f}")


def _reason(outage: Outage, at: float, rules: Rules) -> bool:
    """Tell whether an outage is a reason to page at that moment."""
    if outage.down_from > at or outage.lasted(rules.now) < rules.may:
        return False
    return outage.down_to is None or at <= outage.down_to + rules.stale


def _one(verdict: Verdict, outage: Outage, pages: Sequence[Message], rules: Rules) -> None:
    """Judge one outage by the pages between it and the target's next one."""
    what = f"{outage.target} down from {outage.down_from:.2f}"
    alone = [page for page in pages if len(page.targets) == 1]  # a bundle names others' incidents too
    incidents = set[str]().union(*(page.incidents for page in alone))
    if len(incidents) > 1:
        verdict.leak.append(f"{what}: {sorted(incidents)}")
    for service, to in rules.ways:
        here = [page for page in pages if (page.service, page.to) == (service, to) and not page.again]
        if here or outage.lasted(rules.now) >= rules.must:
            verdict.judged += 1
            if not here:
                verdict.lost.append(f"{what}: nothing by {service} to {to}")
            elif here[0].at > outage.down_from + rules.deadline:
                verdict.late.append(
                    f"{what}: by {service} to {to} after {here[0].at - outage.down_from:.1f} s"
                )
        keys = {page.key for page in here}
        if len(keys) > rules.steps:
            verdict.effective.append(
                f"{what}: {len(keys)} different pages by {service} to {to}: {sorted(keys)}"
            )


def _keys(verdict: Verdict, pages: Sequence[Message]) -> None:
    """One step of one incident to one person by one way has one key, and so has a bundle it is in."""
    keys: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for page in pages:
        for incident, step in page.steps.items():
            keys[incident, step, page.service, page.to].add(page.key)
    for (incident, step, service, to), found in keys.items():
        if len(found) > 1:
            verdict.effective.append(f"{incident} step {step} by {service} to {to} as {sorted(found)}")


def _ends(verdict: Verdict, taken: Sequence[Message], rules: Rules) -> None:
    """Recovery notices come after a page, and each who was paged last hears of the end."""
    told: dict[tuple[str, str, str], str] = {}
    for one in taken:
        for incident in one.incidents:
            way = (incident, one.service, one.to)
            if one.kind == "recovery" and way not in told:
                verdict.order.append(f"#{one.n} end before any page: {incident} by {one.service} to {one.to}")
            if one.kind in ("page", "recovery"):
                told[way] = one.kind
    if rules.told:
        verdict.untold += [
            f"{incident} by {service} to {to}"
            for (incident, service, to), kind in told.items()
            if kind == "page"
        ]
