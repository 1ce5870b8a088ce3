"""The JSON Schema of the configuration, for editors: `python -m config.export` writes it to `config/schema.json`.

It is drawn from the dataclasses that are read, so it cannot know other keys than they do. What only the program
can judge (names that lead somewhere, marks in the unit of their metric) it leaves to `nightbell check-config`.
"""

from __future__ import annotations

import json
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from config.document import LISTED, NAMED, SINGLE
from config.kinds import HOST_CHECKS, Kinds, shipped_kinds
from config.schema.checks import CheckKeys
from config.schema.decode import adapter
from config.schema.outward import ChannelKeys
from config.schema.staff import ShiftKeys, StepKeys
from config.schema.words import NAME, WORKERS_SCHEMA

SCHEMA: Final = Path(__file__).parent / "schema.json"
Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_NAMES: Final[Json] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_ON_OFF: Final[Json] = {"enum": ["on", "off", True, False]}
_OFF: Final[Json] = {"enum": ["off", False]}


def json_schema(kinds: Kinds | None = None) -> Json:
    """Return a JSON Schema (draft 2020-12) of every key, the options of every kind included."""
    kinds = kinds or shipped_kinds()
    drawing = _Drawing(kinds)
    properties: Json = {key: drawing.reference(shape) for key, shape in SINGLE.items()}
    properties |= {key: _named(drawing.reference(shape)) for key, shape in NAMED.items()}
    properties |= {key: _list(drawing.reference(shape)) for key, shape in LISTED.items()}
    properties |= {
        "store": _TEXT,
        "workers": deepcopy(WORKERS_SCHEMA),
        "fallback": _NAMES,
        "host": drawing.host(),
        "checks": _named(drawing.check()),
        "canaries": _list(drawing.check()),
        "channels": _named(drawing.channel()),
        "escalations": _named(_list(drawing.reference(StepKeys))),
        "heartbeat": _any(_TEXT, properties["heartbeat"]),
    }
    drawing.add_short_forms()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Nightbell configuration",
        "type": ["object", "null"],
        # A section that is there and empty is as good as none.
        "properties": {key: _any(inner, {"type": "null"}) for key, inner in sorted(properties.items())},
        "additionalProperties": False,
        "$defs": dict(sorted(drawing.definitions.items())),
    }


class _Drawing:
    """All shapes drawn at once, so that equal names of different shapes are kept apart."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        shapes = [*SINGLE.values(), *NAMED.values(), *LISTED.values(), CheckKeys, ChannelKeys, StepKeys]
        shapes += [*kinds.probes.values(), *kinds.notifiers.values()]
        drawn, all_definitions = TypeAdapter.json_schemas(
            [(shape, "validation", adapter(shape)) for shape in shapes], ref_template="#/$defs/{model}"
        )
        self.definitions: Json = {name: _tidy(inner) for name, inner in all_definitions["$defs"].items()}
        # The shape is the one item of a tuple: so its keys are checked like those of nested ones.
        self._of = {shape: drawn[shape, "validation"]["prefixItems"][0] for shape in shapes}

    def reference(self, shape: type[Any]) -> Json:
        return deepcopy(self._of[shape])

    def definition(self, shape: type[Any]) -> Json:
        return self.definitions[self._of[shape]["$ref"].rsplit("/", 1)[1]]  # type: ignore[no-any-return]

    def joined(self, keys: type[Any], kind: type[Any], key: str, word: str) -> Json:
        """Return a schema with the keys of both, as they stand side by side in the file."""
        common, own = self.definition(keys), self.definition(kind)
        return {
            "type": "object",
            "description": own["description"],
            "properties": {**common["properties"], **own["properties"], key: {"const": word}},
            "required": [key, *own.get("required", ())],
            "additionalProperties": False,
        }

    def check(self) -> Json:
        if "Check" not in self.definitions:
            forms = [
                self.joined(CheckKeys, kind, "probe", word)
                for word, kind in sorted(self._kinds.probes.items())
            ]
            short = [self._short_check(word) for word in sorted(self._kinds.probes)]
            self.definitions["Check"] = {"anyOf": [_TEXT, *forms, *short]}
        return {"$ref": "#/$defs/Check"}

    def _short_check(self, word: str) -> Json:
        """Return the schema of `{tcp: "db:5432"}`: the kind is a key, its one required option the value."""
        full = self.joined(CheckKeys, self._kinds.probes[word], "probe", word)
        properties = {key: inner for key, inner in full["properties"].items() if key != "probe"}
        return {
            **full,
            "properties": {**properties, word: {"type": ["string", "object", "null"]}},
            "required": [word],
        }

    def channel(self) -> Json:
        self.definitions["Channel"] = {
            "anyOf": [
                self.joined(ChannelKeys, kind, "notifier", word)
                for word, kind in sorted(self._kinds.notifiers.items())
            ]
        }
        return {"$ref": "#/$defs/Channel"}

    def host(self) -> Json:
        each: Json = {}
        for word in HOST_CHECKS:
            if word in self._kinds.probes:
                full = self.joined(CheckKeys, self._kinds.probes[word], "probe", word)
                properties = {key: inner for key, inner in full["properties"].items() if key != "probe"}
                each[word] = _any(_ON_OFF, {**full, "properties": properties, "required": []})
        return _any(_ON_OFF, {"type": "object", "properties": each, "additionalProperties": False})

    def add_short_forms(self) -> None:
        """Let the definitions allow what `config.shorthand` writes out."""
        definitions = self.definitions
        service = definitions["ServiceKeys"]["properties"]
        service["title"] = _any(_TEXT, service["title"])
        service["announce"] = _any(
            deepcopy(definitions["Announce"]["properties"]["page"]), service["announce"]
        )
        # A key that is not a person's own names a channel.
        definitions["PersonKeys"]["additionalProperties"] = _TEXT
        rota, shift = definitions["RotaKeys"], definitions[ShiftKeys.__name__]
        rota["properties"] |= deepcopy(shift["properties"])
        del rota["required"]
        step = definitions[StepKeys.__name__]["properties"]
        step["page"] = _any(_NAMES, step["page"])
        threshold = definitions["ThresholdKeys"]
        for level in ("info", "warning", "critical"):
            threshold["properties"][level] = _any(_OFF, threshold["properties"][level])
        for name in ("ThresholdKeys", "LevelKeys", "HistoryKeys"):
            del definitions[name]["properties"]["off"]
        definitions["ThresholdKeys"] = _any(_OFF, threshold)
        definitions["HistoryKeys"] = _any(_ON_OFF, definitions["HistoryKeys"])


def _any(*forms: Json) -> Json:
    return {"anyOf": list(forms)}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _named(entry: Json) -> Json:
    pattern = f"^{NAME.pattern}$"
    return {"type": "object", "additionalProperties": entry, "propertyNames": {"pattern": pattern}}


def _tidy(definition: Json) -> Json:
    """Return a definition as editors should show it: options described, no titles, no null, no foreign defaults."""
    tidy = {key: value for key, value in definition.items() if key != "title"}
    lines = _option_lines(tidy.get("description", ""))
    if "description" in tidy:
        tidy["description"] = tidy["description"].split("\n\n")[0].replace("\n", " ")
    if "properties" in tidy:
        tidy["properties"] = {
            key: _tidy_property(inner, lines.get(key, "")) for key, inner in tidy["properties"].items()
        }
    return tidy


def _tidy_property(schema: Json, description: str) -> Json:
    tidy = {key: value for key, value in schema.items() if key != "title"}
    if not isinstance(tidy.get("default"), bool | int):
        # A default is drawn as the program holds it (seconds, sets), not as people write it.
        tidy.pop("default", None)
    forms = [form for form in tidy.get("anyOf", ()) if form != {"type": "null"}]
    if len(forms) == 1:
        del tidy["anyOf"]
        tidy |= forms[0]
    elif forms:
        tidy["anyOf"] = forms
    return {**tidy, "description": description} if description else tidy


def _option_lines(docstring: str) -> dict[str, str]:
    """Return the `option: text` lines of a docstring, lines that go on joined."""
    options: dict[str, str] = {}
    last: list[str] = []
    for line in docstring.split("\n")[1:]:
        match = re.fullmatch(r"([a-z_]+(?:, [a-z_]+)*): (.+)", line)
        if match:
            last = match[1].split(", ")
            options |= dict.fromkeys(last, match[2])
        elif line.startswith(" ") and last:
            options |= {key: f"{options[key]} {line.strip()}" for key in last}
        else:
            last = []
    return options


def text() -> str:
    """Return the schema as it stands in `config/schema.json`."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(), "utf-8")
    sys.stdout.write(f"wrote {SCHEMA}\n")
