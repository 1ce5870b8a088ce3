"""A regular expression from the configuration, searched in text from strangers within a bound of time."""

from __future__ import annotations

import re
import signal
import threading
from functools import lru_cache
from types import FrameType
from typing import Final

from probes.units import show_seconds

PATTERN_CHARACTERS: Final = 1000
SEARCH_SECONDS: Final = 0.1
ALL_SECONDS: Final = 0.2
"""The same for all searches of one run: a hundred lines that are slow each hold the others up like one."""
# Without the guard, which only the main thread can have, the text is short instead.
_UNGUARDED_CHARACTERS: Final = 4096


class TooSlow(Exception):  # noqa: N818 - read as a sentence: the pattern is too slow
    """The search was given up: the pattern backtracks without end on this text."""


class Patience:
    """The processor time that is left for the searches of one run, in seconds."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        """None has been spent."""
        self.left = ALL_SECONDS


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern. Raise ValueError that says what is wrong with it."""
    if len(text) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern must not be longer than {PATTERN_CHARACTERS} characters")
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as failure:
        raise ValueError(f"a pattern must be a regular expression: {failure}") from failure


def search(pattern: str, text: str, option: str, patience: Patience) -> bool:
    """Say whether a pattern is found. Raises RuntimeError when it takes too long, alone or with those before it.

    Our own pattern is at fault then: it says nothing about the target.
    """
    within = min(SEARCH_SECONDS, patience.left)
    try:
        return found(compile_pattern(pattern), text, patience)
    except TooSlow as failure:
        cause = f"no result after {show_seconds(SEARCH_SECONDS)}"
        if within < SEARCH_SECONDS:
            cause = f"all searches of the run together take longer than {show_seconds(ALL_SECONDS)}"
        raise RuntimeError(f"cannot judge {option} {pattern[:80]!r}: {cause}") from failure


def found(pattern: re.Pattern[str], text: str, patience: Patience) -> bool:
    """Search within `SEARCH_SECONDS` of processor time, and what is left of `patience`. Raises TooSlow.

    The engine holds the interpreter while it searches, so no thread and no deadline of the loop could stop
    it; but it looks for signals now and then. The timer counts processor time, so a busy machine does not trip it.
    """
    if threading.current_thread() is not threading.main_thread():
        return pattern.search(text[:_UNGUARDED_CHARACTERS]) is not None
    within = min(SEARCH_SECONDS, patience.left)
    if within <= 0:
        raise TooSlow
    searching = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        if searching:
            raise TooSlow

    former = signal.signal(signal.SIGVTALRM, stop)
    left = 0.0
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, within)
        try:
            return pattern.search(text) is not None
        finally:
            searching = False
            left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        patience.left -= max(within - left, 0.0)
        signal.signal(signal.SIGVTALRM, former)
