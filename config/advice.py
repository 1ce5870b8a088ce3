"""Warnings: what is missing or unwise though it can be run. Each says what it means for the night."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from config.building.canaries import is_near
from config.building.checks import BuiltChecks
from config.building.thresholds import Rule
from config.complaint import Notes
from config.document import Document
from config.schema.later import NOT_ACTED_ON
from config.schema.site import LANGUAGES
from config.source.block import Block


def advise(document: Document, rules: tuple[Rule, ...], built: BuiltChecks, notes: Notes) -> None:
    """Warn of everything worth a warning, each once."""
    for source in (_not_acted_on, _missing, _several, _reach, _idle):
        for text in source(document):
            notes.warn(text)
    for rule in rules:
        if rule.written and rule.id not in built.used:
            notes.warn(f"`thresholds.{rule.id}` selects no check")


def _not_acted_on(document: Document) -> Iterator[str]:
    for path in NOT_ACTED_ON:
        if any(value not in (None, [], {}, "off") for value in _at(document.root, path)):
            yield f"`{'.'.join(path)}` is accepted but not acted on yet"


def _at(node: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield node
    elif isinstance(node, Block):
        for key in node if path[0] == "*" else (path[0],):
            if key in node:
                yield from _at(node[key], path[1:])


def _missing(document: Document) -> Iterator[str]:
    if not document.people:
        yield "no `people`: incidents are recorded and shown, but nobody is paged"
    elif not document.fallback:
        yield "no `fallback`: when a step of an escalation reaches nobody, nobody else is asked"
    if not document.canaries:
        yield "no `canaries`: when this machine loses its network, everything else will look down"
    elif all(is_near(one.probe.target or "localhost", "localhost") for one in document.canaries):
        yield "every one of the `canaries` is on this network: when the line beyond it is dead, they still answer"
    if document.heartbeat is None:
        yield "no outward `heartbeat`: when this machine dies, nobody outside notices"
    for id_, person in document.people.items():
        if not person.channels:
            yield f"`people.{id_}` has no channel and cannot be paged"


def _several(document: Document) -> Iterator[str]:
    defaults = document.defaults
    if len(document.rotas) > 1 and defaults.owner is None:
        first = next(iter(document.rotas))
        yield f"several rotas and no `defaults.owner`: `{first}` answers for what names no owner"
    if len(document.escalations) > 1 and defaults.escalation is None:
        first = next(iter(document.escalations))
        yield f"several escalations and no `defaults.escalation`: `{first}` is followed where none is named"


def _reach(document: Document) -> Iterator[str]:
    listen = document.listen
    if listen.public_url is None:
        if document.people and _loopback(listen.public.host):
            yield "no `listen.public_url`: links in messages lead to this machine's own address and work only on it"
        return
    host = urlsplit(listen.public_url).hostname
    for name, check in document.checks.items():
        if (
            check.probe.target is not None
            and check.probe.target.lower().rstrip(".") == host
            and not _loopback(host)
        ):
            yield (
                f"`listen.public_url` stands behind what `checks.{name}` watches: "
                "when that is down, customers cannot read why"
            )
            return


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _idle(document: Document) -> Iterator[str]:
    for id_, service in document.services.items():
        if not service.checks:
            yield f"`services.{id_}` has no checks: nothing can tell whether it is up"
    strange = [language for language in document.site.languages if language.split("-")[0] not in LANGUAGES]
    if strange:
        yield f"no templates ship for {', '.join(strange)}: those customers read {LANGUAGES[0]}"
