"""DNS messages: what is read out of good ones, and that bad ones do no worse than be refused."""

from __future__ import annotations

import contextlib
import itertools
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.name_server import Asked, a, cname, record, reply, wire
from probes.network.names.message import RECORDS, read
from probes.network.names.question import Question, Type
from probes.network.names.reader import Malformed

HEAD = struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0)


def asked(name: str, kind: Type = Type.A) -> Asked:
    question = Question(name, kind)
    return Asked(
        number=1, name=name, kind=kind, question=question.wire, edns=True, recursion=True, tcp=False, times=1
    )


def test_a_question_is_written_in_lower_case_with_the_size_we_take() -> None:
    query = Question("Shop.Example.com.", Type.MX).query(0x1234)
    assert query[:12] == b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"
    assert (
        query[12:] == b"\x04shop\x07example\x03com\x00\x00\x0f\x00\x01"
        b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
    )
    assert Question(".", Type.NS).query(1, recursion=False, edns=False)[2:] == (
        b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
    )


@pytest.mark.parametrize(
    "name", ["a..b", "x" * 64, ".".join(["x" * 63] * 4), "a b", "a\tb", "ä.example", ".a"]
)
def test_what_is_no_name_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        Question(name, Type.A)


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (Type.A, b"\xc0\x00\x02\x01", "192.0.2.1"),
        (Type.AAAA, bytes([0x20, 1, 0x0D, 0xB8, *[0] * 11, 1]), "2001:db8::1"),
        (Type.CNAME, wire("WWW.example.com"), "www.example.com"),
        (Type.NS, b"\xc0\x0c", "shop.example.com"),
        (Type.PTR, b"\x03mx1\xc0\x11", "mx1.example.com"),
        (Type.MX, b"\x00\x0a\x02mx\xc0\x11", "10 mx.example.com"),
        (Type.MX, b"\x00\x00\x00", "0 ."),
        (Type.TXT, b"\x07v=spf1 \x04-all", "v=spf1 -all"),
        (Type.TXT, b"\x03a\nb", "a\\010b"),
        (Type.TXT, "\x06小店".encode(), "小店"),
        (Type.SRV, struct.pack("!HHH", 1, 2, 5060) + b"\x03sip\xc0\x11", "1 2 5060 sip.example.com"),
        (Type.CAA, b"\x80\x05issueca.example", '128 issue "ca.example"'),
        (
            Type.SOA,
            b"\x02ns\xc0\x11\x05admin\xc0\x11" + struct.pack("!5I", 2027010101, 2, 3, 4, 5),
            "ns.example.com admin.example.com 2027010101 2 3 4 5",
        ),
        (Type.CNAME, b"\x05a.b c\x00", "a\\046b\\032c"),
    ],
)  # fmt: skip
def test_the_data_of_each_type_reads_as_in_zone_files(kind: Type, data: bytes, text: str) -> None:
    question = Question("shop.example.com", kind)
    message = read(reply(asked("shop.example.com", kind), record("shop.example.com", kind, data)))
    records, ttl = message.about(question) if kind is not Type.CNAME else (message.answers, 60)
    assert [one.data for one in records] == [text]
    assert ttl == 60


def test_aliases_are_followed_and_the_shortest_time_counts() -> None:
    answer = reply(
        asked("www.example.com"),
        cname("www.example.com", "Shop.example.com", ttl=30),
        cname("shop.example.com", "cdn.example.net", ttl=7),
        a("cdn.example.net", "192.0.2.1", ttl=20),
        a("cdn.example.net", "192.0.2.2", ttl=20),
        a("other.example.net", "192.0.2.66"),
    )
    records, ttl = read(answer).about(Question("www.example.com", Type.A))
    assert [one.data for one in records] == ["192.0.2.1", "192.0.2.2"]
    assert ttl == 7


def test_records_of_another_name_do_not_count() -> None:
    answer = reply(asked("www.example.com"), a("evil.example.net", "192.0.2.66"))
    assert read(answer).about(Question("www.example.com", Type.A)) == ((), None)


@pytest.mark.parametrize("circle", [("www", "www"), ("www", "b", "www"), ("www", "b", "c", "b")])
def test_aliases_in_circles_are_refused(circle: tuple[str, ...]) -> None:
    links = [cname(one, other) for one, other in itertools.pairwise(circle)]
    with pytest.raises(Malformed, match="circles"):
        read(reply(asked("www"), *links)).about(Question("www", Type.A))


def test_a_time_to_live_of_more_than_68_years_is_none() -> None:
    answer = reply(asked("a.example"), a("a.example", "192.0.2.1", ttl=2**31))
    assert read(answer).about(Question("a.example", Type.A))[1] == 0


def test_the_longer_response_code_of_edns_counts_and_its_record_does_not() -> None:
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 1 << 24, 0)
    message = read(reply(asked("a.example"), additionals=[opt]))
    assert (message.rcode, message.edns, message.additionals) == (16, True, ())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "shorter than its header", id="nothing"),
        pytest.param(HEAD[:11], "shorter than its header", id="half a header"),
        pytest.param(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0), "a question", id="our question"),
        pytest.param(struct.pack("!HHHHHH", 1, 0x8180, 2, 0, 0, 0), "2 questions", id="two questions"),
        pytest.param(HEAD, "ends within a name", id="no question"),
        pytest.param(HEAD + wire("a") + b"\0\1\0\1", "ends within a name", id="no record"),
        pytest.param(HEAD + wire("a") + b"\0\1\0\1\0\0\1", "ends within a record", id="half a record"),
        pytest.param(HEAD + wire("a") + b"\0\1\0\1" + a("a", "192.0.2.1")[:-1], "ends within", id="cut data"),
        pytest.param(HEAD + b"\xc0\x0c", "points at itself", id="a name that is itself"),
        pytest.param(HEAD + b"\xc0\x40", "points at itself or onward", id="a name that comes later"),
        pytest.param(HEAD + b"\x01a\xc0\x0c", "points at itself", id="a name that begins with itself"),
        pytest.param(HEAD + b"\x40a", "a label that does not exist", id="a label of a kind without use"),
        pytest.param(HEAD + b"\xc0", "a label that does not exist", id="half a pointer"),
        pytest.param(HEAD + wire(".".join(["x" * 63] * 4)), "longer than it may be", id="a long name"),
        pytest.param(
            HEAD + wire("a") + b"\0\1\0\1" + record("a", Type.A, b"\1\2\3"), "type A is not", id="short address"
        ),
        pytest.param(
            HEAD + wire("a") + b"\0\1\0\1" + record("a", Type.TXT, b"\x09abc"), "longer or shorter", id="short text"
        ),
        pytest.param(
            HEAD + wire("a") + b"\0\1\0\1" + record("a", Type.NS, b"\0junk"), "longer or shorter", id="long name"
        ),
        pytest.param(
            struct.pack("!HHHHHH", 1, 0x8180, 0, 0xFFFF, 0xFFFF, 0xFFFF), f"more than {RECORDS}", id="many records"
        ),
    ],
)  # fmt: skip
def test_what_breaks_the_rules_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(data)


def test_a_long_chain_of_pointers_is_refused_and_a_short_one_is_not() -> None:
    def chained(links: int) -> bytes:
        question = wire("a") + b"\0\1\0\1"
        chain = b"".join(b"\xc0" + bytes([12 if link == 0 else 29 + 2 * link]) for link in range(links))
        return (
            struct.pack("!HHHHHH", 1, 0x8180, 1, 2, 0, 0)
            + question
            + b"\xc0\x0c" + struct.pack("!HHIH", 999, 1, 0, len(chain)) + chain
            + bytes([0xC0, 29 + 2 * links]) + struct.pack("!HHIH", 999, 1, 0, 0)
        )  # fmt: skip

    assert [one.name for one in read(chained(5)).answers] == ["a", "a"]
    with pytest.raises(Malformed, match="on and on"):
        read(chained(60))


@given(st.binary(max_size=300), st.tuples(*[st.integers(0, 5)] * 3))
def test_knowing_the_question_changes_nothing(data: bytes, counts: tuple[int, int, int]) -> None:
    question = Question("a.example", Type.A)
    whole = struct.pack("!HHHHHH", 1, 0x8180, 1, *counts) + question.wire + data
    found = []
    for known in (None, question):
        try:
            found.append(read(whole, known))
        except Malformed:
            found.append(None)
    assert found[0] == found[1]


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        read(data)


@given(st.binary(max_size=300), st.tuples(*[st.integers(0, 5)] * 3))
def test_any_bytes_behind_a_good_header_are_read_or_refused(
    data: bytes, counts: tuple[int, int, int]
) -> None:
    with contextlib.suppress(Malformed):
        read(struct.pack("!HHHHHH", 1, 0x8180, 1, *counts) + wire("a.example") + b"\0\1\0\1" + data)


@given(
    st.sampled_from(list(Type)),
    st.lists(st.binary(min_size=1, max_size=63), max_size=4),
    st.binary(max_size=80),
)
def test_records_of_any_data_are_read_or_refused(kind: Type, labels: list[bytes], data: bytes) -> None:
    owner = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    try:
        message = read(reply(asked("a", kind), owner + record("", kind, data)[1:]))
        message.about(Question("a", kind))
    except Malformed:
        return
    assert all(sign.isprintable() for one in message.answers for sign in one.name + one.data)


def test_the_worst_64_kilobytes_are_dealt_with_in_a_blink() -> None:
    """A name of 127 labels, and a thousand records whose names each begin at another of them."""
    long = wire(".".join("x" * 127))
    question = long[:-1] + b"\0\0\1\0\1"
    body = b"".join(
        bytes([0xC0, 12 + 2 * (number % 120)]) + struct.pack("!HHIH", 16, 1, 0, 50) + b"\x31" + b"\x07" * 49
        for number in range(RECORDS)
    )
    data = struct.pack("!HHHHHH", 1, 0x8180, 1, RECORDS, 0, 0) + question + body
    began = time.process_time()
    assert len(read(data).answers) == RECORDS
    assert time.process_time() - began < 0.25
