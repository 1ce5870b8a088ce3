"""Thresholds put together: what is written laid over what is shipped, in the unit of the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import Level, LevelThreshold, Selector
from config.complaint import KeyPath, Notes, did_you_mean
from config.document import RESERVED, Document
from config.kinds import Kinds
from config.schema.thresholds import NO_TIME, LevelKeys, Select, ThresholdKeys
from config.source.block import locate
from probes.api import Probe
from probes.units import Unit, parse, show

T = TypeVar("T")

LEVELS: Final = (("warning", Severity.WARNING), ("critical", Severity.CRITICAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold and the checks it judges; by kind of probe, for the unit is the kind's."""

    id: str
    selector: Selector
    by_kind: Mapping[str, LevelThreshold]
    written: bool


def build_rules(
    document: Document, shipped: Mapping[str, ThresholdKeys], kinds: Kinds, notes: Notes
) -> tuple[Rule, ...]:
    """Return the thresholds of the shipped pack and of the document; complain of those that make no sense."""
    names = document.names("thresholds")
    rules = []
    for id_ in (*shipped, *(name for name in document.thresholds if name not in shipped)):
        base, own = shipped.get(id_), document.thresholds.get(id_)
        if id_ in RESERVED or (own is None and id_ in names):
            continue
        builder = _Builder(
            id=id_, base=base or ThresholdKeys(), own=own or ThresholdKeys(), document=document, notes=notes
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
    document: Document
    notes: Notes

    def complain(self, below: KeyPath, message: str, hint: str = "") -> None:
        mark, shown = locate(self.document.root, ("thresholds", self.id, *below))
        self.notes.complain(mark, shown, message, hint)

    def rule(self, kinds: Kinds) -> Rule | None:
        metric = self.own.metric or self.base.metric
        if metric is None:
            self.complain((), "needs `metric`")
            return None
        selector = self._selector()
        judged = self._kinds(selector, kinds)
        with_metric = {name: kind for name, kind in judged.items() if metric in kind.METRICS}
        if not with_metric:
            if judged:
                known = sorted({one for kind in judged.values() for one in kind.METRICS})
                whose = f"the probe {next(iter(judged))}" if len(judged) == 1 else "any probe it selects"
                self.complain(("metric",), f"{metric!r} is no metric of {whose}", did_you_mean(metric, known))
            return None
        made = {}
        for name, kind in with_metric.items():
            threshold = self._threshold(metric, kind.METRICS[metric].unit)
            if threshold is None:
                return None
            made[name] = threshold
        return Rule(id=self.id, selector=selector, by_kind=made, written=self.own != ThresholdKeys())

    def _selector(self) -> Selector:
        base, own = self.base.select or Select(), self.own.select or Select()
        return Selector(
            probe=own.probe or base.probe,
            checks=own.checks or base.checks,
            labels={**base.labels, **own.labels},
        )

    def _kinds(self, selector: Selector, kinds: Kinds) -> dict[str, type[Probe]]:
        if selector.probe is not None:
            return {selector.probe: kinds.probes[selector.probe]} if selector.probe in kinds.probes else {}
        if selector.checks:
            chosen = (self.document.checks.get(name) for name in selector.checks)
            return {entry.keys.probe: type(entry.probe) for entry in chosen if entry is not None}
        return dict(kinds.probes)

    def _threshold(self, metric: str, unit: Unit) -> LevelThreshold | None:
        levels: dict[Severity, Level] = {}
        for name, severity in LEVELS:
            base, own = getattr(self.base, name), getattr(self.own, name)
            if (base is None and own is None) or (own is not None and own.off):
                continue
            try:
                levels[severity] = _level(base or LevelKeys(), own or LevelKeys(), unit)
            except _Wrong as wrong:
                self.complain((name, *wrong.below), wrong.message, wrong.hint)
                return None
        if not levels:
            self.complain((), "needs `warning` or `critical`")
            return None
        if len(levels) == 2 and not self._in_order(levels, unit):
            return None
        return LevelThreshold(
            id=self.id,
            metric=metric,
            unit=unit,
            levels=levels,
            keep=_first(self.own.keep, self.base.keep, NO_TIME),
            impact=_first(self.own.impact, self.base.impact, Impact.NONE),
        )

    def _in_order(self, levels: Mapping[Severity, Level], unit: Unit) -> bool:
        mild, severe = levels[Severity.WARNING], levels[Severity.CRITICAL]
        if (mild.above is None) != (severe.above is None):
            self.complain(
                ("critical",), "looks the other way than `warning`", "write both `above` or both `below`"
            )
            return False
        mark, limit = _mark_of(severe), _mark_of(mild)
        if (mark < limit) if mild.above is not None else (mark > limit):
            side = "below" if mild.above is not None else "above"
            self.complain(
                ("critical",),
                f"the mark {show(mark, unit)} lies {side} the warning's {show(limit, unit)}",
                "critical must be the worse of the two",
            )
            return False
        return True


class _Wrong(Exception):  # noqa: N818 - the field says what is wrong
    def __init__(self, below: KeyPath, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.below, self.message, self.hint = below, message, hint


def _level(base: LevelKeys, own: LevelKeys, unit: Unit) -> Level:
    if own.above is not None and own.below is not None:
        raise _Wrong((), "has both `above` and `below`; a level has one mark")
    given = own if own.above is not None or own.below is not None else base
    if given.above is None and given.below is None:
        raise _Wrong((), "needs a mark: `above` or `below`")
    side, clear_side, wrong_side = (
        ("above", "clear_below", "clear_above")
        if given.above is not None
        else ("below", "clear_above", "clear_below")
    )
    if getattr(own, wrong_side) is not None:
        raise _Wrong((wrong_side,), f"has no meaning with `{side}`", f"write `{clear_side}`")
    mark = _quantity(getattr(given, side), unit, side)
    clear = mark
    if (own_clear := getattr(own, clear_side)) is not None:
        clear = _quantity(own_clear, unit, clear_side)
    elif (base_clear := getattr(base, clear_side)) is not None and (
        base_mark := getattr(base, side)
    ) is not None:
        # A new mark over a shipped one keeps the shipped distance to its clear mark.
        clear = max(0.0, mark - _quantity(base_mark, unit, side) + _quantity(base_clear, unit, clear_side))
    if (clear > mark) if side == "above" else (clear < mark):
        raise _Wrong(
            (clear_side,),
            f"{show(clear, unit)} lies on the wrong side of the mark {show(mark, unit)}",
            f"`{clear_side}` must not be {side} it",
        )
    hold = _first(own.for_, base.for_, NO_TIME)
    if side == "above":
        return Level(above=mark, clear=clear, hold=hold)
    return Level(below=mark, clear=clear, hold=hold)


def _quantity(text: str, unit: Unit, key: str) -> float:
    try:
        value = parse(text, unit)
    except ValueError as error:
        raise _Wrong((key,), str(error), getattr(error, "hint", "")) from None
    if unit is Unit.RATIO and value > 1 and "%" not in text:
        raise _Wrong((key,), f"{text} would be {value * 100:.12g} %", f"write {text}%")
    return value


def _mark_of(level: Level) -> float:
    return level.above if level.above is not None else level.below or 0.0


def _first(own: T | None, base: T | None, otherwise: T) -> T:
    return own if own is not None else base if base is not None else otherwise
