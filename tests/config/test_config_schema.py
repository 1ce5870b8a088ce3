"""The JSON Schema: drawn from the code, checked in, and of one mind with the loader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import config
from alerting.notifiers.kinds import KINDS as NOTIFIERS
from config.complaint import Notes
from config.document import SECTIONS
from config.export import SCHEMA, text
from config.schema.checks import CheckKeys
from config.schema.decode import known_keys
from config.source.reader import Budget, read
from config.source.secrets import Secrets
from probes.kinds import KINDS as PROBES

HERE = Path(__file__).parent
_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
_KNOWN = {
    "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "const", "default", "description", "enum", "examples",
    "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "pattern", "properties",
    "propertyNames", "required", "title", "type",
}  # fmt: skip


def _fits(value: Any, schema: Any, root: dict[str, Any]) -> bool:
    """Tell whether `value` fits `schema`; knows exactly the words that our schema uses."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        return _fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema and not any(_fits(value, form, root) for form in schema["anyOf"]):
        return False
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(
        isinstance(value, _TYPES[one]) and (one == "boolean" or not isinstance(value, bool)) for one in types
    ):
        return False
    if "enum" in schema and not any(type(value) is type(one) and value == one for one in schema["enum"]):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, str):
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            return False
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9):
            return False
        return all(_fits(item, schema.get("items", True), root) for item in value)
    if isinstance(value, dict):
        if not set(schema.get("required", ())) <= set(value):
            return False
        own, other = schema.get("properties", {}), schema.get("additionalProperties", True)
        return all(
            _fits(inner, own.get(key, other), root) and _fits(key, schema.get("propertyNames", True), root)
            for key, inner in value.items()
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


def _plain(data: str) -> Any:
    notes = Notes()
    secrets = Secrets(env={"CANARY": "x"}, directory=HERE, notes=notes)
    value, _ = read(data, "f", notes=notes, secrets=secrets, budget=Budget())
    return json.loads(json.dumps(value))


SCHEMA_NOW = config.json_schema()


def test_the_checked_in_schema_is_the_one_the_code_draws() -> None:
    assert SCHEMA.read_text("utf-8") == text(), "run: python -m config.export"


def test_the_schema_uses_only_words_the_test_understands_and_leads_nowhere_else() -> None:
    def walk(node: Any, *, names: bool = False) -> None:
        if isinstance(node, dict):
            if not names:
                assert set(node) <= _KNOWN
                if "$ref" in node:
                    assert node["$ref"].removeprefix("#/$defs/") in SCHEMA_NOW["$defs"]
            for key, inner in node.items():
                if key not in {"default", "examples", "const", "enum"} or names:
                    walk(inner, names=not names and key in {"properties", "$defs"})
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(SCHEMA_NOW)


def test_every_key_of_every_kind_is_in_the_schema_with_a_description() -> None:
    assert set(SCHEMA_NOW["properties"]) == set(SECTIONS)
    drawn = {
        form["properties"]["probe"]["const"]: form
        for form in SCHEMA_NOW["$defs"]["Check"]["anyOf"]
        if "probe" in form.get("properties", {})
    }
    assert set(drawn) == set(PROBES)
    for word, kind in PROBES.items():
        assert set(drawn[word]["properties"]) == {*known_keys(kind), *known_keys(CheckKeys)}
        for option in known_keys(kind):
            assert drawn[word]["properties"][option].get("description"), f"{word}.{option}"
    channels = SCHEMA_NOW["$defs"]["Channel"]["anyOf"]
    assert {form["properties"]["notifier"]["const"] for form in channels} == set(NOTIFIERS)


@pytest.mark.parametrize(
    "file",
    [
        *sorted((HERE / "examples").glob("*.yaml")),
        Path(config.__file__).parent / "nightbell.yaml",
    ],
    ids=lambda file: file.stem,
)
def test_what_loads_fits_the_schema(file: Path) -> None:
    data = re.sub(r"\$\{cred:\w+\}", "https://x.example/", file.read_text("utf-8"))
    assert _fits(_plain(data), SCHEMA_NOW, SCHEMA_NOW)


@pytest.mark.parametrize("word", sorted(PROBES))
def test_the_example_of_every_probe_fits_and_a_further_key_does_not(word: str) -> None:
    example = json.loads(json.dumps({"probe": word, **PROBES[word].EXAMPLE}))
    assert _fits({"checks": {"x": example}}, SCHEMA_NOW, SCHEMA_NOW)
    assert not _fits({"checks": {"x": {**example, "expcet": 1}}}, SCHEMA_NOW, SCHEMA_NOW)


@pytest.mark.parametrize("word", sorted(NOTIFIERS))
def test_the_example_of_every_notifier_fits_and_a_further_key_does_not(word: str) -> None:
    example = json.loads(json.dumps({"notifier": word, **NOTIFIERS[word].EXAMPLE}))
    assert _fits({"channels": {"x": example}}, SCHEMA_NOW, SCHEMA_NOW)
    assert not _fits({"channels": {"x": {**example, "ulr": 1}}}, SCHEMA_NOW, SCHEMA_NOW)


@pytest.mark.parametrize(
    "name",
    [
        "bare-numbers", "booleans-that-are-words", "channel-nonsense", "failures-below-one", "host-misspelt",
        "intervals-out-of-bounds", "names-that-cannot-be", "no-kind-of-probe", "probe-missing-option",
        "rota-with-bad-words", "section-of-the-wrong-sort", "text-that-is-a-number", "tickets-unknown-class",
        "top-level-is-a-list",
        "unknown-keys", "unknown-kind-of-probe", "unknown-section", "words-that-are-numbers", "announce-misspelt",
        "escalation-with-odd-steps", "languages-nonsense",
    ],
)  # fmt: skip
def test_editors_see_what_is_wrong_in_shape_too(name: str) -> None:
    data = (HERE / "broken" / f"{name}.yaml").read_text("utf-8")
    assert not _fits(_plain(data), SCHEMA_NOW, SCHEMA_NOW)
