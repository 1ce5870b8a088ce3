"""The options of the HTTP probe: what is refused before it is ever asked, and what a URL stands for."""

from __future__ import annotations

from typing import Any

import pytest

from probes.network.expect import Expect
from probes.network.http import Http
from probes.network.json_path import JsonRule


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
        pytest.param({"body_matches": ("a",) * 11}, "more than 10 patterns", id="many patterns"),
        pytest.param({"body_matches": ("a", "(")}, "regular expression", id="a broken pattern among others"),
        pytest.param(
            {"header_matches": {"A": "("}}, "regular expression", id="a broken pattern for a header"
        ),
        pytest.param({"min_bytes": 2e6}, "1 MiB", id="more than is read"),
        pytest.param({"max_bytes": 2e6}, "less than 1 MiB", id="a limit beyond what is read"),
        pytest.param({"min_bytes": 20.0, "max_bytes": 10.0}, "at most", id="least above most"),
        pytest.param({"phases": {"conect": 1.0}}, "resolve, connect, tls", id="no phase"),
        pytest.param({"phases": {"connect": 0.0}}, "expect.phases", id="no time for a phase"),
        pytest.param({"json": {f"$.a{n}": JsonRule() for n in range(51)}}, "more than 50", id="many paths"),
        pytest.param({"json": {"status": JsonRule()}}, "begins with \\$", id="a path without its root"),
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
