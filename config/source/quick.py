"""YAML text to the same blocks, lists and scalars, but without their places: for files that nobody complains of.

Nearly every file is good, and places are dear: with 10,000 checks they take more time and memory than all the rest of
the reading. So a file is first read without them. What is not quite ordinary here (tags, anchors, a key given twice,
anything refused) is left to the reader beside this one, which knows what to say of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from config.complaint import Mark
from config.source.block import Block, Series
from config.source.bounds import MAX_CHARACTERS, MAX_DEPTH, MAX_KEY
from config.source.scalars import refused_character, resolve
from config.source.secrets import SecretError, Secrets, inline_secret, secret_key

SHORT: Final = 20
"""Texts up to so many characters are kept once: thousands of checks say the same words."""


class NotQuick(Exception):  # noqa: N818 - no error: it is to be read the long way
    """There is something in the text that has to be looked at with care."""


def read_quickly(text: str, mark: Mark, *, secrets: Secrets, most: int) -> tuple[Any, bool, int]:
    """Return the one document of `text`, whether it holds secrets in the open, and how many values it holds.

    All of it stands at `mark`. Raises NotQuick where the text is not quite ordinary, or holds more than `most` values.
    """
    parser = yaml.CSafeLoader(text)
    try:
        reader = _Reader(parser.get_event, mark, secrets, most)
        return reader.document(), reader.open_secrets, reader.values
    except (yaml.YAMLError, SecretError, ValueError) as problem:
        raise NotQuick from problem
    finally:
        parser.dispose()


class _Reader:
    __slots__ = (
        "_get",
        "_keys",
        "_mark",
        "_most",
        "_secret_keys",
        "_secrets",
        "_words",
        "open_secrets",
        "values",
    )

    def __init__(self, get: Callable[[], Any], mark: Mark, secrets: Secrets, most: int) -> None:
        self._get = get
        self._mark = mark
        self._secrets = secrets
        self._most = most
        self._keys: dict[str, str] = {}
        self._secret_keys: dict[str, bool] = {}
        self._words: dict[str, str] = {}
        self.open_secrets = False
        self.values = 0

    def document(self) -> Any:
        found: Any = None
        documents = 0
        while (event := self._get()) is not None:
            if type(event) is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise NotQuick
                found = self._value(self._get(), 0)
        return found

    def _value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        self.values += 1
        if event.anchor is not None or depth >= MAX_DEPTH or self.values > self._most:
            raise NotQuick
        if event.tag is not None and event.tag != "!":
            raise NotQuick
        if kind is MappingStartEvent:
            return self._block(depth + 1)
        if kind is SequenceStartEvent:
            series = Series(self._mark)
            while type(event := self._get()) is not SequenceEndEvent:
                series.append(self._value(event, depth + 1))
            return series
        raise NotQuick  # an alias

    def _block(self, depth: int) -> Block:
        get, keys = self._get, self._keys
        block = Block(self._mark)
        while (kind := type(event := get())) is ScalarEvent:
            key = event.value
            if event.anchor is not None or event.tag is not None or key in block:
                raise NotQuick
            key = keys.get(key) or self._new_key(event)
            event = get()
            block[key] = self._value(event, depth)
            if type(event) is ScalarEvent and self._is_secret(key, event.value):
                self.open_secrets = True
        if kind is not MappingEndEvent:
            raise NotQuick
        return block

    def _new_key(self, event: Any) -> str:
        key: str = event.value
        if (
            (key == "<<" and event.implicit[0])
            or not 0 < len(key) <= MAX_KEY
            or refused_character(key) is not None
        ):
            raise NotQuick
        self._keys[key] = key
        return key

    def _is_secret(self, key: str, text: str) -> bool:
        """Say whether `text`, the value of `key` as it is written, is a secret that stands there openly."""
        by_key = self._secret_keys.get(key)
        if by_key is None:
            by_key = self._secret_keys[key] = secret_key(key)
        return (by_key or "@" in text) and inline_secret(key, text) is not None

    def _scalar(self, event: Any) -> Any:
        self.values += 1
        text: str = event.value
        if (
            event.anchor is not None
            or (event.tag is not None and event.tag != "!")
            or self.values > self._most
        ):
            raise NotQuick
        if event.implicit[0]:
            value = resolve(text)
            if value.__class__ is not str:
                return value
        if len(text) <= SHORT and (known := self._words.get(text)) is not None:
            return known
        if len(text) > MAX_CHARACTERS or refused_character(text) is not None:
            raise NotQuick
        if "${" in text:
            return self._secrets.expand(text)
        if len(text) <= SHORT:
            self._words[text] = text
        return text
