"""The page of figures: what a run found is what people read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lab.tools import ROOT

REPORT = {
    "at": "2027-01-04 08:00 UTC",
    "command": "make bench",
    "seconds": 2100.0,
    "machine": {"processor": "Some CPU, 2 cores", "memory": "8 GB"},
    "load_before": 0.1,
    "sections": [
        {
            "key": "checks",
            "title": "HTTP checks",
            "text": "Each asked every 10 s.",
            "figures": [
                {"what": "CPU per check, 1,000 checks", "unit": "ms", "value": 0.2, "goal": 0.25, "note": ""},
                {"what": "lateness p99", "unit": "ms", "value": 1234.5, "goal": 25, "note": "a | b"},
                {"what": "missed runs", "unit": "", "value": 0, "goal": 0, "note": ""},
                {"what": "start", "unit": "s", "value": 0.00123, "goal": None, "note": ""},
                {"what": "a ping", "unit": "µs", "value": None, "goal": 20, "note": "not permitted"},
            ],
            "columns": ["system", "CPU"],
            "rows": [["monit", "0.06 ms"]],
            "failure": "",
        },
        {"key": "tls", "title": "HTTPS checks", "text": "", "figures": [], "columns": [], "rows": [],
         "failure": "openssl is not here"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return rendered(folder, REPORT)


def rendered(folder, report):
    """Return the lines of the page that the program makes of a run."""
    (folder / "bench.json").write_text(json.dumps(report), encoding="utf-8")
    subprocess.run(
        [sys.executable, ROOT / "bench" / "run.py", "--render", folder / "bench.json", "--page", folder / "page.md"],
        stdin=subprocess.DEVNULL, timeout=30, check=True,
    )  # fmt: skip
    return (folder / "page.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("| CPU per check, 1,000 checks | 0.200 ms | ≤ 0.250 ms | met |", id="met"),
        pytest.param("| lateness p99 | 1,234 ms | ≤ 25.0 ms | **not met**: a \\| b |", id="not met, quoted"),
        pytest.param("| missed runs | 0 | ≤ 0 | met |", id="nothing is a figure"),
        pytest.param("| start | 0.00123 s |  |  |", id="without a goal"),
        pytest.param("| a ping | not available | ≤ 20.0 µs | not permitted |", id="not available, and why"),
        pytest.param("| monit | 0.06 ms |", id="what lies behind the figures"),
        pytest.param("| processor | Some CPU, 2 cores |", id="the machine"),
        pytest.param("Not measured: openssl is not here", id="a part that broke"),
    ],
)
def test_each_figure_stands_beside_its_goal(page, line):
    assert line in page


def test_what_is_missed_is_said_before_the_figures(page):
    first = page.index("## HTTP checks")

    assert page[:first][-6:] == [
        "Of 4 goals: 2 met, 1 not met, 1 without a figure.",
        "",
        "- not met: lateness p99, 1,234 ms instead of ≤ 25.0 ms",
        "- not available: a ping",
        "- not measured at all: HTTPS checks",
        "",
    ]


def test_a_busy_machine_is_owned_up_to(tmp_path, page):
    busy = rendered(tmp_path, {**REPORT, "load_before": 3.2})

    assert not any("not quiet" in line for line in page)
    assert any(line.startswith("**The machine was not quiet** (load 3.2 ") for line in busy)
