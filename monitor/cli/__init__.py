"""The command line: one command per file, listed in `commands.py`."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import click

from monitor.cli.exits import Exit


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. A closed pipe and Ctrl-C end it without a traceback."""
    from monitor.cli.commands import nightbell

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # better a question mark than no answer at all
    try:
        code = nightbell.main(args=args, prog_name="nightbell", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.DONE
