"""A call: one admitted request, with the daemon it is put to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from monitor.daemon import Daemon
from monitor.web import strict
from monitor.web.auth import Audience, Caller
from monitor.web.problem import Problem

BODY_BYTES: Final = 64 * 1024

Handler = Callable[..., Awaitable[web.Response]]
"""Takes the call and, where the route has one, the body; returns the answer."""

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked for. Who may is said here; what is not listed is not there."""

    method: str
    path: str
    handler: Handler
    audience: Audience
    summary: str
    body: type[BaseModel] | None = None
    answer: str = ""
    """Name of the schema of the answer in the API's description."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What may stand in the query, with what it means. None where anything may and is not looked at."""
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One admitted request."""

    request: web.Request
    daemon: Daemon
    route: Route
    caller: Caller | None

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.request.match_info["id"]

    def query(self) -> dict[str, str]:
        """Return the query. Raises Problem 400 for what the route does not know, and for what stands twice."""
        found: dict[str, str] = {}
        for key, value in self.request.query.items():
            if key not in self.route.query:
                known = ", ".join(self.route.query) or "none"
                raise Problem(
                    400, f"cannot read the query: unknown parameter {key[:40]!r}; known are: {known}"
                )
            if key in found:
                raise Problem(400, f"cannot read the query: {key} stands twice")
            found[key] = value
        return found


async def read(request: web.Request, model: type[B]) -> B:
    """Return the request's body as `model`; an empty body is an empty object. Raises Problem 400, 413 or 415."""
    if (request.content_length or 0) > BODY_BYTES:
        raise Problem(413, f"the body is larger than {BODY_BYTES} bytes")
    raw = await request.read()
    given: Any = {}
    if raw:
        if request.content_type != "application/json":
            raise Problem(415, "the body must be application/json")
        if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
            raise Problem(415, "the body must be UTF-8")
        try:
            given = strict.parse(raw)
        except ValueError as error:
            raise Problem(400, f"cannot read the body: {error}") from None
    if not isinstance(given, dict):
        raise Problem(400, "cannot read the body: it must be an object")
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Problem(400, f"cannot read the body: {_complaints(error)}") from None


def has_body(request: web.Request) -> bool:
    """True where the request announces a body."""
    return bool(request.content_length) or hdrs.TRANSFER_ENCODING in request.headers


def _complaints(error: ValidationError) -> str:
    """Name each wrong field and what is wrong with it; never the value, which may be anything."""
    lines = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:10]:
        where = ".".join(str(part)[:40] for part in one["loc"])
        words = one["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {words[:1].lower()}{words[1:]}" if where else words)
    return "; ".join(lines)
