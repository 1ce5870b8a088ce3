"""`nightbell announce`: the outward word to customers."""

from __future__ import annotations

from typing import Any

import click

from monitor.cli import times
from monitor.cli.arguments import ANNOUNCEMENT, Pair, by_option, limit_option
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.whereabouts import Whereabouts
from monitor.cli.words import listed, one_line

STATES = ("investigating", "identified", "monitoring", "resolved")


@click.group()
def announce() -> None:
    """Tell customers about an outage."""


@announce.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@limit_option
@json_option
@pass_surroundings
def list_(here: Surroundings, *, everything: bool, limit: int, as_json: bool) -> None:
    """List announcements, and what waits for approval."""
    found = here.whereabouts()
    paper = here.paper(found)
    rows = found.client().items("announcements", most=limit)
    if not everything:
        rows = [row for row in rows if row.get("state") != "resolved" and not row.get("withdrawn")]
    if as_json:
        print_json({"items": rows})
        return
    paper.table(
        ("id", "incident", "services", "state", "told", "recovery expected", "next update"),
        [
            (
                row.get("id"),
                row.get("incident"),
                listed(row.get("services")),
                row.get("state"),
                _told(paper, row),
                paper.clock(row.get("expected_recovery_at")),
                paper.since(row.get("next_update_at")),
            )
            for row in rows
        ],
        empty="There are no announcements." if everything else "There are no open announcements.",
    )
    waiting = [
        one_line(row.get("id"))
        for row in rows
        if row.get("state") != "resolved" and not (row.get("published_at") and row.get("pushed_at"))
    ]
    if waiting:
        paper.say("", f"To tell customers now: nightbell announce publish {waiting[0]}")


@announce.command()
@click.argument("announcement", type=ANNOUNCEMENT)
@by_option
@json_option
@pass_surroundings
def publish(here: Surroundings, *, announcement: str, by: str | None, as_json: bool) -> None:
    """Approve an announcement: on the page and to the customers' channels, now."""
    found = here.whereabouts()
    answer = found.client().post("announcements", announcement, "publish", body={"by": by})
    _show(here.paper(found), answer, as_json)


@announce.command()
@click.argument("announcement", type=ANNOUNCEMENT)
@click.option(
    "--state", type=click.Choice(STATES), help="What it is now; identified is only ever said by a person."
)
@click.option(
    "--text",
    "texts",
    type=Pair(),
    multiple=True,
    metavar="LANGUAGE=TEXT",
    help="The words, once per language.",
)
@click.option("--expected", metavar="TIME", help="When recovery is expected, like +30m or 18:00.")
@click.option("--next-update", metavar="TIME", help="When customers hear the next word.")
@by_option
@json_option
@pass_surroundings
def update(
    here: Surroundings,
    *,
    announcement: str,
    state: str | None,
    texts: tuple[tuple[str, str], ...],
    expected: str | None,
    next_update: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Tell customers more: new words, a new state, new times. What is not given stays.

    \b
    nightbell announce update A-1 --state identified --expected +30m \\
        --text zh=已找到原因 --text en="We found the cause."
    """
    if not (state or texts or expected or next_update):
        raise click.UsageError("say what is new: --state, --text, --expected or --next-update")
    found = here.whereabouts()
    body = {
        "by": by,
        "state": state,
        "text": dict(texts) or None,
        "expected_recovery_at": _moment(here, found, "--expected", expected),
        "next_update_at": _moment(here, found, "--next-update", next_update),
    }
    answer = found.client().post("announcements", announcement, "update", body=body)
    _show(here.paper(found), answer, as_json)


def _moment(here: Surroundings, found: Whereabouts, option: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        at = times.moment(text, found.zone, here.clock.now())
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error
    return times.written(at)


def _told(paper: Paper, row: dict[str, Any]) -> str:
    """Say where customers can read it by now, or what it waits for."""
    if row.get("withdrawn"):
        return "withdrawn"
    told = [word for word, name in (("page", "published_at"), ("push", "pushed_at")) if row.get(name)]
    waits = [
        f"{word} {paper.since(row[f'{word}_at'])}" if row.get(f"{word}_at") else f"{word} waits for approval"
        for word in ("page", "push")
        if word not in told
    ]
    return ", ".join([*told, *waits])


def _show(paper: Paper, row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    texts = row.get("text")
    paper.title(f"{row.get('id')} {one_line(row.get('state'))}")
    paper.facts(
        {
            "incident": row.get("incident"),
            "services": listed(row.get("services")),
            "told": _told(paper, row),
            "recovery expected": paper.when(row.get("expected_recovery_at")),
            "next update": paper.when(row.get("next_update_at")),
            **(texts if isinstance(texts, dict) else {}),
        }
    )
