"""How every answer of the API is made: JSON, not kept by anybody on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import hdrs, web

from monitor.web.call import Call
from monitor.web.problem import Problem


def answer(value: Any, *, status: int = 200) -> web.Response:
    """Return `value` as JSON."""
    return web.Response(
        status=status,
        body=(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace"),
        content_type="application/json",
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


def listed(items: Iterable[Any], after: str | None = None) -> web.Response:
    """Return one page of a list."""
    return answer({"items": list(items), "next": after})


def person(call: Call, given: str | None, field: str = "by") -> str | None:
    """Return the id of a person who exists, or None. Raises Problem 400."""
    if given is not None and given not in call.daemon.config.plan.people:
        raise Problem(400, f"cannot read the body: {field}: there is no person {given[:40]!r}")
    return given
