"""A text cut into short messages: nothing lost, nothing torn, and known again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.notifiers.smpp_text import CODES, GSM, ROOM, UCS2, Parts, split, tidy
from lab.smsc import gsm

LINK = "https://status.example.com/ack/AbC_d-9"
IN_GSM = st.text(alphabet=sorted(set(CODES) - set("\r\f")))


def read(cut: Parts) -> str:
    return "".join(gsm(part) if cut.coding == GSM else part.decode("utf-16-be") for part in cut.parts)


@pytest.mark.parametrize(
    ("character", "code"),
    [
        ("@", "00"), ("£", "01"), ("$", "02"), ("è", "04"), ("Ç", "09"), ("\n", "0a"), ("Ø", "0b"), ("å", "0f"),
        ("Δ", "10"), ("_", "11"), ("Γ", "13"), ("Ω", "15"), ("Ξ", "1a"), ("Æ", "1c"), ("ß", "1e"), ("É", "1f"),
        (" ", "20"), ("¤", "24"), ("?", "3f"), ("¡", "40"), ("A", "41"), ("Z", "5a"), ("Ä", "5b"), ("Ü", "5e"),
        ("§", "5f"), ("¿", "60"), ("a", "61"), ("z", "7a"), ("ä", "7b"), ("à", "7f"), ("^", "1b14"), ("{", "1b28"),
        ("}", "1b29"), ("\\", "1b2f"), ("[", "1b3c"), ("~", "1b3d"), ("]", "1b3e"), ("|", "1b40"), ("€", "1b65"),
    ],
)  # fmt: skip
def test_a_character_has_the_code_that_the_standard_gives_it(character: str, code: str) -> None:
    assert CODES[character].hex() == code


def test_the_alphabet_is_whole_and_no_code_is_given_twice() -> None:
    assert len([code for code in CODES.values() if len(code) == 1]) == 127  # the escape is no character
    assert len(set(CODES.values())) == len(CODES) == 137


@given(text=st.text(), most=st.integers(1, 20), ucs2=st.booleans())
def test_any_text_becomes_parts_that_fit_and_read_as_its_beginning(text: str, most: int, ucs2: bool) -> None:
    cut = split(text, most=most, ucs2=ucs2)
    room = ROOM[cut.coding]
    assert 1 <= len(cut.parts) <= most
    assert all(len(part) <= (room.alone if len(cut.parts) == 1 else room.shared) for part in cut.parts)
    if cut.coding == UCS2:
        shown = read(cut)
        assert shown == tidy(text) or tidy(text).startswith(shown.removesuffix("…"))


@given(text=IN_GSM)
def test_what_gsm_has_a_place_for_goes_out_in_gsm_and_comes_back(text: str) -> None:
    cut = split(text, most=255)
    assert cut.coding == GSM
    assert read(cut) == text


@given(text=st.text(alphabet=st.characters(categories=("L", "N", "S")), min_size=1))
def test_what_fits_comes_back_whole_in_ucs2(text: str) -> None:
    cut = split(text, most=255, ucs2=True)
    assert read(cut) == text


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [
        pytest.param("a" * 160, GSM, [160], id="160 characters are one"),
        pytest.param("a" * 161, GSM, [153, 8], id="161 are two"),
        pytest.param(
            "a" * 152 + "€" + "a" * 20, GSM, [152, 22], id="an escape is not torn from its character"
        ),
        pytest.param("故" * 70, UCS2, [140], id="70 in Chinese are one"),
        pytest.param("故" * 71, UCS2, [134, 8], id="71 are two"),
        pytest.param("故" * 66 + "🔥" + "故" * 9, UCS2, [132, 22], id="a surrogate pair is not torn"),
        pytest.param("don’t — “go”… →", GSM, [18], id="typography costs no UCS-2"),
        pytest.param("", GSM, [0], id="nothing"),
    ],
)
def test_where_a_text_is_cut(text: str, coding: int, parts: list[int]) -> None:
    cut = split(text, most=9)
    assert (cut.coding, [len(part) for part in cut.parts]) == (coding, parts)


@pytest.mark.parametrize(("text", "end"), [("a" * 1000, "..."), ("故" * 1000, "…")])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_what_does_not_fit_is_cut_with_an_ellipsis_and_the_link_in_front_stays(
    text: str, end: str, most: int
) -> None:
    shown = read(split(f"{LINK}\n{text}", most=most))
    assert shown.startswith(f"{LINK}\n{text[0]}")
    assert shown.endswith(end)


def test_control_and_direction_characters_do_not_reach_a_phone() -> None:
    assert read(split("a\x00b\x1b[31m\u202ec\r\nd\re\tf\ud800", most=2)) == "ab[31mc\nd\ne f?"


@given(key=st.text(), text=st.text())
def test_every_try_of_the_same_words_has_the_same_reference(key: str, text: str) -> None:
    assert split(text, most=5).reference(key) == split(text, most=5).reference(key)


def test_other_words_or_another_key_have_another_reference() -> None:
    """A page marked as a repeat is shifted: its parts must not mix with those of the first."""
    plain, marked = split("故障" * 99, most=5), split("可能重复\n" + "故障" * 99, most=5)
    assert len({plain.reference("N-1"), marked.reference("N-1"), plain.reference("N-2")}) == 3
    assert 0 <= plain.reference("N-1") <= 0xFFFF
