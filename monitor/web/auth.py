"""Who may do what: bearer tokens with a role, compared by digest.

Whatever is wrong with a token, the way is the same: one digest, one look-up, one answer.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from monitor.daemon import Daemon
from monitor.web.problem import Problem

TOKEN_CHARACTERS: Final = 512
"""Longest token that is looked at."""

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="nightbell"'}


class Audience(enum.Enum):
    """Whom a route is for. `OPEN` and `PUBLIC` ask for no token, on the inner and the outer listener."""

    OPEN = "open"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    PUBLIC = "public"


ROLES: Final = ("viewer", "operator", "admin")
"""Roles of tokens; each may do what those before it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose token a request carries."""

    name: str
    role: str


async def admit(daemon: Daemon, request: web.Request, audience: Audience) -> Caller | None:
    """Return who is calling; None where nobody is asked. Raises Problem 401 or 403."""
    if audience in (Audience.OPEN, Audience.PUBLIC):
        return None
    digest = hashlib.sha256(_token(request)).hexdigest()
    found = await daemon.store.token_role(digest)
    if found is None or found[1] not in ROLES:
        raise Problem(401, "this needs a bearer token that is known here", headers=CHALLENGE)
    name, role = found
    if ROLES.index(role) < ROLES.index(audience.value):
        raise Problem(403, f"this needs a token with the role {audience.value}; yours is {role}")
    return Caller(name=name, role=role)


def _token(request: web.Request) -> bytes:
    """Return the token's bytes; none where there is not exactly one well-formed header."""
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(given) != 1:
        return b""
    scheme, _, token = given[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.isascii() or len(token) > TOKEN_CHARACTERS:
        return b""
    return token.encode("ascii")
