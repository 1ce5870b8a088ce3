"""Most URLs are taken apart by a short way, which must come to what the long way comes to."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as some

from probes.network.address import Url, parse_url

HOSTS = some.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True) | some.sampled_from(
    ["127.0.0.1", "256.1.1.1", "a..b", "a.", "shop.example", "xn--bcher-kva.example", "a-", "0x7f.1"]
)
PORTS = some.sampled_from(["", ":", ":0", ":080", ":80", ":443", ":8080", ":65535", ":65536", ":99999"])
PATHS = some.text(alphabet="ab1/?&=%20.~_-+,;:@#[]!'\"é", max_size=20)


def _parsed(text: str) -> Url | str:
    try:
        return parse_url(text)
    except ValueError as refused:
        return str(refused)


@given(scheme=some.sampled_from(["http", "https"]), host=HOSTS, port=PORTS, path=PATHS | some.just(""))
@example(scheme="http", host="a", port="", path="?x")
@example(scheme="http", host="a", port="", path="/?")
@example(scheme="http", host="a", port="", path="/x?")
@example(scheme="http", host="a", port="", path="//x")
@example(scheme="https", host="a", port=":1", path="/a/b?c=d%20e")
def test_a_url_means_the_same_by_either_way(scheme: str, host: str, port: str, path: str) -> None:
    separator = "" if path[:1] in {"", "/", "?", "#"} else "/"
    rest = f"://{host}{port}{separator}{path}"
    assert _parsed(scheme + rest) == _parsed(
        scheme.upper() + rest
    )  # in capitals it is not among the usual ones
