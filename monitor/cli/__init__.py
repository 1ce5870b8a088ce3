"""The command line: one command per file, listed in `commands.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from monitor.cli.exits import Exit


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. A closed pipe and Ctrl-C end it without a traceback."""
    from monitor.cli.commands import nightbell

    try:
        code = nightbell.main(args=args, prog_name="nightbell", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # What is still buffered would fail again, loudly, when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.PIPE_CLOSED
    return code if isinstance(code, int) else Exit.DONE
