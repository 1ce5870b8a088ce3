"""The series of the checks: written by hand, because a library takes 100 times as long and stalls the loop.

The lines of a check are kept until its sample changes, so a scrape joins strings. Checks of one kind mostly
have the same families in the same order (the same *shape*): their lines are joined column by column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from alerting.plan import CheckPlan, Plan
from config.model import Check
from monitor.metrics.exposition import Family, Format, encode, label_name, labels, number
from probes.api import Metric, Probe
from probes.sample import Outcome, Sample
from probes.units import Unit

SLICE: Final = 100
"""So many changed checks are written before the event loop gets its turn again (about 1 ms)."""

SUCCESS: Final = Family(name="probe_success", help="Whether the last run found its target up.")
DURATION: Final = Family(name="probe_duration_seconds", help="How long the last run took.")
LAST_RUN: Final = Family(
    name="nightbell_check_last_run_timestamp_seconds", help="When the last run of the check began."
)
TROUBLE: Final = Family(
    name="nightbell_check_trouble",
    help="1 while the last run was not up, with its outcome and error class; absent while it was.",
)
_PHASES: Final = {"http": "probe_http_duration_seconds", "dns": "probe_dns_duration_seconds"}
"""Where blackbox_exporter has a name for the phases of a kind."""

_OWN: Final = frozenset({"check", "instance", "phase", "outcome", "error"})
"""Labels that ours would clash with."""

Series = dict[str, dict[str, float]]
"""Values by family name, then by labels as written."""


@dataclass(frozen=True, slots=True)
class Block:
    """What was written of one check: its lines per family, in the order of `shape`."""

    check: Check
    plan: CheckPlan | None
    sample: Sample
    shape: tuple[Family, ...]
    lines: tuple[str, ...]


class CheckSeries:
    """The lines of every check."""

    def __init__(self) -> None:
        """Begin with none."""
        self._blocks: dict[str, Block] = {}
        self._families: dict[str, Family] = {}
        self._shapes: dict[tuple[str, ...], tuple[Family, ...]] = {}

    async def refresh(self, checks: Mapping[str, Check], plan: Plan, samples: Mapping[str, Sample]) -> None:
        """Write anew what has changed, drop what is no longer there; give way to others in between."""
        for name in [name for name in self._blocks if name not in checks or name not in samples]:
            del self._blocks[name]
        written = 0
        for name, check in list(checks.items()):
            sample = samples.get(name)
            if sample is None:
                continue
            about, block = plan.checks.get(name), self._blocks.get(name)
            if block and block.sample is sample and block.check is check and block.plan is about:
                continue
            self._blocks[name] = self._write(check, about, sample)
            written += 1
            if written % SLICE == 0:
                await asyncio.sleep(0)

    async def text(self, form: Format) -> bytes:
        """Return every family with its header and all its lines; give way to others between families."""
        rows: dict[tuple[Family, ...], list[tuple[str, ...]]] = {}
        for block in self._blocks.values():
            rows.setdefault(block.shape, []).append(block.lines)
        families: dict[Family, list[tuple[str, ...]]] = {}
        for shape, lines in rows.items():
            for family, column in zip(shape, zip(*lines, strict=True), strict=True):
                families.setdefault(family, []).append(column)
        parts = []
        for family in sorted(families, key=lambda family: family.name):
            columns = ("".join(column) for column in families[family])
            parts.append(encode("".join((family.header(form), *columns))))
            await asyncio.sleep(0)
        return b"".join(parts)

    def _write(self, check: Check, plan: CheckPlan | None, sample: Sample) -> Block:
        families = {family.name: family for family, _ in families_of(type(check.probe)).values()}
        values = _values(check, plan, sample, families)
        names = tuple(values)
        shape = self._shapes.get(names)
        if shape is None:
            # The first kind to use a name says what it means: one family has one help text.
            shape = tuple(self._families.setdefault(name, families[name]) for name in names)
            self._shapes[names] = shape
        lines = tuple(
            "".join(f"{name}{{{written}}} {number(value)}\n" for written, value in series.items())
            for name, series in values.items()
        )
        return Block(check, plan, sample, shape, lines)


@cache
def families_of(kind: type[Probe]) -> dict[str, tuple[Family, float]]:
    """Return for each metric of a kind its family and the factor from our base unit to that of Prometheus."""
    return {name: _family(kind.KIND, name, metric) for name, metric in kind.METRICS.items()}


def _family(kind: str, name: str, metric: Metric) -> tuple[Family, float]:
    factor = 1.0
    if metric.exposed is None and metric.unit is Unit.BITS_PER_SECOND:
        name, factor = name.replace("bits_per_second", "bytes_per_second"), 1 / 8  # Prometheus counts bytes
    return Family(name=metric.exposed or f"nightbell_{kind}_{name}", help=metric.help), factor


def _values(check: Check, plan: CheckPlan | None, sample: Sample, families: dict[str, Family]) -> Series:
    """Return the series of one sample and complete `families` with those that every check has."""
    kind, base = type(check.probe), _labels(check, plan)
    metrics = families_of(kind)
    series: Series = {}
    for labelled, values in _targets(kind, base, sample):
        for name, value in values.items():
            if name in metrics:
                family, factor = metrics[name]
                series.setdefault(family.name, {})[labelled] = value * factor if factor != 1.0 else value
    if sample.phases:
        name = _PHASES.get(kind.KIND, f"nightbell_{kind.KIND}_phase_duration_seconds")
        families.setdefault(name, Family(name=name, help="How long each phase of the last run took."))
        series[name] = {f'{base},phase="{phase}"': value for phase, value in sample.phases.items()}
    for family, labelled, amount in _always(base, sample):
        families.setdefault(family.name, family)
        series.setdefault(family.name, {labelled: amount})
    return series


def _always(base: str, sample: Sample) -> Iterator[tuple[Family, str, float]]:
    yield LAST_RUN, base, sample.at.timestamp()
    yield DURATION, base, sample.duration
    if sample.outcome is not Outcome.UNKNOWN:  # our own trouble is no word about the target
        yield SUCCESS, base, 1.0 if sample.outcome is Outcome.UP else 0.0
    if sample.outcome is not Outcome.UP:
        error = sample.error.value if sample.error else ""
        yield TROUBLE, f'{base},outcome="{sample.outcome.value}",error="{error}"', 1.0


def _targets(kind: type[Probe], base: str, sample: Sample) -> Iterator[tuple[str, Mapping[str, float]]]:
    yield base, sample.values
    part = kind.PART or "part"
    for name, values in sample.parts.items():
        yield f"{base},{labels(((part, name),))}", values


def _labels(check: Check, plan: CheckPlan | None) -> str:
    pairs = {"check": check.name}
    if (target := check.probe.target) is not None:
        pairs["instance"] = target
    taken = _OWN | {check.probe.PART or "part"}
    given = sorted(plan.labels.items()) if plan else ()
    pairs |= {name: value for name, value in given if name not in taken and label_name(name)}
    return labels(pairs)
