"""Values in a JSON body: where they are, and what they have to be like.

A path is `$`, then names and indexes: `$.queue.size`, `$.nodes[0]["host name"]`, `$.nodes[-1]`. No wildcards.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, NoReturn

from pydantic import BeforeValidator

from probes.network.pattern import Patience, compile_pattern, search

PATH_CHARACTERS: Final = 500
PATH_STEPS: Final = 32
JSON_BYTES: Final = 1 << 18
"""A longer body is not taken apart: it would keep all other checks waiting."""
_STEP: Final = re.compile(
    r"""\.(?P<name>[\w-]+) | \[ (?: (?P<index>-?\d{1,6}) | "(?P<double>[^"]+)" | '(?P<single>[^']+)' ) \]""",
    re.VERBOSE,
)
Scalar = str | int | float | bool
Step = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRule:
    """What a value has to be like; all of it must hold.

    equals: the value itself
    below: number it must be under
    above: number it must be over
    matches: regular expression that must match somewhere in it, where it is text
    present: false when there must be no such value (default true)
    """

    equals: Scalar | None = None
    below: float | None = None
    above: float | None = None
    matches: str | None = None
    present: bool = True

    def __post_init__(self) -> None:
        """Refuse what no value could fulfil."""
        asked = [self.equals, self.below, self.above, self.matches]
        if not self.present and any(one is not None for one in asked):
            raise ValueError("a value that must not be present cannot be anything else")
        if self.below is not None and self.above is not None and not self.above < self.below:
            raise ValueError("below must be more than above")
        if self.matches is not None:
            compile_pattern(self.matches)

    def complaint(self, value: object, patience: Patience) -> str | None:
        """Say what is wrong with a value that is there; None when nothing is. Its text is not repeated."""
        if not self.present:
            return "is there, expected not to be"
        if self.equals is not None and not _same(value, self.equals):
            return f"is {_show(value)}, expected {json.dumps(self.equals, ensure_ascii=False)[:80]}"
        for limit, word in ((self.below, "below"), (self.above, "above")):
            if limit is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"is {_show(value)}, expected a number"
            if not (value < limit if word == "below" else value > limit):
                return f"is {_show(value)}, expected {word} {limit:g}"
        if self.matches is not None:
            if not isinstance(value, str):
                return f"is {_show(value)}, expected text"
            if not search(self.matches, value, "json", patience):
                return f"does not match {self.matches[:80]!r}"
        return None


def _as_rule(value: object) -> object:
    """A bare value stands for a rule that asks for it."""
    return {"equals": value} if isinstance(value, Scalar) else value


JsonExpected = Annotated[JsonRule, BeforeValidator(_as_rule, json_schema_input_type=Scalar | JsonRule)]
"""A rule as the configuration may write it."""


@lru_cache(maxsize=1024)
def compile_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raise ValueError that says what is wrong with it."""
    if len(text) > PATH_CHARACTERS:
        raise ValueError(f"a JSON path must not be longer than {PATH_CHARACTERS} characters")
    if not text.startswith("$"):
        raise ValueError(f"a JSON path begins with $, like $.status, not {text[:40]!r}")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(
                f"a JSON path is names and indexes like $.nodes[0].name: cannot read {text[at : at + 40]!r}"
            )
        index = match["index"]
        steps.append(int(index) if index is not None else match["name"] or match["double"] or match["single"])
        at = match.end()
    if len(steps) > PATH_STEPS:
        raise ValueError(f"a JSON path must not have more than {PATH_STEPS} steps")
    return tuple(steps)


def parse(body: bytes) -> Any:
    """Return the value a body holds. Raise ValueError that says why there is none."""
    if len(body) > JSON_BYTES:
        raise ValueError(f"it is longer than {JSON_BYTES} bytes")
    try:
        return json.loads(body, parse_constant=_no_number)
    except RecursionError as failure:
        raise ValueError("it is nested too deeply") from failure
    except ValueError as failure:
        raise ValueError("it is no JSON") from failure


def find(value: Any, steps: tuple[Step, ...]) -> tuple[bool, Any]:
    """Say whether there is a value at the end of a path, and return it."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return False, None
        elif not isinstance(value, list) or not -len(value) <= step < len(value):
            return False, None
        value = value[step]
    return True, value


def _same(value: object, wanted: Scalar) -> bool:
    """Compare; true and 1 differ, 1 and 1.0 do not."""
    return isinstance(value, bool) is isinstance(wanted, bool) and value == wanted


def _show(value: object) -> str:
    """Name a value without repeating text from strangers, which may hold a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        return f"{value:.15g}"
    if isinstance(value, str):
        return "another text" if value else "empty"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return "a large number"


def _no_number(_: str) -> NoReturn:
    raise ValueError("no number")
