"""What needs no token: metrics, health, and a page that says where everything is."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from alerting.sight import blind_since
from monitor.metrics.scrape import Scraper
from monitor.web.api.answers import answer
from monitor.web.call import Call
from monitor.web.pieces import Pieces
from monitor.web.views import instant

SCRAPER: Final = web.AppKey("scraper", Scraper)

_ROOT: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Nightbell</title>
<h1>Nightbell</h1>
<ul>
<li><a href="/healthz">/healthz</a>: whether the daemon is well
<li><a href="/readyz">/readyz</a>: whether it is ready
<li><a href="/metrics">/metrics</a>: what Prometheus reads
<li><a href="/api/v1/openapi.json">/api/v1/openapi.json</a>: the API, described (needs a token)
</ul>
</html>
"""


async def root(_call: Call) -> web.Response:
    """Say where everything is."""
    return web.Response(text=_ROOT, content_type="text/html", charset="utf-8")


async def metrics(call: Call) -> web.Response:
    """Answer a scrape in the format that was asked for."""
    accept = call.request.headers.get(hdrs.ACCEPT, "")
    content_type, pieces = await call.request.app[SCRAPER].scrape(call.daemon, accept)
    headers = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(body=Pieces(pieces), headers=headers)


async def healthz(call: Call) -> web.Response:
    """Say whether the daemon is well, and what is wrong where it is not."""
    troubles = dict(call.daemon.vitals.troubles)
    since = instant(blind_since(call.daemon.state))
    status = {"status": "failing" if troubles else "ok", "troubles": troubles, "blind_since": since}
    return answer(status, status=503 if troubles else 200)


async def readyz(call: Call) -> web.Response:
    """Say whether checks are scheduled, the listeners up and the store writable."""
    ready = call.daemon.vitals.ready
    return answer({"ready": ready}, status=200 if ready else 503)
