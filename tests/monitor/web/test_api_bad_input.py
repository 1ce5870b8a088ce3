"""What the API will not read, and how it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.web_daemon import Site, within


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=abc", "limit=", "limit=%D9%A3", "limit=1e3", "limit=" + "9" * 30,
        "cursor=%00", "cursor=;drop", "cursor=bm9uc2Vuc2U", "sort=;drop", "state=open&state=closed", "color=red",
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(tmp_path: Path, query: str) -> None:
    async def story(here: Site) -> None:
        answer = await here.get(f"/api/v1/incidents?{query}")
        assert (answer.status, answer.json["error"]["code"]) == (400, "bad_request"), answer.text

    within(tmp_path, story)


def test_a_limit_beyond_the_most_is_the_most(tmp_path: Path) -> None:
    async def story(here: Site) -> None:
        assert (await here.get("/api/v1/incidents?limit=1000000000")).status == 200

    within(tmp_path, story)


BROKEN: list[tuple[str, bytes]] = [
    ("NaN", b'{"by": NaN}'),
    ("infinity", b'{"by": -Infinity}'),
    ("a key twice", b'{"by": "li", "by": "han"}'),
    ("100,000 brackets", b"[" * 65000),
    ("objects in objects", b'{"a":' * 40 + b"1" + b"}" * 40),
    ("5,000 digits", b'{"by": ' + b"1" * 5000 + b"}"),
    ("1e400", b'{"by": 1e400}'),
    ("half a character", b'{"by": "\\ud800"}'),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    ("trailing junk", b"{} {}"),
    ("a string", b'"li"'),
    ("a list", b"[]"),
    ("null", b"null"),
    ("utf-16", '{"by": "li"}'.encode("utf-16")),
    ("invalid utf-8", b'{"by": "\xff"}'),
    ("no json", b"by=li"),
    ("an unknown key", b'{"who": "li"}'),
    ("a stranger", b'{"by": "nobody"}'),
    ("a number for a name", b'{"by": 7}'),
    ("an empty name", b'{"by": ""}'),
    ("a control character", b'{"by": "l\\u0000i"}'),
    ("a bare duration", b'{"lasting": 120}'),
    ("a silly duration", b'{"lasting": "soon"}'),
    ("an unknown way", b'{"via": "telepathy"}'),
    ("far too long", b'{"lasting": "999999999w"}'),
    ("nothing at all", b" "),
]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BROKEN])
def test_a_broken_body_is_refused_and_changes_nothing(tmp_path: Path, body: bytes) -> None:
    async def story(here: Site) -> None:
        number = await here.daemon.outage()
        answer = await here.post(
            f"/api/v1/incidents/{number}/ack", data=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status, answer.json["error"]["code"]) == (400, "bad_request"), answer.text
        assert len(answer.text) < 1000
        assert (await here.get(f"/api/v1/incidents/{number}")).json["acknowledged_at"] is None

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        pytest.param({"Content-Type": "text/plain"}, b"{}", 415, id="text/plain"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, b"by=li", 415, id="a form"),
        pytest.param({}, b"{}", 415, id="no type"),
        pytest.param({"Content-Type": "application/json; charset=utf-16"}, b"{}", 415, id="utf-16"),
        pytest.param({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 415, id="multipart"),
        pytest.param(
            {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b", 415, id="gzip"
        ),
        pytest.param({"Content-Type": "application/json"}, b" " * 70000 + b"{}", 413, id="too large"),
    ],
)
def test_other_bodies_than_small_plain_json_are_refused(
    tmp_path: Path, headers: dict[str, str], data: bytes, status: int
) -> None:
    async def story(here: Site) -> None:
        answer = await here.post("/api/v1/incidents/INC-1/ack", data=data, headers=headers)
        assert answer.status == status
        assert answer.json["error"]["message"]

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        pytest.param("tickets", {"title": ""}, "title", id="an empty title"),
        pytest.param("tickets", {"title": "x" * 301}, "title", id="a long title"),
        pytest.param("tickets", {"title": "a\nb"}, "one line", id="two lines"),
        pytest.param("tickets", {"title": "x", "class": "soon"}, "class", id="an unknown class"),
        pytest.param("tickets", {"title": "x", "service": "nope"}, "nope", id="an unknown service"),
        pytest.param("tickets", {"title": "x", "text": "y" * 10_001}, "text", id="a long text"),
        pytest.param("silences", {"matchers": {}, "reason": "r", "lasting": "1h"}, "matchers", id="no matcher"),
        pytest.param("silences", {"matchers": {"check": "x"}, "reason": "r"}, "ends_at or lasting", id="no end"),
        pytest.param(
            "silences", {"matchers": {"check": "x"}, "reason": "r", "ends_at": 1799000000}, "ends_at", id="a number"
        ),
        pytest.param(
            "silences", {"matchers": {"check": "x"}, "reason": "r", "ends_at": "2027-01-05T00:00:00"}, "ends_at",
            id="no zone",
        ),
        pytest.param(
            "silences", {"matchers": {"check": "x"}, "reason": "r", "ends_at": "2020-01-05T00:00:00Z"}, "",
            id="the past",
        ),
        pytest.param(
            "silences",
            {"matchers": {"check": "x"}, "reason": "r", "ends_at": "9999-12-31T23:59:59-14:00"},
            "ends_at",
            id="the end of time",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_by_name(tmp_path: Path, path: str, body: Any, word: str) -> None:
    async def story(here: Site) -> None:
        answer = await here.post(f"/api/v1/{path}", body)
        assert answer.status == 400, answer.text
        assert word in answer.json["error"]["message"]

    within(tmp_path, story)
