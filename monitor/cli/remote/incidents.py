"""`nightbell incidents`: all of them, or all of one."""

from __future__ import annotations

from typing import Any, Final

import click

from monitor.cli import times
from monitor.cli.arguments import INCIDENT, limit_option
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed, one_line

ACTIVE: Final = ("open", "recovering")
STATES: Final = ("active", "open", "recovering", "resolved", "closed", "all")


@click.command()
@click.argument("incident", required=False, type=INCIDENT)
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="active",
    show_default=True,
    help="Only those in this state; active are open and recovering.",
)
@click.option("--service", metavar="SERVICE", help="Only those of this service.")
@limit_option
@json_option
@pass_surroundings
def incidents(
    here: Surroundings, *, incident: str | None, state: str, service: str | None, limit: int, as_json: bool
) -> None:
    """List incidents, or show one whole.

    With an INCIDENT: its alerts, everybody who was told, and its timeline.
    """
    found = here.whereabouts()
    client = found.client()
    if incident is not None:
        whole = client.get("incidents", incident)
        told = client.items("notifications", incident=incident, most=500)
        if as_json:
            print_json({**whole, "notifications": told})
        else:
            show_incident(here.paper(found), whole, told)
        return
    wanted: tuple[str | None, ...] = ACTIVE if state == "active" else (None if state == "all" else state,)
    rows = [
        row for word in wanted for row in client.items("incidents", state=word, service=service, most=limit)
    ]
    rows = sorted(rows, key=lambda row: str(row.get("opened_at")), reverse=True)[:limit]
    if as_json:
        print_json({"items": rows})
        return
    adjective = "" if state == "all" else f"{state} "
    list_incidents(here.paper(found), rows, empty=f"There are no {adjective}incidents.")


def list_incidents(paper: Paper, rows: list[dict[str, Any]], *, empty: str) -> None:
    """Print incidents, one a row."""
    paper.table(
        ("id", "state", "severity", "opened", "acknowledged", "title"),
        [
            (
                row.get("id"),
                row.get("state"),
                row.get("severity"),
                paper.since(row.get("opened_at")),
                _acknowledged(paper, row),
                row.get("title"),
            )
            for row in rows
        ],
        empty=empty,
    )


def _acknowledged(paper: Paper, row: dict[str, Any]) -> str:
    if not row.get("acknowledged_at"):
        return "no" if row.get("state") in ACTIVE else ""
    by = row.get("acknowledged_by") or "yes"
    return f"{by}, {paper.since(row['acknowledged_at'])}"


def show_incident(paper: Paper, whole: dict[str, Any], told: list[dict[str, Any]]) -> None:
    """Print all that is known of one incident."""
    paper.title(f"{whole.get('id')} {one_line(whole.get('title'))}")
    paper.facts(
        {
            "state": whole.get("state"),
            "severity": whole.get("severity"),
            "services": listed(whole.get("services")),
            "cause": _cause(whole.get("cause")),
            "symptoms": listed(whole.get("symptoms")),
            "opened": paper.when(whole.get("opened_at")),
            "acknowledged": _acknowledged(paper, whole),
            "resolved": paper.when(whole.get("resolved_at")),
            "lasted": _lasted(whole),
            "reason": whole.get("reason"),
            "quiet": whole.get("quiet"),
            "flapping": "yes: only what comes of it is told" if whole.get("flapping") else None,
            "merged into": whole.get("merged_into"),
            "ticket": whole.get("ticket"),
            "announcement": whole.get("announcement"),
        }
    )
    paper.say("")
    paper.title("Alerts")
    paper.table(
        ("alert", "state", "severity", "message"),
        [_alert(alert) for alert in whole.get("alerts") or ()],
        empty="It has no alerts.",
    )
    paper.say("")
    paper.title("Told")
    paper.table(
        ("at", "kind", "to", "channel", "state", "reason"),
        [
            (
                paper.clock(row.get("created_at") or row.get("at")),
                row.get("kind"),
                row.get("to"),
                row.get("channel"),
                row.get("state"),
                row.get("reason"),
            )
            for row in reversed(told)
        ],
        empty="Nobody was told.",
    )
    paper.say("")
    paper.title("Timeline")
    paper.timeline(whole.get("timeline") or [])


def _cause(cause: Any) -> str:
    if not isinstance(cause, dict):
        return ""
    of = f" of {cause['service']}" if cause.get("service") else ""
    return f"{cause.get('alert') or cause.get('check') or 'unknown'}{of}"


def _alert(alert: Any) -> tuple[object, ...]:
    if not isinstance(alert, dict):
        return (alert, "", "", "")
    return (alert.get("id"), alert.get("state"), alert.get("severity"), explained(alert))


def explained(row: dict[str, Any]) -> object:
    """Return what an alert or a check says, and why it is quiet where it is."""
    message, why = row.get("message"), row.get("suppressed")
    return f"{one_line(message)} [quiet: {one_line(why)}]" if why else message


def _lasted(whole: dict[str, Any]) -> str:
    began = times.instant(whole.get("since")) or times.instant(whole.get("opened_at"))
    ended = times.instant(whole.get("resolved_at"))
    return times.length((ended - began).total_seconds()) if began and ended else ""
