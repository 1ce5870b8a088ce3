"""The text formats Prometheus reads: how a family, a label and a number are written.

Two formats leave by one writer: the plain text format 0.0.4 and OpenMetrics 1.0. They differ in the name a
counter's family goes by, in how help is quoted, and in the mark at the end.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


class Format(enum.Enum):
    """What the scraper asked for; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


END: Final = "# EOF\n"
"""The last line of an OpenMetrics answer."""

_COUNTER: Final = "_total"
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All series of one name. A name that ends in `_total` is a counter, everything else a gauge."""

    name: str
    help: str

    def header(self, form: Format) -> str:
        """Return the two comment lines in front of the family."""
        name, kind = self.name, "gauge"
        if name.endswith(_COUNTER):
            kind = "counter"
            if form is Format.OPENMETRICS:
                name = name.removesuffix(_COUNTER)
        return header(name, kind, self.help, form)


def header(name: str, kind: str, help_text: str, form: Format) -> str:
    """Return the two comment lines in front of a family that goes by `name` in this format."""
    text = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if form is Format.OPENMETRICS:
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def number(value: float) -> str:
    """Write a value. NaN and the infinities have names of their own."""
    if math.isfinite(value):
        return repr(value)
    if value != value:  # noqa: PLR0124 - NaN is not itself
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def quoted(value: str) -> str:
    """Escape a label's value: whatever it holds, it stays inside its quotes and on its line."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def labels(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return `name="value",…` without the braces."""
    given = pairs.items() if isinstance(pairs, Mapping) else pairs
    return ",".join(f'{name}="{quoted(value)}"' for name, value in given)


def label_name(name: str) -> bool:
    """True where `name` may name a label. Two underscores in front belong to Prometheus itself."""
    return _NAME.fullmatch(name) is not None and not name.startswith("__")


def encode(text: str) -> bytes:
    """Return `text` in UTF-8; what cannot be written so (a mount point of stray bytes) becomes a question mark."""
    return text.encode("utf-8", "replace")
