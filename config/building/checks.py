"""Checks put together: schedule, probe and the thresholds each is judged by."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeVar

from alerting.plan import CheckPlan
from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import OutcomeThreshold, Threshold
from config.building.canaries import is_remote
from config.building.staff import Answering
from config.building.thresholds import Rule
from config.document import CheckEntry, Document
from config.model import Check, Config

T = TypeVar("T")

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
    document: Document,
    rules: tuple[Rule, ...],
    answering: Answering,
    runbooks: Mapping[str, str],
    running: Config | None = None,
) -> BuiltChecks:
    """Return every check of the document, each with its defaults filled in.

    What comes out as it is in the `running` configuration is what stands there: of 10,000 checks a reload that changes
    one keeps 9,999, and does not need the room for them twice.
    """
    built = BuiltChecks()
    old_checks: Mapping[str, Check] = running.checks if running else {}
    old_plans: Mapping[str, CheckPlan] = running.plan.checks if running else {}
    machine = socket.gethostname() or "localhost"
    services: dict[str, list[str]] = {}
    for service, keys in document.services.items():
        for member in keys.checks:
            services.setdefault(member, []).append(service)
    by_kind: dict[str, list[Rule]] = {}
    for rule in rules:
        for kind in rule.by_kind:
            by_kind.setdefault(kind, []).append(rule)
    thresholds_of = _Shared(plan.thresholds for plan in old_plans.values())
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
        check = _kept(old_checks.get(name), _check(name, entry, document))
        built.checks[check.name] = check
        plan = CheckPlan(
            name=name,
            probe=entry.keys.probe,
            host=machine if entry.probe.HOST else entry.probe.target or machine,
            thresholds=thresholds_of(thresholds),
            part=entry.probe.PART,
            services=in_services,
            owner=answering.owner(owner),
            escalation=answering.escalation(
                entry.keys.escalation or (first.escalation if first else None), owner
            ),
            group_by=entry.keys.group_by or document.defaults.group_by,
            labels=entry.keys.labels,
            runbook=runbooks.get(f"checks.{name}", ""),
            remote=is_remote(entry, machine),
        )
        built.plans[check.name] = _kept(old_plans.get(name), plan)
    return built


def _kept(old: T | None, new: T) -> T:
    return old if old is not None and old == new else new


class _Shared:
    """Thresholds in the same order: most of thousands of checks are judged alike, and most loads judge as before."""

    def __init__(self, running: Iterable[tuple[Threshold, ...]]) -> None:
        self._running = list({id(one): one for one in running}.values())
        self._known: dict[tuple[int, ...], tuple[Threshold, ...]] = {}

    def __call__(self, thresholds: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
        ids = tuple(map(id, thresholds))
        known = self._known.get(ids)
        if known is None:
            known = self._known[ids] = next((old for old in self._running if old == thresholds), thresholds)
        return known


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
        # Begins with what the probe is made of: by that a later load finds what it need not make again.
        fingerprint=f"{entry.made_of} {every} {timeout} {retry_every}",
    )


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
def _down_of(severity: Severity, failures: tuple[int, int], recover: int, impact: Impact) -> OutcomeThreshold:
    few, of = failures
    return OutcomeThreshold(id="down", severity=severity, failures=few, of=of, recover=recover, impact=impact)
