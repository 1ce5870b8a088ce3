"""The API's description of itself (OpenAPI 3.1), made from the table of routes when somebody first asks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from monitor.web.api.answers import answer
from monitor.web.call import Call, Route

_TITLE: Final = "Nightbell"
_PROBLEMS: Final = {
    "400": "The request makes no sense.",
    "401": "No token, or one that is not known.",
    "403": "The token's role does not reach this.",
    "404": "There is no such thing.",
    "409": "Its state does not allow this.",
    "503": "The store fails: the message says whether what was asked for holds in memory.",
}


async def description(call: Call) -> web.Response:
    """Answer the description."""
    from monitor.web.routes import INTERNAL

    call.query()
    return answer(describe(INTERNAL))


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description of `routes`. Only what is made of JSON is described."""
    from pydantic.json_schema import models_json_schema

    from monitor.web.api import shapes

    shown = [route for route in routes if route.path.startswith("/api/v1/")]
    models = list(dict.fromkeys(route.body for route in shown if route.body is not None))
    answers = list(dict.fromkeys(getattr(shapes, route.answer) for route in shown if route.answer))
    names, schemas = models_json_schema(
        [(model, "validation") for model in models]
        + [(model, "serialization") for model in (*answers, shapes.Error)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for route in shown:
        body = names[route.body, "validation"] if route.body else None
        made = names[getattr(shapes, route.answer), "serialization"] if route.answer else {"type": "object"}
        operation = _operation(route, body, made, names[shapes.Error, "serialization"])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _operation(route: Route, body: Any, made: Any, error: Any) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): {"description": "Done.", "content": _json(made)}}
    for status, text in _PROBLEMS.items():
        responses[status] = {"description": text, "content": _json(error)}
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": f"Needs a token with the role {route.audience.value} or above.",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            for _ in re.findall(r"\{id\}", route.path)
        ]
        + [
            {"name": key, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
            for key, text in route.query.items()
        ],
        "responses": responses,
    }
    if body is not None:
        operation["requestBody"] = {"required": False, "content": _json(body)}
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(
        r"[a-z]+", route.path.removeprefix("/api/v1").replace("{id}", "one").replace(".json", "")
    )
    return "_".join((route.method.lower(), *words))


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
