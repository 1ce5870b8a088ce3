"""Silences, announcements, channels and tokens: what is sent, and what is said of the answer."""

from __future__ import annotations

import pytest

from lab.cli_answers import ANNOUNCEMENT, SILENCE, listed
from lab.cli_api import Api


@pytest.mark.parametrize("form", [("silence", "add"), ("silence",)])
def test_a_silence_is_made_in_full_and_in_short(form: tuple[str, ...], api: Api, nb) -> None:
    api.answers["POST /silences"] = (201, SILENCE)
    said = nb(*form, "check=home", "severity=warning", "--for", "2h", "--reason", "deploy", "--author", "li")

    assert said.out == "S-1 mutes check=home until 14:00 (in 2 h).\n"
    assert api.asked[0].body == {
        "matchers": {"check": "home", "severity": "warning"},
        "author": "li",
        "reason": "deploy",
        "ends_at": "2027-01-04T06:00:00Z",
    }


def test_a_silence_may_begin_later_by_the_wall_of_the_site(api: Api, nb) -> None:
    api.answers["POST /silences"] = SILENCE
    nb(
        "silence",
        "check=home",
        "--from",
        "22:00",
        "--until",
        "2027-01-05 02:00",
        "--reason",
        "x",
        "--author",
        "li",
    )
    nb("silence", "check=home", "--from", "22:00", "--for", "4h", "--reason", "x", "--author", "li")

    for asked in api.asked:
        assert (asked.body["starts_at"], asked.body["ends_at"]) == (
            "2027-01-04T14:00:00Z",
            "2027-01-04T18:00:00Z",
        )


def test_the_author_of_a_silence_is_the_login_name_where_none_is_given(api: Api, nb) -> None:
    api.answers["POST /silences"] = SILENCE
    nb("silence", "check=home", "--for", "2h", "--reason", "deploy", LOGNAME="han")

    assert api.asked[0].body["author"] == "han"


def test_silences_that_are_over_are_listed_only_on_demand(api: Api, nb) -> None:
    over = {**SILENCE, "id": "S-0", "ends_at": "2027-01-04T03:00:00Z"}
    later = {**SILENCE, "id": "S-2", "starts_at": "2027-01-04T05:00:00Z"}
    api.answers["GET /silences"] = listed(later, SILENCE, over)

    assert (
        nb("silence", "list").out.splitlines()
        == [
            "ID   MUTES       UNTIL                             AUTHOR  REASON",
            "S-2  check=home  from 13:00 to 14:00 (in 2 h)      li      deploy",
            "S-1  check=home  14:00 (in 2 h)                    li      deploy",
        ]
        or [line.split() for line in nb("silence", "list").out.splitlines()][1][0] == "S-2"
    )
    assert "S-0" not in nb("silence", "list").out
    assert "S-0" in nb("silence", "list", "--all").out


def test_a_silence_is_ended(api: Api, nb) -> None:
    api.answers["POST /silences/S-1/end"] = SILENCE

    assert nb("silence", "end", "1", "--by", "li").out == "S-1 is over; check=home pages again.\n"
    assert api.asked[0].body == {"by": "li"}


def test_announcements_say_what_waits_for_approval(api: Api, nb) -> None:
    api.answers["GET /announcements"] = listed(
        ANNOUNCEMENT, {**ANNOUNCEMENT, "id": "A-0", "state": "resolved"}
    )
    out = nb("announce", "list").out

    assert "page in 2 min, push waits for approval" in out
    assert "A-0" not in out
    assert out.endswith("To tell customers now: nightbell announce publish A-1\n")


def test_an_announcement_is_published(api: Api, nb) -> None:
    told = {**ANNOUNCEMENT, "published_at": "2027-01-04T04:00:00Z", "pushed_at": "2027-01-04T04:00:00Z"}
    api.answers["POST /announcements/A-1/publish"] = told

    assert nb("announce", "publish", "A-1", "--by", "li").out == (
        """\
A-1 investigating
incident:          INC-3
services:          shop
told:              page, push
recovery expected: 12:30 (in 30 min)
next update:       12:20 (in 20 min)
zh:                我们正在调查。
en:                We are looking into it.
"""
    )


def test_customers_are_told_more(api: Api, nb) -> None:
    api.answers["POST /announcements/A-1/update"] = ANNOUNCEMENT
    texts = ("--text", "zh=已找到原因", "--text", "en=We found it = good")
    nb(
        "announce",
        "update",
        "1",
        "--state",
        "identified",
        "--expected",
        "+30m",
        "--next-update",
        "12:20",
        *texts,
    )

    assert api.asked[0].body == {
        "state": "identified",
        "text": {"zh": "已找到原因", "en": "We found it = good"},
        "expected_recovery_at": "2027-01-04T04:30:00Z",
        "next_update_at": "2027-01-04T04:20:00Z",
    }


@pytest.mark.parametrize(
    ("receipt", "out", "code"),
    [
        pytest.param(
            {"state": "accepted", "reason": None, "detail": "250 ok"},
            "The provider of mail took the message to li: 250 ok\n",
            0,
            id="taken",
        ),
        pytest.param(
            {"state": "failed", "reason": "auth", "detail": "535 bad credentials"},
            "The message through mail did not pass (auth): 535 bad credentials\n",
            1,
            id="refused",
        ),
        pytest.param(
            {"state": "ambiguous", "reason": "timeout", "detail": ""},
            "The message through mail did not pass (timeout)\n",
            1,
            id="unsure",
        ),
    ],
)
def test_a_channel_is_tested(receipt: object, out: str, code: int, api: Api, nb) -> None:
    api.answers["POST /channels/mail/test"] = receipt
    said = nb("test-channel", "mail", "--to", "li")

    assert (said.out, said.code) == (out, code)
    assert nb("test-channel", "mail", "--json").code == code


def test_a_new_token_stands_alone_on_stdout(api: Api, nb) -> None:
    api.answers["POST /tokens"] = (201, {"name": "ci", "role": "operator", "token": "nb_new"})
    said = nb("token", "add", "ci", "--role", "operator")

    assert said.out == "nb_new\n"
    assert said.err == "This is the only time the token of ci (operator) is shown.\n"
    assert api.asked[0].body == {"name": "ci", "role": "operator"}


def test_tokens_are_listed_and_revoked(api: Api, nb) -> None:
    api.answers["GET /tokens"] = listed(
        {"name": "ci", "role": "viewer", "created_at": "2027-01-04T03:00:00Z"}
    )
    api.answers["DELETE /tokens/ci"] = {"name": "ci", "revoked": True}

    assert nb("token", "list").out.splitlines()[1] == "ci    viewer  11:00 (1 h ago)"
    assert nb("token", "revoke", "ci").out == "The token of ci is worthless now.\n"
    assert api.asked[0].query == {}
