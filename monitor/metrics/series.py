"""The series of the checks: written by hand, because a library takes 100 times as long and stalls the loop.

The lines of a check are kept until its sample changes, so a scrape joins strings. Checks of one kind mostly
have the same families in the same order (the same *shape*): their lines are joined column by column.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
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


@dataclass(frozen=True, slots=True)
class Form:
    """How the samples of a check are written as long as they have the same values: all but the numbers.

    `starts` has the beginning of each line, `factors` what a number is multiplied by where it is not 1, `places` which
    lines belong to each family of `shape`.
    """

    shape: tuple[Family, ...]
    starts: tuple[str, ...]
    factors: tuple[tuple[int, float], ...]
    places: tuple[tuple[int, ...], ...]

    def lines(self, numbers: list[float]) -> tuple[str, ...]:
        """Return the lines of each family."""
        for place, factor in self.factors:
            numbers[place] *= factor
        flat = [
            f"{start}{value!r}\n" if isfinite(value) else f"{start}{number(value)}\n"
            for start, value in zip(self.starts, numbers, strict=True)
        ]
        if len(self.places) == len(flat):
            return tuple(flat)
        return tuple(
            flat[places[0]] if len(places) == 1 else "".join([flat[place] for place in places])
            for places in self.places
        )


@dataclass(frozen=True, slots=True)
class Block:
    """What was written of one check: its lines per family, in the order of `form.shape`."""

    check: Check
    plan: CheckPlan | None
    sample: Sample
    likeness: object
    form: Form
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
            self._blocks[name] = self._write(check, about, sample, block)
            written += 1
            if written % SLICE == 0:
                await asyncio.sleep(0)

    async def text(self, form: Format) -> bytes:
        """Return every family with its header and all its lines; give way to others between families."""
        rows: dict[tuple[Family, ...], list[tuple[str, ...]]] = {}
        for block in self._blocks.values():
            rows.setdefault(block.form.shape, []).append(block.lines)
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

    def _write(self, check: Check, plan: CheckPlan | None, sample: Sample, before: Block | None) -> Block:
        likeness = _likeness(sample)
        if before and before.check is check and before.plan is plan and before.likeness == likeness:
            form = before.form
        else:
            form = self._form(check, plan, sample)
        return Block(check, plan, sample, likeness, form, form.lines(_numbers(type(check.probe), sample)))

    def _form(self, check: Check, plan: CheckPlan | None, sample: Sample) -> Form:
        families = {family.name: family for family, _ in families_of(type(check.probe)).values()}
        series = _series(check, plan, sample, families)
        by_family: dict[str, list[int]] = {}
        for place, (name, _, _) in enumerate(series):
            by_family.setdefault(name, []).append(place)
        names = tuple(by_family)
        shape = self._shapes.get(names)
        if shape is None:
            # The first kind to use a name says what it means: one family has one help text.
            shape = tuple(self._families.setdefault(name, families[name]) for name in names)
            self._shapes[names] = shape
        return Form(
            shape=shape,
            starts=tuple(f"{name}{{{labelled}}} " for name, labelled, _ in series),
            factors=tuple((place, factor) for place, (_, _, factor) in enumerate(series) if factor != 1.0),
            places=tuple(tuple(places) for places in by_family.values()),
        )


@cache
def families_of(kind: type[Probe]) -> dict[str, tuple[Family, float]]:
    """Return for each metric of a kind its family and the factor from our base unit to that of Prometheus."""
    return {name: _family(kind.KIND, name, metric) for name, metric in kind.METRICS.items()}


def _family(kind: str, name: str, metric: Metric) -> tuple[Family, float]:
    factor = 1.0
    if metric.exposed is None and metric.unit is Unit.BITS_PER_SECOND:
        name, factor = name.replace("bits_per_second", "bytes_per_second"), 1 / 8  # Prometheus counts bytes
    return Family(name=metric.exposed or f"nightbell_{kind}_{name}", help=metric.help), factor


def _series(
    check: Check, plan: CheckPlan | None, sample: Sample, families: dict[str, Family]
) -> list[tuple[str, str, float]]:
    """Return family, labels and factor of each line, in the order of `_numbers`; complete `families`."""
    kind, base = type(check.probe), _labels(check, plan)
    metrics = families_of(kind)
    found = [(LAST_RUN.name, base, 1.0), (DURATION.name, base, 1.0)]
    if sample.outcome is not Outcome.UNKNOWN:  # our own trouble is no word about the target
        found.append((SUCCESS.name, base, 1.0))
    if sample.outcome is not Outcome.UP:
        error = sample.error.value if sample.error else ""
        found.append((TROUBLE.name, f'{base},outcome="{sample.outcome.value}",error="{error}"', 1.0))
    if sample.phases:
        name = _PHASES.get(kind.KIND, f"nightbell_{kind.KIND}_phase_duration_seconds")
        families.setdefault(name, Family(name=name, help="How long each phase of the last run took."))
        found += [(name, f'{base},phase="{phase}"', 1.0) for phase in sample.phases]
    for labelled, values in _targets(kind, base, sample):
        for name in values:
            if name in metrics:
                family, factor = metrics[name]
                found.append((family.name, labelled, factor))
    families |= {family.name: family for family in (LAST_RUN, DURATION, SUCCESS, TROUBLE)}
    return found


def _numbers(kind: type[Probe], sample: Sample) -> list[float]:
    """Return what stands on each line, in the order of `_series`."""
    numbers = [sample.at.timestamp(), sample.duration]
    if sample.outcome is not Outcome.UNKNOWN:
        numbers.append(1.0 if sample.outcome is Outcome.UP else 0.0)
    if sample.outcome is not Outcome.UP:
        numbers.append(1.0)
    numbers += sample.phases.values()
    metrics = families_of(kind)
    numbers += [value for name, value in sample.values.items() if name in metrics]
    for values in sample.parts.values():
        numbers += [value for name, value in values.items() if name in metrics]
    return numbers


def _likeness(sample: Sample) -> object:
    """Return what two samples share that are written alike."""
    parts = tuple((name, *values) for name, values in sample.parts.items()) if sample.parts else ()
    return sample.outcome, sample.error, tuple(sample.phases), tuple(sample.values), parts


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
