"""How the daemon logs: lines for a terminal or the journal, or JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")

ALERT: Final = 60
"""Above critical: what a person must act upon at once."""
logging.addLevelName(ALERT, "ALERT")

# What the journal reads from the beginning of a line: syslog's levels.
_PRIORITIES: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
    ALERT: 1,
}


class JournalFormatter(logging.Formatter):
    """Lines that begin with `<6>`: the journal keeps the time, and every line of a message keeps its level."""

    def __init__(self) -> None:
        """Take the form of a line."""
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        mark = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(mark + line for line in super().format(record).splitlines())


class JsonFormatter(logging.Formatter):
    """One object a line: `at` (UTC), `level`, `logger`, `message`, and `error` with a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def formatter(env: Mapping[str, str], *, as_json: bool) -> logging.Formatter:
    """Choose how to write, by where stderr goes."""
    if as_json:
        return JsonFormatter()
    if "JOURNAL_STREAM" in env:
        return JournalFormatter()
    return logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")


def configure(level: str, *, as_json: bool) -> None:
    """Send what is ours of `level` and above to stderr; of libraries only what is a warning at least."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(os.environ, as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.WARNING))
    logging.getLogger("nightbell").setLevel(level.upper())
