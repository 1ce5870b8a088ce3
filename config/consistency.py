"""What must hold within and between entries, beyond the shape of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import time, timedelta

from alerting.oncall.rota import Day
from alerting.sight import CHECK
from config.building.staff import terms_of
from config.complaint import KeyPath, Notes
from config.document import RESERVED, Document
from config.model import HEARTBEAT
from config.schema.decode import known_keys
from config.schema.staff import ShiftKeys
from config.source.block import Series, locate
from probes.api import Misfit


def check_consistency(document: Document, notes: Notes) -> None:
    """Complain of what contradicts itself."""
    for check in (
        *(_timeouts, _rotas, _escalations, _channels, _dependencies, _terms),
        *(_reserved, _canaries, _listen),
    ):
        check(document, notes)


def _timeouts(document: Document, notes: Notes) -> None:
    for name, entry in document.checks.items():
        ask = getattr(entry.probe, "misfit", None)  # kinds without times among their options have none
        misfit: Misfit | None = ask(entry.keys.timeout or document.defaults.timeout) if ask else None
        if misfit is None:
            continue
        if misfit.fatal:
            at, shown = locate(document.root, ("checks", name, *misfit.option.split(".")))
            notes.complain(at, shown, misfit.words, "raise `timeout`, or send fewer, or sooner")
        else:
            notes.warn(f"`checks.{name}.{misfit.option}` {misfit.words}")


def _rotas(document: Document, notes: Notes) -> None:
    for name, rota in document.rotas.items():
        path = ("rotas", name)
        if not rota.shifts:
            notes.complain(*locate(document.root, path), "has no shifts")
            continue
        gap = gaps_of(rota.shifts.values())
        if gap is not None and not document.fallback:
            notes.complain(
                *locate(document.root, path),
                f"nobody is on shift on {gap}",
                "fill the gap, or name somebody in `fallback:`",
            )


def gaps_of(shifts: Iterable[ShiftKeys]) -> str | None:
    """Return what no shift of a week (wall clock) covers, as `Mon 16:00 to 18:00 and 2 more times a week`, or None."""
    day = 24 * 60
    covered: list[tuple[int, int]] = []
    for shift in shifts:
        begin, end = _minutes(shift.from_), _minutes(shift.to)
        length = (end - begin) % day or day
        for weekday in shift.days:
            start = list(Day).index(weekday) * day + begin
            covered += [(start, start + length), (start - 7 * day, start + length - 7 * day)]
    gaps: list[tuple[int, int]] = []
    reached = 0
    for start, end in [*sorted(covered), (7 * day, 7 * day)]:
        if start > reached:
            gaps.append((reached, min(start, 7 * day)))
        reached = max(reached, end)
    if len(gaps) > 1 and gaps[0][0] == 0 and gaps[-1][1] == 7 * day:
        # One gap over the end of the week, not two.
        gaps = [*gaps[1:-1], (gaps[-1][0], gaps[0][1] + 7 * day)]
    if not gaps:
        return None
    more = len(gaps) - 1
    return _week_time(*gaps[0]) + (
        f" and {more} more {'time' if more == 1 else 'times'} a week" if more else ""
    )


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _week_time(start: int, end: int) -> str:
    names = [day.value.capitalize() for day in Day]
    day = 24 * 60

    def clock(minute: int) -> str:
        return f"{minute % day // 60:02}:{minute % 60:02}"

    begin = f"{names[start // day % 7]} {clock(start)}"
    if (end - 1) // day == start // day:
        return f"{begin} to {clock(end) if end % day else '24:00'}"
    return f"{begin} to {names[end // day % 7]} {clock(end)}"


def _escalations(document: Document, notes: Notes) -> None:
    for name, steps in document.escalations.items():
        written = document.root["escalations"].get(name)
        if not isinstance(written, Series) or len(written) != len(steps):
            continue
        path: KeyPath = ("escalations", name)
        paging = [(index, step) for index, step in enumerate(steps) if step.repeat is None]
        if not paging:
            notes.complain(*locate(document.root, path), "has no step that pages anybody")
        before: timedelta | None = None
        for index, step in enumerate(steps):
            at, shown = locate(document.root, (*path, index))
            if step.repeat is not None:
                if index != len(steps) - 1:
                    notes.complain(at, shown, "`repeat` belongs to the last line")
                if step.page is not None or step.after is not None or step.by:
                    notes.complain(at, shown, "`repeat` stands alone on its line")
                continue
            page = step.page
            if page is None or not (page.rota or page.backup or page.people):
                notes.complain(at, shown, "pages nobody", "write `page:` with rota, backup or people")
            after = step.after
            if after is None and before is not None:
                notes.complain(at, shown, "needs `after`, counted from the incident's opening")
                continue
            after = after or timedelta(0)
            if before is not None and after <= before:
                notes.complain(
                    *locate(document.root, (*path, index, "after")),
                    "must come later than the step before it",
                    "`after` counts from the incident's opening",
                )
            before = after


def _channels(document: Document, notes: Notes) -> None:
    for name, channel in document.channels.items():
        path = ("channels", name)
        complaint = getattr(channel.notifier, "complaint", None)
        message = complaint() if callable(complaint) else None
        if message:
            # A complaint about one option begins with its name.
            option, colon, rest = str(message).partition(": ")
            known = colon and option in known_keys(type(channel.notifier))
            where = (*path, option) if known else path
            notes.complain(*locate(document.root, where), rest if known else str(message))
        if name == HEARTBEAT:
            notes.complain(
                *locate(document.root, path),
                "cannot have this name: it is the outward heartbeat's",
                "its URL stands in `heartbeat:` at the top level",
            )
        if channel.keys.audience is not None and channel.keys.self_test is not None:
            notes.complain(
                *locate(document.root, (*path, "self_test")),
                "a channel with an audience is not tested on its readers",
                "test its notifier on a channel without one",
            )
        if channel.keys.audience is not None and channel.notifier.needs_address:
            notes.complain(
                *locate(document.root, (*path, "audience")),
                "a channel that reaches one person by their address cannot have an audience",
                "an audience's channel names its destination itself",
            )
    for person, keys in document.people.items():
        for channel_id in keys.channels:
            entry = document.channels.get(channel_id)
            if entry is not None and entry.keys.audience is not None:
                notes.complain(
                    *locate(document.root, ("people", person, "channels", channel_id)),
                    f"the channel has the audience {entry.keys.audience.value}: nobody is paged on it",
                )
    for index, channel_id in enumerate(document.announcements.channels or ()):
        entry = document.channels.get(channel_id)
        if entry is not None and entry.keys.audience is None:
            notes.complain(
                *locate(document.root, ("announcements", "channels", index)),
                f"the channel `{channel_id}` has no audience",
                "give it `audience: everyone` or `audience: internal`",
            )


def _dependencies(document: Document, notes: Notes) -> None:
    upstream = {name: service.depends_on for name, service in document.services.items()}
    done: set[str] = set()
    for start, first in upstream.items():
        trail: list[tuple[str, Iterator[str]]] = [(start, iter(first))]
        while trail:
            name, following = trail[-1]
            step = next((one for one in following if one in upstream and one not in done), None)
            if step is None:
                done.add(name)
                trail.pop()
                continue
            on_trail = [one for one, _ in trail]
            if step in on_trail:
                circle = " -> ".join([*on_trail[on_trail.index(step) :], step])
                index = upstream[name].index(step)
                notes.complain(
                    *locate(document.root, ("services", name, "depends_on", index)),
                    f"goes round in a circle: {circle}",
                )
                continue
            trail.append((step, iter(upstream[step])))


def _terms(document: Document, notes: Notes) -> None:
    for ticket_class, written in document.tickets.classes.items():
        terms = terms_of(ticket_class, written)
        at, shown = locate(document.root, ("tickets", "classes", ticket_class.value))
        if terms.remind >= terms.respond:
            notes.complain(at, shown, "reminds only when the response is already due")
        if terms.resolve < terms.respond:
            notes.complain(at, shown, "is due to be resolved before the first response")


def _reserved(document: Document, notes: Notes) -> None:
    for name in RESERVED:
        if name in document.names("thresholds"):
            at, shown = locate(document.root, ("thresholds", name), key=True)
            notes.complain(
                at,
                shown,
                "is the threshold every check has by itself",
                "set failures, recover, severity and impact on the check or in `defaults:`",
            )


def _canaries(document: Document, notes: Notes) -> None:
    for index, entry in enumerate(document.canaries):
        if entry.probe.target is None:
            at, shown = locate(document.root, ("canaries", index))
            notes.complain(at, shown, "asks this machine itself", "name somebody far away instead")
    if document.canaries and CHECK in document.checks:
        notes.complain(
            *locate(document.root, ("checks", CHECK), key=True),
            "has the name under which blindness is told",
            "choose another name: there are `canaries:`",
        )


def _listen(document: Document, notes: Notes) -> None:
    listen = document.listen
    if listen.internal == listen.public and listen.public.port:
        notes.complain(*locate(document.root, ("listen", "public")), "is the same address as `internal`")
