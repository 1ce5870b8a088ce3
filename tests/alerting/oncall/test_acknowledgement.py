"""Links and codes: only what the key signed is believed, and nothing that is sent in can hurt."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerting.oncall.acknowledgement import (
    CODE_ALPHABET,
    CODE_CHARACTERS,
    TOKEN_CHARACTERS,
    Claim,
    holder_of,
    read,
    same_code,
    short_code,
    token,
)

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
OPENED = datetime(2027, 1, 4, 2, 0, 0, 123456, tzinfo=UTC)

ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(incident=ids, person=ids, step=ids)
@example(incident="INC-1", person="李雷", step="1.0")
@example(incident="", person="", step="")
def test_a_token_says_what_was_signed(incident, person, step):
    claim = read(KEY, token(KEY, incident, person, step, OPENED))
    assert claim is not None
    assert (claim.incident, claim.person, claim.step) == (incident, person, step)


@given(incident=ids, person=ids, step=ids)
def test_a_token_stands_in_a_url_as_it_is(incident, person, step):
    assert set(token(KEY, incident, person, step, OPENED)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    )


@given(left=st.tuples(ids, ids, ids), right=st.tuples(ids, ids, ids))
@example(left=("INC-1", "1", "0"), right=("INC-11", "", "0"))
@example(left=("a", "b", "c"), right=("ab", "", "c"))
def test_two_claims_never_share_a_token(left, right):
    assert (token(KEY, *left, OPENED) == token(KEY, *right, OPENED)) == (left == right)


def test_the_same_page_has_the_same_token_after_a_restart():
    assert token(KEY, "INC-7", "li", "1.0", OPENED) == token(bytes(KEY), "INC-7", "li", "1.0", OPENED)


@given(seconds=st.integers(1, 10**8), microseconds=st.integers(0, 999_999))
@example(seconds=0, microseconds=1)
def test_a_token_of_another_outage_of_the_same_number_does_not_fit(seconds, microseconds):
    other = OPENED + timedelta(seconds=seconds, microseconds=microseconds)
    claim = read(KEY, token(KEY, "INC-7", "li", "1.0", OPENED))
    assert claim is not None
    assert claim.fits(OPENED)
    assert claim.fits(OPENED.astimezone(timezone(timedelta(hours=8))))
    assert not claim.fits(other)
    assert short_code(KEY, "INC-7", "li", OPENED) != short_code(KEY, "INC-7", "li", other)


def test_a_token_that_does_not_say_of_which_outage_it_is_fits_any():
    assert read(KEY, token(KEY, "INC-7", "li", "1.0", None)) == Claim(
        incident="INC-7", person="li", step="1.0"
    )
    assert Claim(incident="INC-7", person="li", step="1.0").fits(OPENED)


def test_a_token_of_another_key_is_nothing():
    assert read(OTHER, token(KEY, "INC-7", "li", "1.0", OPENED)) is None


def test_a_token_is_short_enough_for_a_text_message():
    assert len(token(KEY, "INC-12345", "zhang.wei", "12.3", OPENED)) <= 64


@given(place=st.integers(0, 39), letter=st.sampled_from("AZaz09-_"))
def test_a_token_with_one_letter_changed_is_nothing(place, letter):
    genuine = token(KEY, "INC-123", "li", "1.0", OPENED)
    changed = genuine[:place] + letter + genuine[place + 1 :]

    assert (read(KEY, changed) is None) == (changed != genuine)


@given(extra=st.text(min_size=1, max_size=5))
def test_a_token_with_something_added_is_nothing(extra):
    genuine = token(KEY, "INC-7", "li", "1.0", OPENED)

    assert read(KEY, genuine + extra) is None
    assert read(KEY, extra + genuine) is None


@given(junk=st.text(max_size=200))
@example(junk="")
@example(junk="=")
@example(junk="A")
@example(junk="\ud800")
@example(junk="٣" * 40)
@example(junk="A" * (TOKEN_CHARACTERS + 1))
@example(junk="\0" * 100)
def test_reading_junk_gives_nothing_and_never_raises(junk):
    assert read(KEY, junk) is None


@given(junk=st.binary(max_size=200))
def test_reading_well_spelled_junk_gives_nothing(junk):
    assert read(KEY, base64.urlsafe_b64encode(junk).decode().rstrip("=")) is None


def test_a_token_has_one_spelling():
    genuine = token(KEY, "INC-7", "l", "1", OPENED)
    last = genuine[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    believed = [letter for letter in alphabet if read(KEY, genuine[:-1] + letter)]

    assert believed == [last]


@pytest.mark.parametrize(
    "long",
    [
        pytest.param("x" * 256, id="ascii"),
        pytest.param("李" * 86, id="three bytes each"),
    ],
)
def test_what_is_too_long_to_sign_is_refused(long):
    with pytest.raises(ValueError, match="cannot sign an acknowledgement"):
        token(KEY, "INC-1", long, "1.0", OPENED)


def test_the_longest_claim_still_fits():
    longest = "x" * 255
    signed = token(KEY, longest, longest, longest, OPENED)

    assert len(signed) <= TOKEN_CHARACTERS
    claim = read(KEY, signed)
    assert claim is not None
    assert (claim.incident, claim.person, claim.step) == (longest, longest, longest)
    assert claim.fits(OPENED)


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_is_no_secret_signs_and_reads_nothing(key):
    with pytest.raises(ValueError, match="the key is shorter than 16 bytes"):
        token(key, "INC-1", "li", "1.0", OPENED)
    assert read(key, token(KEY, "INC-1", "li", "1.0", OPENED)) is None


@given(incident=ids, person=ids)
def test_a_short_code_has_six_letters_that_cannot_be_confused(incident, person):
    code = short_code(KEY, incident, person, OPENED)

    assert len(code) == CODE_CHARACTERS
    assert set(code) <= set(CODE_ALPHABET)
    assert not set(code) & set("0O1IL2Z5S8B")


def test_short_codes_of_many_incidents_and_people_differ():
    codes = {
        short_code(KEY, f"INC-{number}", person, OPENED) for number in range(1000) for person in ("li", "han")
    }

    assert len(codes) >= 1999  # 25^6 codes: two alike among 2,000 are an event of one in a hundred


def test_a_short_code_belongs_to_its_key():
    assert short_code(KEY, "INC-1", "li", OPENED) != short_code(OTHER, "INC-1", "li", OPENED)


def test_a_link_does_not_give_away_the_code():
    code = short_code(KEY, "INC-1", "li", OPENED)

    assert code not in token(KEY, "INC-1", "li", "1.0", OPENED)


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        pytest.param("ACD346", True, id="as printed"),
        pytest.param(" acd-346\n", True, id="small, hyphen, line end"),
        pytest.param("a c d 3 4 6", True, id="spelled out"),
        pytest.param("ACD347", False, id="one wrong"),
        pytest.param("ACD34", False, id="one missing"),
        pytest.param("", False, id="empty"),
        pytest.param("ACD346" * 5, False, id="too long"),
        pytest.param("\ud800", False, id="half a character"),
    ],
)
def test_a_typed_code_is_compared_as_people_type(typed, same):
    assert same_code(typed, "ACD346") is same


@given(typed=st.text(max_size=50))
def test_comparing_any_text_never_raises(typed):
    same_code(typed, "ACD346")


def test_a_code_leads_to_its_incident_and_to_whom_it_was_sent():
    told = [("INC-1", "li", OPENED), ("INC-1", "han", OPENED), ("INC-2", "li", OPENED)]
    code = short_code(KEY, "INC-1", "han", OPENED)

    assert holder_of(KEY, code, told) == ("INC-1", "han")
    assert holder_of(KEY, f" {code[:3].lower()}-{code[3:]}", told) == ("INC-1", "han")
    assert holder_of(KEY, code, [*told, ("INC-1", "han", OPENED)]) == ("INC-1", "han")


@pytest.mark.parametrize("given", ["", "INC-1", "AAAAAA", "李雷", "A" * 1000])
def test_what_is_nobodys_code_leads_nowhere(given):
    assert holder_of(KEY, given, [("INC-1", "li", OPENED), ("INC-2", "han", OPENED)]) is None


def test_a_code_is_worth_nothing_to_whom_it_was_not_sent():
    assert (
        holder_of(
            KEY, short_code(KEY, "INC-1", "han", OPENED), [("INC-1", "li", OPENED), ("INC-2", "han", OPENED)]
        )
        is None
    )
