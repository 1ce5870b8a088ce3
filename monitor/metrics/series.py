"""The series of the checks: written by hand, because a library takes 100 times as long and stalls the loop.

Between two scrapes nearly every sample changes, so no line is kept: what is kept is how to write them. Samples of one
kind with the same values share a *form*; a check adds its labels, a sample its numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
"""So many checks are written before the event loop gets its turn again (about 1 ms)."""
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
_PHASES: Final = {"http": "probe_http_duration_seconds", "dns": "probe_dns_duration_seconds"}
"""Where blackbox_exporter has a name for the phases of a kind."""

_OWN: Final = frozenset({"check", "instance", "phase", "outcome", "error"})
"""Labels that ours would clash with."""


@dataclass(frozen=True, slots=True)
class Form:
    """How samples are written that have the same values: all but the labels of the check and the numbers.

    `places` has for each line its family, what stands before the labels and what after them; `factors` what a number
    is multiplied by where that is not 1.
    """

    places: tuple[tuple[Family, str, str], ...]
    factors: tuple[tuple[int, float], ...]

    def lines(self, labelled: str, numbers: list[float]) -> list[str]:
        """Return one line for each number."""
        for place, factor in self.factors:
            numbers[place] *= factor
        written = map(repr, numbers) if all(map(isfinite, numbers)) else map(number, numbers)
        return [
            f"{head}{labelled}{tail}{value}\n"
            for (_, head, tail), value in zip(self.places, written, strict=True)
        ]


class CheckSeries:
    """The lines of every check."""

    def __init__(self) -> None:
        """Begin with none."""
        self._labels: dict[str, tuple[Check, CheckPlan | None, str]] = {}
        self._families: dict[str, Family] = {}
        self._forms: dict[object, Form] = {}

    async def text(
        self, checks: Mapping[str, Check], plan: Plan, samples: Mapping[str, Sample], form: Format
    ) -> list[bytes]:
        """Return every family with its header and all its lines, in pieces; give way to others in between."""
        families: dict[Family, list[bytes]] = {}
        names = [name for name in checks if name in samples]
        for start in range(0, len(names), SLICE):
            rows: dict[Form, list[list[str]]] = {}
            for name in names[start : start + SLICE]:
                check, sample = checks.get(name), samples.get(name)
                if check is not None and sample is not None:  # a reload may have come in between
                    how = self._form(check, sample)
                    labelled = self._labelled(name, check, plan.checks.get(name))
                    rows.setdefault(how, []).append(how.lines(labelled, _numbers(type(check.probe), sample)))
            for how, lines in rows.items():
                for (family, _, _), column in zip(how.places, zip(*lines, strict=True), strict=True):
                    families.setdefault(family, []).append(encode("".join(column)))
            await asyncio.sleep(0)
        self._forget(checks)
        parts: list[bytes] = []
        for family in sorted(families, key=lambda family: family.name):
            parts += (encode(family.header(form)), *families[family])
        return parts

    def _labelled(self, name: str, check: Check, plan: CheckPlan | None) -> str:
        known = self._labels.get(name)
        if known is None or known[0] is not check or known[1] is not plan:
            known = self._labels[name] = check, plan, _labels(check, plan)
        return known[2]

    def _form(self, check: Check, sample: Sample) -> Form:
        kind = type(check.probe)
        likeness = kind, _likeness(sample)
        known = self._forms.get(likeness)
        if known is None:
            known = self._forms[likeness] = self._new_form(kind, sample)
        return known

    def _new_form(self, kind: type[Probe], sample: Sample) -> Form:
        series = _series(kind, sample)
        return Form(
            # The first kind to use a name says what it means: one family has one help text.
            places=tuple(
                (self._families.setdefault(family.name, family), f"{family.name}{{", f"{more}}} ")
                for family, more, _ in series
            ),
            factors=tuple((place, factor) for place, (_, _, factor) in enumerate(series) if factor != 1.0),
        )

    def _forget(self, checks: Mapping[str, Check]) -> None:
        """Let go of what is no longer there, and of forms where mount points come and go."""
        if len(self._labels) > len(checks):
            self._labels = {name: known for name, known in self._labels.items() if name in checks}
        if len(self._forms) > FORMS:
            self._forms.clear()


@cache
def families_of(kind: type[Probe]) -> dict[str, tuple[Family, float]]:
    """Return for each metric of a kind its family and the factor from our base unit to that of Prometheus."""
    return {name: _family(kind.KIND, name, metric) for name, metric in kind.METRICS.items()}


def _family(kind: str, name: str, metric: Metric) -> tuple[Family, float]:
    factor = 1.0
    if metric.exposed is None and metric.unit is Unit.BITS_PER_SECOND:
        name, factor = name.replace("bits_per_second", "bytes_per_second"), 1 / 8  # Prometheus counts bytes
    return Family(name=metric.exposed or f"nightbell_{kind}_{name}", help=metric.help), factor


def _series(kind: type[Probe], sample: Sample) -> list[tuple[Family, str, float]]:
    """Return family, labels beside the check's own, and factor of each line, in the order of `_numbers`."""
    metrics = families_of(kind)
    found = [(LAST_RUN, "", 1.0), (DURATION, "", 1.0)]
    if sample.outcome is not Outcome.UNKNOWN:  # our own trouble is no word about the target
        found.append((SUCCESS, "", 1.0))
    if sample.outcome is not Outcome.UP:
        error = sample.error.value if sample.error else ""
        found.append((TROUBLE, f',outcome="{sample.outcome.value}",error="{error}"', 1.0))
    if sample.phases:
        name = _PHASES.get(kind.KIND, f"nightbell_{kind.KIND}_phase_duration_seconds")
        family = Family(name=name, help="How long each phase of the last run took.")
        found += [(family, f',phase="{phase}"', 1.0) for phase in sample.phases]
    found += [(metrics[name][0], "", metrics[name][1]) for name in sample.values if name in metrics]
    part = kind.PART or "part"
    for called, values in sample.parts.items():
        more = f",{labels(((part, called),))}"
        found += [(metrics[name][0], more, metrics[name][1]) for name in values if name in metrics]
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


def _labels(check: Check, plan: CheckPlan | None) -> str:
    pairs = {"check": check.name}
    if (target := check.probe.target) is not None:
        pairs["instance"] = target
    taken = _OWN | {check.probe.PART or "part"}
    given = sorted(plan.labels.items()) if plan else ()
    pairs |= {name: value for name, value in given if name not in taken and label_name(name)}
    return labels(pairs)
