"""What people of the simulated world say, to whatever there is by then."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerting.announcements.announcement import Announcement
from alerting.incidents.incident import Incident
from alerting.incidents.silence import Silence
from alerting.inputs import (
    Acknowledge,
    AddSilence,
    EndSilence,
    Escalate,
    Input,
    OpenTicket,
    Publish,
    Resolve,
    Say,
    TicketAction,
    WorkTicket,
)
from alerting.notification import Kind, Notification, NotificationState
from alerting.state import State
from alerting.tickets.ticket import Ticket, TicketState
from lab.simulation_script import Event


def said(event: Event, state: State, now: datetime) -> Input | None:
    """Return the input; None where there is nothing it could be said to."""
    more, by = event.more, event.more["by"]
    if event.what == "silence":
        return AddSilence(
            matchers=more["matchers"],
            author=by or "api",
            reason="known",
            starts_at=now + timedelta(minutes=more["delay"]) if more["delay"] else None,
            ends_at=now + timedelta(minutes=more["delay"] + more["minutes"]),
        )
    if event.what == "open ticket":
        return OpenTicket(title="by hand", ticket_class=more["class"], by=by, service=more["service"])
    kind = {"unsilence": Silence, "ticket": Ticket, "publish": Announcement, "say": Announcement}.get(
        event.what, Incident
    )
    known = sorted(state.records[kind], key=lambda key: (len(key), key))
    if not known:
        return None
    name = known[-1 - int(more["pick"] ** 2 * len(known))]  # rather the newest
    minutes = more.get("minutes")
    lasting = None if minutes is None else timedelta(minutes=minutes)
    match event.what:
        case "acknowledge":
            return Acknowledge(
                incident=name, by=by, via="link", lasting=lasting, step=_link(state, name, by, more["pick"])
            )
        case "resolve":
            return Resolve(incident=name, by=by, false_alarm=more["false_alarm"])
        case "escalate":
            return Escalate(incident=name, by=by)
        case "unsilence":
            return EndSilence(silence=name, by=by)
        case "ticket":
            return WorkTicket(
                ticket=name,
                action=more["action"],
                by=by,
                assignee=more["assignee"],
                ticket_class=more["class"],
                note=more["note"],
            )
        case "publish":
            return Publish(announcement=name, by=by)
        case _:
            text = {"en": "So it is."} if more["words"] else {}
            at = None if lasting is None else now + lasting
            return Say(announcement=name, by=by, state=more["state"], text=text, expected_recovery_at=at)


def _link(state: State, incident: str, person: str | None, pick: float) -> str:
    """Return the step whose link a person follows, of the pages they have; empty where they use none."""
    steps = [
        row.step
        for row in state.records[Notification].values()
        if isinstance(row, Notification)
        and row.kind is Kind.PAGE
        and (row.incident, row.to) == (incident, person)
        and row.state is NotificationState.ACCEPTED
    ]
    return sorted(steps)[int(pick * 997) % len(steps)] if steps and pick * 7 % 1 < 0.6 else ""


def finished(state: State) -> list[Input]:
    """Return what people still have to do when all is well again: resolve what they work on, close the confirmed."""
    done: list[Input] = []
    for ticket in state.records[Ticket].values():
        if isinstance(ticket, Ticket) and ticket.state is not TicketState.RESOLVED:
            action = TicketAction.RESOLVE if ticket.state.active else TicketAction.CLOSE
            done.append(WorkTicket(ticket=ticket.id, action=action, by="li"))
    return done
