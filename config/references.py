"""Names that must lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from config.complaint import SHOWN, KeyPath, Notes, did_you_mean
from config.document import Document
from config.kinds import Kinds
from config.schema.quiet import Maintenance, Silence
from config.source.block import locate

DEFAULT_POLICY: Final = "default"
"""The escalation that exists when none is written."""


class Reference(NamedTuple):
    """A name somewhere in the file that must be one of a section's."""

    path: KeyPath
    name: str | None
    noun: str
    section: str


def check_references(document: Document, kinds: Kinds, notes: Notes) -> None:
    """Complain of every name that leads nowhere."""
    known: Mapping[str, set[str]] = {
        **{
            section: document.names(section)
            for section in ("checks", "services", "people", "rotas", "escalations", "channels")
        },
        "probes": set(kinds.probes),
    }
    if not known["escalations"]:
        known["escalations"].update(default_policies(document))
    for reference in _references(document):
        if reference.name is not None and reference.name not in known[reference.section]:
            message = f"there is no {reference.noun} {reference.name[:100]!r}"
            # With thousands of names a likely one is dear to find: only for complaints that get printed.
            shown = len(notes.complaints) < SHOWN
            hint = did_you_mean(reference.name, known[reference.section]) if shown else ""
            notes.complain(*locate(document.root, reference.path), message, hint)


def default_policies(document: Document) -> list[str]:
    """Return the ids of the escalations that stand in when none is written: one for each rota."""
    if len(document.rotas) > 1:
        return [f"{DEFAULT_POLICY}-{rota}" for rota in document.rotas]
    return [DEFAULT_POLICY] if document.people else []


def _several(path: KeyPath, names: tuple[str, ...], noun: str, section: str) -> Iterator[Reference]:
    for index, name in enumerate(names):
        yield Reference((*path, index), name, noun, section)


def _answering(path: KeyPath, owner: str | None, escalation: str | None) -> Iterator[Reference]:
    yield Reference((*path, "owner"), owner, "rota", "rotas")
    yield Reference((*path, "escalation"), escalation, "escalation", "escalations")


def _references(document: Document) -> Iterator[Reference]:
    defaults = document.defaults
    yield from _answering(("defaults",), defaults.owner, defaults.escalation)
    for name, check in document.checks.items():
        path: KeyPath = ("host" if check.own else "checks", name)
        yield from _answering(path, check.keys.owner, check.keys.escalation)
    for name, service in document.services.items():
        path = ("services", name)
        yield from _answering(path, service.owner, service.escalation)
        yield from _several((*path, "checks"), service.checks, "check", "checks")
        yield from _several((*path, "depends_on"), service.depends_on, "service", "services")
    for name, person in document.people.items():
        for channel in person.channels:
            yield Reference(("people", name, "channels", channel), channel, "channel", "channels")
    for name, rota in document.rotas.items():
        yield from _several(("rotas", name, "backup"), rota.backup, "person", "people")
        for shift, keys in rota.shifts.items():
            yield from _several(("rotas", name, "shifts", shift, "people"), keys.people, "person", "people")
    for name, steps in document.escalations.items():
        for index, step in enumerate(steps):
            path = ("escalations", name, index)
            yield from _several((*path, "by"), step.by, "channel", "channels")
            if step.page is not None:
                yield Reference((*path, "page", "rota"), step.page.rota, "rota", "rotas")
                yield Reference((*path, "page", "backup"), step.page.backup, "rota", "rotas")
                yield from _several((*path, "page", "people"), step.page.people, "person", "people")
    yield from _several(("fallback",), document.fallback, "person", "people")
    yield from _several(
        ("announcements", "channels"), document.announcements.channels or (), "channel", "channels"
    )
    for name, threshold in document.thresholds.items():
        if threshold.select is not None:
            path = ("thresholds", name, "select")
            yield Reference((*path, "probe"), threshold.select.probe, "kind of probe", "probes")
            yield from _several((*path, "checks"), threshold.select.checks, "check", "checks")
    quiet: Mapping[str, Sequence[Silence | Maintenance]] = {
        "silences": document.silences,
        "maintenance": document.maintenance,
    }
    for section, listed in quiet.items():
        for index, one in enumerate(listed):
            yield from _several((section, index, "checks"), one.checks, "check", "checks")
            yield from _several((section, index, "services"), one.services, "service", "services")
