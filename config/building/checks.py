"""Checks put together: schedule, probe and the thresholds each is judged by."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from alerting.plan import CheckPlan
from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import OutcomeThreshold, Threshold
from config.building.staff import Answering
from config.building.thresholds import Rule
from config.document import CheckEntry, Document
from config.model import Check

EVERY_OF_KIND: Final = {"disk": 60.0}
"""Kinds that are looked at less often than others unless their check says otherwise; space goes slowly."""

UNKNOWN: Final = OutcomeThreshold(
    id="unknown", severity=Severity.WARNING, failures=3, recover=1, on_unknown=True, impact=Impact.NONE
)
"""Every check has it: our own inability to tell is staff's business, and never the customers'."""


@dataclass(slots=True, kw_only=True)
class BuiltChecks:
    """Checks for the engine and for deciding, and the thresholds that judge any of them."""

    checks: dict[str, Check] = field(default_factory=dict)
    plans: dict[str, CheckPlan] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def build_checks(
    document: Document, rules: tuple[Rule, ...], answering: Answering, runbooks: Mapping[str, str]
) -> BuiltChecks:
    """Return every check of the document, each with its defaults filled in."""
    built = BuiltChecks()
    machine = socket.gethostname() or "localhost"
    services: dict[str, list[str]] = {}
    for service, keys in document.services.items():
        for check in keys.checks:
            services.setdefault(check, []).append(service)
    by_kind: dict[str, list[Rule]] = {}
    for rule in rules:
        for kind in rule.by_kind:
            by_kind.setdefault(kind, []).append(rule)
    shared: dict[tuple[int, ...], tuple[Threshold, ...]] = {}  # most of thousands of checks are judged alike
    for name, entry in document.checks.items():
        in_services = tuple(services.get(name, ()))
        first = document.services[in_services[0]] if in_services else None
        owner = entry.keys.owner or (first.owner if first else None)
        judged = [
            rule
            for rule in by_kind.get(entry.keys.probe, ())
            if rule.selector.fits(name=name, probe=entry.keys.probe, labels=entry.keys.labels)
        ]
        built.used.update(rule.id for rule in judged)
        thresholds = (
            _down(entry, document),
            UNKNOWN,
            *(rule.by_kind[entry.keys.probe] for rule in judged),
        )
        built.checks[name] = _check(name, entry, document)
        built.plans[name] = CheckPlan(
            name=name,
            probe=entry.keys.probe,
            host=machine if entry.probe.HOST else entry.probe.target or machine,
            thresholds=shared.setdefault(tuple(map(id, thresholds)), thresholds),
            part=entry.probe.PART,
            services=in_services,
            owner=answering.owner(owner),
            escalation=answering.escalation(
                entry.keys.escalation or (first.escalation if first else None), owner
            ),
            group_by=entry.keys.group_by or document.defaults.group_by,
            labels=entry.keys.labels,
            runbook=runbooks.get(f"checks.{name}", ""),
        )
    return built


def _check(name: str, entry: CheckEntry, document: Document) -> Check:
    keys, defaults = entry.keys, document.defaults
    every = keys.every or max(defaults.every, EVERY_OF_KIND.get(keys.probe, 0.0))
    timeout = keys.timeout or defaults.timeout
    retry_every = keys.retry_every or defaults.retry_every
    return Check(
        name=name,
        probe=entry.probe,
        every=every,
        timeout=timeout,
        retry_every=retry_every,
        fingerprint=_fingerprint(keys.probe, entry.options, every, timeout, retry_every),
    )


def _fingerprint(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _down(entry: CheckEntry, document: Document) -> Threshold:
    keys, defaults, host = entry.keys, document.defaults, entry.probe.HOST
    return _down_of(
        # What this machine's own numbers cannot be read for is staff's business, not an outage.
        keys.severity or (Severity.WARNING if host else defaults.severity),
        keys.failures or defaults.failures,
        keys.recover or defaults.recover,
        keys.impact or (Impact.NONE if host else defaults.impact),
    )


@cache
def _down_of(severity: Severity, failures: int, recover: int, impact: Impact) -> OutcomeThreshold:
    return OutcomeThreshold(id="down", severity=severity, failures=failures, recover=recover, impact=impact)
