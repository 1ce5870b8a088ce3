"""`nightbell probe`: one check, once, right here."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import click

from monitor.cli import times
from monitor.cli.exits import CannotTell, Exit
from monitor.cli.local.drawing import bars, runs
from monitor.cli.output import Paper, print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings
from monitor.cli.words import one_line

if TYPE_CHECKING:
    from config.model import Check
    from probes.sample import Sample

DEFAULT_TIMEOUT: Final = 5.0
EXITS: Final = {"up": Exit.DONE, "down": Exit.REFUSED, "unknown": Exit.UNKNOWN}


@click.command()
@click.argument("check")
@click.option("--timeout", metavar="TIME", help="The deadline, like 10s; else the check's own, for a URL 5s.")
@click.option(
    "--apart",
    metavar="TIME",
    default="1s",
    show_default=True,
    help="How long what is a rate is measured: twice, so far apart.",
)
@click.option(
    "--seen", is_flag=True, help="Run nothing: show the daemon's last runs of CHECK and its last failure."
)
@json_option
@pass_surroundings
@click.pass_context
def probe(
    ctx: click.Context,
    here: Surroundings,
    *,
    check: str,
    timeout: str | None,
    apart: str,
    seen: bool,
    as_json: bool,
) -> None:
    """Run one check once, right here.

    CHECK is the name of a check in the configuration, a URL like https://shop.example/health, or an address
    like 10.0.0.5:5432. The daemon need not be running; nothing is recorded and nobody is told. What is
    measured as a rate is measured twice. Ends with 0 for up, 1 for down, 3 for unknown.
    """
    if seen:
        _show_seen(here, check, as_json=as_json)
        return
    limit = _seconds("--timeout", timeout) if timeout is not None else None
    between = _seconds("--apart", apart)
    if "://" not in check and ":" in check:  # no name holds a colon: an address, as in the configuration
        check = f"tcp://{check}"
    wanted = _of_url(check, limit) if "://" in check else _of_name(here, check, limit)
    sample = asyncio.run(_observe(wanted, between))
    if as_json:
        print_json(_written(wanted, sample))
    else:
        _show(Paper(zone=None, now=here.clock.now()), wanted, sample)
    _leave(EXITS[sample.outcome.value])
    ctx.exit(EXITS[sample.outcome.value])


def _seconds(option: str, text: str) -> float:
    try:
        return times.duration(text).total_seconds()
    except ValueError as error:
        raise click.UsageError(f"{option} {error}") from error


def _of_name(here: Surroundings, name: str, limit: float | None) -> Check:
    from dataclasses import replace

    loaded = here.load_or(CannotTell)
    found = loaded.checks.get(name)
    if found is None:
        from difflib import get_close_matches

        close = get_close_matches(name, loaded.checks, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(loaded.checks) or 'none'}"
        raise CannotTell(f"cannot probe {one_line(name)}: there is no such check in {here.config}; {hint}")
    return replace(found, timeout=limit) if limit else found


def _of_url(url: str, limit: float | None) -> Check:
    from pydantic import TypeAdapter, ValidationError

    from config.model import Check
    from probes.kinds import KINDS

    scheme = url.partition("://")[0].lower()
    kind = next((kind for kind in KINDS.values() if scheme in kind.SCHEMES), None)
    if kind is None:
        known = sorted(word for kind in KINDS.values() for word in kind.SCHEMES)
        raise CannotTell(f"cannot probe {scheme}://…: no probe knows that scheme; known: {', '.join(known)}")
    try:
        options = kind.from_url(url)
        made = TypeAdapter(kind).validate_python(options)
    except ValidationError as error:
        causes = "; ".join(str(cause["msg"]).removeprefix("Value error, ") for cause in error.errors())
        raise CannotTell(f"cannot probe that {scheme} URL: {causes}") from None
    except ValueError as error:
        raise CannotTell(f"cannot probe that {scheme} URL: {error}") from None
    timeout = limit or DEFAULT_TIMEOUT
    return Check(
        name=_name(url), probe=made, every=timeout, timeout=timeout, retry_every=timeout, fingerprint=""
    )


def _name(url: str) -> str:
    """Return a URL without what may be secret in it: user, password and query."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}".partition("?")[0]


async def _observe(check: Check, between: float) -> Sample:
    """Run the check; once more when the first run left something to take a difference from."""
    from monitor.engine.runner import Executors, run_once

    memory: dict[str, Any] = {}
    with Executors() as executors:
        sample = await run_once(check, executors, memory)
        if check.probe.HOST and memory:
            await asyncio.sleep(between)
            sample = await run_once(check, executors, memory)
    return sample


def _leave(code: Exit) -> None:
    """End at once when a call still hangs in a thread: the deadline is over, and so are we."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.name.startswith(("host_", "resolve_")):
            thread.join(0.1)
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)


def _written(check: Check, sample: Sample) -> dict[str, Any]:
    return {
        "name": sample.check,
        "probe": check.probe.KIND,
        "target": check.probe.target,
        "outcome": sample.outcome.value,
        "error": sample.error.value if sample.error else None,
        "message": sample.message,
        "at": times.written(sample.at),
        "duration": sample.duration,
        "values": dict(sample.values),
        "parts": {part: dict(values) for part, values in sample.parts.items()},
        "phases": dict(sample.phases),
        "log": list(sample.log),
    }


def _show(paper: Paper, check: Check, sample: Sample) -> None:
    from probes.units import show_seconds

    error = f"({sample.error.value})" if sample.error else ""
    words = [f"{sample.check} is", sample.outcome.value, error, f"after {show_seconds(sample.duration)}"]
    paper.state(*filter(None, words))
    if sample.message:
        paper.say(sample.message)
    if sample.phases:
        paper.say("")
        paper.title("Phases")
        paper.say(*bars(sample.phases))
    _show_values(paper, check, "Values", sample.values)
    for part, values in sample.parts.items():
        _show_values(paper, check, f"{(check.probe.PART or 'part').capitalize()} {one_line(part)}", values)
    if sample.log:
        paper.say("")
        paper.title("Log")
        paper.say(*sample.log)


def _show_seen(here: Surroundings, name: str, *, as_json: bool) -> None:
    """Show what the daemon has seen of a check."""
    found = here.whereabouts()
    told = found.client().get("checks", name)
    if as_json:
        print_json(told)
        return
    paper, history, failure = here.paper(found), told["history"], told["last_failure"]
    if not history:
        paper.say(f"{one_line(name)} has not run yet")
        return
    paper.state(f"{one_line(name)} is", told["outcome"] or "unknown", f"at {paper.when(told['at'])}")
    paper.say("")
    paper.title(f"Last {len(history)} runs")
    paper.say(runs(history))
    if failure is None:
        return
    paper.say("")
    paper.title("Last failure")
    paper.state(
        paper.when(failure["at"]), failure["outcome"], f"({failure['error']})" if failure["error"] else ""
    )
    paper.say(failure["message"], *failure["log"])


def _show_values(paper: Paper, check: Check, title: str, values: Any) -> None:
    from probes.units import Unit, show

    if not values:
        return
    metrics = check.probe.METRICS
    paper.say("")
    paper.title(title)
    paper.table(
        ("value", "is", "meaning"),
        [
            (
                name,
                show(value, metrics[name].unit if name in metrics else Unit.COUNT),
                metrics[name].help if name in metrics else "",
            )
            for name, value in values.items()
        ],
        empty="",
    )
