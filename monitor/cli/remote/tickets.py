"""`nightbell tickets`: all of them, all of one, or work on one."""

from __future__ import annotations

from typing import Any, Final

import click

from monitor.cli import times
from monitor.cli.arguments import TICKET, by_option, limit_option
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed, one_line

OPEN: Final = ("new", "accepted", "in_progress")
STATES: Final = ("open", *OPEN, "resolved", "confirmed", "closed", "all")
ACTIONS: Final = ("accept", "start", "classify", "resolve", "confirm", "reopen", "close")
CLASSES: Final = ("urgent", "general", "complex")


@click.command()
@click.argument("ticket", required=False, type=TICKET)
@click.argument("action", required=False, type=click.Choice(ACTIONS))
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="open",
    show_default=True,
    help="Only those in this state; open are new, accepted and in_progress.",
)
@click.option(
    "--class", "ticket_class", type=click.Choice(CLASSES), help="The class to give it: for classify."
)
@click.option("--note", metavar="TEXT", help="Why: needed for classify.")
@limit_option
@by_option
@json_option
@pass_surroundings
def tickets(
    here: Surroundings,
    *,
    ticket: str | None,
    action: str | None,
    state: str,
    ticket_class: str | None,
    note: str | None,
    limit: int,
    by: str | None,
    as_json: bool,
) -> None:
    """List tickets, show one, or work on it.

    With a TICKET: all of it. With an ACTION as well, that is done first: `nightbell tickets T-3 start`.
    """
    if action == "classify" and (ticket_class is None or not note):
        raise click.UsageError("classify needs --class and --note")
    found = here.whereabouts()
    client = found.client()
    paper = here.paper(found)
    if ticket is not None:
        if action is None:
            whole = client.get("tickets", ticket)
        else:
            whole = client.post(
                "tickets", ticket, action, body={"by": by, "class": ticket_class, "note": note}
            )
        print_json(whole) if as_json else _show(paper, whole)
        return
    wanted: tuple[str | None, ...] = OPEN if state == "open" else (None if state == "all" else state,)
    rows = [row for word in wanted for row in client.items("tickets", state=word, most=limit)]
    rows = sorted(rows, key=lambda row: _number(row.get("id")), reverse=True)[:limit]
    if as_json:
        print_json({"items": rows})
        return
    adjective = "" if state == "all" else f"{state} "
    paper.table(
        ("id", "class", "state", "assignee", "due", "incident", "title"),
        [
            (
                row.get("id"),
                row.get("class"),
                row.get("state"),
                row.get("assignee"),
                _due(paper, row),
                row.get("incident"),
                row.get("title"),
            )
            for row in rows
        ],
        empty=f"There are no {adjective}tickets.",
    )


def _number(ticket: object) -> int:
    digits = str(ticket).rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _due(paper: Paper, row: dict[str, Any]) -> str:
    """Say which clock runs out next: the first response's, then the resolution's."""
    if row.get("state") not in OPEN:
        return ""
    word, name = ("answer", "respond_by") if not row.get("responded_at") else ("solve", "resolve_by")
    at = times.instant(row.get(name))
    if at is None:
        return ""
    return f"{word} {times.relative(at, paper.now)}" if at > paper.now else f"{word} late"


def _show(paper: Paper, whole: dict[str, Any]) -> None:
    paper.title(f"{whole.get('id')} {one_line(whole.get('title'))}")
    paper.facts(
        {
            "class": whole.get("class"),
            "state": whole.get("state"),
            "assignee": whole.get("assignee"),
            "incident": whole.get("incident"),
            "service": whole.get("service"),
            "opened": paper.when(whole.get("opened_at")),
            "respond by": paper.when(whole.get("respond_by")),
            "responded": paper.when(whole.get("responded_at")),
            "resolve by": paper.when(whole.get("resolve_by")),
            "resolved": paper.when(whole.get("resolved_at")),
            "breached": listed(whole.get("breached")),
        }
    )
    if whole.get("text"):
        paper.say("", str(whole["text"]))
    if whole.get("timeline"):
        paper.say("")
        paper.title("Timeline")
        paper.timeline(whole["timeline"])
