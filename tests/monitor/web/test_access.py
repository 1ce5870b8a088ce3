"""Who may do what: every route, every role, every method, against a table that is reviewed by people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.web_daemon import Site, site, within
from monitor.web.auth import Audience
from monitor.web.routes import INTERNAL, PUBLIC

GOLDEN = Path(__file__).parent / "access.txt"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ROLES = ("nobody", "viewer", "operator", "admin")


def test_every_route_admits_whom_the_table_says(tmp_path: Path) -> None:
    """One line per door that opens to anybody; every other method on every path is 405 for all."""
    found: list[str] = []

    async def story(here: Site) -> None:
        for listener, routes in (("internal", INTERNAL), ("public", PUBLIC)):
            for path in sorted({route.path for route in routes}):
                for method in METHODS:
                    let_in = []
                    for role in ROLES:
                        answer = await here.ask(
                            method,
                            path.replace("{id}", "none-such"),
                            role=None if role == "nobody" else role,
                            public=listener == "public",
                        )
                        # Who is let in reads whatever the handler says of "none-such".
                        if answer.status not in (401, 403, 405):
                            let_in.append(role)
                        elif answer.status == 405:
                            assert answer.headers["Allow"]
                    if let_in:
                        found.append(f"{listener} {method} {path}: {' '.join(let_in)}")

    within(tmp_path, story)
    assert "\n".join(found) == GOLDEN.read_text().strip(), "\n".join(found)


def test_no_route_is_listed_twice_and_each_says_whom_it_is_for() -> None:
    for routes in (INTERNAL, PUBLIC):
        keys = [(route.method, route.path) for route in routes]
        assert len(keys) == len(set(keys))
    assert all(route.audience is Audience.PUBLIC for route in PUBLIC)
    assert not any(route.audience is Audience.PUBLIC for route in INTERNAL)
    without = {route.path for route in INTERNAL if route.audience is Audience.OPEN}
    assert without == {"/", "/metrics", "/healthz", "/readyz"}
    changing = [route for route in INTERNAL if route.method != "GET"]
    assert all(route.audience in (Audience.OPERATOR, Audience.ADMIN) for route in changing)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", "bearer nb_wrong", "Basic bmI6bmI=", "Bearer \u00e9\u00e9", "Token {admin}",
        "Bearer {admin} x", "Bearer {admin}{admin}", "Bearer nb_" + "x" * 5000, "{admin}", "Bearer\t{admin}",
    ],
)  # fmt: skip
def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(tmp_path: Path, header: str | None) -> None:
    async def story(here: Site) -> None:
        headers = {} if header is None else {"Authorization": header.replace("{admin}", here.tokens["admin"])}
        answer = await here.ask("GET", "/api/v1/incidents", headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json == {
            "error": {"code": "unauthorized", "message": "this needs a bearer token that is known here"}
        }

    within(tmp_path, story)


def test_a_token_in_the_query_opens_nothing(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        for key in ("token", "access_token", "authorization"):
            answer = await here.ask("GET", f"/api/v1/incidents?{key}={here.tokens['admin']}")
            assert answer.status == 401

    within(tmp_path, story)


def test_two_tokens_are_none(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.servers.internal.port)
        token = here.tokens["admin"]
        writer.write(
            f"GET /api/v1/incidents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        assert answer.split(b" ")[1] in (b"400", b"401")

    within(tmp_path, story)


PIECES = st.sampled_from(
    [
        "/", "//", "..", ".", "%2e%2e", "%2f", "%00", "%c0%ae", ";", ";/", "api", "v1", "v2", "incidents", "ack",
        "INC-1", "metrics", "healthz", "tokens", "style.css", "feed.atom", "templates", "status.html", "badge",
        "database.svg",
        "checkout.svg", "summary.json", "API", "?", "a", "~", "%25", "\\", "@", "127.0.0.1@evil",
    ]
)  # fmt: skip


def test_only_what_is_listed_answers_200_whatever_the_path(tmp_path: Path) -> None:
    """Tried with every token there is, for a token must not open a hidden door either."""
    loop = asyncio.new_event_loop()
    context = site(tmp_path)
    here = loop.run_until_complete(context.__aenter__())

    def listed(path: str, public: bool) -> bool:
        plain = unquote(path.partition("?")[0])
        for route in PUBLIC if public else INTERNAL:
            if "{id}" not in route.path:
                if route.method == "GET" and plain == route.path:
                    return True
                continue
            before, after = route.path.split("{id}")
            if (
                plain.startswith(before)
                and plain.endswith(after)
                and "/" not in plain[len(before) : len(plain) - len(after)]
            ):
                return True
        return False

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(PIECES, max_size=8).map("".join), st.booleans())
    def only_listed(tail: str, public: bool) -> None:
        path = "/" + tail.lstrip("/") if not tail.startswith("//") else tail
        try:
            answer = loop.run_until_complete(here.ask("GET", path, public=public, role="admin"))
        except ValueError:
            return  # the client itself refuses to send it
        assert answer.status in (200, 301, 400, 404, 405), (path, answer.status)
        if answer.status == 200:
            assert listed(path, public), path
        assert "Traceback" not in answer.text

    try:
        only_listed()
    finally:
        loop.run_until_complete(context.__aexit__(None, None, None))
        loop.close()
