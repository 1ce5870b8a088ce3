"""Tokens: made, listed and revoked by who has the role admin. A token's text is told once, when it is made."""

from __future__ import annotations

from aiohttp import web

from monitor.store.errors import Fault, StoreError
from monitor.web import views
from monitor.web.api import bodies
from monitor.web.api.answers import answer, listed
from monitor.web.call import Call
from monitor.web.problem import Problem


async def tokens(call: Call) -> web.Response:
    """Answer all tokens, without their text."""
    call.query()
    return listed(views.token(token) for token in await call.daemon.store.tokens())


async def add(call: Call, body: bodies.NewToken) -> web.Response:
    """Make a token."""
    from monitor.store.tokens import new_token

    text, digest = new_token()
    try:
        await call.daemon.store.add_token(body.name, body.role, digest)
    except StoreError as error:
        if error.fault is not Fault.TAKEN:
            raise
        raise Problem(409, f"there is a token named {body.name!r} already") from None
    return answer({"name": body.name, "role": body.role, "token": text}, status=201)


async def revoke(call: Call, _body: bodies.Plain | None = None) -> web.Response:
    """Forget a token: from now on it opens nothing."""
    if not await call.daemon.store.revoke_token(call.id):
        raise Problem(404, f"there is no token named {call.id[:40]!r}")
    return answer({"name": call.id, "revoked": True})
