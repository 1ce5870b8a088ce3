"""Packets of SMPP, held against a library that others wrote."""

from __future__ import annotations

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from alerting.notification import Reason
from alerting.notifiers.smpp_pdu import (
    LONGEST,
    Address,
    BadPdu,
    Bind,
    Command,
    Pdu,
    Submit,
    Tag,
    body_length,
    message_id,
    octets,
)
from alerting.notifiers.smpp_status import VERDICTS, of_command_status

NUMBER = st.integers(0, 2**32 - 1)
BYTE = st.integers(0, 255)
ASCII = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
ADDRESSES = st.builds(Address, ton=BYTE, npi=BYTE, text=st.text(ASCII, max_size=20))
SUBMITS = st.builds(
    Submit,
    source=ADDRESSES,
    destination=ADDRESSES,
    coding=BYTE,
    data=st.binary(max_size=254),
    udh=st.booleans(),
    tags=st.dictionaries(st.sampled_from(Tag), st.binary(max_size=300)),
)


@given(command=NUMBER, sequence=NUMBER, status=NUMBER, body=st.binary(max_size=LONGEST - 16))
def test_a_packet_comes_back_as_it_was(command: int, sequence: int, status: int, body: bytes) -> None:
    pdu = Pdu(command=command, sequence=sequence, status=status, body=body)
    assert Pdu.decode(pdu.encode()) == pdu


PACKETS = st.builds(Pdu, command=NUMBER, sequence=NUMBER, status=NUMBER, body=st.binary(max_size=40))


@given(
    raw=st.binary(max_size=64) | st.builds(lambda pdu, cut: pdu.encode()[:cut], PACKETS, st.integers(0, 60))
)
def test_any_bytes_are_a_packet_or_refused(raw: bytes) -> None:
    try:
        pdu = Pdu.decode(raw)
    except BadPdu:
        return
    assert pdu.encode() == raw


@pytest.mark.parametrize("length", [0, 3, 15, LONGEST + 1, 2**31, 2**32 - 1])
def test_a_length_that_no_packet_has_is_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(BadPdu, match=f"{length} bytes"):
        body_length(length.to_bytes(4, "big") + bytes(12))


@given(submit=SUBMITS, sequence=st.integers(1, 2**31 - 1))
def test_others_read_a_message_as_it_was_meant(submit: Submit, sequence: int) -> None:
    raw = Pdu(command=Command.SUBMIT_SM, sequence=sequence, body=submit.encode()).encode()
    read = smpp34.decode(raw)
    assert isinstance(read, smpp34.SubmitSm)
    assert read.sequence_number == sequence
    assert (read.source_addr_ton, read.source_addr_npi, read.source_addr) == (
        submit.source.ton, submit.source.npi, submit.source.text,
    )  # fmt: skip
    assert (read.dest_addr_ton, read.dest_addr_npi, read.destination_addr) == (
        submit.destination.ton, submit.destination.npi, submit.destination.text,
    )  # fmt: skip
    assert (read.data_coding, read.esm_class, read.short_message) == (
        submit.coding, 0x40 if submit.udh else 0, submit.data,
    )  # fmt: skip
    assert [(tag.tag, tag.value) for tag in read.tlvs] == list(submit.tags.items())


@given(submit=SUBMITS, sequence=st.integers(1, 2**31 - 1))
def test_a_message_is_byte_for_byte_what_others_make_of_it(submit: Submit, sequence: int) -> None:
    theirs = smpp34.SubmitSm(
        submit.source.text,
        submit.destination.text,
        submit.data,
        source_addr_ton=submit.source.ton,
        source_addr_npi=submit.source.npi,
        dest_addr_ton=submit.destination.ton,
        dest_addr_npi=submit.destination.npi,
        esm_class=0x40 if submit.udh else 0,
        data_coding=submit.coding,
        tlvs=[smpp34.Tlv(tag, value) for tag, value in submit.tags.items()],
        sequence_number=sequence,
    )
    ours = Pdu(command=Command.SUBMIT_SM, sequence=sequence, body=submit.encode()).encode()
    assert ours == theirs.encode()


def test_a_login_is_the_example_of_the_specification() -> None:
    """Section 3.2.3 of version 3.4, with that version named and no range of addresses."""
    body = Bind(system_id="SMPP3TEST", password="secret08", system_type="SUBMIT1").encode()
    pdu = Pdu(command=Command.BIND_TRANSMITTER, sequence=1, body=body).encode()
    assert pdu.hex() == (
        "0000002f000000020000000000000001534d50503354455354007365637265743038005355424d4954310034000000"
    )


@pytest.mark.parametrize("text", ["a\0b", "密码", "x" * 65, "\ud800"])
def test_what_no_field_can_hold_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadPdu) as caught:
        octets(text)
    assert text not in str(caught.value)


def test_a_message_of_more_than_a_packet_holds_is_refused() -> None:
    anybody = Address(ton=1, npi=1, text="1")
    with pytest.raises(BadPdu, match="254"):
        Submit(source=anybody, destination=anybody, coding=8, data=bytes(255)).encode()


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"LAB1\0", "LAB1"),
        (b"", ""),
        (b"LAB1", ""),
        (b"a\nb\xff\0rest", "a b�"),
        (b"x" * 70 + b"\0", "x" * 63 + "…"),
    ],
)
def test_the_number_of_a_message_is_fit_to_keep(body: bytes, number: str) -> None:
    assert message_id(body) == number


def test_an_answer_is_known_by_command_and_number() -> None:
    request = Pdu(command=Command.SUBMIT_SM, sequence=7)
    assert request.response(status=0x0B).answers(request)
    assert Pdu(command=Command.GENERIC_NACK, sequence=7, status=2).answers(request)
    assert Pdu(command=Command.GENERIC_NACK, sequence=0, status=2).answers(request)
    for other in (
        Pdu(command=Command.SUBMIT_SM | 1 << 31, sequence=8),
        Pdu(command=Command.UNBIND | 1 << 31, sequence=7),
        Pdu(command=Command.GENERIC_NACK, sequence=8, status=2),
        request,
    ):
        assert not other.answers(request)


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (smpp34.ESME_RINVDSTADR, Reason.REFUSED, False),
        (smpp34.ESME_RINVSRCADR, Reason.REFUSED, False),
        (smpp34.ESME_RINVMSGLEN, Reason.REFUSED, False),
        (smpp34.ESME_RTHROTTLED, Reason.RATE_LIMIT, True),
        (smpp34.ESME_RMSGQFUL, Reason.RATE_LIMIT, True),
        (smpp34.ESME_RSYSERR, Reason.SERVER, True),
        (smpp34.ESME_RUNKNOWNERR, Reason.SERVER, True),
        (smpp34.ESME_RINVCMDID, Reason.PROTOCOL, False),
        (0x0E, Reason.AUTH, False),
        (0x0D, Reason.AUTH, True),
        (0x0410, Reason.SERVER, True),
    ],
)
def test_a_status_says_whether_to_try_again(status: int, reason: Reason, retry: bool) -> None:
    verdict = of_command_status(status)
    assert (verdict.reason, verdict.retry) == (reason, retry)


def test_the_table_calls_each_status_by_the_name_others_know_it_by() -> None:
    theirs = {getattr(smpp34, name): name for name in dir(smpp34) if name.startswith("ESME_R")}
    shared = theirs.keys() & VERDICTS.keys()
    assert len(shared) >= 9
    assert {code: VERDICTS[code].name for code in shared} == {code: theirs[code] for code in shared}
