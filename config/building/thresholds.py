"""Thresholds put together: what is written laid over what is shipped, in the unit of the metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import (
    Derived,
    Filling,
    JointThreshold,
    Level,
    LevelThreshold,
    Over,
    Selector,
    Threshold,
)
from alerting.thresholds.usual import Usual
from alerting.thresholds.window import Function
from config.building.levels import Wrong, first, in_order, level_of, quantity, usual_level
from config.complaint import KeyPath, Notes, did_you_mean
from config.document import RESERVED, Document
from config.kinds import Kinds
from config.schema.thresholds import NO_TIME, LevelKeys, Select, SparedKeys, ThresholdKeys, UsualKeys
from config.source.block import locate
from probes.api import Probe
from probes.units import Unit, show_seconds

LEVELS: Final = (("info", Severity.INFO), ("warning", Severity.WARNING), ("critical", Severity.CRITICAL))
LONGEST: Final = timedelta(days=2)
"""Of a window: as long as every sample is kept, by which it is filled after a start."""
FULL_OVER: Final = timedelta(hours=6)
"""What the pace is taken from where `over` is left out: shorter than a day, longer than a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold and the checks it judges; by kind of probe, for the unit is the kind's."""

    id: str
    selector: Selector
    by_kind: Mapping[str, Threshold]
    written: bool


def build_rules(
    document: Document, shipped: Mapping[str, ThresholdKeys], kinds: Kinds, notes: Notes
) -> tuple[Rule, ...]:
    """Return the thresholds of the shipped pack and of the document; complain of those that make no sense."""
    names = document.names("thresholds")
    known = {*shipped, *names, *RESERVED}
    rules = []
    for id_ in (*shipped, *(name for name in document.thresholds if name not in shipped)):
        base, own = shipped.get(id_), document.thresholds.get(id_)
        if id_ in RESERVED or (own is None and id_ in names):
            continue
        builder = _Builder(
            id=id_,
            base=base or ThresholdKeys(),
            own=own or ThresholdKeys(),
            known=known,
            document=document,
            notes=notes,
        )
        if own is not None and own.off:
            if base is None:
                builder.complain((), "no such threshold is shipped", did_you_mean(id_, shipped))
            continue
        rule = builder.rule(kinds)
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    id: str
    base: ThresholdKeys
    own: ThresholdKeys
    known: Collection[str]
    """All thresholds there are, by id."""
    document: Document
    notes: Notes

    def complain(self, below: KeyPath, message: str, hint: str = "") -> None:
        mark, shown = locate(self.document.root, ("thresholds", self.id, *below))
        self.notes.complain(mark, shown, message, hint)

    def rule(self, kinds: Kinds) -> Rule | None:
        """Return what is written laid over what is shipped; None after complaining, or where no check can have it."""
        try:
            made = self._joint(kinds) if self.own.all_ or self.own.any_ else self._by_kind(kinds)
        except Wrong as wrong:
            self.complain(wrong.below, wrong.message, wrong.hint)
            return None
        if not made:
            return None
        return Rule(id=self.id, selector=self._selector(), by_kind=made, written=self.own != ThresholdKeys())

    def _by_kind(self, kinds: Kinds) -> dict[str, Threshold]:
        metric = self.own.metric or self.base.metric
        if metric is None:
            raise Wrong((), "needs `metric`")
        judged = self._kinds(self._selector(), kinds)
        with_metric = {name: kind for name, kind in judged.items() if metric in kind.METRICS}
        if not with_metric and judged:
            known = sorted({one for kind in judged.values() for one in kind.METRICS})
            whose = f"the probe {next(iter(judged))}" if len(judged) == 1 else "any probe it selects"
            raise Wrong(("metric",), f"{metric!r} is no metric of {whose}", did_you_mean(metric, known))
        return {
            name: self._threshold(metric, kind.METRICS[metric].unit) for name, kind in with_metric.items()
        }

    def _joint(self, kinds: Kinds) -> dict[str, Threshold]:
        if self.own.metric or any(getattr(self.own, name) for name, _ in LEVELS):
            raise Wrong((), "is made of other thresholds, and has no metric or level of its own")
        for key, names in (("all", self.own.all_), ("any", self.own.any_)):
            for index, name in enumerate(names):
                self._must_be(name, (key, index))
        threshold = JointThreshold(
            id=self.id,
            severity=self.own.severity or Severity.WARNING,
            all_of=self.own.all_,
            any_of=self.own.any_,
            hold=self.own.for_ or NO_TIME,
            keep=self.own.keep or NO_TIME,
            impact=self.own.impact or Impact.NONE,
            recover=self.own.recover or 1,
        )
        return dict.fromkeys(self._kinds(self._selector(), kinds), threshold)

    def _must_be(self, name: str, at: KeyPath) -> None:
        """Raise Wrong where there is no such threshold, or no such check."""
        check, slash, rest = name.partition("/")
        threshold = rest.partition("/")[0] if slash else name
        if threshold == self.id:
            raise Wrong(at, "cannot be made of itself")
        checks = self.document.names("checks")
        if slash and check not in checks:
            raise Wrong(at, f"there is no check {check!r}", did_you_mean(check, checks))
        if threshold not in self.known:
            raise Wrong(at, f"there is no threshold {threshold!r}", did_you_mean(threshold, self.known))

    def _selector(self) -> Selector:
        base, own = self.base.select or Select(), self.own.select or Select()
        spared = own.except_ or base.except_
        if spared is not None and spared.part and spared != SparedKeys(part=spared.part):
            raise Wrong(
                ("select", "except"),
                "has `part` beside other keys",
                "write a threshold for those checks alone",
            )
        return Selector(
            probe=own.probe or base.probe,
            checks=own.checks or base.checks,
            names=own.name or base.name,
            labels={**base.labels, **own.labels},
            spared=None
            if spared is None or spared.part
            else Selector(probe=spared.probe, checks=spared.checks, names=spared.name, labels=spared.labels),
        )

    def _kinds(self, selector: Selector, kinds: Kinds) -> dict[str, type[Probe]]:
        if selector.probe is not None:
            return {selector.probe: kinds.probes[selector.probe]} if selector.probe in kinds.probes else {}
        if selector.checks:
            chosen = (self.document.checks.get(name) for name in selector.checks)
            return {entry.keys.probe: type(entry.probe) for entry in chosen if entry is not None}
        return dict(kinds.probes)

    def _threshold(self, metric: str, unit: Unit) -> LevelThreshold:
        derived, unit = self._derived(metric, unit)
        levels = self._levels(derived, unit)
        base, own = self.base.select or Select(), self.own.select or Select()
        spared = own.except_ or base.except_
        failures, of = first(self.own.failures, self.base.failures, (1, 1))
        return LevelThreshold(
            id=self.id,
            metric=metric,
            unit=unit,
            levels=levels,
            keep=first(self.own.keep, self.base.keep, NO_TIME),
            impact=first(self.own.impact, self.base.impact, Impact.NONE),
            failures=failures,
            of=of,
            recover=first(self.own.recover, self.base.recover, 1),
            derived=derived,
            no_data_for=first(self.own.no_data_for, self.base.no_data_for, None),
            parts=own.part or base.part,
            spared=spared.part if spared else (),
        )

    def _derived(self, metric: str, unit: Unit) -> tuple[Derived | None, Unit]:
        """Return what is judged in place of the metric, and the unit of its marks."""
        function, over = self.own.function or self.base.function, self.own.over or self.base.over
        floor = self.own.floor or self.base.floor
        usual = self._unusual()
        full = any(
            level is not None and level.full_within is not None
            for keys in (self.base, self.own)
            for level in (keys.info, keys.warning, keys.critical)
        )
        if (function is not None) + (usual is not None) + full > 1:
            raise Wrong(
                (), "mixes `function`, `full_within`, `surge` and `dip`", "write one threshold for each"
            )
        if over is not None and function is None and not full:
            raise Wrong(("over",), "has no meaning without `function` or `full_within`")
        if over is not None and over > LONGEST:
            raise Wrong(("over",), f"must be at most {show_seconds(LONGEST.total_seconds())}")
        if floor is not None and not full:
            raise Wrong(("floor",), "has no meaning without `full_within`")
        if usual is not None:
            return _usual(*usual, unit), Unit.COUNT
        if full:
            if unit is not Unit.RATIO:
                raise Wrong(("metric",), f"{metric} is no share: only a share can be full")
            seconds = (over or FULL_OVER).total_seconds()
            return Filling(
                seconds=seconds, floor=quantity(floor, unit, "floor") if floor else 0.0
            ), Unit.SECONDS
        if function is None:
            return None, unit
        if over is None:
            raise Wrong((), "needs `over`: the time that `function` looks at")
        paced = Unit.BYTES_PER_SECOND if function is Function.RATE and unit is Unit.BYTES else unit
        return Over(function=function, seconds=over.total_seconds()), paced

    def _unusual(self) -> tuple[str, UsualKeys] | None:
        """Return which of `surge` and `dip` it is, and its keys; None where it is neither."""
        for keys in (self.own, self.base):
            if keys.surge is not None and keys.dip is not None:
                raise Wrong((), "has both `surge` and `dip`", "write one threshold for each")
            if keys.surge is not None:
                return "surge", keys.surge
            if keys.dip is not None:
                return "dip", keys.dip
        return None

    def _levels(self, derived: Derived | None, unit: Unit) -> dict[Severity, Level]:
        levels: dict[Severity, Level] = {}
        usual = self._unusual()
        if usual is not None:
            levels[Severity.WARNING] = usual_level(usual[1], dip=usual[0] == "dip")
        for name, severity in LEVELS:
            base, own = getattr(self.base, name), getattr(self.own, name)
            if (base is None and own is None) or (own is not None and own.off):
                continue
            if usual is not None:
                raise Wrong(
                    (name,),
                    f"has no place beside `{usual[0]}`: what is unusual makes a ticket, and nothing else",
                )
            try:
                levels[severity] = level_of(base or LevelKeys(), own or LevelKeys(), unit)
            except Wrong as wrong:
                raise wrong.under(name) from None
            full = any(one is not None and one.full_within is not None for one in (base, own))
            if isinstance(derived, Filling) and not full:
                raise Wrong((name,), "must say `full_within`, as another level of it does")
        if not levels:
            raise Wrong((), "needs `info`, `warning` or `critical`")
        in_order(levels, unit)
        return levels


def _usual(key: str, keys: UsualKeys, unit: Unit) -> Usual:
    def mark(name: str) -> float:
        text = getattr(keys, name)
        try:
            return quantity(text, unit, name) if text is not None else 0.0
        except Wrong as wrong:
            raise wrong.under(key) from None

    return Usual(
        over=keys.over.total_seconds() if keys.over is not None else None,
        floor=mark("floor"),
        min_volume=mark("min_volume"),
    )
