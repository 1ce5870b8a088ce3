"""Writes notifications to the daemon's own log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import ConfigDict

from alerting.notifiers.api import OPTIONS, Accepted, Message, Progress
from alerting.notifiers.body import body

LOGGER: Final = logging.getLogger("nightbell.notifications")
_TRICKS: Final = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON lets pass though it can break a line, turn its direction or fail to encode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Writes each notification as one line of JSON to the daemon's log; under systemd that is the journal.

    Meant for trying a configuration out and as a second trace beside a channel that reaches people. The line
    holds the acknowledgement link: who reads the log can acknowledge. It has no options.
    """

    KIND: ClassVar[str] = "log"
    EXAMPLE: ClassVar[Mapping[str, object]] = {}
    __pydantic_config__: ClassVar[ConfigDict] = OPTIONS

    @property
    def needs_address(self) -> bool:
        """False: the log is the destination."""
        return False

    def complaint(self) -> str | None:
        """None: nothing can be wrong."""
        return None

    async def send(self, message: Message, progress: Progress) -> Accepted:
        """Write the line at level INFO to the logger `nightbell.notifications`."""
        fields = body(message)
        progress.sent = True
        line = _TRICKS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(fields, ensure_ascii=False))
        LOGGER.info("%s", line, extra={"notification": fields})
        return Accepted(detail="logged")

    async def close(self) -> None:
        """Nothing to give up."""
