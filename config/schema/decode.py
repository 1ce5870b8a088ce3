"""Blocks to typed values by pydantic, and its errors in our own words, each at its place in the file.

Leaves are strict: the text "7" is no number and the word `off` no boolean, because the file said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields, is_dataclass
from types import GenericAlias
from typing import Any, Final, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, SchemaValidator

from config.complaint import KeyPath, Notes, did_you_mean
from config.source.block import Block, Series, locate
from config.source.scalars import boolean_hint, number_hint

T = TypeVar("T")

_VALIDATORS: Final[dict[type[Any], SchemaValidator]] = {}
"""Built when a shape is first met: most configurations use few of them."""
_KEYS: Final[dict[type[Any], dict[str | int, Any]]] = {}
_LEAVES: Final = frozenset(("bool", "int", "float", "str"))


def decode(
    shape: type[T], data: Any, *, root: Block, path: KeyPath, notes: Notes, also: Iterable[str] = ()
) -> T | None:
    """Return `data` (which stands at `path` of `root`) as `shape`, or None after complaining.

    `also` are keys that are taken out beforehand: they are named when an unknown key resembles them.
    """
    try:
        (value,) = _validator(shape).validate_python((data,))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _complain(detail, shape, root=root, path=path, notes=notes, also=also)
        return None
    return value  # type: ignore[no-any-return]


def adapter(shape: type[Any]) -> TypeAdapter[Any]:
    """Return pydantic's view of `shape` as the one item of a tuple: so nested dataclasses refuse unknown keys too."""
    wrapped: Any = GenericAlias(tuple, (shape,))
    return TypeAdapter(wrapped, config=ConfigDict(extra="forbid"))


def _validator(shape: type[Any]) -> SchemaValidator:
    validator = _VALIDATORS.get(shape)
    if validator is None:
        schema = adapter(shape).core_schema
        _make_strict(schema)
        validator = _VALIDATORS[shape] = SchemaValidator(schema)
    return validator


def _make_strict(node: Any) -> None:
    if isinstance(node, dict):
        kind = node.get("type")
        if isinstance(kind, str) and kind in _LEAVES:
            node["strict"] = True
        inner = node.get("schema")
        if kind == "default" and isinstance(inner, dict) and inner.get("type") == "nullable":
            # None is what a key left out means; a key that is there and empty was forgotten half-way.
            node["schema"] = inner["schema"]
        for inner in node.values():
            _make_strict(inner)
    elif isinstance(node, list | tuple):
        for inner in node:
            _make_strict(inner)


def _complain(
    detail: ErrorDetails, shape: type[Any], *, root: Block, path: KeyPath, notes: Notes, also: Iterable[str]
) -> None:
    kind, tail = detail["type"], detail["loc"][1:]
    if kind in {"missing", "missing_keyword_only_argument"}:
        mark, shown = locate(root, (*path, *tail[:-1]))
        notes.complain(mark, shown, f"needs `{tail[-1]}`")
    elif kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        mark, shown = locate(root, (*path, *tail), key=True)
        known = known_keys(shape, tail[:-1])
        notes.complain(
            mark,
            shown,
            "unknown key",
            did_you_mean(str(tail[-1]), [*known, *(also if len(tail) == 1 else ())]),
        )
    elif not is_spoilt(root, (*path, *tail), notes):
        mark, shown = locate(root, (*path, *tail))
        notes.complain(mark, shown, *_words(detail))


def is_spoilt(root: Block, path: KeyPath, notes: Notes) -> bool:
    """True when the value at `path`, or one in it, was complained of while it was read."""
    if not notes.spoilt:
        return False
    if locate(root, path)[0] in notes.spoilt:
        return True
    node: Any = root
    for step in path:
        if isinstance(node, Block) and step in node:
            node = node[str(step)]
        elif isinstance(node, Series) and isinstance(step, int) and step < len(node):
            node = node[step]
    return _holds_spoilt(node, notes)


def _holds_spoilt(node: Any, notes: Notes) -> bool:
    if isinstance(node, Block):
        return any(place.value in notes.spoilt for place in node.places.values()) or any(
            _holds_spoilt(value, notes) for value in node.values()
        )
    if isinstance(node, Series):
        return any(mark in notes.spoilt for mark in node.places) or any(
            _holds_spoilt(value, notes) for value in node
        )
    return False


def _words(detail: ErrorDetails) -> tuple[str, str]:
    kind, value, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if value is None:
        return "is empty", "give it a value, or leave the key out"
    if kind in _PLAIN:
        due, hint = _PLAIN[kind]
        return f"must be {due}", hint(value)
    if kind in {"enum", "literal_error"}:
        choices = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
        if len(choices) == 1:
            return f"must be {choices[0]}", ""
        guess = did_you_mean(value, choices) if isinstance(value, str) else ""
        return f"must be one of {', '.join(choices)}", guess if guess.startswith("did") else ""
    error = context.get("error")
    if isinstance(error, BaseException):
        return str(error).strip().rstrip("."), str(getattr(error, "hint", ""))
    if kind == "too_short" and context.get("min_length") == 1:
        return "must not be empty", ""
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context), ""
    message = detail["msg"]
    return message[:1].lower() + message[1:], ""


def _quotes(value: object) -> str:
    return "write it in quotes" if isinstance(value, bool | int | float) else ""


def _nothing(_value: object) -> str:
    return ""


_PLAIN: Final[Mapping[str, tuple[str, Callable[[object], str]]]] = {
    "string_type": ("a text", _quotes),
    "int_type": ("a whole number", number_hint),
    "int_from_float": ("a whole number", _nothing),
    "float_type": ("a number", number_hint),
    "bool_type": ("true or false", boolean_hint),
    "list_type": ("a list", _nothing),
    "tuple_type": ("a list", _nothing),
    "set_type": ("a list", _nothing),
    "frozen_set_type": ("a list", _nothing),
    "dict_type": ("a mapping", _nothing),
    "mapping_type": ("a mapping", _nothing),
    "dataclass_type": ("a mapping", _nothing),
    "path_type": ("a path", _quotes),
}

_LIMITS: Final[Mapping[str, str]] = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


def known_keys(shape: type[Any], tail: KeyPath = ()) -> list[str]:
    """Return the keys which `shape`, or the dataclass found in it by following `tail`, has in a file."""
    hints: list[Any] = [shape]
    for step in tail:
        found = [keys[step] for keys in map(_keys, _dataclasses(hints)) if step in keys]
        # Where nothing has that key the step is an index, or the key of a mapping: look inside as it is.
        hints = found or [argument for hint in hints for argument in get_args(hint)]
    return [str(key) for shape in _dataclasses(hints) for key in _keys(shape)]


def key_shapes(shape: type[Any]) -> Mapping[str | int, Any]:
    """Return what each key of `shape` has to be, by the key as it stands in a file."""
    return _keys(shape)


def _dataclasses(hints: Iterable[Any]) -> list[type[Any]]:
    found: list[type[Any]] = []
    for hint in hints:
        if isinstance(hint, type) and is_dataclass(hint):
            found.append(hint)
        else:
            found.extend(_dataclasses(get_args(hint)))
    return found


def _keys(shape: type[Any]) -> dict[str | int, Any]:
    keys = _KEYS.get(shape)
    if keys is None:
        hints = get_type_hints(shape, include_extras=True)
        keys = _KEYS[shape] = {
            _alias(hints[one.name], one) or one.name.rstrip("_"): hints[one.name]
            for one in fields(shape)
            if one.init
        }
    return keys


def _alias(hint: Any, one: Field[Any]) -> str | None:
    sources = (*getattr(hint, "__metadata__", ()), one.default)
    found = next((source.alias for source in sources if getattr(source, "alias", None)), None)
    return str(found) if found else None
