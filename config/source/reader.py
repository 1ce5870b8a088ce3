"""YAML text to blocks, lists and scalars with places, within bounds.

Built from parser events rather than composed nodes: depth and size are judged while the text is read, so a
small file can never become a large value or a deep stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from config.complaint import KeyPath, Mark, Notes
from config.source.block import Block, Place, Series
from config.source.bounds import MAX_CHARACTERS, MAX_DEPTH, MAX_KEY, MAX_NODES
from config.source.quick import NotQuick, read_quickly
from config.source.scalars import refused_character, resolve
from config.source.secrets import SecretError, Secrets, inline_secret

_RAW_REFUSED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


class _Stop(Exception):  # noqa: N818 - not an error: the complaint is already made
    """This file cannot be read any further."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """How many nodes may still be read."""

    left: int = MAX_NODES


def read(text: str, file: str, *, notes: Notes, secrets: Secrets, budget: Budget) -> tuple[Any, bool]:
    """Return the one document of `text` and whether it holds secrets in the open.

    The document is a Block, a Series or a scalar; None where there is none, or where a complaint says why it
    cannot be read. Where nobody asks for the places of things, it mostly has none.
    """
    match = _RAW_REFUSED.search(text)
    if match is not None:
        before = text[: match.start()]
        mark = Mark(file, before.count("\n") + 1, match.start() - before.rfind("\n"))
        notes.complain(mark, (), f"character U+{ord(match[0]):04X} has no place in a configuration")
        return None, False
    if not notes.placed:
        try:
            found, open_secrets, values = read_quickly(text, Mark(file), secrets=secrets, most=budget.left)
        except NotQuick:
            pass
        else:
            budget.left -= values
            return found, open_secrets
    reader = _Reader(text, file, notes, secrets, budget)
    try:
        return reader.document(), reader.open_secrets
    except _Stop:
        return None, False
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(file, place.line + 1, place.column + 1) if place else Mark(file)
        context = f" ({error.context})" if error.context else ""
        hint = _syntax_hint(str(error.problem), text, mark)
        notes.complain(mark, (), f"is no valid YAML: {error.problem}{context}", hint)
        return None, False
    finally:
        reader.close()


def _syntax_hint(problem: str, text: str, mark: Mark) -> str:
    lines = text.split("\n")
    if 0 < mark.line <= len(lines) and lines[mark.line - 1][mark.col - 1 :].startswith("\t"):
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "put a text that holds `: ` in quotes"
    if "start any token" in problem:
        return "put a text that begins with a special character in quotes"
    return ""


class _Reader:
    __slots__ = ("_anchors", "_budget", "_file", "_notes", "_open", "_parser", "_secrets", "open_secrets")

    def __init__(self, text: str, file: str, notes: Notes, secrets: Secrets, budget: Budget) -> None:
        self._parser = yaml.CSafeLoader(text)
        self._file = file
        self._notes = notes
        self._secrets = secrets
        self._budget = budget
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()
        self.open_secrets = False

    def close(self) -> None:
        self._parser.dispose()

    def document(self) -> Any:
        found: Any = None
        documents = 0
        while (event := self._parser.get_event()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, (), "is a second document", "one file holds one; put more into conf.d/")
                found = self._value(self._parser.get_event(), ())
        return found

    def _mark(self, event: Any) -> Mark:
        return Mark(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _stop(self, event: Any, path: KeyPath, message: str, hint: str = "") -> None:
        self._notes.complain(self._mark(event), path, message, hint)
        raise _Stop

    def _spoil(self, mark: Mark, path: KeyPath, message: str, hint: str = "") -> None:
        self._notes.complain(mark, path, message, hint)
        self._notes.spoilt.add(mark)

    def _spend(self, count: int, event: Any, path: KeyPath) -> None:
        self._budget.left -= count
        if self._budget.left < 0:
            self._stop(event, path, f"holds more than {MAX_NODES:,} values, aliases counted as often as used")

    def _value(self, event: Any, path: KeyPath) -> Any:
        self._spend(1, event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None and event.tag != "!":
            self._stop(event, path, f"has the tag {str(event.tag)[:60]}; tags are not read")
        name = event.anchor
        if name is None:
            return self._untagged(event, path)
        before = self._budget.left
        self._open.add(name)
        value = self._untagged(event, path)
        self._open.discard(name)
        self._anchors[name] = (value, before - self._budget.left + 1)
        return value

    def _untagged(self, event: Any, path: KeyPath) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= MAX_DEPTH:
            self._stop(event, path[:3], f"is nested more than {MAX_DEPTH} deep")
        return (
            self._block(event, path)
            if isinstance(event, yaml.MappingStartEvent)
            else self._series(event, path)
        )

    def _alias(self, event: Any, path: KeyPath) -> Any:
        name = event.anchor
        if name in self._open:
            self._stop(event, path, f"the alias *{name[:60]} stands for what contains it")
        if name not in self._anchors:
            self._stop(
                event, path, f"the alias *{name[:60]} stands for nothing; no &{name[:60]} comes before it"
            )
        value, size = self._anchors[name]
        self._spend(size, event, path)
        return value

    def _block(self, start: Any, path: KeyPath) -> Block:
        block = Block(self._mark(start))
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            key, key_mark = self._key(event, path), self._mark(event)
            value_event = self._parser.get_event()
            mark = self._mark(value_event)
            inner = (*path, key)
            value = self._value(value_event, inner)
            if key in block:
                first = block.places[key].key
                self._notes.complain(key_mark, inner, f"is given twice; first in line {first.line}")
                continue
            block.put(key, value, Place(key_mark, mark))
            if isinstance(value_event, yaml.ScalarEvent) and (shown := inline_secret(key, value_event.value)):
                self._notes.hide(shown)
                self.open_secrets = True
        return block

    def _key(self, event: Any, path: KeyPath) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            self._stop(event, path, "a key must be a plain word")
        key: str = event.value
        if key == "<<" and event.implicit[0]:
            self._stop(
                event, path, "merge keys (`<<`) are not read", "write the keys out, or use `defaults:`"
            )
        if key == "":
            self._stop(event, path, "a key is empty")
        if len(key) > MAX_KEY:
            self._stop(event, path, f"a key is longer than {MAX_KEY} characters")
        refused = refused_character(key)
        if refused is not None:
            self._stop(event, path, f"a key holds the character {refused[1]}, which has no place there")
        return key

    def _series(self, start: Any, path: KeyPath) -> Series:
        series = Series(self._mark(start))
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            series.places.append(self._mark(event))
            series.append(self._value(event, (*path, len(series))))
        return series

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        text: str = event.value
        if event.implicit[0]:
            try:
                value = resolve(text)
            except ValueError as error:
                self._spoil(self._mark(event), path, str(error))
                return None
            if not isinstance(value, str):
                return value
        if len(text) > MAX_CHARACTERS:
            self._spoil(self._mark(event), path, f"is longer than {MAX_CHARACTERS:,} characters")
            return ""
        refused = refused_character(text)
        if refused is not None:
            self._spoil(self._mark(event), path, f"holds the character {refused[1]}, which has no place here")
            return ""
        if "${" not in text:
            return text
        try:
            return self._secrets.expand(text)
        except SecretError as error:
            self._spoil(self._mark(event), path, error.message, error.hint)
            return text
