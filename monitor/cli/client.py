"""A client of the daemon's API: asks, and turns every refusal into a message for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from monitor.cli.exchange import check_url, exchange
from monitor.cli.exits import Problem, Unreachable

PATIENCE_SECONDS: Final = 20.0
PAGE: Final = 200
MOST: Final = 5000
"""Most items that a list is read to."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the daemon answered; `body` is decoded JSON, or None where it was none."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Asks the daemon at `url` by a bearer token. Every method raises Problem with a message for people.

    `patience` is how long one request may take, in seconds.
    """

    url: str
    token: str | None = field(repr=False)
    token_source: str
    patience: float = PATIENCE_SECONDS

    def get(self, *path: str, **query: str | int | None) -> dict[str, Any]:
        """Return the object at `path` below the API."""
        return self._object(self._ask("GET", _path(path, query)))

    def items(self, *path: str, most: int = MOST, **query: str | int | None) -> list[dict[str, Any]]:
        """Return a list, page by page, up to `most` items."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            asked = {**query, "limit": min(PAGE, most - len(found)), "cursor": cursor}
            page = self.get(*path, **asked)
            items = self._items(page)
            found += items
            cursor = page.get("next")
            if not cursor or not items or len(found) >= most:
                return found[:most]

    def listing(self, *path: str) -> list[dict[str, Any]]:
        """Return a list that is short by its nature and has no pages."""
        return self._items(self.get(*path))

    def _items(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        items = page.get("items")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unreachable(f"cannot understand the daemon at {self.url}: its list has no items")
        return items

    def post(self, *path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Act, and return the whole object acted on. Fields of `body` that are None are left out."""
        given = {name: value for name, value in (body or {}).items() if value is not None}
        return self._object(self._ask("POST", _path(path, {}), given))

    def delete(self, *path: str) -> dict[str, Any]:
        """Remove what is at `path`, and return what the daemon says to it."""
        return self._object(self._ask("DELETE", _path(path, {})))

    def open(self, path: str) -> Answer:
        """Return what an address outside the API says, whatever its status; it needs no token."""
        return self._ask("GET", path, authorized=False)

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, authorized: bool = True
    ) -> Answer:
        check_url(self.url)
        headers = {"Accept": "application/json", "User-Agent": "nightbell"}
        if authorized:
            headers["Authorization"] = f"Bearer {self._bearer()}"
        payload = None
        if body is not None:
            payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        raw = exchange(self.url, method, path, headers=headers, body=payload, patience=self.patience)
        try:
            return Answer(status=raw.status, body=json.loads(raw.text))
        except (ValueError, RecursionError):
            return Answer(status=raw.status, body=None)

    def _bearer(self) -> str:
        if self.token is None:
            raise Problem(
                f"cannot ask the daemon at {self.url} without a token ({self.token_source}); "
                "set NIGHTBELL_TOKEN, or run this as the daemon's user"
            )
        if not _TOKEN.fullmatch(self.token):
            raise Problem(f"cannot use the token of {self.token_source}: it is empty or malformed")
        return self.token

    def _object(self, answer: Answer) -> dict[str, Any]:
        if answer.status >= 400:
            raise self._refusal(answer)
        if answer.status == 204:
            return {}
        if answer.status not in {200, 201}:
            raise Unreachable(f"cannot understand the daemon at {self.url}: it answered {answer.status}")
        if not isinstance(answer.body, dict):
            raise Unreachable(f"cannot understand the daemon at {self.url}: its answer is no JSON object")
        return answer.body

    def _refusal(self, answer: Answer) -> Problem:
        message = _message(answer.body)
        if answer.status == 401:
            return Problem(
                f"cannot ask the daemon at {self.url}: it does not accept the token of {self.token_source}"
            )
        if answer.status == 403:
            said = f" ({message})" if message else ""
            return Problem(
                f"cannot do that with the token of {self.token_source}: its role is too small{said}"
            )
        if answer.status >= 500:
            return Problem(f"the daemon at {self.url} failed: {message or f'it answered {answer.status}'}")
        if message:
            return Problem(message)
        if answer.status == 404:
            return Unreachable(f"cannot understand the daemon at {self.url}: is it a nightbell?")
        return Problem(f"cannot do that: the daemon at {self.url} answered {answer.status}")


def _path(path: tuple[str, ...], query: Mapping[str, str | int | None]) -> str:
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    return "/api/v1/" + "/".join(quote(part, safe="") for part in path) + (f"?{asked}" if asked else "")


def _message(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""
