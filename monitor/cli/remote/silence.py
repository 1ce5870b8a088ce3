"""`nightbell silence`: an operator's mute, with author, reason and end."""

from __future__ import annotations

from typing import Any

import click

from monitor.cli import times
from monitor.cli.arguments import SILENCE, Pair, by_option
from monitor.cli.moments import end_of, login, moment_of
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import listed, one_line


class ShortForm(click.Group):
    """`nightbell silence check=shop …` is `nightbell silence add check=shop …`, and so with `--preview` first."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a matcher for the command's name to mean `add`."""
        return super().resolve_command(ctx, ["add", *args] if "=" in args[0] else args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `--preview` before the matchers to mean `add --preview`."""
        return super().parse_args(ctx, ["add", *args] if args[:1] == ["--preview"] else args)


@click.group(cls=ShortForm)
def silence() -> None:
    """Mute alerts for a while, with a reason.

    Silenced alerts are measured, recorded and shown as ever; nobody is paged for them. What still fires when
    the silence ends pages at once. `nightbell silence check=shop …` is short for `nightbell silence add …`.
    """


@silence.command()
@click.argument("matchers", nargs=-1, required=True, type=Pair(), metavar="NAME=VALUE...")
@click.option("--for", "lasting", metavar="TIME", help="How long, like 2h.")
@click.option("--until", metavar="TIME", help="Until when, like 18:00 or '2027-01-04 08:00'.")
@click.option("--from", "begin", metavar="TIME", help="From when on; now if not given.")
@click.option("--reason", metavar="TEXT", help="Why; everybody reads it. Needed, unless it is a preview.")
@click.option("--preview", is_flag=True, help="Only show what it would mute.")
@click.option(
    "--author",
    envvar="NIGHTBELL_PERSON",
    show_envvar=True,
    metavar="PERSON",
    help="Who silences; your login name if not given.",
)
@json_option
@pass_surroundings
def add(
    here: Surroundings,
    *,
    matchers: tuple[tuple[str, str], ...],
    lasting: str | None,
    until: str | None,
    begin: str | None,
    reason: str | None,
    preview: bool,
    author: str | None,
    as_json: bool,
) -> None:
    """Mute what fits all of NAME=VALUE.

    NAME is check, service, threshold, severity, host, or a label; VALUE matches whole, * stands for anything.
    """
    found = here.whereabouts()
    if preview:
        seen = found.client().post("silences", "preview", body={"matchers": _matchers(matchers)})
        print_json(seen) if as_json else _show(here.paper(found), seen)
        return
    if reason is None:
        raise click.UsageError("say why: --reason TEXT")
    now = here.clock.now()
    starts_at = moment_of(begin, "--from", found, now) if begin else now
    ends_at = end_of(lasting, until, found, now, starts_at)
    body = {
        "matchers": _matchers(matchers),
        "author": author or login(),
        "reason": reason,
        "starts_at": times.written(starts_at) if begin else None,
        "ends_at": times.written(ends_at),
    }
    answer = found.client().post("silences", body=body)
    if as_json:
        print_json(answer)
        return
    paper = here.paper(found)
    paper.say(f"{answer.get('id')} mutes {_fits(answer)} until {paper.when(answer.get('ends_at'))}.")


@silence.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@json_option
@pass_surroundings
def list_(here: Surroundings, *, everything: bool, as_json: bool) -> None:
    """List the silences in force and to come."""
    found = here.whereabouts()
    paper = here.paper(found)
    rows = found.client().items("silences", most=1000)
    if not everything:
        rows = [row for row in rows if not _over(row, paper)]
    if as_json:
        print_json({"items": rows})
        return
    paper.table(
        ("id", "mutes", "until", "author", "reason"),
        [
            (row.get("id"), _fits(row), _span(row, paper), row.get("author"), row.get("reason"))
            for row in rows
        ],
        empty="There never was a silence." if everything else "Nothing is silenced.",
    )


def _show(paper: Paper, seen: dict[str, Any]) -> None:
    paper.facts(
        {
            "alerts now": listed(seen.get("alerts")) or "none",
            "incidents with one of them": listed(seen.get("incidents")) or "none",
            "of these go quiet": listed(seen.get("muted")) or "none",
            "checks it could mute": listed(seen.get("checks")) or "none",
            "their services": listed(seen.get("services")) or "none",
        }
    )


@silence.command()
@click.argument("silence_id", type=SILENCE, metavar="SILENCE")
@click.option("--for", "lasting", metavar="TIME", help="How long from now on, like 2h.")
@click.option("--until", metavar="TIME", help="Until when, like 18:00 or '2027-01-04 08:00'.")
@click.option("--reason", metavar="TEXT", help="Another reason.")
@by_option
@json_option
@pass_surroundings
def extend(
    here: Surroundings,
    *,
    silence_id: str,
    lasting: str | None,
    until: str | None,
    reason: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Let a silence end later, or earlier."""
    found = here.whereabouts()
    now = here.clock.now()
    ends_at = end_of(lasting, until, found, now, now)
    body = {"ends_at": times.written(ends_at), "reason": reason, "by": by}
    answer = found.client().post("silences", silence_id, "change", body=body)
    if as_json:
        print_json(answer)
        return
    paper = here.paper(found)
    paper.say(f"{silence_id} mutes {_fits(answer)} until {paper.when(answer.get('ends_at'))}.")


@silence.command()
@click.argument("silence_id", type=SILENCE, metavar="SILENCE")
@by_option
@json_option
@pass_surroundings
def end(here: Surroundings, *, silence_id: str, by: str | None, as_json: bool) -> None:
    """End a silence now.

    What it muted and still fires pages at once.
    """
    found = here.whereabouts()
    answer = found.client().post("silences", silence_id, "end", body={"by": by})
    if as_json:
        print_json(answer)
        return
    here.paper(found).say(f"{silence_id} is over; {_fits(answer)} pages again.")


def _matchers(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    matchers: dict[str, str] = {}
    for name, value in pairs:
        if name in matchers:
            raise click.UsageError(f"{name} is given twice; a silence mutes what fits all of NAME=VALUE")
        matchers[name] = value
    return matchers


def _fits(row: dict[str, Any]) -> str:
    matchers = row.get("matchers")
    words = matchers.items() if isinstance(matchers, dict) else ()
    return one_line(" ".join(f"{name}={value}" for name, value in words)) or "nothing"


def _over(row: dict[str, Any], paper: Paper) -> bool:
    ends_at = times.instant(row.get("ends_at"))
    return ends_at is not None and ends_at <= paper.now


def _span(row: dict[str, Any], paper: Paper) -> str:
    starts_at = times.instant(row.get("starts_at"))
    until = paper.when(row.get("ends_at"))
    return f"from {paper.clock(starts_at)} to {until}" if starts_at and starts_at > paper.now else until
