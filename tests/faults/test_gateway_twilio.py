"""Pages through Twilio's API as it answers in the world: by its own name, over TLS, through a proxy."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Server
from lab.outage import Outage
from lab.tier import NIGHTLY
from lab.twilio import (
    ACCOUNT,
    BAD_NUMBER,
    BROKEN,
    NO_LOGIN,
    RESET,
    SENDER,
    SILENT,
    TAKEN,
    TOKEN,
    TOO_MANY,
    Twilio,
)

LI = "+8613800000001"
MARK = "本消息可能重复"


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Server]:
    server = Server("lab.smtp_server", tmp_path / "mail.jsonl")
    yield server
    server.close()


def post(mail: Server) -> str:
    return f"{{notifier: smtp, host: 127.0.0.1, port: {mail.port}, security: none, from: nb@shop.example}}"


def squeezed(text: str) -> str:
    return "".join(text.split())


def accepted(outage: Outage, *, within: float = 30) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = outage.wait(
        lambda: [row for row in outage.notifications() if row["state"] == "accepted"],
        within=within,
        why="nothing was accepted",
    )
    return rows


def test_refusals_for_good_go_to_the_next_channel_at_once_and_the_page_arrives_in_chinese(
    tmp_path: Path, figures: Any
) -> None:
    with Twilio(tmp_path / "twilio", BAD_NUMBER, NO_LOGIN, TAKEN) as twilio:
        channels = {
            "first": twilio.channel(),
            "second": twilio.channel(),
            "third": twilio.channel(whole=False),
        }
        addresses = dict.fromkeys(channels, LI)
        with Outage(
            tmp_path / "daemon", channels=channels, addresses=addresses, env=twilio.environment
        ) as outage:
            outage.strike()
            [page] = accepted(outage)

            assert page["channel"] == "third"
            first, second, *parts = twilio.messages()
            assert {one["To"] for one in (first, second, *parts)} == {LI}
            assert {one["From"] for one in parts} == {SENDER}
            bodies = [part["Body"] for part in parts]
            assert "下单结算" in bodies[0]
            assert MARK not in "".join(bodies)
            assert squeezed("".join(bodies)) == squeezed(first["Body"]) == squeezed(second["Body"])
            request = twilio.requests()[2]
            assert request["path"] == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
            login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
            assert request["headers"]["Authorization"] == f"Basic {login}"  # type: ignore[index] # an object
            said = outage.daemon.text()
            assert "21211" in said
            assert "20003" in said
            assert TOKEN not in said
            outage.acknowledge("\n".join(bodies))  # no part tears the link
    figures.record("Twilio refuses for good (21211, 20003)", n=2)


if NIGHTLY:  # each takes its time to try again

    def test_refusals_for_now_are_tried_again_until_it_is_taken_once(
        tmp_path: Path, mail: Server, figures: Any
    ) -> None:
        with Twilio(tmp_path / "twilio", TOO_MANY, BROKEN, TAKEN) as twilio:
            with Outage(
                tmp_path / "daemon",
                channels={"sms": twilio.channel(), "mail": post(mail)},
                addresses={"sms": LI, "mail": "li@shop.example"},
                env=twilio.environment,
            ) as outage:
                outage.strike()
                [page] = accepted(outage)

                assert (page["channel"], page["attempts"]) == ("sms", 3)
                bodies = [message["Body"] for message in twilio.messages()]
                assert len(bodies) == 3
                assert len(set(bodies)) == 1
                assert MARK not in bodies[0]
            assert mail.entries() == []
            figures.record("Twilio refuses for now (20429, 20500)", n=2)

    @pytest.mark.parametrize(
        "act", [pytest.param(SILENT, id="never answers"), pytest.param(RESET, id="resets")]
    )
    def test_a_message_taken_without_an_answer_is_repeated_once_and_marked_and_never_a_third_time(
        tmp_path: Path, act: str, figures: Any
    ) -> None:
        with (
            Twilio(tmp_path / "twilio", always=act) as twilio,
            Outage(
                tmp_path / "daemon",
                channels={"sms": twilio.channel(timeout="1500ms")},
                addresses={"sms": LI},
                env=twilio.environment,
            ) as outage,
        ):
            outage.strike()
            outage.wait(lambda: len(twilio.messages()) >= 2, within=30, why="was not repeated")
            time.sleep(10)  # time for a third

            first, *others = [message["Body"] for message in twilio.messages()]
            assert len(others) == 1
            assert MARK not in first
            assert MARK in others[0]
            assert squeezed(first) == squeezed(others[0]).replace(f"{MARK}。", "")
            figures.record(f"Twilio takes it without an answer ({act})", n=1, duplicates=1)

    def test_towards_an_api_whose_certificate_is_not_believed_nothing_leaves(
        tmp_path: Path, mail: Server
    ) -> None:
        with Twilio(tmp_path / "twilio") as twilio:
            with Outage(
                tmp_path / "daemon",
                channels={"sms": twilio.channel(), "mail": post(mail)},
                addresses={"sms": LI, "mail": "li@shop.example"},
                env=twilio.proxy,
            ) as outage:
                outage.strike()
                outage.wait(
                    lambda: "certificate refused" in outage.daemon.text(),
                    within=20,
                    why="no word of the certificate",
                )
                assert TOKEN not in outage.daemon.text()
            assert twilio.requests() == []
