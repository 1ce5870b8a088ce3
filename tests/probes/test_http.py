"""The HTTP probe: what it sends, whom it trusts, what it reports, and what it refuses to be given."""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from lab.hostile_http import Hostile, hostile
from lab.probe_certificates import Authority
from lab.probe_http import Result, ask, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from probes.api import ProbeFailed, Reading
from probes.network.ask import check_inward
from probes.network.connection import Address
from probes.network.expect import Expect
from probes.network.families import Families
from probes.network.http import Http
from probes.network.names.resolver import Resolver, use
from probes.network.names.settings import Files
from probes.sample import PHASES, ErrorClass

DAY = 86400


# What it sends


def test_a_plain_request_says_who_asks_and_that_the_connection_ends() -> None:
    _, server, _ = ask("/ok?a=b&c=%20")
    request = server.requests[0]
    assert (request.method, request.path, request.query) == ("GET", "/ok", "a=b&c=%20")
    assert request.header("Host") == f"127.0.0.1:{server.port}"
    assert request.header("User-Agent") == "nightbell"
    assert request.header("Connection") == "close"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Authorization") is None


def test_method_headers_and_body_are_sent_as_given() -> None:
    headers = {"Host": "shop.example.com", "user-agent": "other", "X-Key": "Größe"}
    _, server, _ = ask("/echo", method="post", headers=headers, body="你好")
    request = server.requests[0]
    assert request.method == "POST"
    assert request.body.decode() == "你好"
    assert request.header("Content-Length") == "6"
    assert request.header("Host") == "shop.example.com"
    assert request.header("User-Agent") == "other"
    assert request.head.lower().count(b"user-agent") == 1


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param(
            {"user": "li", "password": "雷:x"},
            "Basic " + base64.b64encode("li:雷:x".encode()).decode(),
            id="basic",
        ),
        pytest.param({"user": "token"}, "Basic " + base64.b64encode(b"token:").decode(), id="a user alone"),
        pytest.param({"bearer": "abc.def"}, "Bearer abc.def", id="bearer"),
    ],
)
def test_credentials_are_sent(options: dict[str, str], sent: str) -> None:
    _, server, _ = ask("/ok", **options)
    assert server.requests[0].header("Authorization") == sent


def test_user_and_password_in_the_url_are_moved_out_of_it() -> None:
    probe = Http(url="https://li:p%40ss@shop.example.com/health?x=a@b")
    assert (probe.user, probe.password) == ("li", "p@ss")
    assert probe.url == "https://shop.example.com/health?x=a@b"


def test_a_head_request_does_not_wait_for_a_body() -> None:
    result, server, _ = ask("/head", method="HEAD")
    assert isinstance(result, Reading)
    assert result.values["body_bytes"] == 0
    assert server.requests[0].method == "HEAD"


# Redirects


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        pytest.param("/redirect-post", "GET", b"", id="302 turns POST into GET"),
        pytest.param("/redirect-see-other", "GET", b"", id="303 turns POST into GET"),
        pytest.param("/redirect-keep", "POST", b"form", id="308 keeps method and body"),
    ],
)
def test_redirects_keep_or_drop_the_body_as_browsers_do(path: str, method: str, body: bytes) -> None:
    result, server, _ = ask(path, method="POST", body="form", headers={"Content-Type": "text/plain"})
    assert isinstance(result, Reading)
    assert result.values["redirects"] == 1
    last = server.requests[-1]
    assert (last.method, last.body) == (method, body)
    assert (last.header("Content-Type") is None) == (method == "GET")


def test_another_origin_sees_neither_credentials_nor_keys() -> None:
    headers = {"X-Api-Key": "k", "Cookie": "c=1", "Accept-Language": "zh", "Host": "127.0.0.1"}
    result, server, _ = ask("/redirect-to-name", bearer="secret", headers=headers)
    assert isinstance(result, Reading)
    first, second = server.requests
    assert first.header("Authorization") == "Bearer secret"
    assert second.header("Host") == f"localhost:{server.port}"
    assert second.header("Accept-Language") == "zh"
    assert not {"Authorization", "X-Api-Key", "Cookie"} & {
        name for name in ("Authorization", "X-Api-Key", "Cookie") if second.header(name)
    }


def test_the_same_origin_sees_the_credentials_again() -> None:
    _, server, _ = ask("/redirect", bearer="secret")
    assert [request.header("Authorization") for request in server.requests] == ["Bearer secret"] * 2


def test_a_body_is_not_carried_to_another_origin() -> None:
    result, server, _ = ask("/redirect-keep-name", method="POST", body="password=x")
    assert failure(result).error is ErrorClass.PROTOCOL
    assert "would carry the body" in failure(result).message
    assert len(server.requests) == 1


V4, V6 = socket.AF_INET, socket.AF_INET6
OUTSIDE = Address(V4, ("198.51.100.1", 80))


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        pytest.param(OUTSIDE, Address(V4, ("203.0.113.9", 80)), True, id="to another outside"),
        pytest.param(OUTSIDE, Address(V4, ("10.0.0.5", 80)), True, id="to a private network"),
        pytest.param(
            Address(V4, ("127.0.0.1", 1)),
            Address(V6, ("::1", 2, 0, 0)),
            True,
            id="from this machine to itself",
        ),
        pytest.param(OUTSIDE, Address(V4, ("127.0.0.2", 80)), False, id="to this machine"),
        pytest.param(OUTSIDE, Address(V4, ("0.0.0.0", 80)), False, id="to the unspecified address"),
        pytest.param(
            OUTSIDE, Address(V6, ("::ffff:127.0.0.1", 80, 0, 0)), False, id="to this machine in disguise"
        ),
        pytest.param(OUTSIDE, Address(V6, ("fe80::1%eth0", 80, 0, 2)), False, id="to the link"),
        pytest.param(
            Address(V4, ("127.0.0.1", 1)), Address(V4, ("169.254.169.254", 80)), False, id="to metadata"
        ),
    ],
)
def test_a_redirect_never_leads_inward_from_outside(old: Address, new: Address, allowed: bool) -> None:
    if allowed:
        check_inward(old, new, "target")
        return
    with pytest.raises(ProbeFailed) as refused:
        check_inward(old, new, "target")
    assert refused.value.error is ErrorClass.PROTOCOL


# What it reports


@pytest.mark.parametrize("loop", LOOPS)
def test_a_good_run_reports_values_and_all_its_phases(loop: str, authority: Authority) -> None:
    result, _, run = ask("/ok", loop=loop, tls=authority.server(days=30), host="localhost", ca=authority.file)
    assert isinstance(result, Reading)
    assert tuple(result.phases) == PHASES
    assert all(0 <= spent < 10 for spent in result.phases.values())
    assert sum(result.phases.values()) <= result.values["duration_seconds"]
    assert result.values["certificate_expires_seconds"] == pytest.approx(30 * DAY, abs=60)
    expected = {
        "status_code": 200,
        "http_version": 1.1,
        "body_bytes": 12,
        "content_length_bytes": 12,
        "redirects": 0,
        "tls": 1,
    }
    assert {name: result.values[name] for name in expected} == expected
    assert any("TLSv1.3" in line for line in run.lines)


def test_a_bad_answer_still_reports_its_status_and_its_certificate(authority: Authority) -> None:
    result, _, run = ask("/status/503", tls=authority.server(days=2), ca=authority.file)
    reading = failure(result).reading
    assert reading is not None
    assert reading.values["status_code"] == 503
    assert reading.values["certificate_expires_seconds"] == pytest.approx(2 * DAY, abs=60)
    assert tuple(reading.phases) == PHASES == tuple(run.phases)


# Where it goes


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("host", "options", "error", "message"),
    [
        pytest.param("127.0.0.1", {}, ErrorClass.CONNECT, "connection refused", id="nobody listens"),
        pytest.param("localhost", {}, ErrorClass.CONNECT, "(127.0.0.1:", id="nobody listens at a name"),
        pytest.param(
            "nothing.invalid", {}, ErrorClass.DNS, "cannot resolve nothing.invalid", id="no such name"
        ),
        pytest.param(
            "127.0.0.1",
            {"family": Families.V6},
            ErrorClass.DNS,
            "no v6 address",
            id="an address of the other family",
        ),
        pytest.param("240.0.0.1", {}, ErrorClass.CONNECT, "240.0.0.1", id="an address nobody has"),
    ],
)
def test_a_place_that_cannot_be_reached_is_down_with_its_class(
    host: str, options: dict[str, Any], error: ErrorClass, message: str, loop: str
) -> None:
    async def go() -> Result:
        with surroundings() as run:
            return await look(Http(url=f"http://{host}:{unused_port()}/", **options), run, within=20)

    result = finished(go, loop)
    if isinstance(result, TimeoutError) and host == "240.0.0.1":
        return  # a network that swallows such packets is as good an answer
    assert failure(result).error is error
    assert message in failure(result).message


def test_an_ipv6_address_is_reached_and_named_in_brackets() -> None:
    async def go() -> tuple[Result, Hostile]:
        async with hostile(host="::1") as server:
            with surroundings() as run:
                return await look(Http(url=f"http://[::1]:{server.port}/ok"), run), server

    result, server = finished(go)
    assert isinstance(result, Reading)
    assert server.requests[0].header("Host") == f"[::1]:{server.port}"


def test_a_name_with_two_families_falls_back_to_the_other_on_the_next_run(tmp_path: Path) -> None:
    """Both families of one name, of which only IPv6 answers."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 dual.example.com\n::1 dual.example.com\n")

    async def go() -> tuple[Result, Result, Result]:
        use(Resolver(Files(hosts=str(hosts))))
        async with hostile(host="::1") as server:
            with surroundings() as run:
                probe = Http(url=f"http://dual.example.com:{server.port}/ok")
                return await look(probe, run), await look(probe, run), await look(probe, run)

    first, second, third = finished(go)
    assert failure(first).error is ErrorClass.CONNECT
    assert "127.0.0.1" in failure(first).message
    assert isinstance(second, Reading)
    assert isinstance(third, Reading)


# What it expects


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        pytest.param({"body_contains": "needle"}, None, id="text is there"),
        pytest.param(
            {"body_contains": "haystack"}, "'haystack' is not found within the body", id="text is missing"
        ),
        pytest.param({"body_lacks": "haystack"}, None, id="text is rightly missing"),
        pytest.param({"body_lacks": "needle"}, "'needle' is found", id="text should be missing"),
        pytest.param({"body_matches": r"^ok \w+ ok$"}, None, id="pattern matches"),
        pytest.param({"body_matches": r"^\d+$"}, "nothing matches", id="pattern does not match"),
        pytest.param({"header": {"x-version": "1.2"}}, None, id="header is there"),
        pytest.param({"header": {"X-Version": "9"}}, "does not contain '9'", id="header says something else"),
        pytest.param({"header": {"X-Other": "2"}}, "without the header X-Other", id="header is missing"),
        pytest.param({"max_seconds": 30.0}, None, id="fast enough"),
        pytest.param({"max_seconds": 1e-6}, "longer than", id="too slow"),
    ],
)
def test_expectations(expect: dict[str, Any], message: str | None) -> None:
    result, _, _ = ask("/ok", expect=Expect(**expect))
    if message is None:
        assert isinstance(result, Reading)
    else:
        assert failure(result).error is ErrorClass.ASSERTION
        assert message in failure(result).message


# Secrets


def test_no_secret_shows_even_when_the_server_repeats_it() -> None:
    options = {
        "bearer": "CANARY-bearer",
        "headers": {"X-Key": "CANARY-header"},
        "body": "CANARY-body",
        "method": "POST",
    }
    result, server, run = ask("/refuse-and-echo?key=CANARY-query", **options)
    assert b"CANARY-bearer" in server.requests[0].head
    seen = repr((failure(result).message, failure(result).detail, run.lines, failure(result)))
    assert "X-Key" in seen, "the evidence is there"
    for secret in ("CANARY-bearer", "CANARY-header", "CANARY-body"):
        assert secret not in seen


def test_no_secret_shows_in_the_text_form() -> None:
    probes = [
        Http(
            url="https://CANARY:CANARY@h/CANARY?CANARY", headers={"A": "CANARY"}, body="CANARY", method="POST"
        ),
        Http(url="https://h/", bearer="CANARY"),
        Http(url="https://h/", user="CANARY", password="CANARY"),
    ]
    assert "CANARY" not in repr(probes) + str(probes)
