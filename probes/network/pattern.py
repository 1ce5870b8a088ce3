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
# Without the guard, which only the main thread can have, the text is short instead.
_UNGUARDED_CHARACTERS: Final = 4096


class TooSlow(Exception):  # noqa: N818 - read as a sentence: the pattern is too slow
    """The search was given up: the pattern backtracks without end on this text."""


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern. Raise ValueError that says what is wrong with it."""
    if len(text) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern must not be longer than {PATTERN_CHARACTERS} characters")
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as failure:
        raise ValueError(f"a pattern must be a regular expression: {failure}") from failure


def search(pattern: str, text: str, option: str) -> bool:
    """Say whether a pattern is found. Raises RuntimeError when it takes too long.

    Our own pattern is at fault then: it says nothing about the target.
    """
    try:
        return found(compile_pattern(pattern), text)
    except TooSlow as failure:
        raise RuntimeError(
            f"cannot judge {option} {pattern[:80]!r}: no result after {show_seconds(SEARCH_SECONDS)}"
        ) from failure


def found(pattern: re.Pattern[str], text: str) -> bool:
    """Search within `SEARCH_SECONDS` of processor time. Raises TooSlow.

    The engine holds the interpreter while it searches, so no thread and no deadline of the loop could stop
    it; but it looks for signals now and then. The timer counts processor time, so a busy machine does not trip it.
    """
    if threading.current_thread() is not threading.main_thread():
        return pattern.search(text[:_UNGUARDED_CHARACTERS]) is not None
    searching = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        if searching:
            raise TooSlow

    former = signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SEARCH_SECONDS)
        try:
            return pattern.search(text) is not None
        finally:
            searching = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, former)
