"""The document: every section of the configuration decoded, nothing put together yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from alerting.notifiers.api import Notifier
from config.alike import CHECK_KEYS, Alike, made_of, not_options
from config.complaint import KeyPath, Notes, did_you_mean
from config.kinds import HOST_CHECKS, Kinds
from config.schema.checks import CheckKeys, Defaults
from config.schema.decode import decode, known_keys
from config.schema.history import HistoryKeys
from config.schema.outward import Announcements, ChannelKeys, Heartbeat, Paging, Tickets
from config.schema.quiet import Inhibition, Maintenance, Silence
from config.schema.services import ServiceKeys
from config.schema.site import ListenKeys, Site
from config.schema.staff import PersonKeys, RotaKeys, Somebody, StepKeys
from config.schema.thresholds import ThresholdKeys
from config.schema.words import NAME, NAME_RULE, Text, Workers
from config.source.block import Block, Series, locate
from probes.api import Probe

T = TypeVar("T")

RESERVED: Final = ("down", "unknown")
"""Thresholds every check has by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEntry:
    """A check as written: its keys, its probe and what tells of what the probe was made. `own`: this machine's."""

    keys: CheckKeys
    probe: Probe
    made_of: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """A channel as written."""

    keys: ChannelKeys
    notifier: Notifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Who is told when nobody else can be."""

    fallback: Somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where everything is recorded: a database URL."""

    store: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """How many worker processes probe."""

    workers: Workers


@dataclass(slots=True, kw_only=True)
class Document:
    """What was written, typed. Entries with a complaint are missing here, though `names` still knows them."""

    root: Block
    site: Site = field(default_factory=Site)
    listen: ListenKeys = field(default_factory=ListenKeys)
    defaults: Defaults = field(default_factory=Defaults)
    announcements: Announcements = field(default_factory=Announcements)
    tickets: Tickets = field(default_factory=Tickets)
    paging: Paging = field(default_factory=Paging)
    heartbeat: Heartbeat | None = None
    history: HistoryKeys = field(default_factory=HistoryKeys)
    store: str | None = None
    workers: int | None = 1
    fallback: tuple[str, ...] = ()
    checks: dict[str, CheckEntry] = field(default_factory=dict)
    thresholds: dict[str, ThresholdKeys] = field(default_factory=dict)
    services: dict[str, ServiceKeys] = field(default_factory=dict)
    people: dict[str, PersonKeys] = field(default_factory=dict)
    rotas: dict[str, RotaKeys] = field(default_factory=dict)
    escalations: dict[str, tuple[StepKeys, ...]] = field(default_factory=dict)
    channels: dict[str, ChannelEntry] = field(default_factory=dict)
    canaries: list[CheckEntry] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    maintenance: list[Maintenance] = field(default_factory=list)
    inhibitions: list[Inhibition] = field(default_factory=list)

    def names(self, section: str) -> set[str]:
        """Return the names given in a section, entries with a complaint included."""
        block = self.root.get(section)
        named = set(block) if isinstance(block, Block) else set()
        return named | set(self.checks) if section == "checks" else named


SINGLE: Final[Mapping[str, type[Any]]] = {
    "site": Site,
    "listen": ListenKeys,
    "defaults": Defaults,
    "announcements": Announcements,
    "tickets": Tickets,
    "paging": Paging,
    "heartbeat": Heartbeat,
    "history": HistoryKeys,
}
NAMED: Final[Mapping[str, type[Any]]] = {
    "thresholds": ThresholdKeys,
    "services": ServiceKeys,
    "people": PersonKeys,
    "rotas": RotaKeys,
}
LISTED: Final[Mapping[str, type[Any]]] = {
    "silences": Silence,
    "maintenance": Maintenance,
    "inhibitions": Inhibition,
}
_OWN: Final = ("store", "workers", "host", "canaries", "checks", "escalations", "fallback", "channels")

SECTIONS: Final = (*SINGLE, *NAMED, *LISTED, *_OWN)
"""Every key of the top level."""


def decode_document(root: Block, kinds: Kinds, notes: Notes, alike: Alike) -> Document:
    """Return all of `root` that could be decoded; the rest is complained of."""
    document = Document(root=root)
    decoder = _Decoder(root=root, kinds=kinds, notes=notes, alike=alike)
    for key in root:
        if key not in SECTIONS:
            notes.complain(
                locate(root, (key,), key=True)[0], (key,), "unknown key", did_you_mean(key, SECTIONS)
            )
    for key, value in root.items():
        if value is None or key not in SECTIONS:
            continue
        if key in SINGLE:
            found = decode(SINGLE[key], value, root=root, path=(key,), notes=notes)
            if found is not None:
                setattr(document, key, found)
        elif key in NAMED:
            setattr(document, key, decoder.named(key, value, NAMED[key]))
        elif key in LISTED:
            setattr(document, key, decoder.listed(key, value, LISTED[key]))
    decoder.own_sections(document)
    return document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoder:
    root: Block
    kinds: Kinds
    notes: Notes
    alike: Alike

    def complain(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.notes.complain(*locate(self.root, path), message, hint)

    def entries(self, section: str, value: Any) -> list[tuple[str, Any]]:
        """Return the entries of a section of names whose names are good."""
        if not isinstance(value, Block):
            if value is not None:
                self.complain((section,), "must be a mapping of names")
            return []
        good = []
        for name, inner in value.items():
            if NAME.fullmatch(name):
                good.append((name, inner))
            else:
                mark, _ = locate(self.root, (section, name), key=True)
                self.notes.complain(mark, (section,), f"{name[:120]!r} cannot be a name", NAME_RULE)
        return good

    def named(self, section: str, value: Any, shape: type[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, inner in self.entries(section, value):
            entry = decode(shape, inner, root=self.root, path=(section, name), notes=self.notes)
            if entry is not None:
                found[name] = entry
        return found

    def listed(self, section: str, value: Any, shape: type[T], *above: str | int) -> list[T]:
        path = (section, *above)
        if not isinstance(value, Series):
            self.complain(path, "must be a list")
            return []
        made = (
            decode(shape, item, root=self.root, path=(*path, index), notes=self.notes)
            for index, item in enumerate(value)
        )
        return [item for item in made if item is not None]

    def own_sections(self, document: Document) -> None:
        root = self.root
        if root.get("store") is not None:
            store = decode(Store, root.only(["store"]), root=root, path=(), notes=self.notes)
            document.store = store.store if store else None
        if root.get("workers") is not None:
            processes = decode(Processes, root.only(["workers"]), root=root, path=(), notes=self.notes)
            document.workers = processes.workers if processes else 1
        if root.get("fallback") is not None:
            fallback = decode(Fallback, root.only(["fallback"]), root=root, path=(), notes=self.notes)
            document.fallback = fallback.fallback if fallback else ()
        for name, inner in self.entries("checks", root.get("checks")):
            check = self.check(inner, ("checks", name))
            if check is not None:
                document.checks[name] = check
        for name, inner in self.entries("channels", root.get("channels")):
            channel = self.channel(inner, ("channels", name))
            if channel is not None:
                document.channels[name] = channel
        for name, inner in self.entries("escalations", root.get("escalations")):
            document.escalations[name] = tuple(self.listed("escalations", inner, StepKeys, name))
        canaries = root.get("canaries")
        if canaries is not None and not isinstance(canaries, Series):
            self.complain(("canaries",), "must be a list")
        elif canaries is not None:
            made = (
                self.check(item, ("canaries", index))
                for index, item in enumerate(canaries)
                if item is not None
            )
            document.canaries = [canary for canary in made if canary is not None]
        tickets = root.get("tickets")
        mirrors = tickets.get("mirror") if isinstance(tickets, Block) else None
        for index, mirror in enumerate(mirrors if isinstance(mirrors, Series) else ()):
            self.channel(mirror, ("tickets", "mirror", index))
        self.own_checks(document)

    def check(self, value: Any, path: KeyPath, *, own: bool = False) -> CheckEntry | None:
        if not isinstance(value, Block):
            self.complain(path, "is empty" if value is None else "must be a mapping or a URL")
            return None
        word = value.get("probe")
        kind = self.kinds.probes.get(word) if isinstance(word, str) else None
        if isinstance(word, str) and kind is None:
            self.complain((*path, "probe"), "no such kind of probe", did_you_mean(word, self.kinds.probes))
        keys = self._keys(value.only(CHECK_KEYS), path)
        if kind is None:
            return None
        options = value.but(not_options(kind))
        whole = made_of(kind, options)
        probe = self.alike.probe(str(path[-1]), kind, whole) or self._probe(kind, options, path)
        if keys is None or probe is None:
            return None
        return CheckEntry(keys=keys, probe=probe, made_of=whole, own=own)

    def _keys(self, written: Block, path: KeyPath) -> CheckKeys | None:
        keys = self.alike.keys(written)
        if keys is None:
            keys = decode(CheckKeys, written, root=self.root, path=path, notes=self.notes)
            if keys is not None:
                self.alike.keep_keys(written, keys)
        return keys

    def _probe(self, kind: type[Probe], options: Block, path: KeyPath) -> Probe | None:
        given = self.alike.with_inner(kind, options)
        probe = decode(kind, given, root=self.root, path=path, notes=self.notes, also=CHECK_KEYS)
        if probe is not None and given is options:
            self.alike.keep_inner(kind, options, probe)
        return probe

    def channel(self, value: Any, path: KeyPath) -> ChannelEntry | None:
        if not isinstance(value, Block):
            self.complain(path, "is empty" if value is None else "must be a mapping with `notifier`")
            return None
        common = known_keys(ChannelKeys)
        word = value.get("notifier")
        kind = self.kinds.notifiers.get(word) if isinstance(word, str) else None
        if isinstance(word, str) and kind is None:
            hint = did_you_mean(word, self.kinds.notifiers)
            self.complain((*path, "notifier"), "no such kind of notifier", hint)
        keys = decode(ChannelKeys, value.only(common), root=self.root, path=path, notes=self.notes)
        if kind is None:
            return None
        options = value.without(*(set(common) - set(known_keys(kind))))
        notifier = decode(kind, options, root=self.root, path=path, notes=self.notes, also=common)
        return None if keys is None or notifier is None else ChannelEntry(keys=keys, notifier=notifier)

    def own_checks(self, document: Document) -> None:
        """Add this machine's checks, each unless a configured check uses the same kind or it is switched off."""
        host = self.root.get("host")
        wanted = host if isinstance(host, Block) else Block(self.root.mark)
        for kind in HOST_CHECKS:
            options = wanted.get(kind, Block(self.root.mark))
            if options == "off" or kind not in self.kinds.probes:
                continue
            standing = next(
                (name for name, entry in document.checks.items() if entry.keys.probe == kind), None
            )
            if standing is not None:
                if options:
                    self.notes.warn(f"`host.{kind}` has no effect: the check `{standing}` stands instead")
            elif kind in document.names("checks"):
                if kind in document.checks:
                    self.complain(
                        ("checks", kind),
                        "has the name of this machine's own check",
                        f"choose another name, or write `host: {{{kind}: off}}`",
                    )
            else:
                entry = self.check(options.plus(probe=kind), ("host", kind), own=True)
                if entry is not None:
                    document.checks[kind] = entry
