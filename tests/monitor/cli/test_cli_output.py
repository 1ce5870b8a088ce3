"""What people see, in a pipe and in a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

import monitor
from lab.cli_run import NOW
from monitor.cli.output import Paper
from monitor.cli.words import clean, count, one_line

ROOT = Path(monitor.__file__).parent.parent
PAPER = Paper(zone=ZoneInfo("Asia/Shanghai"), now=NOW)

DRAW = """
import sys
sys.path.insert(0, {root!r})
from datetime import UTC, datetime
from monitor.cli.output import Paper
paper = Paper(zone=None, now=datetime(2027, 1, 4, 4, tzinfo=UTC))
paper.table(
    ("id", "state", "opened", "nothing", "acknowledged", "title"),
    [
        ("INC-1", "open", "3 min ago", "", "no", "商城 checkout: https://shop.example.com/health answers 503, not 2xx"),
        ("INC-2", "recovering", "2 h ago", "", "li, 5 min ago", "pg: connection refused"),
    ],
    empty="",
)
"""


def in_terminal(code: str, columns: int, env: dict[str, str] | None = None) -> str:
    """Run Python code in a terminal of that width and return what it showed."""
    master, slave = pty.openpty()
    given = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": str(columns), **(env or {})}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdout=slave, stdin=slave, stderr=slave, env=given
    )
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 65536):
            seen += chunk
    except OSError:
        pass  # the other side is closed: that is how a terminal ends
    finally:
        os.close(master)
    assert process.wait(timeout=20) == 0, seen.decode()
    return seen.decode()


def test_a_table_fits_a_terminal_of_80_columns_and_nothing_is_cut() -> None:
    seen = in_terminal(DRAW.format(root=str(ROOT)), 80, {"NO_COLOR": "1"})
    lines = [line for line in seen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines() if line]

    assert max(map(cell_len, lines)) <= 80
    assert "…" not in seen
    # What was folded reads on, column by column.
    assert "NOTHING" not in seen.upper()
    squeezed = "".join(seen.split())
    for word in ("INC-1", "3minago", "recovering", "li,5minago", "商城"):
        assert word in squeezed


def test_a_terminal_gets_colour_unless_it_asks_for_none() -> None:
    code = DRAW.format(root=str(ROOT))

    assert "\x1b[1;31mopen" in in_terminal(code, 80)
    assert "\x1b[1;31m" not in in_terminal(code, 80, {"NO_COLOR": "1"})


def test_a_pipe_gets_every_row_whole_in_one_line_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 3000
    PAPER.table(("id", "title", "by"), [("INC-1", long, "li"), ("INC-2", "two\nlines", "")], empty="")
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 3
    assert lines[0].split() == ["ID", "TITLE", "BY"]
    assert lines[1].split() == ["INC-1", long, "li"]
    assert lines[2].split() == ["INC-2", "two", "lines", "-"]


def test_columns_of_chinese_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    PAPER.table(("name", "state"), [("商城结算", "up"), ("pg", "down")], empty="")
    lines = capsys.readouterr().out.splitlines()

    assert len({cell_len(line[: line.rindex(line.split()[-1])]) for line in lines}) == 1


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    PAPER.table(("id",), [], empty="There are no open incidents.")

    assert capsys.readouterr().out == "There are no open incidents.\n"


@pytest.mark.parametrize(
    "evil",
    ["\x1b[2J\x1b]0;owned\x07", "a\x00b", "c\x9b31m", "r\rroot", "\u202egnp.exe", "\u2066x", "\x7f", "\x85"],
)
def test_a_terminal_never_obeys_what_comes_from_outside(
    evil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    PAPER.table(("title",), [(evil,)], empty="")
    PAPER.say(evil)
    PAPER.title(evil)
    PAPER.facts({evil: evil})
    PAPER.timeline([{"at": "2027-01-04T04:00:00Z", "text": evil, "who": evil}])
    seen = capsys.readouterr().out

    assert clean(seen) == seen
    assert "\x1b" not in seen


def test_brackets_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    PAPER.title("[red]disk[/red] :bell: full")

    assert capsys.readouterr().out == "[red]disk[/red] :bell: full\n"


def test_times_are_told_by_the_wall_and_by_distance() -> None:
    assert PAPER.when("2027-01-04T03:57:00Z") == "11:57 (3 min ago)"
    assert PAPER.when("2027-01-04T12:00:00Z") == "20:00 (in 8 h)"
    assert PAPER.when(None) == ""
    assert PAPER.since("2027-01-04T03:57:00Z") == "3 min ago"
    assert PAPER.clock("2027-01-03T03:57:00Z") == "01-03 11:57"


def test_a_timeline_is_drawn_oldest_first_with_the_distance_from_its_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PAPER.timeline(
        [
            {
                "at": "2027-01-03T16:02:00Z",
                "event": "resolved",
                "text": "all alerts are over",
                "who": "nightbell",
            },
            {
                "at": "2027-01-03T15:59:00Z",
                "event": "opened",
                "text": "shop: connect refused",
                "who": "nightbell",
            },
            {
                "at": "2027-01-03T15:59:30Z",
                "event": "acknowledged",
                "text": "acknowledged by li",
                "who": "li",
            },
        ]
    )

    assert capsys.readouterr().out.splitlines() == [
        "2027-01-03",
        "23:59:00            ┬ shop: connect refused",
        "23:59:30      +30 s ├ acknowledged by li (li)",
        "2027-01-04",
        "00:02:00     +3 min └ all alerts are over",
    ]


def test_an_empty_timeline_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    PAPER.timeline([])

    assert capsys.readouterr().out == "Nothing happened yet.\n"


def test_absent_facts_are_left_out_and_the_rest_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    PAPER.facts({"state": "open", "acknowledged": "no", "ticket": None, "quiet": ""})

    assert capsys.readouterr().out == "state:        open\nacknowledged: no\n"


@pytest.mark.parametrize(("number", "words"), [(0, "no checks"), (1, "1 check"), (2, "2 checks")])
def test_numbers_go_with_their_noun(number: int, words: str) -> None:
    assert count(number, "check") == words


def test_one_line_is_one_line() -> None:
    assert one_line("a\n b\t\x1fc\u2028d") == "a b c d"
    assert one_line(None) == ""
