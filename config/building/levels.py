"""Levels put together: a mark as written laid over the shipped one, in the unit of what is judged."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final, TypeVar

from alerting.severity import Severity
from alerting.thresholds.threshold import Level
from config.complaint import KeyPath
from config.schema.thresholds import NO_TIME, LevelKeys, UsualKeys
from probes.units import Unit, parse, show

T = TypeVar("T")

MARKS: Final[Mapping[str, str]] = {
    "above": "clear_below",
    "below": "clear_above",
    "outside": "clear_inside",
    "equals": "",
    "full_within": "",
}
"""Each sort of mark, and the key that says where its trouble ends."""
CLEARS: Final = ("clear_below", "clear_above", "clear_inside")
FULL_CLEAR: Final = 1.5
"""How many times the mark there must be left before what was about to be full no longer is."""


class Wrong(Exception):  # noqa: N818 - the field says what is wrong
    """Keys that make no sense; `below` is where, under the threshold."""

    def __init__(self, below: KeyPath, message: str, hint: str = "") -> None:
        """Keep the place and the hint apart from the message."""
        super().__init__(message)
        self.below, self.message, self.hint = below, message, hint

    def under(self, *above: str) -> Wrong:
        """Return the same, further down."""
        return Wrong((*above, *self.below), self.message, self.hint)


def level_of(base: LevelKeys, own: LevelKeys, unit: Unit) -> Level:
    """Return a level, its marks in `unit`. Raises Wrong."""
    given = own if _marks(own) else base
    kinds = _marks(given)
    if not kinds:
        raise Wrong((), "needs a mark: `above`, `below`, `equals`, `outside` or `full_within`")
    if len(kinds) > 1:
        both = "both " if len(kinds) == 2 else ""
        raise Wrong((), f"has {both}{_listed(kinds)}; a level has one mark")
    kind = kinds[0]
    for key in CLEARS:
        if getattr(own, key) is not None and key != MARKS[kind]:
            hint = f"write `{MARKS[kind]}`" if MARKS[kind] else "the trouble ends with any other value"
            raise Wrong((key,), f"has no meaning with `{kind}`", hint)
    hold = first(own.for_, base.for_, NO_TIME)
    if given.full_within is not None:
        mark = given.full_within.total_seconds()
        return Level(below=mark, clear=FULL_CLEAR * mark, hold=hold)
    if given.equals is not None:
        return Level(equals=quantity(given.equals, unit, "equals"), hold=hold)
    if given.outside is not None:
        return _outside(given.outside, own.clear_inside or base.clear_inside, unit, hold=Level(hold=hold))
    mark, clear = _mark_and_clear(kind, base, own, getattr(given, kind), unit)
    return Level(
        above=mark if kind == "above" else None,
        below=mark if kind == "below" else None,
        clear=clear,
        hold=hold,
    )


def usual_level(keys: UsualKeys, *, dip: bool) -> Level:
    """Return the level of a surge or a dip: over when half of what was beyond the usual is gone."""
    half = (1 + keys.factor) / 2
    hold = keys.for_ or NO_TIME
    return (
        Level(below=1 / keys.factor, clear=1 / half, hold=hold)
        if dip
        else Level(above=keys.factor, clear=half, hold=hold)
    )


def in_order(levels: Mapping[Severity, Level], unit: Unit) -> None:
    """Raise Wrong where a level is milder than the one it should be worse than."""
    ranked = sorted(levels, key=lambda name: name.rank)
    for mild, severe in pairwise(ranked):
        _worse(levels[mild], levels[severe], mild.value, severe.value, unit)


def quantity(text: str, unit: Unit, key: str) -> float:
    """Return a mark in `unit`. Raises Wrong."""
    try:
        value = parse(text, unit)
    except ValueError as error:
        raise Wrong((key,), str(error), getattr(error, "hint", "")) from None
    if unit is Unit.RATIO and value > 1 and "%" not in text:
        raise Wrong((key,), f"{text} would be {value * 100:.12g} %", f"write {text}%")
    return value


def first(own: T | None, base: T | None, otherwise: T) -> T:
    """Return what is written, else what is shipped, else `otherwise`."""
    return own if own is not None else base if base is not None else otherwise


def _marks(keys: LevelKeys) -> list[str]:
    return [kind for kind in MARKS if getattr(keys, kind) is not None]


def _listed(kinds: list[str]) -> str:
    *some, last = (f"`{kind}`" for kind in kinds)
    return f"{', '.join(some)} and {last}"


def _mark_and_clear(kind: str, base: LevelKeys, own: LevelKeys, text: str, unit: Unit) -> tuple[float, float]:
    clear_key = MARKS[kind]
    mark = clear = quantity(text, unit, kind)
    if (own_clear := getattr(own, clear_key)) is not None:
        clear = quantity(own_clear, unit, clear_key)
    elif (base_clear := getattr(base, clear_key)) is not None and (
        base_mark := getattr(base, kind)
    ) is not None:
        # A new mark over a shipped one keeps the shipped distance to its clear mark.
        clear = max(0.0, mark - quantity(base_mark, unit, kind) + quantity(base_clear, unit, clear_key))
    if (clear > mark) if kind == "above" else (clear < mark):
        raise Wrong(
            (clear_key,),
            f"{show(clear, unit)} lies on the wrong side of the mark {show(mark, unit)}",
            f"`{clear_key}` must not be {kind} it",
        )
    return mark, clear


def _outside(marks: tuple[str, str], inner: tuple[str, str] | None, unit: Unit, hold: Level) -> Level:
    low, high = (quantity(text, unit, "outside") for text in marks)
    if low >= high:
        raise Wrong(
            ("outside",), f"the lower mark {show(low, unit)} must lie below the upper {show(high, unit)}"
        )
    inside = (low, high)
    if inner is not None:
        inside = quantity(inner[0], unit, "clear_inside"), quantity(inner[1], unit, "clear_inside")
        if not low <= inside[0] < inside[1] <= high:
            raise Wrong(("clear_inside",), "must lie between the marks of `outside`")
    return Level(outside=(low, high), inside=inside, hold=hold.hold)


def _worse(mild: Level, severe: Level, mild_name: str, severe_name: str, unit: Unit) -> None:
    if _sort(mild) != _sort(severe):
        raise Wrong(
            (severe_name,), f"looks the other way than `{mild_name}`", "write both with the same sort of mark"
        )
    if mild.outside is not None and severe.outside is not None:
        if severe.outside[0] > mild.outside[0] or severe.outside[1] < mild.outside[1]:
            raise Wrong(
                (severe_name,), f"begins before `{mild_name}`", f"{severe_name} must be the worse of the two"
            )
        return
    if mild.equals is not None:
        return
    mark, limit = _mark(severe), _mark(mild)
    if (mark < limit) if mild.above is not None else (mark > limit):
        side = "below" if mild.above is not None else "above"
        raise Wrong(
            (severe_name,),
            f"the mark {show(mark, unit)} lies {side} the {mild_name}'s {show(limit, unit)}",
            f"{severe_name} must be the worse of the two",
        )


def _sort(level: Level) -> str:
    return next(kind for kind in ("above", "below", "outside", "equals") if getattr(level, kind) is not None)


def _mark(level: Level) -> float:
    return level.above if level.above is not None else level.below or 0.0
