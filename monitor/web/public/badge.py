"""A badge: the state of one service as a small picture, for other people's pages."""

from __future__ import annotations

import unicodedata
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import hdrs, web

from monitor.web.call import Call
from monitor.web.problem import Problem
from monitor.web.public.page import language_of
from monitor.web.public.render import name
from monitor.web.public.schema import PublicState
from monitor.web.public.snapshot import SNAPSHOTS
from monitor.web.public.words import words

_COLOURS: Final = {
    PublicState.OPERATIONAL: "#1a7f37",
    PublicState.MAINTENANCE: "#0b5cad",
    PublicState.UNKNOWN: "#5b6675",
    PublicState.DEGRADED: "#9a6700",
    PublicState.DOWN: "#c2231f",
}
_HEIGHT: Final = 20
_SIZE: Final = 11
_CHARACTERS: Final = 40


async def badge(call: Call) -> web.Response:
    """Draw the badge of a public service."""
    language = language_of(call)
    page = await call.request.app[SNAPSHOTS].page()
    service = next((one for one in page.services if one.id == call.id), None)
    if service is None:
        raise Problem(404)
    state = words(language)[service.state.value].split("：")[0].split(":")[0]
    return web.Response(
        text=draw(name(service.title, language), state, _COLOURS[service.state], language),
        content_type="image/svg+xml",
        charset="utf-8",
        headers={
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.VARY: hdrs.ACCEPT_LANGUAGE,
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )


def draw(left: str, right: str, colour: str, language: str) -> str:
    """Return a picture of two words side by side."""
    left = left if len(left) <= _CHARACTERS else left[: _CHARACTERS - 1] + "…"
    begin, end = _width(left), _width(right)
    whole, middle = begin + end, _HEIGHT // 2 + 4
    label = escape(f"{left}: {right}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" '
        f'xml:lang="{escape(language, {chr(34): ""})}"><title>{label}</title>'
        f'<rect width="{whole}" height="{_HEIGHT}" rx="4" fill="#3a4350"/>'
        f'<path d="M{begin} 0h{end - 4}a4 4 0 0 1 4 4v{_HEIGHT - 8}a4 4 0 0 1-4 4h-{end - 4}z" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{_SIZE}" text-anchor="middle">'
        f'<text x="{begin / 2:g}" y="{middle}">{escape(left)}</text>'
        f'<text x="{begin + end / 2:g}" y="{middle}">{escape(right)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    """Return about how wide `text` is drawn, with room on both sides."""
    wide = sum(1 for letter in text if unicodedata.east_asian_width(letter) in "WF")
    return round(12 + wide * _SIZE * 1.05 + (len(text) - wide) * _SIZE * 0.64)
