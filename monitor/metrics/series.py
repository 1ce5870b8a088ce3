"""The series of the checks: written by hand, because a library takes 100 times as long and stalls the loop.

Between two scrapes nearly every sample changes, so no line is kept: what is kept is how to write them. Samples of one
kind with the same values share a *form*; a check adds its labels, a sample its numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
"""So many checks are written before the event loop gets its turn again (about 0.5 ms)."""
FORMS: Final = 1000
"""So many forms are kept: of one kind there are a handful, unless each check has mount points of its own."""

SUCCESS: Final = Family(name="probe_success", help="Whether the last run found its target up.")
DURATION: Final = Family(name="probe_duration_seconds", help="How long the last run took.")
LAST_RUN: Final = Family(
    name="nightbell_check_last_run_timestamp_seconds", help="When the last run of the check began."
)
TROUBLE: Final = Family(
    name="nightbell_check_trouble",
    help="1 while the last run was not up, with its outcome and error class; absent while it was.",
)
IN_FULL: Final = "%r"
NANOSECONDS: Final = "%.9f"
"""As far as clocks tell: what a float has beyond that is left from a subtraction, and dear to write."""
MILLISECONDS: Final = "%.3f"
"""As far as Prometheus keeps times."""
_PHASES: Final = {"http": "probe_http_duration_seconds", "dns": "probe_dns_duration_seconds"}
"""Where blackbox_exporter has a name for the phases of a kind."""

_OWN: Final = frozenset({"check", "instance", "phase", "outcome", "error"})
"""Labels that ours would clash with."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """How one line is written, but for the labels of the check and the number.

    `factor` is what a number is multiplied by, `digits` the %-format for it.
    """

    family: Family
    more: str = ""
    factor: float = 1.0
    digits: str = IN_FULL

    def lines(self, labelled: list[str], numbers: tuple[float, ...]) -> str:
        """Return a line for each number; the labels of its check stand in the same place."""
        if self.factor != 1.0:
            numbers = tuple([value * self.factor for value in numbers])
        head, tail, value = f"{self.family.name}{{", f"{self.more}}} ", numbers[0]
        if numbers.count(value) == len(numbers):  # many are: a status, a version, a success
            tail = f"{tail}{self._one(value)}\n"
            return f"{head}{f'{tail}{head}'.join(labelled)}{tail}"
        if not isfinite(sum(numbers)):
            pairs = zip(labelled, numbers, strict=True)
            return "".join([f"{head}{labels}{tail}{self._one(value)}\n" for labels, value in pairs])
        between: list[str | float] = [value] * (2 * len(numbers))
        between[::2], between[1::2] = labelled, numbers
        tail = tail.replace("%", "%%")
        return f"{head}%s{tail}{self.digits}\n" * len(numbers) % tuple(between)  # at once: half the time

    def _one(self, value: float) -> str:
        return self.digits % value if isfinite(value) else number(value)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How samples are written that have the same values: a line for each number (None: for it there is none), and
    the numbers that follow from the likeness. Equal to itself alone: it is looked up for each sample.
    """

    places: tuple[Line | None, ...]
    given: tuple[float, ...]

    def numbers(self, sample: Sample) -> list[float]:
        """Return what stands in each place."""
        found = [
            sample.at.timestamp(),
            sample.duration,
            *self.given,
            *sample.phases.values(),
            *sample.values.values(),
        ]
        for values in sample.parts.values():
            found += values.values()
        return found


class CheckSeries:
    """The lines of every check."""

    def __init__(self) -> None:
        """Begin with none."""
        self._of: tuple[Mapping[str, Check], Plan] | None = None
        self._labels: dict[str, str] = {}
        self._families: dict[str, Family] = {}
        self._forms: dict[object, Form] = {}

    async def text(
        self, checks: Mapping[str, Check], plan: Plan, samples: Mapping[str, Sample], form: Format
    ) -> list[bytes]:
        """Return every family with its header and all its lines, in pieces; give way to others in between."""
        families: dict[str, list[bytes]] = {}
        labels = self._labels_of(checks, plan)
        every = list(checks.items())
        for start in range(0, len(every), SLICE):
            alike: dict[Form, tuple[list[str], list[list[float]]]] = {}
            for name, check in every[start : start + SLICE]:
                sample = samples.get(name)
                if sample is None:  # it has not run yet, or a reload has come in between
                    continue
                how = self._form(type(check.probe), sample)
                labelled, rows = alike.get(how) or alike.setdefault(how, ([], []))
                labelled.append(
                    labels.get(name) or labels.setdefault(name, _labels(check, plan.checks.get(name)))
                )
                rows.append(how.numbers(sample))
            for how, (labelled, rows) in alike.items():
                for line, numbers in zip(how.places, zip(*rows, strict=True), strict=True):
                    if line is not None:
                        lines = encode(line.lines(labelled, numbers))
                        families.setdefault(line.family.name, []).append(lines)
            await asyncio.sleep(0)
        if len(self._forms) > FORMS:  # mount points come and go
            self._forms.clear()
        parts: list[bytes] = []
        for name in sorted(families):
            parts += (encode(self._families[name].header(form)), *families[name])
        return parts

    def _labels_of(self, checks: Mapping[str, Check], plan: Plan) -> dict[str, str]:
        """Return what is kept of labels. After a reload that is another mapping: who still writes has the former."""
        if self._of is None or self._of[0] is not checks or self._of[1] is not plan:
            self._of, self._labels = (checks, plan), {}
        return self._labels

    def _form(self, kind: type[Probe], sample: Sample) -> Form:
        likeness = kind, _likeness(sample)
        known = self._forms.get(likeness)
        if known is None:
            # The first kind to use a name says what it means: one family has one help text.
            places = [
                line and replace(line, family=self._families.setdefault(line.family.name, line.family))
                for line in _lines(kind, sample)
            ]
            known = self._forms[likeness] = Form(tuple(places), _given(sample.outcome))
        return known


@cache
def lines_of(kind: type[Probe]) -> dict[str, Line]:
    """Return how each metric of a kind is written, in the unit that Prometheus has for it."""
    return {name: _line(kind.KIND, name, metric) for name, metric in kind.METRICS.items()}


def _line(kind: str, name: str, metric: Metric) -> Line:
    factor = 1.0
    if metric.exposed is None and metric.unit is Unit.BITS_PER_SECOND:
        name, factor = name.replace("bits_per_second", "bytes_per_second"), 1 / 8  # Prometheus counts bytes
    family = Family(name=metric.exposed or f"nightbell_{kind}_{name}", help=metric.help)
    return Line(family=family, factor=factor, digits=NANOSECONDS if metric.unit is Unit.SECONDS else IN_FULL)


def _lines(kind: type[Probe], sample: Sample) -> Iterator[Line | None]:
    """Yield how each number is written, in the order of `Form.numbers`."""
    metrics = lines_of(kind)
    yield Line(family=LAST_RUN, digits=MILLISECONDS)
    yield Line(family=DURATION, digits=NANOSECONDS)
    if sample.outcome is not Outcome.UNKNOWN:  # our own trouble is no word about the target
        yield Line(family=SUCCESS)
    if sample.outcome is not Outcome.UP:
        error = sample.error.value if sample.error else ""
        yield Line(family=TROUBLE, more=f',outcome="{sample.outcome.value}",error="{error}"')
    name = _PHASES.get(kind.KIND, f"nightbell_{kind.KIND}_phase_duration_seconds")
    family = Family(name=name, help="How long each phase of the last run took.")
    for phase in sample.phases:
        yield Line(family=family, more=f',phase="{phase}"', digits=NANOSECONDS)
    for name in sample.values:
        yield metrics.get(name)
    part = kind.PART or "part"
    for called, values in sample.parts.items():
        more = f",{labels(((part, called),))}"
        for name in values:
            line = metrics.get(name)
            yield line and replace(line, more=more)


def _given(outcome: Outcome) -> tuple[float, ...]:
    """Return the numbers that say nothing but the outcome: of success, and of trouble."""
    return {Outcome.UP: (1.0,), Outcome.DOWN: (0.0, 1.0), Outcome.UNKNOWN: (1.0,)}[outcome]


def _likeness(sample: Sample) -> object:
    """Return what two samples share that are written alike."""
    parts = tuple((name, *values) for name, values in sample.parts.items()) if sample.parts else ()
    return sample.outcome, sample.error, tuple(sample.phases), tuple(sample.values), parts


def _labels(check: Check, plan: CheckPlan | None) -> str:
    pairs = {"check": check.name}
    if (target := check.probe.target) is not None:
        pairs["instance"] = target
    taken = _OWN | {check.probe.PART or "part"}
    given = sorted(plan.labels.items()) if plan else ()
    pairs |= {name: value for name, value in given if name not in taken and label_name(name)}
    return labels(pairs)
