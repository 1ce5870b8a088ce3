"""The HTTP probe: what it sends, whom it trusts, what it reports, and what it refuses to be given."""

from __future__ import annotations

import asyncio
import base64
import math
import socket
from typing import Any

import pytest

from lab.hostile_http import Hostile, hostile
from lab.probe_certificates import BAD, Authority
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import serving
from probes.api import ProbeFailed, Reading, Run
from probes.network.connection import Family
from probes.network.expect import Expect
from probes.network.http import Http
from probes.sample import PHASES, ErrorClass

Result = Reading | ProbeFailed | TimeoutError
DAY = 86400


def ask(
    path: str = "/ok", *, loop: str = "asyncio", tls: Any = None, host: str = "127.0.0.1", **options: Any
) -> tuple[Result, Hostile, Run]:
    """Start a server, ask it once by the name `host`, and return what came of it."""

    async def go() -> tuple[Result, Hostile, Run]:
        async with hostile(tls=tls) as server:
            with surroundings() as run:
                url = server.url(path).replace("127.0.0.1", host)
                return await look(Http(url=url, **options), run), server, run

    return finished(go, loop)


def failure(result: Result) -> ProbeFailed:
    assert isinstance(result, ProbeFailed), result
    return result


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


def test_the_certificate_that_ends_first_counts_not_only_the_leaf(authority: Authority) -> None:
    result, _, _ = ask("/ok", tls=authority.short_chain(), host="localhost", ca=authority.file)
    assert isinstance(result, Reading)
    assert result.values["certificate_expires_seconds"] == pytest.approx(3 * DAY, abs=60)


# Whom it trusts


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("bad", BAD)
def test_a_certificate_that_is_not_valid_is_down_with_class_tls(
    bad: str, loop: str, authority: Authority
) -> None:
    result, server, _ = ask("/ok", loop=loop, tls=BAD[bad](authority), ca=authority.file)
    assert failure(result).error is ErrorClass.TLS
    assert "the certificate is not valid" in failure(result).message
    assert server.requests == []


@pytest.mark.parametrize("bad", BAD)
def test_without_verification_it_is_up_and_says_so_and_the_expiry_is_still_known(
    bad: str, authority: Authority
) -> None:
    result, _, run = ask("/ok", tls=BAD[bad](authority), verify=False)
    assert isinstance(result, Reading)
    assert math.isfinite(result.values["certificate_expires_seconds"])
    assert (result.values["certificate_expires_seconds"] < 0) == (bad == "expired")
    assert any("not verified" in line for line in run.lines)


def test_the_systems_authorities_do_not_vouch_for_a_certificate_of_our_own(authority: Authority) -> None:
    result, _, _ = ask("/ok", tls=authority.server())
    assert failure(result).error is ErrorClass.TLS


def test_a_ca_file_that_is_missing_is_our_own_fault() -> None:
    async def go() -> None:
        with surroundings() as run, pytest.raises(OSError, match="cannot load certificates from /nowhere"):
            await Http(url="https://127.0.0.1:9/", ca="/nowhere.pem").probe(run)

    finished(go)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_plain_server_on_a_tls_port_is_down_with_class_tls(loop: str) -> None:
    async def go() -> Result:
        async with hostile() as server:
            with surroundings() as run:
                return await look(Http(url=server.url().replace("http:", "https:")), run)

    result = finished(go, loop)
    assert failure(result).error is ErrorClass.TLS
    assert "is this a plain port" in failure(result).message


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", ["silent", "closes", "resets"])
def test_a_handshake_that_goes_wrong_is_down_with_class_tls_or_cut_off(path: str, loop: str) -> None:
    async def go() -> tuple[Result, dict[str, float]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if path == "silent":
                await reader.read()
            elif path == "closes":
                await reader.read(1)
            else:
                writer.transport.abort()

        async with serving(serve) as port:
            with surroundings() as run:
                within = 0.15 if path == "silent" else 10
                return await look(Http(url=f"https://127.0.0.1:{port}/"), run, within=within), run.phases

    result, phases = finished(go, loop)
    assert "tls" in phases
    if path == "silent":
        assert isinstance(result, TimeoutError)
    else:
        assert failure(result).error is ErrorClass.TLS


# Where it goes


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("host", "options", "error", "message"),
    [
        pytest.param("127.0.0.1", {}, ErrorClass.CONNECT, "Connection refused", id="nobody listens"),
        pytest.param("localhost", {}, ErrorClass.CONNECT, "(127.0.0.1:", id="nobody listens at a name"),
        pytest.param(
            "nothing.invalid", {}, ErrorClass.DNS, "cannot resolve nothing.invalid", id="no such name"
        ),
        pytest.param(
            "127.0.0.1",
            {"family": Family.V6},
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


def test_a_name_with_two_families_falls_back_to_the_other_on_the_next_run() -> None:
    """Both families of one name, of which only IPv6 answers, as the resolver would tell."""

    async def go() -> tuple[Result, Result, Result]:
        async with hostile(host="::1") as server:
            both = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", server.port, 0, 0)),
            ]

            async def resolve(*_: Any) -> Any:
                return both

            with surroundings() as outer:
                run = Run(offload=outer.offload, resolve=resolve)
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


# What it refuses to be given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"url": "http://0x7f.1/"}, "all four decimal numbers", id="hexadecimal address"),
        pytest.param({"url": "http://2130706433/"}, "all four decimal numbers", id="address as one number"),
        pytest.param({"url": "http://127.1/"}, "all four decimal numbers", id="short address"),
        pytest.param({"url": "http://017700000001/"}, "all four decimal numbers", id="octal address"),
        pytest.param({"url": "http://127.0.0.01/"}, "all four decimal numbers", id="leading zero"),
        pytest.param({"url": "http://127.0.0.1./"}, "all four decimal numbers", id="address with a dot behind"),
        pytest.param({"url": "http://h:0/"}, "1 to 65535", id="port 0"),
        pytest.param({"url": "http://h:65536/"}, "1 to 65535", id="port 65536"),
        pytest.param({"url": "http://h:x/"}, "1 to 65535", id="port of letters"),
        pytest.param({"url": "http://a b/"}, "blanks", id="blank"),
        pytest.param({"url": "http://h/a b"}, "blanks", id="blank in the path"),
        pytest.param({"url": "http://h/\r\nX: y"}, "control characters", id="line break"),
        pytest.param({"url": "http://h/\x00"}, "control characters", id="NUL"),
        pytest.param({"url": "http://h\\@evil/"}, "backslashes", id="backslash"),
        pytest.param({"url": "file:///etc/passwd"}, "http:// or https://", id="file"),
        pytest.param({"url": "gopher://h/"}, "http:// or https://", id="gopher"),
        pytest.param({"url": "javascript:alert(1)"}, "http:// or https://", id="javascript"),
        pytest.param({"url": "h/path"}, "http:// or https://", id="no scheme"),
        pytest.param({"url": "http://"}, "needs a host", id="no host"),
        pytest.param({"url": "http:///path"}, "needs a host", id="no host but a path"),
        pytest.param({"url": "http://[::1"}, "must read like", id="open bracket"),
        pytest.param({"url": "http://[::g]/"}, "must read like", id="no IPv6 address"),
        pytest.param({"url": "http://::1/"}, "must read like", id="IPv6 without brackets"),
        pytest.param({"url": "http://-h/"}, "no host name", id="label begins with a hyphen"),
        pytest.param({"url": "http://" + "a" * 64 + "/"}, "no host name", id="long label"),
        pytest.param({"url": "http://h/" + "x" * 9000}, "8192", id="long URL"),
        pytest.param({"url": "http://u@h/", "user": "v"}, "not both", id="user twice"),
        pytest.param({"url": "http://h/", "password": "x"}, "needs a user", id="password alone"),
        pytest.param({"url": "http://h/", "user": "a:b"}, "no colon", id="colon in the user"),
        pytest.param({"url": "http://h/", "user": "a", "bearer": "b"}, "exclude", id="two ways to authenticate"),
        pytest.param({"url": "http://h/", "bearer": "a b"}, "bearer must", id="blank in the token"),
        pytest.param({"url": "http://h/", "method": "GE T"}, "method must", id="method with a blank"),
        pytest.param({"url": "http://h/", "method": "CONNECT"}, "method must", id="a proxy's method"),
        pytest.param({"url": "http://h/", "headers": {"A b": ""}}, "headers cannot hold", id="header name"),
        pytest.param({"url": "http://h/", "headers": {"A": "b\r\nC: d"}}, "one line", id="header of two lines"),
        pytest.param({"url": "http://h/", "headers": {"Content-Length": "5"}}, "headers cannot", id="our own header"),
        pytest.param({"url": "http://h/", "headers": {f"A{n}": "" for n in range(51)}}, "not be more", id="many"),
        pytest.param({"url": "http://h/", "body": "x" * 70_000}, "body must", id="long body"),
        pytest.param({"url": "http://h/", "redirects": -1}, "redirects must", id="less than no redirect"),
        pytest.param({"url": "http://h/", "redirects": 1000}, "redirects must", id="many redirects"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_without_repeating_it(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Http(**options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        pytest.param({"status": 99}, "code like 200", id="no status"),
        pytest.param({"status": "6xx"}, "code like 200", id="no class"),
        pytest.param({"status": "20x"}, "code like 200", id="no class either"),
        pytest.param({"status": True}, "code like 200", id="a boolean"),
        pytest.param({"status": ()}, "at least one", id="none at all"),
        pytest.param({"body_contains": ""}, "from 1 to", id="empty text"),
        pytest.param({"body_matches": "("}, "regular expression", id="broken pattern"),
        pytest.param({"body_matches": "a" * 2000}, "longer than 1000", id="long pattern"),
        pytest.param({"body_matches": "(" * 490 + ")" * 490}, "regular expression", id="deep pattern"),
        pytest.param({"max_seconds": 0.0}, "max_seconds", id="no time"),
    ],
)
def test_an_expectation_nothing_could_meet_is_refused(expect: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Expect(**expect)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        pytest.param("HTTP://SHOP.Example.COM", "shop.example.com", id="capitals"),
        pytest.param("https://商城.example.com/", "xn--czru2d.example.com", id="Chinese"),
        pytest.param("http://[2001:DB8::0:1]:8080/", "2001:db8::1", id="IPv6"),
        pytest.param("http://under_score.example.com/", "under_score.example.com", id="underscore"),
        pytest.param("http://10.0.0.5:65535", "10.0.0.5", id="IPv4"),
        pytest.param("http://u:p@h.example.com/", "h.example.com", id="with a user"),
    ],
)
def test_the_target_is_the_host_alone(url: str, target: str) -> None:
    assert Http(url=url).target == target
