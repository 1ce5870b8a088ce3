"""The DNS probe against a scripted server: what it asks, what it reports, and the class of each failure."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from lab.name_server import Asked, NameServer, a, cname, machine, name_server, record, reply, wire, zone
from lab.probe_run import LOOPS, finished, look, surroundings
from probes.api import ProbeFailed, Reading
from probes.network.connection import Family
from probes.network.dns import Dns, Transport
from probes.network.names.expect import Expect
from probes.network.names.question import Type
from probes.network.names.resolver import Resolver, use
from probes.sample import ErrorClass

Result = Reading | ProbeFailed | TimeoutError
Script = Callable[[Asked], Iterable[bytes]]
NAME = "shop.example.com"
SOA = wire("ns.example.com") + wire("admin.example.com") + struct.pack("!5I", 2027010101, 2, 3, 4, 5)


def ask(
    script: Script, *, loop: str = "uvloop", within: float = 5, **options: Any
) -> tuple[Result, NameServer]:
    async def go() -> tuple[Result, NameServer]:
        async with name_server(script) as server:
            with surroundings() as run:
                probe = Dns(target=f"127.0.0.1:{server.port}", **{"name": NAME, **options})
                return await look(probe, run, within=within), server

    return finished(go, loop)


def good(*addresses: str) -> Script:
    return lambda asked: [reply(asked, *(a(asked.name, address) for address in addresses or ("192.0.2.1",)))]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("transport", list(Transport))
def test_a_good_answer_is_counted_and_timed(transport: Transport, loop: str) -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        return [
            reply(
                asked,
                cname(NAME, "cdn.example.net", ttl=30),
                a("cdn.example.net", "192.0.2.1"),
                a("cdn.example.net", "192.0.2.2"),
                authorities=[record("example.net", Type.NS, wire("ns.example.net"))],
                additionals=[a("ns.example.net", "192.0.2.53")],
            )
        ]

    reading, server = ask(script, transport=transport, loop=loop)
    assert isinstance(reading, Reading)
    assert reading.values.pop("duration_seconds") > 0  # type: ignore[attr-defined]
    assert reading.values == {
        "rcode": 0, "query_succeeded": 1, "records": 2, "ttl_seconds": 30,
        "answers": 3, "authorities": 1, "additionals": 1,
    }  # fmt: skip
    connects = ["connect"] if transport is Transport.TCP else []
    assert list(reading.phases) == ["resolve", *connects, "processing"]
    (asked,) = server.asked
    assert (asked.name, asked.kind, asked.recursion, asked.tcp) == (
        NAME,
        Type.A,
        True,
        transport is Transport.TCP,
    )


def test_the_serial_of_a_zone_is_reported() -> None:
    reading, server = ask(
        lambda asked: [reply(asked, record(NAME, Type.SOA, SOA))], type=Type.SOA, recursion=False
    )
    assert isinstance(reading, Reading)
    assert reading.values["serial"] == 2027010101
    assert not server.asked[0].recursion


@pytest.mark.parametrize(
    ("options", "name", "kind"),
    [
        ({"name": "."}, "", Type.NS),
        ({"name": "192.0.2.10", "type": Type.PTR}, "10.2.0.192.in-addr.arpa", Type.PTR),
        ({"name": "小店.example"}, "xn--yetu2d.example", Type.A),
        ({"name": "_sip._tcp.Example.com.", "type": Type.SRV}, "_sip._tcp.example.com", Type.SRV),
    ],
)
def test_what_is_asked_for_is_what_people_mean(options: dict[str, Any], name: str, kind: Type) -> None:
    _, server = ask(lambda asked: [reply(asked, rcode=3)], **options)
    assert [(one.name, one.kind) for one in server.asked] == [(name, kind)]


@pytest.mark.parametrize(
    ("script", "expect", "message"),
    [
        pytest.param(good(), {"contains": "192.0.2.1"}, None, id="contains"),
        pytest.param(good(), {"contains": "192.0.2.9"}, "'192.0.2.9' is in no record", id="does not contain"),
        pytest.param(good(), {"matches": r"^192\.0\.2\.\d$"}, None, id="matches"),
        pytest.param(good(), {"matches": "^10"}, "matches no record", id="does not match"),
        pytest.param(good(), {"lacks": "192.0.2.66"}, None, id="lacks"),
        pytest.param(good("192.0.2.66"), {"lacks": "192.0.2.66"}, "is in a record", id="has what it should lack"),
        pytest.param(good("192.0.2.1", "192.0.2.2"), {"count_at_least": 2}, None, id="enough"),
        pytest.param(good(), {"count_at_least": 2}, "1 record .* at least 2", id="too few"),
        pytest.param(good("192.0.2.1", "192.0.2.2"), {"count_at_most": 1}, "2 records .* at most 1", id="too many"),
        pytest.param(lambda asked: [reply(asked)], {}, "0 records .* at least 1", id="an empty answer"),
        pytest.param(lambda asked: [reply(asked)], {"count_at_least": 0}, None, id="empty as expected"),
        pytest.param(
            lambda asked: [reply(asked, a("evil.example", "192.0.2.66"))], {}, "0 records", id="another's records"
        ),
        pytest.param(good(), {"authoritative": True}, "does not speak for the zone", id="not authoritative"),
        pytest.param(
            lambda asked: [reply(asked, a(NAME, "192.0.2.1"), authoritative=True)],
            {"authoritative": True}, None, id="authoritative",
        ),
        pytest.param(lambda asked: [reply(asked, rcode=3)], {"rcode": "NXDOMAIN"}, None, id="rightly not there"),
        pytest.param(
            lambda asked: [reply(asked, rcode=5)], {"rcode": ("NXDOMAIN", "REFUSED")}, None, id="one of two codes"
        ),
    ],
)  # fmt: skip
def test_what_is_expected_decides(script: Script, expect: dict[str, Any], message: str | None) -> None:
    result, _ = ask(script, expect=Expect(**expect))
    if message is None:
        assert isinstance(result, Reading)
        return
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.ASSERTION
    assert re.search(message, result.message), result.message
    assert result.reading is not None
    assert result.reading.values["query_succeeded"] == 1


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        pytest.param(
            lambda asked: [reply(asked, rcode=2)], ErrorClass.STATUS,
            "answers SERVFAIL for shop.example.com A, expected NOERROR", id="SERVFAIL",
        ),
        pytest.param(lambda asked: [reply(asked, rcode=3)], ErrorClass.STATUS, "answers NXDOMAIN", id="NXDOMAIN"),
        pytest.param(lambda asked: [reply(asked, rcode=1)], ErrorClass.STATUS, "answers FORMERR", id="FORMERR"),
        pytest.param(
            lambda asked: [reply(asked, cname(NAME, "b"), cname("b", NAME))], ErrorClass.PROTOCOL,
            "circles", id="circle",
        ),
        pytest.param(lambda asked: [reply(asked) + b"" ][:0], None, "", id="silence"),
        pytest.param(lambda asked: [reply(asked, number=asked.number ^ 1)], None, "", id="another id"),
        pytest.param(
            lambda asked: [reply(asked, a("evil", "192.0.2.1"), question=wire("evil") + b"\0\1\0\1")], None, "",
            id="an answer to another question",
        ),
        pytest.param(
            lambda asked: [reply(asked, b"\xc0\x0c" + b"\xc0\x40")], ErrorClass.PROTOCOL, "not usable", id="rubbish"
        ),
        pytest.param(
            lambda asked: [reply(asked, b"\x01x" + bytes([0xC0, 12 + len(asked.question)]))], ErrorClass.PROTOCOL,
            "points at itself", id="compression in a loop",
        ),
        pytest.param(
            lambda asked: [reply(asked, truncated=True)] if not asked.tcp else [], ErrorClass.PROTOCOL,
            "ends after 0 bytes", id="truncated, and nothing over TCP",
        ),
        pytest.param(
            lambda asked: [reply(asked, truncated=True)] if not asked.tcp else [reply(asked, number=asked.number ^ 1)],
            ErrorClass.PROTOCOL, "another question", id="truncated, and something else over TCP",
        ),
    ],
)  # fmt: skip
def test_each_failure_has_its_class(script: Script, error: ErrorClass | None, message: str) -> None:
    result, _ = ask(script, within=1 if error else 0.15)
    if error is None:
        assert isinstance(result, TimeoutError)
    else:
        assert isinstance(result, ProbeFailed)
        assert result.error is error
        assert message in result.message


def test_a_long_answer_is_fetched_over_tcp_and_a_server_without_edns_is_asked_without() -> None:
    def script(asked: Asked) -> Iterable[bytes]:
        if asked.edns and not asked.tcp:
            return [reply(asked, rcode=4)]
        return [
            reply(
                asked,
                *(a(NAME, "192.0.2.1") for _ in range(500 if asked.tcp else 0)),
                truncated=not asked.tcp,
            )
        ]

    result, server = ask(script)
    assert isinstance(result, Reading)
    assert result.values["records"] == 500
    assert [(one.edns, one.tcp) for one in server.asked] == [(True, False), (False, False), (True, True)]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("transport", list(Transport))
def test_a_port_nobody_listens_on_is_down_with_class_connect(transport: Transport, loop: str) -> None:
    async def go() -> Result:
        async with name_server(good()) as server:
            port = server.port
        with surroundings() as run:
            return await look(Dns(target=f"127.0.0.1:{port}", name=NAME, transport=transport), run)

    result = finished(go, loop)
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.CONNECT
    assert "connection refused" in result.message


def test_without_a_target_the_machine_s_own_server_is_asked(tmp_path: Path) -> None:
    async def go() -> Result:
        async with name_server(zone({NAME: ("192.0.2.1",)})) as server:
            use(Resolver(machine(tmp_path, port=server.port, resolv="nameserver 127.0.0.1\n")))
            with surroundings() as run:
                return await look(Dns(name=NAME), run)

    assert isinstance(finished(go), Reading)


def test_answers_find_who_asked_though_all_share_one_socket() -> None:
    held: list[bytes] = []

    def script(asked: Asked) -> Iterable[bytes]:
        held.append(reply(asked, a(asked.name, f"192.0.2.{asked.name[1:-8]}")))
        return reversed(held) if len(held) == 100 else []

    async def go() -> list[Result]:
        async with name_server(script) as server:
            with surroundings() as run:
                waits: list[Awaitable[Result]] = [
                    look(
                        Dns(target=f"127.0.0.1:{server.port}", name=f"n{number}.example",
                            expect=Expect(matches=rf"^192\.0\.2\.{number}$")),
                        run,
                    )
                    for number in range(100)
                ]  # fmt: skip
                return await asyncio.gather(*waits)

    assert all(isinstance(result, Reading) for result in finished(go))


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("dns://192.0.2.53/shop.example?type=aaaa", {"target": "192.0.2.53", "name": "shop.example", "type": "AAAA"}),
        ("dns://[2001:db8::53]:5353/x", {"target": "[2001:db8::53]:5353", "name": "x"}),
        ("dns:///shop.example", {"name": "shop.example"}),
        ("dns://ns.example", {"target": "ns.example"}),
    ],
)  # fmt: skip
def test_a_url_stands_for_server_name_and_type(url: str, options: dict[str, str]) -> None:
    assert Dns.from_url(url) == options


def test_a_url_with_more_is_refused() -> None:
    with pytest.raises(ValueError, match="without 'class'"):
        Dns.from_url("dns://192.0.2.53/shop.example?class=CH")


def test_the_port_is_found_in_either_place() -> None:
    assert (Dns(target="192.0.2.53").port, Dns(target="192.0.2.53", port=5353).port) == (53, 5353)
    assert Dns(target="[2001:db8::53]:5353", family=Family.V6).target == "2001:db8::53"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "192.0.2.53:53", "port": 54}, "different ports"),
        ({"target": "192.0.2.53", "port": 0}, "1 to 65535"),
        ({"target": "a b"}, "no host name"),
        ({"name": ""}, "must not be empty"),
        ({"name": "a..b"}, "no name"),
        ({"name": "192.0.2.1"}, "only type PTR"),
        ({"name": "x" * 64 + ".example"}, "no name"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dns(**options)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"rcode": "OK"}, "like NOERROR"),
        ({"rcode": ()}, "at least one"),
        ({"contains": ""}, "from 1 to"),
        ({"matches": "("}, "regular expression"),
        ({"count_at_least": -1}, "from 0"),
        ({"count_at_least": 3, "count_at_most": 2}, "not be more"),
    ],
)
def test_what_no_answer_can_be_is_refused(expect: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Expect(**expect)
