"""`nightbell check-config`: every complaint, and who will be on call."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli import times
from monitor.cli.exits import Exit
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import count, listed, one_line

if TYPE_CHECKING:
    from config.model import Config

SHOWN: Final = timedelta(days=14)
EXAMINED_WITHIN: Final = 20.0


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration, for editors.")
@json_option
@pass_surroundings
@click.pass_context
def check_config(
    ctx: click.Context, here: Surroundings, *, file: Path | None, schema: bool, as_json: bool
) -> None:
    """Check the configuration and show the rotas.

    Prints every complaint with its place, then who is on call for the next 14 days. Channels of Apprise are
    tried out without sending. Ends with 0 when the daemon would start with it (warnings do not matter), else
    with 1.
    """
    import config

    if schema:
        print_json(config.json_schema())
        return
    path = file or here.config
    now = here.clock.now()
    try:
        loaded = config.load(path, env=os.environ, state_dir=None)
    except config.ConfigError as error:
        if as_json:
            print_json(
                {"file": str(path), "ok": False, "complaints": list(map(_complaint, error.complaints))}
            )
        else:
            for complaint in error.complaints:
                click.echo(one_line(complaint))
            click.echo(f"{path}: {count(len(error.complaints), 'error')}.")
        ctx.exit(Exit.REFUSED)
    rotas = [_rota(loaded, name, now) for name in loaded.plan.rotas]
    warnings = [*loaded.warnings, *asyncio.run(_examine(loaded))]
    if as_json:
        print_json(
            {
                "file": str(path),
                "ok": True,
                "complaints": [],
                "warnings": warnings,
                "rotas": rotas,
            }
        )
        return
    for warning in warnings:
        click.echo(f"warning: {one_line(warning)}")
    click.echo(f"{path}: {_summary(loaded, len(warnings))}.")
    for rota in rotas:
        _show(loaded, rota, now)


def _complaint(complaint: Any) -> dict[str, Any]:
    return {name: getattr(complaint, name) for name in ("file", "line", "col", "path", "message", "hint")}


async def _examine(loaded: Config) -> list[str]:
    """Let the channels that can say more about themselves do so, without sending: once for each address on them."""
    warnings = []
    for name, channel in loaded.channels.items():
        examine = getattr(channel.notifier, "examine", None)
        if examine is None:
            continue
        people = {id_: person.channels.get(name, "") for id_, person in loaded.plan.people.items()}
        found = {id_: address for id_, address in people.items() if address}
        if not channel.notifier.needs_address:
            found = {"": ""}
        for id_, address in found.items():
            try:
                message = await asyncio.wait_for(examine(address), EXAMINED_WITHIN)
            except TimeoutError:
                message = f"did not tell within {EXAMINED_WITHIN:g} s whether it can send"
            if message:
                whose = f" with the address of `{id_}`" if id_ else ""
                warnings.append(f"`channels.{name}`{whose}: {message}")
        await channel.notifier.close()
    return warnings


def _summary(loaded: Config, warnings: int) -> str:
    plan = loaded.plan
    counted = [
        count(len(loaded.checks), "check"),
        count(len(plan.services), "service"),
        f"{len(plan.people) or 'no'} {'person' if len(plan.people) == 1 else 'people'}",
        count(len(plan.rotas), "rota"),
        count(len(plan.channels), "channel"),
    ]
    return f"{', '.join(counted)}; no errors, {count(warnings, 'warning')}"


def _rota(loaded: Config, name: str, now: datetime) -> dict[str, Any]:
    from alerting.oncall.shifts import timeline

    rota = loaded.plan.rotas[name]
    return {
        "rota": name,
        "timezone": rota.zone.key,
        "backup": list(rota.backup),
        "shifts": [
            {
                "from": times.written(entry.at),
                "until": times.written(entry.until),
                "shift": entry.shift,
                "people": list(entry.people),
            }
            for entry in timeline(rota, now, now + SHOWN)
        ],
    }


def _show(loaded: Config, rota: dict[str, Any], now: datetime) -> None:
    zone = loaded.plan.rotas[rota["rota"]].zone
    paper = Paper(zone=zone, now=now)
    backup = f", backup {listed(rota['backup'])}" if rota["backup"] else ""
    paper.say("")
    paper.title(f"Rota {rota['rota']}, the next {SHOWN.days} days ({rota['timezone']}{backup})")
    paper.table(
        ("from", "until", "shift", "on call"),
        [
            (
                _day(shift["from"], zone),
                _day(shift["until"], zone),
                shift["shift"],
                listed(shift["people"]) or "nobody",
            )
            for shift in rota["shifts"]
        ],
        empty="",
    )


def _day(written: str, zone: Any) -> str:
    at = times.instant(written)
    return f"{at.astimezone(zone):%a %m-%d %H:%M}" if at else ""
