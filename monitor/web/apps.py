"""The two applications: the inner one for people's tools, the outer one for customers. They share no route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from monitor.daemon import Daemon
from monitor.metrics.scrape import Scraper
from monitor.web.api.plain import SCRAPER
from monitor.web.auth import admit
from monitor.web.call import BODY_BYTES, Call, Route, read
from monitor.web.guard import DAEMON, LISTENER, Misfit, as_machine, guard
from monitor.web.public.page import misfit
from monitor.web.public.snapshot import SNAPSHOTS, Snapshots
from monitor.web.routes import INTERNAL, PUBLIC


def internal_app(daemon: Daemon) -> web.Application:
    """Return the application of the inner listener: metrics, health and the API."""
    app = _app(daemon, "internal", INTERNAL, as_machine)
    app[SCRAPER] = Scraper()
    return app


def public_app(daemon: Daemon) -> web.Application:
    """Return the application of the outer listener: the status page, feeds and acknowledgement links."""
    app = _app(daemon, "public", PUBLIC, misfit)
    app[SNAPSHOTS] = Snapshots(daemon)
    return app


def _app(daemon: Daemon, listener: str, routes: Iterable[Route], answer: Misfit) -> web.Application:
    app = web.Application(middlewares=[guard(answer)], client_max_size=BODY_BYTES)
    app[DAEMON], app[LISTENER] = daemon, listener
    for route in routes:
        handler = _endpoint(route)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)
    return app


def _endpoint(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what aiohttp calls: first who, then what, then the handler."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        daemon = request.app[DAEMON]
        caller = await admit(daemon, request, route.audience)
        call = Call(request=request, daemon=daemon, route=route, caller=caller)
        if route.body is None:
            return await route.handler(call)
        return await route.handler(call, await read(request, route.body))

    return endpoint
