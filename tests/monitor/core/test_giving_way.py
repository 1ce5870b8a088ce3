"""While a configuration is read in its thread, the event loop gets its turn soon."""

from __future__ import annotations

import sys

import pytest

from monitor.giving_way import SLICE, giving_way


def test_a_thread_that_reads_has_short_turns() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(SLICE)
    assert sys.getswitchinterval() == usual


def test_afterwards_turns_are_as_long_as_before_whatever_went_wrong() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="bad file"), giving_way():
        raise ValueError("bad file")
    assert sys.getswitchinterval() == usual
