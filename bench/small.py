"""What small things cost by themselves: a scrape, a look at the host, a threshold, a ping."""

from __future__ import annotations

import asyncio
import statistics
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import uvloop
from lib.cost import on_core
from lib.extent import Extent
from lib.figures import Figure, Section
from lib.fleet import fleet
from lib.nginx import Nginxes, nginxes
from lib.nightbell import nightbell, write
from lib.process import MEASURED, Unavailable
from lib.scrape import Scraper
from lib.window import watch

from config import Config, load
from config.kinds import HOST_CHECKS
from config.model import Check
from monitor.engine.runner import Executors, Runner, run_once
from probes.sample import Outcome, Sample

TEXT = """\
A scrape is what the daemon's CPU differs by between a time with scrapes and one without. The rest is CPU of this
process, of all its threads, by the code the daemon runs: a look at the host is one run of each of its checks; a
threshold is judged on a good sample; a ping is one request of a run of three, to this machine."""
SERIES = 10_000
CHECKS = 700
"""HTTP checks that make about so many series."""
ROUNDS = 20
SCRAPED = 10.0
"""Seconds over which ROUNDS scrapes are spread."""
PINGS = 300
"""Runs at once."""


def measure(extent: Extent) -> Section:
    """Measure each; what is not there is said to be."""
    with nginxes(extent.folder / "nginx", 1) as targets:
        config = _config(targets, extent.folder)
        found = [_figure(f"scrape of {SERIES:,} series", "ms", 10, lambda: _scrape(targets, extent))]
        with on_core(MEASURED):
            found += uvloop.run(_asynchronous(config))
            found.append(_figure("a threshold on a good sample", "µs", 0.3, lambda: _threshold(config)))
    return Section(key="small", title="Small things", text=TEXT, figures=found)


async def _asynchronous(config: Config) -> list[Figure]:
    with Executors() as executors:
        return [
            await _awaited("a look at the host", "ms", 1, _host(config, executors)),
            await _awaited("a ping", "µs", 20, _ping(config, executors)),
        ]


def _scrape(targets: Nginxes, extent: Extent) -> float:
    """Return the milliseconds a scrape takes a daemon, by the difference between a time with and one without."""
    config = fleet(targets, CHECKS)
    with nightbell(config, extent.folder / "nightbell") as daemon, Scraper(daemon.port) as scraper:
        time.sleep(11)  # every check has run
        scraper.scrape()
        quiet = watch([daemon.program], targets, SCRAPED)
        gap = SCRAPED / ROUNDS
        busy = watch([daemon.program], targets, SCRAPED, scraper=scraper, scrape_every=gap)
        series = scraper.scrape().read().series
    took = busy.cpu_seconds - quiet.cpu_seconds * busy.seconds / quiet.seconds
    return 1e3 * took / len(busy.scrapes) * SERIES / series


async def _host(config: Config, executors: Executors) -> float:
    checks = [config.checks[name] for name in HOST_CHECKS if name in config.checks]
    memories: dict[str, dict[str, Any]] = {check.name: {} for check in checks}
    took = []
    runner = Runner(executors)
    for _ in range(ROUNDS):
        began = process_time()
        await _all(runner, [(check, memories[check.name]) for check in checks])
        took.append(process_time() - began)
    return 1e3 * statistics.median(took)


async def _ping(config: Config, executors: Executors) -> float:
    check = config.checks.get("echo")
    if check is None:
        raise Unavailable("there is no such probe yet")
    await _sample(check, executors)
    runner, requests = Runner(executors), getattr(check.probe, "count", 1)
    memories: list[dict[str, Any]] = [{} for _ in range(PINGS)]
    began = process_time()
    samples = await _all(runner, [(check, memory) for memory in memories])
    took = process_time() - began
    if any(sample.outcome is not Outcome.UP for sample in samples):
        raise Unavailable("not every ping was answered")
    return 1e6 * took / PINGS / requests


def _threshold(config: Config) -> float:
    from alerting.thresholds.quiet import compile_quiet

    name, about = next((name, plan) for name, plan in config.plan.checks.items() if plan.probe == "http")
    with Executors() as executors:
        sample = uvloop.run(_sample(config.checks[name], executors))
    quiet, times = compile_quiet(about.thresholds), 20_000
    if not quiet(sample, ()):
        raise Unavailable("the sample was not good")
    names = {"quiet": quiet, "sample": sample}
    best = min(timeit.repeat("quiet(sample, ())", globals=names, number=times, repeat=5))
    return 1e6 * best / times / len(about.thresholds)


async def _sample(check: Check, executors: Executors) -> Sample:
    sample = await run_once(check, executors, {})
    if sample.outcome is not Outcome.UP:
        raise Unavailable(f"{check.name}: {sample.message}")
    return sample


async def _all(runner: Runner, runs: list[tuple[Check, dict[str, Any]]]) -> list[Sample]:
    """Run checks at once, as the scheduler starts them, and return their samples."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    samples: list[Sample] = []

    def done(sample: Sample | None) -> None:
        if sample is not None:
            samples.append(sample)
        if len(samples) == len(runs) and not ended.done():
            ended.set_result(None)

    for check, memory in runs:
        runner.start(check, memory, done)
    await asyncio.wait_for(ended, 30)
    return samples


def _config(targets: Nginxes, folder: Path) -> Config:
    from probes.kinds import KINDS

    written = fleet(targets, CHECKS)
    if "ping" in KINDS:
        written["checks"]["echo"] = {"probe": "ping", "target": "127.0.0.1", "interval": "20ms"}
    path = folder / "small.yaml"
    write(path, written)
    return load(path, env={}, state_dir=folder)


async def _awaited(what: str, unit: str, goal: float, value: Any) -> Figure:
    try:
        return Figure(what=what, unit=unit, value=await value, goal=goal)
    except Exception as problem:
        return Figure(what=what, unit=unit, goal=goal, note=_why(problem))


def _figure(what: str, unit: str, goal: float, value: Callable[[], float]) -> Figure:
    try:
        return Figure(what=what, unit=unit, value=value(), goal=goal)
    except Exception as problem:
        return Figure(what=what, unit=unit, goal=goal, note=_why(problem))


def _why(problem: Exception) -> str:
    """Say why one small thing has no figure: the others keep theirs."""
    return str(problem).partition("\n")[0] if isinstance(problem, Unavailable) else repr(problem)
