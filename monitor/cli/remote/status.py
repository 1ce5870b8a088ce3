"""`nightbell status`: what is going on, on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import click

from monitor.cli.client import Client
from monitor.cli.output import Paper, print_json
from monitor.cli.remote.incidents import ACTIVE, explained, list_incidents
from monitor.cli.rotas import rotas, show_rotas
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import count, listed

RECENT: Final = 100
"""How many of the last notifications tell how delivery is doing."""

SHOWN: Final = 10
"""How many notifications that failed are shown to people."""

WORST: Final = ("critical", "down", "warning", "unknown", "info", "up")
FAILED: Final = ("failed", "ambiguous", "expired")

Row = dict[str, Any]


@click.command()
@json_option
@pass_surroundings
def status(here: Surroundings, *, as_json: bool) -> None:
    """Show what is going on.

    The daemon, services, open incidents, checks that are not up, who is on call, and how delivery is doing.
    """
    found = here.whereabouts()
    seen = _ask(found.client(), found.url)
    if as_json:
        print_json(seen)
        return
    paper = here.paper(found)
    for part in (_daemon, _incidents, _services, _checks, _oncall, _delivery):
        part(paper, seen)


def _ask(client: Client, url: str) -> Row:
    ready, health = client.open("/readyz"), client.open("/healthz")
    incidents = [row for state in ACTIVE for row in client.items("incidents", state=state, most=500)]
    incidents.sort(key=lambda row: str(row.get("opened_at")), reverse=True)
    checks = client.items("checks")
    recent = client.items("notifications", most=RECENT)
    return {
        "url": url,
        "ready": ready.status == 200,
        "troubles": health.body.get("troubles", {}) if isinstance(health.body, dict) else {},
        "blind_since": health.body.get("blind_since") if isinstance(health.body, dict) else None,
        "services": [_news(service, incidents, checks) for service in client.listing("services")],
        "incidents": incidents,
        "checks": {
            "outcomes": Counter(str(row.get("outcome") or "not yet run") for row in checks),
            "not_up": [row for row in checks if row.get("outcome") not in ("up", None)],
        },
        "oncall": rotas(client.get("oncall")),
        "delivery": {
            "recent": Counter(str(row.get("state")) for row in recent),
            "failed": [row for row in recent if row.get("state") in FAILED],
        },
    }


def _news(service: Row, incidents: Sequence[Row], checks: Sequence[Row]) -> Row:
    """Return a service with its worst news: the severity of an incident, the outcome of a check."""
    concerned = [row for row in incidents if service.get("id") in (row.get("services") or ())]
    mine = [row.get("outcome") for row in checks if row.get("name") in (service.get("checks") or ())]
    words = [word for word in (*(row.get("severity") for row in concerned), *mine) if word in WORST]
    return {
        "id": service.get("id"),
        "title": service.get("title"),
        "state": min(words, key=WORST.index, default=None),
        "public_state": service.get("public_state"),
        "incidents": [row.get("id") for row in concerned],
    }


def _daemon(paper: Paper, seen: Row) -> None:
    paper.state(f"Nightbell at {seen['url']} is", "ready" if seen["ready"] else "not ready")
    if seen["blind_since"]:
        since = paper.when(seen["blind_since"])
        paper.state(
            "blind", f"since {since}: no canary answers, nothing is said of what lies beyond this network"
        )
    for part, trouble in seen["troubles"].items():
        paper.state("trouble", f"with {part}: {trouble}")


def _incidents(paper: Paper, seen: Row) -> None:
    rows = seen["incidents"]
    if not rows:
        paper.say("There are no open incidents.")
        return
    waiting = sum(1 for row in rows if not row.get("acknowledged_at"))
    how = (
        f"{waiting} not acknowledged" if waiting else "all acknowledged" if len(rows) > 1 else "acknowledged"
    )
    paper.say(f"{count(len(rows), 'open incident')}, {how}:", "")
    list_incidents(paper, rows, empty="")


def _services(paper: Paper, seen: Row) -> None:
    if seen["services"]:
        paper.say("")
        paper.table(
            ("service", "title", "state", "customers read", "incidents"),
            [
                (row["id"], _title(row), row["state"], row["public_state"], listed(row["incidents"]))
                for row in seen["services"]
            ],
            empty="",
        )


def _title(row: Row) -> object:
    title = row["title"]
    return next(iter(title.values()), "") if isinstance(title, dict) else title


def _checks(paper: Paper, seen: Row) -> None:
    paper.say("", f"Checks: {_counted(seen['checks']['outcomes'])}.")
    if seen["checks"]["not_up"]:
        paper.table(
            ("check", "outcome", "error", "at", "message"),
            [
                (
                    row.get("name"),
                    row.get("outcome"),
                    row.get("error"),
                    paper.since(row.get("at")),
                    explained(row),
                )
                for row in seen["checks"]["not_up"]
            ],
            empty="",
        )


def _oncall(paper: Paper, seen: Row) -> None:
    paper.say("")
    show_rotas(paper, seen["oncall"])


def _delivery(paper: Paper, seen: Row) -> None:
    recent, failed = seen["delivery"]["recent"], seen["delivery"]["failed"]
    if not recent:
        paper.say("", "Nobody was ever notified.")
        return
    number = sum(recent.values())
    many = f"The last {count(number, 'notification')}" if number > 1 else "The only notification"
    paper.say("", f"{many}: {_counted(recent)}.")
    if failed:
        paper.table(
            ("notification", "kind", "to", "channel", "state", "reason"),
            [
                [row.get(name) for name in ("id", "kind", "to", "channel", "state", "reason")]
                for row in failed[:SHOWN]
            ],
            empty="",
        )


def _counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(numbers.items())) or "none"
