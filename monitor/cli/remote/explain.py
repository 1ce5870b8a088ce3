"""`nightbell explain`: why a check or an incident is alerting or is not, and who would be told."""

from __future__ import annotations

from typing import Any

import click

from monitor.cli import times
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed, one_line


@click.command()
@click.argument("subject", metavar="CHECK|INCIDENT")
@click.option("--at", metavar="TIME", help="Who would be told then, like 03:00 or +12h; now if not given.")
@json_option
@pass_surroundings
def explain(here: Surroundings, *, subject: str, at: str | None, as_json: bool) -> None:
    """Show why something is alerting or is not, and who would be told.

    Of a CHECK: each threshold that judges it, how far that is, and what keeps it quiet. Then a rehearsal: if it were
    down from --at on and nobody answered, who would be told within an hour, when and by which channel. The daemon
    itself decides that, exactly as it would; nothing leaves.

    Of an INCIDENT: the same of the check that caused it, and what has happened.
    """
    found = here.whereabouts()
    client = found.client()
    zone, now = found.zone, here.clock.now()
    try:
        asked = times.written(times.moment(at, zone, now)) if at else None
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from error
    incident: dict[str, Any] | None = None
    if subject.upper().startswith("INC-"):
        incident = client.get("incidents", subject.upper())
        subject = str((incident.get("cause") or {}).get("check"))
    why = client.get("checks", subject, "explain", at=asked)
    if as_json:
        print_json({**why, "incident": incident})
        return
    paper = here.paper(found)
    if incident is not None:
        _show_incident(paper, incident)
    _show_check(paper, why)
    _show_rehearsal(paper, why, named=bool(at))


def _show_incident(paper: Paper, incident: dict[str, Any]) -> None:
    paper.title(f"{incident.get('id')} {one_line(incident.get('title'))}")
    by, quiet = incident.get("acknowledged_by"), incident.get("quiet")
    paper.facts(
        {
            "state": incident.get("state"),
            "severity": incident.get("severity"),
            "quiet": quiet or None,
            "acknowledged": f"{by or 'yes'}, {paper.since(incident['acknowledged_at'])}"
            if incident.get("acknowledged_at")
            else "no",
        }
    )
    paper.say("")
    paper.timeline(incident.get("timeline") or [])
    paper.say("")


def _show_check(paper: Paper, why: dict[str, Any]) -> None:
    outcome = why.get("outcome")
    paper.title(f"{why.get('check')} is {outcome or 'not yet known'}")
    paper.facts(
        {
            "seen": paper.since(why.get("at")) if why.get("at") else None,
            "because": one_line(why.get("message")) or None,
            "services": listed(why.get("services")) or None,
            "owner": why.get("owner"),
            "escalation": why.get("escalation"),
        }
    )
    paper.say("")
    paper.table(
        ("threshold", "finds trouble", "now", "incident", "quiet"),
        [
            (
                str(line.get("alert", "")).partition("/")[2],
                line.get("rule"),
                line.get("standing"),
                line.get("incident"),
                line.get("quiet"),
            )
            for line in why.get("thresholds") or ()
        ],
        empty="No threshold judges it.",
    )
    paper.say("")


def _show_rehearsal(paper: Paper, why: dict[str, Any], *, named: bool) -> None:
    foreseen = why.get("foreseen") or {}
    when = paper.when(foreseen.get("at")) if named else "now"
    paper.title(f"If it were down from {when} on and nobody answered")
    begin = times.instant(foreseen.get("at"))
    paper.table(
        ("after", "kind", "to", "channel", "title"),
        [
            (
                times.length((at - begin).total_seconds())
                if begin and (at := times.instant(row.get("at")))
                else "",
                row.get("kind"),
                row.get("to") or "",
                row.get("channel"),
                one_line(row.get("title")),
            )
            for row in foreseen.get("told") or ()
        ],
        empty="Nobody would be told: there are no people or channels to tell.",
    )
