"""What the options of an SMS channel stand for, and which of them are wrong before anything is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter

from alerting.notification import Reason
from alerting.notifiers.smpp import Smpp
from lab.messages import a_message, refusal

LI = "+8613800000001"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("+86 138-0000 (0001)", (1, 1, "8613800000001")),
        ("13800000001", (0, 1, "13800000001")),
        ("10086", (0, 1, "10086")),
    ],
)
def test_a_number_is_known_by_its_look(given: str, address: tuple[int, int, str]) -> None:
    found = Smpp(host="h", user="nb").destination(given)
    assert (found.ton, found.npi, found.text) == address


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("+86 10 6900-0000", (1, 1, "861069000000")),
        ("10690", (0, 1, "10690")),
        ("Nightbell", (5, 0, "Nightbell")),
        ("", (0, 0, "")),
    ],
)
def test_a_sender_is_a_number_a_name_or_nobody(given: str, address: tuple[int, int, str]) -> None:
    found = Smpp(host="h", user="nb", from_=given).source()
    assert (found.ton, found.npi, found.text) == address


def test_types_and_plans_that_are_asked_for_win() -> None:
    smpp = Smpp(host="h", user="nb", from_="10690", from_ton=3, from_npi=0, to_ton=2, to_npi=8)
    source, destination = smpp.source(), smpp.destination(LI)
    assert (source.ton, source.npi, destination.ton, destination.npi) == (3, 0, 2, 8)


@pytest.mark.parametrize(
    "number", ["", "li@shop.example", "12", "+", "1" * 21, "1;2", "１３８００", "{address}"]
)
def test_what_is_no_number_is_refused_for_good_before_anybody_is_asked(number: str) -> None:
    error = asyncio.run(refusal(Smpp(host="127.0.0.1", port=1, user="nb"), a_message(address=number)))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.REFUSED, False, False)


def test_the_options_as_people_write_them() -> None:
    adapter = TypeAdapter(Smpp)
    smpp = adapter.validate_python({"host": "h", "user": "nb", "from": "10690", "joined": "sar"})
    assert (smpp.from_, smpp.joined, smpp.needs_address) == ("10690", "sar", True)
    assert not adapter.validate_python({"host": "h", "user": "nb", "to": LI}).needs_address
    schema = adapter.json_schema()["properties"]
    assert "from" in schema
    assert not {"from_", "trust"} & set(schema)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"host": "smpp://x"}, "host", id="host is a URL"),
        pytest.param({"user": ""}, "user", id="no account"),
        pytest.param({"user": "铃"}, "user: must be ASCII", id="user"),
        pytest.param({"password": "canary" * 20}, "password: must be of at most 64", id="password"),
        pytest.param({"from_": "a name too long"}, "from", id="sender"),
        pytest.param({"to": "nobody"}, "to", id="receiver"),
        pytest.param({"ca": "/no/such.pem"}, "tls", id="ca without tls"),
        pytest.param({"ca": "/no/such.pem", "tls": True}, "cannot find", id="ca"),
    ],
)
def test_a_bad_option_is_found_when_the_configuration_is_read(options: dict[str, Any], told: str) -> None:
    complaint = Smpp(**{"host": "h", "user": "nb", **options}).complaint()
    assert complaint is not None
    assert told in complaint
    assert "canary" not in complaint


@pytest.mark.parametrize(
    ("url", "made"),
    [
        pytest.param(
            "smpp://nb:p%40ss@smsc.example:2776/+861069/+8613800000001",
            Smpp(host="smsc.example", port=2776, user="nb", password="p@ss", from_="+861069", to=LI),
            id="in the clear",
        ),
        pytest.param(
            "smpps://nb:pw@smsc.example/10690/{address}/?cto=3",
            Smpp(host="smsc.example", user="nb", password="pw", from_="10690", tls=True),
            id="encrypted, to each person",
        ),
    ],
)
def test_an_apprise_url_stands_for_the_same_centre(url: str, made: Smpp) -> None:
    assert Smpp.from_url(url) == made


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smpp://nb:canary@h/10690", "one receiver"),
        ("smpp://nb:canary@h/10690/1111/2222", "one receiver"),
        ("smpp://nb:canary@h:99999/10690/1111", "URL"),
        ("smpp://h/10690/1111", "user"),
        ("smpp://nb:canary@h/10690/nobody", "to"),
        ("twilio://nb:canary@h/10690/1111", "smpp://"),
    ],
)
def test_an_apprise_url_that_stands_for_nothing_is_complained_of(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        Smpp.from_url(url)
    assert "canary" not in str(caught.value)
