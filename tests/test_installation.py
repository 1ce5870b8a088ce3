"""What is tested is what was meant to be: the checkout, or the installed wheel; and it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

PACKAGES = ["probes", "alerting", "config", "monitor"]
CHECKOUT = Path(__file__).resolve().parents[1]
TESTED = Path(os.environ.get("NIGHTBELL_TESTED", CHECKOUT))
"""Where the packages under test have to come from. The run against the wheel names its site-packages."""

SCRIPT = Path(sysconfig.get_path("scripts")) / "nightbell"


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_loaded_from_where_it_is_to_be_tested(name):
    assert Path(import_module(name).__file__).parent == TESTED / name


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_name_belongs_to_our_distribution_alone(name):
    """The four names are plain words: another distribution that brings one of them would shadow ours."""
    owners = set(packages_distributions().get(name, []))

    # An editable installation lists no files, so it owns nothing that can be seen here.
    assert owners == (set() if TESTED == CHECKOUT else {"nightbell"})


@pytest.mark.parametrize("name", ["tests", "lab", "bench", "scripts", "docs"])
def test_the_distribution_brings_nothing_but_its_packages(name):
    assert "nightbell" not in packages_distributions().get(name, [])


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([SCRIPT], id="console script"),
        pytest.param([sys.executable, "-I", "-m", "monitor"], id="python -I -m monitor"),
    ],
)
def test_the_program_starts(command, tmp_path):
    run = subprocess.run(
        [*command, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert version("nightbell") in run.stdout
