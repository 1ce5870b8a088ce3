"""Short forms and the long ones they stand for. Reads blocks, gives new blocks; nothing is decided here.

checks:      home: https://…            {probe: http, url: https://…}
             nginx: {unit: a.service}   {probe: unit, …}
services:    title: Shop                title: {en: Shop}
             announce: after 5m         announce: {page: after 5m, push: after 5m}
people:      li: {sms: "+86…"}          li: {channels: {sms: "+86…"}}
rotas:       ops: {people: […]}         ops: {shifts: {all: {from: "00:00", to: "00:00", people: […]}}}
escalations: page: [li]                 page: {people: [li]}
thresholds:  cpu-busy: off              cpu-busy: {off: true}
heartbeat:   https://…                  {url: https://…}
host:        on                         {}
history:     off                        {off: true}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from config.complaint import KeyPath, Notes, did_you_mean
from config.kinds import HOST_CHECKS, Kinds
from config.schema.decode import is_spoilt, known_keys
from config.schema.site import LANGUAGES
from config.schema.staff import PersonKeys, ShiftKeys
from config.source.block import Block, Series, locate
from probes.api import Probe

ONE_SHIFT: Final = "all"
"""Name of the shift of a rota that has only one."""

_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")


def expand(root: Block, kinds: Kinds, notes: Notes) -> Block:
    """Return `root` with every short form written out; what cannot be is complained of and left out."""
    forms = _Forms(root=root, kinds=kinds, notes=notes)
    table: Mapping[str, Callable[[Any, KeyPath], Any]] = {
        "checks": forms.each(forms.check),
        "canaries": forms.items(forms.check),
        "services": forms.each(forms.service),
        "people": forms.each(forms.person),
        "rotas": forms.each(forms.rota),
        "escalations": forms.each(forms.items(forms.step)),
        "thresholds": forms.each(forms.threshold),
        "host": forms.host,
        "history": forms.history,
        "heartbeat": forms.heartbeat,
    }
    full = Block(root.mark, {}, root.places)
    for key, value in root.items():
        full[key] = table[key](value, (key,)) if key in table and value is not None else value
    return full


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forms:
    root: Block
    kinds: Kinds
    notes: Notes

    def complain(self, path: KeyPath, message: str, hint: str = "") -> None:
        mark, shown = locate(self.root, path)
        if not is_spoilt(self.root, shown, self.notes):
            self.notes.complain(mark, shown, message, hint)

    def each(self, form: Callable[[Any, KeyPath], Any]) -> Callable[[Any, KeyPath], Any]:
        """Apply `form` to every entry of a mapping; where it gives None for something, that is left out."""

        def expand_all(value: Any, path: KeyPath) -> Any:
            if not isinstance(value, Block):
                return value
            made = {key: form(inner, (*path, key)) for key, inner in value.items()}
            kept = {key: inner for key, inner in made.items() if inner is not None or value[key] is None}
            return Block(value.mark, kept, value.places)

        return expand_all

    def items(self, form: Callable[[Any, KeyPath], Any]) -> Callable[[Any, KeyPath], Any]:
        """Apply `form` to every item of a list."""

        def expand_all(value: Any, path: KeyPath) -> Any:
            if not isinstance(value, Series):
                return value
            made = [form(item, (*path, index)) for index, item in enumerate(value)]
            return Series(value.mark, made, value.places)

        return expand_all

    def check(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, str):
            return self._check_from_text(value, path)
        if value is None:
            self.complain(path, "is empty", "write a URL, an address, or a mapping with `probe:`")
        if not isinstance(value, Block) or "probe" in value:
            return value
        named = [key for key in value if key in self.kinds.probes]
        if len(named) != 1:
            urls = [key for key in ("url", "target") if isinstance(value.get(key), str)]
            scheme = value[urls[0]].partition("://")[0].lower() if urls else ""
            likely = self.kinds.schemes.get(scheme)
            hint = (
                f"write `probe: {likely.KIND}`"
                if likely
                else f"kinds are {', '.join(sorted(self.kinds.probes))}"
            )
            self.complain(path, "needs `probe`", hint)
            return None
        (word,) = named
        kind, rest = self.kinds.probes[word], value.without(word)
        given = value[word]
        if isinstance(given, Block):
            inner = Block(given.mark, {**rest, **given}, {**rest.places, **given.places})
            return inner.plus(probe=word)
        if given is None:
            return rest.plus(probe=word)
        subject = _only_required(kind)
        if isinstance(given, str) and "://" in given and given.partition("://")[0].lower() in kind.SCHEMES:
            options = self._options_from_url(kind, given, (*path, word))
            return None if options is None else rest.plus(probe=word, **options)
        if subject is None:
            self.complain((*path, word), "must be a mapping of options")
            return None
        full = rest.plus(probe=word)
        full.put(subject, given, value.places.get(word))
        return full

    def _check_from_text(self, text: str, path: KeyPath) -> Any:
        schemes = self.kinds.schemes
        if "://" not in text:
            if _ADDRESS.fullmatch(text) and "tcp" in schemes:
                text = f"tcp://{text}"
            else:
                if text in self.kinds.probes:
                    hint = f"write {{probe: {text}}}"
                else:
                    hint = "write a URL, an address like db.example:5432, or a mapping with `probe:`"
                self.complain(path, "is neither a URL nor an address", hint)
                return None
        scheme = text.partition("://")[0].lower()
        kind = schemes.get(scheme)
        if kind is None:
            shown = scheme if re.fullmatch(r"[a-z][a-z0-9+.-]{0,30}", scheme) else "it begins with"
            self.complain(
                path, f"no probe knows the scheme {shown}", f"known are {', '.join(sorted(schemes))}"
            )
            return None
        options = self._options_from_url(kind, text, path)
        mark, _ = locate(self.root, path)
        return None if options is None else Block(mark, {"probe": kind.KIND, **options})

    def _options_from_url(self, kind: type[Probe], url: str, path: KeyPath) -> dict[str, Any] | None:
        try:
            options = kind.from_url(url)
        except ValueError as error:
            self.complain(path, str(error))
            return None
        mark, _ = locate(self.root, path)
        return {key: _as_read(value, mark) for key, value in options.items()}

    def service(self, value: Any, _path: KeyPath) -> Any:
        if not isinstance(value, Block):
            return value
        full = Block(value.mark, value, value.places)
        if isinstance(title := value.get("title"), str):
            full["title"] = Block(value.place_of("title").value, {self._first_language(): title})
        if isinstance(word := value.get("announce"), str):
            full["announce"] = Block(value.place_of("announce").value, {"page": word, "push": word})
        return full

    def _first_language(self) -> str:
        site = self.root.get("site")
        languages = site.get("languages") if isinstance(site, Block) else None
        first = languages[0] if isinstance(languages, Series) and languages else None
        return first if isinstance(first, str) else LANGUAGES[0]

    def person(self, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, Block):
            return value
        channels = self.root.get("channels")
        known = set(channels) if isinstance(channels, Block) else set()
        own = set(known_keys(PersonKeys))
        direct = [key for key in value if key not in own]
        for key in direct:
            if key not in known:
                mark, shown = locate(self.root, (*path, key), key=True)
                self.notes.complain(
                    mark, shown, "is neither a key of a person nor a channel", did_you_mean(key, own | known)
                )
        listed = value.get("channels")
        if not direct or not (listed is None or isinstance(listed, Block)):
            return value.without(*direct)
        joined = Block(value.mark if listed is None else listed.mark)
        for key in (key for key in direct if key in known):
            joined.put(key, value[key], value.places.get(key))
        if listed is not None:
            for key, address in listed.items():
                if key in joined:
                    self.complain((*path, "channels", key), "is given twice; the person has it as a key too")
                else:
                    joined.put(key, address, listed.places.get(key))
        return value.without(*direct).plus(channels=joined)

    def rota(self, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, Block):
            return value
        of_shift = [key for key in known_keys(ShiftKeys) if key in value]
        if "shifts" in value:
            for key in of_shift:
                self.complain(
                    (*path, key), "belongs to a shift", "move it under `shifts:`, or drop `shifts:`"
                )
            return value.without(*of_shift)
        shift = value.only(of_shift)
        return value.without(*of_shift).plus(shifts=Block(value.mark, {ONE_SHIFT: shift}))

    def step(self, value: Any, _path: KeyPath) -> Any:
        if not isinstance(value, Block) or not isinstance(value.get("page"), str | Series):
            return value
        full = Block(value.mark, value, value.places)
        full["page"] = Block(value.place_of("page").value, {"people": value["page"]})
        return full

    def threshold(self, value: Any, path: KeyPath) -> Any:
        if _switch(value) is False:
            return Block(locate(self.root, path)[0], {"off": True})
        if not isinstance(value, Block):
            return value
        full = Block(value.mark, value, value.places)
        for level in ("warning", "critical"):
            if level in value and _switch(value[level]) is False:
                full[level] = Block(value.place_of(level).value, {"off": True})
        return full

    def host(self, value: Any, path: KeyPath) -> Any:
        switch = _switch(value)
        mark, _ = locate(self.root, path)
        if switch is not None:
            return Block(mark, {} if switch else dict.fromkeys(HOST_CHECKS, "off"))
        if not isinstance(value, Block):
            self.complain(path, f"must be on, off or a mapping of {', '.join(HOST_CHECKS)}")
            return None
        full = Block(value.mark, {}, value.places)
        for key, inner in value.items():
            inner_switch = _switch(inner)
            if key not in HOST_CHECKS:
                at, shown = locate(self.root, (*path, key), key=True)
                self.notes.complain(at, shown, "unknown key", did_you_mean(key, HOST_CHECKS))
            elif isinstance(inner, Block) and "probe" in inner:
                self.complain((*path, key, "probe"), "is said by the name already")
            elif inner_switch is False:
                full[key] = "off"
            elif inner_switch or isinstance(inner, Block):
                full[key] = inner if isinstance(inner, Block) else Block(mark)
            else:
                self.complain((*path, key), "must be on, off or a mapping of options")
        return full

    def history(self, value: Any, path: KeyPath) -> Any:
        switch = _switch(value)
        return value if switch is None else Block(locate(self.root, path)[0], {"off": not switch})

    def heartbeat(self, value: Any, path: KeyPath) -> Any:
        mark, _ = locate(self.root, path)
        return Block(mark, {"url": value}) if isinstance(value, str) else value


def _switch(value: object) -> bool | None:
    """Return True and False for on and off, None for anything else."""
    words = {"on": True, "off": False}
    return value if isinstance(value, bool) else words.get(value) if isinstance(value, str) else None


def _only_required(kind: type[Probe]) -> str | None:
    required = [
        one.name
        for one in fields(kind)  # type: ignore[arg-type]
        if one.init and one.default is MISSING and one.default_factory is MISSING
    ]
    return required[0] if len(required) == 1 else None


def _as_read(value: object, mark: Any) -> Any:
    """Return what a kind made of its URL in the form the reader would have given it."""
    if isinstance(value, Mapping):
        return Block(mark, {str(key): _as_read(inner, mark) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return Series(mark, [_as_read(item, mark) for item in value])
    return value
