"""What a request that cannot be answered gets: one shape for machines, one line for people, never an inner word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from alerting.inputs import Refusal

CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    410: "gone",
    413: "too_large",
    415: "unsupported_media_type",
    417: "expectation_failed",
    500: "internal",
    503: "unavailable",
}
"""The word that goes with a status."""

WORDS: Final[Mapping[int, str]] = {
    400: "this request cannot be understood",
    404: "there is nothing here",
    405: "this cannot be done here",
    413: "the body is too large",
    417: "this expectation cannot be met",
    500: "something went wrong inside; the log says what",
    503: "this cannot be answered in time",
}
"""What is said where nothing better is known."""

REFUSALS: Final[Mapping[Refusal, int]] = {
    Refusal.UNKNOWN: 404,
    Refusal.CONFLICT: 409,
    Refusal.INVALID: 400,
}


class Problem(Exception):  # noqa: N818 - an answer, not a fault
    """A request is not carried out: the status, and a line that says why."""

    def __init__(self, status: int, message: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        """Keep what is answered; without a message the status speaks for itself."""
        super().__init__(message)
        self.status = status
        self.message = message or WORDS.get(status, "")
        self.headers = dict(headers or {})


def body(status: int, message: str) -> str:
    """Return the body of an error as JSON."""
    error = {"code": CODES.get(status, "error"), "message": message}
    return json.dumps({"error": error}, ensure_ascii=False) + "\n"


def machine(problem: Problem) -> web.Response:
    """Answer a machine."""
    return web.Response(
        status=problem.status,
        text=body(problem.status, problem.message),
        content_type="application/json",
        headers=problem.headers,
    )


def plain(problem: Problem) -> web.Response:
    """Answer anybody, in one line of text."""
    return web.Response(
        status=problem.status, text=f"{problem.status}: {problem.message}\n", headers=problem.headers
    )
