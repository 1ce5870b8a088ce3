"""What HTTP checks cost with everything on, by their number, and what others take for the same."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lib.extent import Extent
from lib.figures import Figure, Section, number
from lib.fleet import fleet
from lib.nginx import Nginxes, nginxes
from lib.nightbell import nightbell
from lib.peers import PEERS
from lib.process import Unavailable
from lib.scrape import Metrics, Scraper, quantile
from lib.window import Window, pss, watch

CPU_GOALS = {1000: 0.25, 5000: 0.15, 10_000: 0.12}
MEMORY_GOALS = {1000: 85.0, 5000: 100.0, 10_000: 130.0}
RATIO_GOALS = {("stack", 1000): 0.1, ("stack", 5000): 0.1, ("stack", 10_000): 0.1, ("monit", 5000): 2.0}
LATENESS = "nightbell_run_lateness_seconds"
OPEN = "nightbell_incidents_open"
SKIPPED = "nightbell_runs_skipped_total"
TITLES = {
    "stack": "blackbox_exporter + Prometheus + Alertmanager",
    "monit": "monit",
    "bare": "bare sockets in Python",
}

TEXT = """\
Every check asks nginx once in 10 s over a fresh connection; thresholds, history, host checks and paging are on, and
`/metrics` is scraped every 10 s the way Prometheus does. Nightbell and monit have one core; Prometheus and what
belongs to it have all, for one is too few. nginx counts what was really asked, and CPU is divided by that. The truth
of a duration is what a plain blocking client measures at the same servers in the same windows. Bare sockets in Python
are no peer: they ask and do nothing else, and show what the machine and the language cost before ours begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a system did with a number of checks. None is what could not be read."""

    system: str
    checks: int
    windows: Sequence[Window]
    pss_bytes: dict[str, float]
    series: int = 0
    late_p99: float | None = None
    missed: float | None = None
    measured: float | None = None
    """Median of the durations it reports, in seconds."""
    false_alarms: float | None = None
    """Incidents open at the end; nothing was wrong with any target."""
    scrapes: list[float] = field(default_factory=list)

    @property
    def cpu_ms(self) -> float:
        """CPU per answered check."""
        return statistics.median(window.cpu_ms_per_check for window in self.windows)

    @property
    def cores(self) -> float:
        """Cores that were busy."""
        return statistics.median(window.cores for window in self.windows)

    @property
    def truth(self) -> float:
        """Seconds a plain client needed."""
        return statistics.median(window.truth_seconds for window in self.windows)


def measure(extent: Extent) -> Section:
    """Measure each size, ours and the others one after the other."""
    loads: list[Load] = []
    troubles: dict[tuple[str, int], str] = {}
    with nginxes(extent.folder / "nginx") as targets:
        for size in extent.sizes:
            loads.append(ours(targets, size, extent))
            for name in PEERS:
                if size in extent.peer_sizes[name]:
                    try:
                        loads.append(theirs(name, targets, size, extent))
                    except Unavailable as problem:
                        troubles[name, size] = str(problem).splitlines()[0]
    return Section(
        key="checks",
        title="HTTP checks",
        text=TEXT,
        figures=[
            *_figures([load for load in loads if load.system == "Nightbell"]),
            *_ratios(loads, troubles),
        ],
        columns=(
            "system",
            "checks",
            "CPU per check",
            "cores",
            "asked of due",
            "PSS",
            "series",
            "longest scrape",
        ),
        rows=[_row(load) for load in loads],
    )


def ours(targets: Nginxes, size: int, extent: Extent) -> Load:
    """Run Nightbell with so many checks. Raises Unavailable."""
    folder = extent.folder / f"nightbell-{size}"
    with nightbell(fleet(targets, size), folder) as daemon, Scraper(daemon.port) as scraper:
        programs = [daemon.program]
        watch(programs, targets, extent.settle, scraper=scraper)
        before = scraper.scrape()
        windows = [watch(programs, targets, extent.window, scraper=scraper) for _ in range(extent.windows)]
        after = scraper.scrape()
        memory = pss(programs)
    first, last = before.read(), after.read()
    durations = last.many.get("probe_duration_seconds")
    return Load(
        system="Nightbell",
        checks=size,
        windows=windows,
        pss_bytes=memory,
        series=last.series,
        late_p99=late(first, last),
        missed=gained(SKIPPED, first, last),
        measured=statistics.median(durations) if durations else None,
        false_alarms=sum(last.many[OPEN]) if OPEN in last.many else None,
        scrapes=[scrape.seconds for window in windows for scrape in window.scrapes],
    )


def theirs(name: str, targets: Nginxes, size: int, extent: Extent) -> Load:
    """Run another system with so many checks. Raises Unavailable."""
    with PEERS[name](targets, size, extent.folder / f"{name}-{size}") as programs:
        watch(programs, targets, extent.settle)
        windows = [watch(programs, targets, extent.window) for _ in range(extent.peer_windows)]
        if not all(window.answered for window in windows):
            raise Unavailable(f"{TITLES[name]} asked nobody")
        return Load(system=TITLES[name], checks=size, windows=windows, pss_bytes=pss(programs))


def late(first: Metrics, last: Metrics) -> float | None:
    """Return the lateness in seconds that 99 % of the runs in between kept."""
    return quantile(0.99, first.buckets.get(LATENESS, {}), last.buckets.get(LATENESS, {}))


def gained(name: str, first: Metrics, last: Metrics) -> float | None:
    """Return how far a counter went; None where there is none."""
    return last.single[name] - first.single.get(name, 0.0) if name in last.single else None


def _figures(loads: Sequence[Load]) -> Iterator[Figure]:
    for load in loads:
        size = f"{load.checks:,} checks"
        yield Figure(
            what=f"CPU per check, {size}", unit="ms", value=load.cpu_ms, goal=CPU_GOALS.get(load.checks)
        )
    for load in loads:
        size, daemon = f"{load.checks:,} checks", load.pss_bytes["nightbell"] / 1e6
        yield Figure(what=f"memory of the daemon, {size}", unit="MB", value=daemon, goal=MEMORY_GOALS.get(load.checks),
                     note=f"sending process {load.pss_bytes['children'] / 1e6:.0f} MB")  # fmt: skip
    for load in loads:
        size = f"{load.checks:,} checks"
        yield Figure(what=f"lateness p99, {size}", unit="ms", value=_ms(load.late_p99), goal=25)
        yield Figure(what=f"missed runs, {size}", unit="", value=load.missed, goal=0)
        yield Figure(what=f"false alarms, {size}", unit="", value=load.false_alarms, goal=0)
    for load in loads:
        off = None if load.measured is None else abs(load.measured - load.truth)
        note = (
            ""
            if load.measured is None
            else f"{1000 * load.measured:.2f} ms, truth {1000 * load.truth:.2f} ms"
        )
        yield Figure(what=f"measured duration off the truth at p50, {load.checks:,} checks", unit="ms",
                     value=_ms(off), goal=0.3, note=note)  # fmt: skip
    if len(loads) > 2:
        yield _growth(loads)


def _growth(loads: Sequence[Load]) -> Figure:
    """Return the line that fits the CPU over the number of checks."""
    sizes, cores = [float(load.checks) for load in loads], [load.cores for load in loads]
    slope, rest = statistics.linear_regression(sizes, cores)
    fit = statistics.correlation(sizes, cores) ** 2
    return Figure(
        what=f"share of one core that is busy with {max(sizes):,.0f} checks",
        unit="%",
        value=100 * cores[-1],
        goal=100,
        note=f"cores = {rest:.3f} + {slope * 1000:.4f} for each 1,000 checks, R² = {fit:.4f}",
    )


def _ratios(loads: Sequence[Load], troubles: dict[tuple[str, int], str]) -> Iterator[Figure]:
    mine = {load.checks: load.cpu_ms for load in loads if load.system == "Nightbell"}
    for (name, size), goal in RATIO_GOALS.items():
        if size not in mine:
            continue
        other = [load.cpu_ms for load in loads if load.system == TITLES[name] and load.checks == size]
        if not other and (name, size) not in troubles:
            continue
        value = mine[size] / other[0] if other else None
        note = f"1/{1 / value:.1f}" if value and value < 1 else troubles.get((name, size), "")
        what = f"CPU per check beside {TITLES[name]}, {size:,} checks"
        yield Figure(what=what, unit="times", value=value, goal=goal, note=note)


def _row(load: Load) -> tuple[str, ...]:
    asked = statistics.median(window.answered / window.seconds for window in load.windows)
    memory = sum(load.pss_bytes.values()) / 1e6
    return (
        load.system,
        f"{load.checks:,}",
        _spread([window.cpu_ms_per_check for window in load.windows]),
        number(load.cores),
        f"{asked:,.0f} of {load.checks / 10:,.0f}/s",
        f"{memory:,.0f} MB",
        f"{load.series:,}" if load.series else "",
        f"{1000 * max(load.scrapes):,.0f} ms" if load.scrapes else "",
    )


def _spread(values: Sequence[float]) -> str:
    """Return the median, with the least and the most behind it."""
    around = f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""
    return f"{number(statistics.median(values))} ms{around}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
