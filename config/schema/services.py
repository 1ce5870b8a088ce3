"""Services as they are written: what customers would name, and when they hear of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from config.schema.words import Language, Name, Names, Refused, Term, Text, word
from probes.units import Unit, parse


def _when(value: object) -> timedelta | None:
    text = word(value, "auto, approve or after 5m")
    if text == "approve":
        return None
    if text == "auto":
        return timedelta(0)
    match = re.fullmatch(r"after +(\S+)", text)
    if match is None:
        raise Refused(f"must be auto, approve or after 5m, not {text[:40]!r}")
    return timedelta(seconds=parse(match[1], Unit.SECONDS))


When = Annotated[
    timedelta | None,
    BeforeValidator(_when),
    WithJsonSchema({"type": "string", "pattern": "^(auto|approve|after +.+)$", "examples": ["after 5m"]}),
]
"""How long after the opening; None waits for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """When customers hear: `page` the status page, `push` their channels. `auto`, `approve` or `after 5m`."""

    page: When = None
    push: When = None


def _some(value: dict[str, str]) -> dict[str, str]:
    if not value:
        raise Refused("names no language")
    return value


Title = Annotated[dict[Language, Text], AfterValidator(_some)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeys:
    """What a customer would name, made of checks.

    title: its name for people, one text or one per language.
    checks: what it is made of.
    depends_on: services it cannot work without; while one of them is down, this is its symptom and pages nobody.
    owner: the rota that answers for it.
    escalation: the policy that is followed.
    announce: when customers hear of an outage.
    expected_recovery: how long an outage lasts as a rule, told to customers as an estimate.
    public: whether customers see it on the status page.
    runbook: what to do, as text or as the path of a Markdown file beside the configuration.
    """

    title: Title | None = None
    checks: Names = ()
    depends_on: Names = ()
    owner: Name | None = None
    escalation: Name | None = None
    announce: Announce = field(default_factory=Announce)
    expected_recovery: Term = timedelta(minutes=30)
    public: bool = True
    runbook: str = ""
