"""The table of commands: complete, quick, and the same in help, reference and code."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import click
import pytest

import monitor
from lab.cli_reference import REFERENCE, render
from lab.cli_run import run
from monitor.cli.commands import ENTRIES, SECTIONS
from monitor.cli.exits import MEANINGS, Exit

ROOT = Path(monitor.__file__).parent.parent


def imported(*args: str) -> tuple[set[str], str]:
    """Run the command line in a fresh interpreter; return the modules it imported and what it printed."""
    code = (
        "import sys, json, io; sys.path.insert(0, sys.argv[1])\n"
        "from monitor.cli import main\n"
        "try: main(sys.argv[2:])\n"
        "finally: print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(ROOT), *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


def test_help_names_every_command_and_every_exit_code_and_imports_none_of_them() -> None:
    modules, out = imported("--help")

    assert all(f"  {name} " in out for name in ENTRIES)
    assert all(meaning in out for meaning in MEANINGS.values())
    heavy = {"rich", "pydantic", "yaml", "aiohttp", "sqlalchemy", "asyncio", "config", "probes", "alerting"}
    assert modules & heavy == set()
    assert {
        name for name in modules if name.startswith(("monitor.cli.local.", "monitor.cli.remote."))
    } == set()


def test_asking_the_daemon_imports_no_part_of_it() -> None:
    modules, _ = imported("--url", "http://127.0.0.1:1", "ack", "INC-1")

    assert "monitor.cli.remote.ack" in modules
    assert modules & {"aiohttp", "sqlalchemy", "config", "monitor.app", "pydantic", "asyncio"} == set()


def test_the_command_that_runs_the_daemon_imports_nothing_made_for_people() -> None:
    modules, _ = imported("run", "--help")

    assert "monitor.cli.local.run" in modules
    assert modules & {"rich", "http.client", "monitor.cli.output", "monitor.cli.client"} == set()


@pytest.mark.parametrize("name", ENTRIES)
def test_the_table_says_the_same_as_the_command(name: str) -> None:
    entry = ENTRIES[name]
    command = entry.load()

    assert command.name == name
    assert (command.help or "").splitlines()[0] == entry.help


def leaves() -> list[object]:
    """Return every command that does something."""
    found: list[object] = []
    for rows in SECTIONS.values():
        for entry in rows:
            command = entry.load()
            below = command.commands if isinstance(command, click.Group) else {"": command}
            found += [pytest.param(one, id=f"{entry.name} {word}".strip()) for word, one in below.items()]
    return found


@pytest.mark.parametrize("command", leaves())
def test_every_command_has_help_a_json_form_and_options_with_help(command: click.Command) -> None:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]

    assert (command.help or "").partition("\n")[0].endswith(".")
    assert "--json" in [name for option in options for name in option.opts]
    assert [option.name for option in options if not option.help] == []


def test_the_reference_is_current() -> None:
    """`scripts/cli-reference` writes it."""
    assert REFERENCE.read_text(encoding="utf-8") == render()


def test_the_version_is_the_distributions() -> None:
    assert run("--version").out == f"nightbell {metadata.version('nightbell')}\n"


def test_exit_codes_are_all_explained() -> None:
    assert list(MEANINGS) == list(Exit)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param("nightbell a", ["ack", "assign", "announce"], id="commands"),
        pytest.param("nightbell silence e", ["end", "extend"], id="below a group"),
        pytest.param("nightbell incidents --st", ["--state"], id="options"),
        pytest.param("nightbell incidents --state cl", ["closed"], id="choices"),
    ],
)
def test_the_tab_key_completes(words: str, found: list[str]) -> None:
    env = {
        "_NIGHTBELL_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "monitor"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert [line.partition(",")[2] for line in done.stdout.split()] == found
