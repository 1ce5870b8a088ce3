"""The finder of programs for tests."""

from __future__ import annotations

import subprocess

import pytest

from lab.tools import tool


@pytest.mark.parametrize(
    "name", ["nginx", "promtool", "prometheus-alertmanager", "amtool", "systemd-analyze", "ip", "unshare"]
)
def test_every_program_that_tests_need_is_there_and_starts(name):
    option = {"nginx": "-v", "ip": "-V"}.get(name, "--version")

    assert subprocess.run([tool(name), option], capture_output=True, timeout=30, check=False).returncode == 0


def test_a_missing_program_is_named_with_what_brings_it():
    with pytest.raises(LookupError, match=r"cannot find the program 'no-such-program'.*scripts/test-tools"):
        tool("no-such-program")
