"""What stands around every handler: the deadline, the answer to what goes wrong, and the headers of every answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.typedefs import Middleware

from alerting.inputs import Refused
from monitor.daemon import Daemon
from monitor.store.errors import StoreError
from monitor.web.problem import REFUSALS, Problem, machine

log = logging.getLogger("nightbell.web")

DEADLINE: Final = 15.0
"""Seconds for reading the body and deciding on the answer."""
WRITE_DEADLINE: Final = 30.0
"""Seconds for the client to take the answer."""

CONTENT_SECURITY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    hdrs.SERVER: "nightbell",
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Every answer carries these; a handler may say otherwise."""

DAEMON: Final = web.AppKey("daemon", Daemon)
LISTENER: Final = web.AppKey("listener", str)

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
Misfit = Callable[[web.Request, Problem], web.StreamResponse]
"""Makes the answer to a problem, in the listener's own manner."""


def guard(
    misfit: Misfit, *, deadline: float = DEADLINE, write_deadline: float = WRITE_DEADLINE
) -> Middleware:
    """Return the outermost layer of an application; deadlines in seconds."""

    @web.middleware
    async def guarded(request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            async with asyncio.timeout(deadline):
                _refuse_odd(request)
                answer = await handler(request)
        except Problem as problem:
            answer = misfit(request, problem)
        except web.HTTPException as error:
            answer = misfit(request, _of_router(error))
        except Refused as refused:
            answer = misfit(request, Problem(REFUSALS[refused.refusal], refused.message))
        except StoreError as error:
            log.warning("cannot answer %s %s: %s", request.method, request.rel_url.raw_path[:200], error)
            answer = misfit(request, Problem(503, "the store does not answer"))
        except TimeoutError:
            answer = misfit(request, Problem(503))
        tally(request.app[DAEMON], request.app[LISTENER], answer.status)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        await _write(request, answer, write_deadline)
        return answer

    return guarded


def tally(daemon: Daemon, listener: str, status: int) -> None:
    """Count an answer."""
    answered = daemon.vitals.answered
    answered[listener, status] = answered.get((listener, status), 0) + 1


def as_machine(_request: web.Request, problem: Problem) -> web.StreamResponse:
    """Answer a problem as JSON."""
    return machine(problem)


async def _write(request: web.Request, answer: web.StreamResponse, deadline: float) -> None:
    """Send the answer under a deadline of ours: who does not read loses the connection."""
    try:
        async with asyncio.timeout(deadline):
            await answer.prepare(request)
            await answer.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        log.debug("the client left before the answer to %s", request.rel_url.raw_path[:200])


def _refuse_odd(request: web.Request) -> None:
    if request.version not in (HttpVersion10, HttpVersion11):
        raise Problem(400)
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        raise Problem(415, "compressed bodies are not read")
    if request.content_type.startswith("multipart/"):
        raise Problem(415, "multipart bodies are not read")


def _of_router(error: web.HTTPException) -> Problem:
    headers: dict[str, str] = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        headers[hdrs.ALLOW] = ", ".join(sorted(error.allowed_methods))
    return Problem(error.status, headers=headers)
