"""The kinds of probes and notifiers a configuration may name, and where their short forms lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerting.notifiers.api import Notifier
from probes.api import Probe

HOST_CHECKS: Final = ("cpu", "memory", "swap", "load", "disk", "bandwidth")
"""Kinds whose check of the same name exists on every machine, unless the configuration says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """The tables of kinds."""

    probes: Mapping[str, type[Probe]]
    notifiers: Mapping[str, type[Notifier]]

    @property
    def schemes(self) -> dict[str, type[Probe]]:
        """URL scheme to the kind of probe its short form means."""
        return {scheme: kind for kind in self.probes.values() for scheme in kind.SCHEMES}


def shipped_kinds() -> Kinds:
    """Return the kinds that come with the program; imports them all."""
    from alerting.notifiers.kinds import KINDS as NOTIFIERS
    from probes.kinds import KINDS as PROBES

    return Kinds(probes=PROBES, notifiers=NOTIFIERS)
