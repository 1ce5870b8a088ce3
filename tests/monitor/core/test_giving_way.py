"""While a configuration is read in its thread, the event loop gets its turn soon."""

from __future__ import annotations

import gc
import sys

import pytest

from monitor.reload import SLICE, giving_way


def test_a_thread_that_reads_has_short_turns_and_is_not_stopped_to_collect() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(SLICE)
        assert not gc.isenabled()
    assert sys.getswitchinterval() == usual
    assert gc.isenabled()


def test_afterwards_all_is_as_it_was_whatever_went_wrong() -> None:
    usual = sys.getswitchinterval()
    gc.disable()
    try:
        with pytest.raises(ValueError, match="bad file"), giving_way():
            raise ValueError("bad file")
        assert not gc.isenabled(), "who had it off keeps it off"
    finally:
        gc.enable()
    assert sys.getswitchinterval() == usual
