"""What makes alerts one incident: their services, else the target's host, or each check by itself."""

from __future__ import annotations

from dataclasses import dataclass

from alerting.incidents.incident import Incident
from alerting.plan import CheckPlan, GroupBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Where an alert belongs."""

    key: str
    services: tuple[str, ...]
    host: str

    @property
    def near(self) -> tuple[str, ...]:
        """What an incident that fits is about: the group itself, or one of its services."""
        return (self.key, *(f"has:{service}" for service in self.services))


def group_of(check: CheckPlan) -> Group:
    """Return the group of a check's alerts."""
    services = tuple(sorted(check.services))
    if check.group_by is GroupBy.CHECK:
        return Group(key=f"check:{check.name}", services=services, host=check.host)
    if check.group_by is GroupBy.SERVICE and services:
        return Group(key="service:" + "+".join(services), services=services, host=check.host)
    return Group(key=f"host:{check.host}", services=services, host=check.host)


def fits(incident: Incident, group: Group) -> bool:
    """Tell whether an incident is about that group: the very same, or one that shares a service."""
    if incident.group == group.key:
        return True
    shared = set(incident.services) & set(group.services)
    return bool(shared) and group.key.startswith("service:") and incident.group.startswith("service:")
