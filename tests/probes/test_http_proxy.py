"""The HTTP probe through a proxy: plain and tunnelled, with credentials, and all the ways a proxy says no."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.connect_proxy import ConnectProxy
from lab.hostile_http import Hostile, hostile
from lab.probe_certificates import BAD, Authority
from lab.probe_http import Result, failure
from lab.probe_run import LOOPS, finished, look, surroundings
from probes.api import Reading
from probes.network.expect import Expect
from probes.network.families import Families
from probes.network.http import Http
from probes.network.reuse import Use
from probes.sample import ErrorClass


def through(
    path: str = "/ok",
    *,
    loop: str = "asyncio",
    tls: Any = None,
    always: str = "ok",
    host: str = "inside.example.com",
    user: str = "",
    within: float = 10,
    **options: Any,
) -> tuple[Result, Hostile, ConnectProxy, dict[str, float]]:
    """Ask a server by a name that only the proxy knows."""

    async def go() -> tuple[Result, Hostile, ConnectProxy, dict[str, float]]:
        async with hostile(tls=tls) as server, ConnectProxy({host: server.port}, always=always) as proxy:
            url = server.url(path).replace("127.0.0.1", host, 1)
            probe = Http(url=url, proxy=f"http://{user}127.0.0.1:{proxy.port}", **options)
            with surroundings() as run:
                return await look(probe, run, within=within), server, proxy, dict(run.phases)

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_plain_http_goes_through_the_proxy_and_is_judged_alike(loop: str) -> None:
    result, server, proxy, _ = through(loop=loop, expect=Expect(body_contains="needle"), bearer="t")
    assert isinstance(result, Reading), result
    assert result.values["status_code"] == 200
    assert result.values["tls"] == 0
    assert proxy.asked == [f"http://inside.example.com:{server.port}/ok"]
    request = server.requests[0]
    assert request.header("Host") == f"inside.example.com:{server.port}"
    assert request.header("User-Agent") == "nightbell"
    assert request.header("Authorization") == "Bearer t"
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Connection") == "close"


def test_a_dot_behind_the_name_is_the_proxy_s_to_look_up_and_none_of_the_certificate(
    authority: Authority,
) -> None:
    asked: list[str | None] = []
    tls = authority.server("inside.example.com")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    result, server, proxy, _ = through(host="inside.example.com.", tls=tls, ca=authority.file)
    assert isinstance(result, Reading), result
    assert proxy.asked == [f"inside.example.com.:{server.port}"]
    assert asked == ["inside.example.com"]
    assert server.requests[0].header("Host") == f"inside.example.com.:{server.port}"


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_goes_through_a_tunnel_to_whom_the_certificate_names(loop: str, authority: Authority) -> None:
    tls = authority.server("inside.example.com", days=9)
    result, server, proxy, phases = through(loop=loop, tls=tls, ca=authority.file)
    assert isinstance(result, Reading), result
    assert proxy.asked == [f"inside.example.com:{server.port}"]
    assert result.values["certificate_expires_seconds"] == pytest.approx(9 * 86400, abs=60)
    assert result.values["tls_version"] == 1.3
    assert set(phases) == {"resolve", "processing", "transfer"}, "nothing is told that is not known"
    wrong, *_ = through(loop=loop, tls=BAD["wrong name"](authority), ca=authority.file)
    assert failure(wrong).error is ErrorClass.TLS
    assert "not valid for this name" in failure(wrong).message


def test_the_proxy_is_told_who_we_are_and_the_server_is_not() -> None:
    _, server, proxy, _ = through(user="li:p%40ss@")
    sent = "Basic " + base64.b64encode(b"li:p@ss").decode()
    assert f"Proxy-Authorization: {sent}" in proxy.heads[0]
    assert server.requests[0].header("Authorization") is None


@pytest.mark.parametrize(
    ("always", "secure", "error", "message"),
    [
        pytest.param("status:407", True, ErrorClass.AUTH, "the proxy answers 407", id="who are you"),
        pytest.param("status:407", False, ErrorClass.AUTH, "answers 407", id="who are you, without TLS"),
        pytest.param("status:502", True, ErrorClass.CONNECT, "the proxy answers 502", id="nobody there"),
        pytest.param("status:502", False, ErrorClass.STATUS, "answers 502", id="nobody there, without TLS"),
        pytest.param("garbage", True, ErrorClass.PROTOCOL, "", id="no HTTP"),
        pytest.param("garbage", False, ErrorClass.PROTOCOL, "not HTTP/1.1", id="no HTTP, without TLS"),
        pytest.param("rst", True, ErrorClass.PROTOCOL, "", id="reset"),
        pytest.param("rst", False, ErrorClass.PROTOCOL, "without an answer", id="reset, without TLS"),
    ],
)
def test_a_proxy_that_refuses_has_its_error_class(
    always: str, secure: bool, error: ErrorClass, message: str, authority: Authority
) -> None:
    tls = authority.server("inside.example.com") if secure else None
    result, *_ = through(tls=tls, always=always, ca=authority.file, user="li:CANARY@")
    assert failure(result).error is error, result
    assert message in failure(result).message
    assert "CANARY" not in f"{failure(result).message} {failure(result).detail}"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        pytest.param("/close-in-body", ErrorClass.PROTOCOL, "too early", id="cut off"),
        pytest.param("/gzip-bomb", ErrorClass.BODY, "200 times", id="a bomb"),
        pytest.param("/not-gzip", ErrorClass.BODY, "not gzip", id="no gzip"),
        pytest.param("/binary-status", ErrorClass.PROTOCOL, "not HTTP/1.1", id="rubbish"),
        pytest.param("/endless-header", ErrorClass.PROTOCOL, "not HTTP/1.1", id="a header without end"),
        pytest.param("/redirect-for-ever", ErrorClass.STATUS, "after 5 redirects", id="redirects"),
        pytest.param("/redirect-to-metadata", ErrorClass.PROTOCOL, "link-local", id="to the cloud's own"),
        pytest.param("/redirect-to?http://127.0.0.1:9/", ErrorClass.PROTOCOL, "this machine", id="inward"),
        pytest.param("/status/503", ErrorClass.STATUS, "answers 503", id="unavailable"),
    ],
)
def test_a_misbehaving_server_behind_a_proxy_has_its_outcome(
    path: str, error: ErrorClass, message: str, loop: str
) -> None:
    result, server, *_ = through(path, loop=loop)
    assert failure(result).error is error, result
    assert message in failure(result).message
    assert server.sent < 32 << 20


@pytest.mark.parametrize("loop", LOOPS)
def test_a_body_without_end_is_cut_through_a_proxy_too(loop: str) -> None:
    result, server, *_ = through("/endless-body", loop=loop)
    assert isinstance(result, Reading), result
    assert result.values["body_bytes"] == 1 << 20
    assert server.sent < 32 << 20


@pytest.mark.parametrize("loop", LOOPS)
def test_a_proxy_that_hangs_is_cut_off_by_the_deadline(loop: str) -> None:
    result, *_ = through(loop=loop, always="hang", within=0.2)
    assert isinstance(result, TimeoutError)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_proxy_that_is_not_there_is_class_connect(loop: str) -> None:
    async def go() -> Result:
        with surroundings() as run:
            return await look(Http(url="http://h.example.com/", proxy="http://127.0.0.1:9"), run)

    result = finished(go, loop)
    assert failure(result).error is ErrorClass.CONNECT
    assert "through the proxy 127.0.0.1:9" in failure(result).message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"proxy": "socks5://h:1"}, "proxy: a URL must begin", id="another kind of proxy"),
        pytest.param({"proxy": "https://h:1"}, "must read like http://", id="over TLS"),
        pytest.param({"proxy": "http://h:1/path"}, "must read like http://", id="with a path"),
        pytest.param({"proxy": "http://h:0"}, "1 to 65535", id="port 0"),
        pytest.param({"proxy": "http://h:1", "connection": "reuse"}, "neither with", id="with reuse"),
        pytest.param({"proxy": "http://h:1", "family": "both"}, "nor with", id="with both"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(options: dict[str, Any], message: str) -> None:
    words = {"connection": Use, "family": Families}
    given = {name: words[name](value) if name in words else value for name, value in options.items()}
    with pytest.raises(ValueError, match=message):
        Http(url="http://h.example.com/", **given)
