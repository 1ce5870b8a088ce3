"""Pages by SMS through parts others wrote: Debian's Kannel and its fakesmsc; and by SMPP, the daemon as a whole."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from alerting.notifiers.api import Progress
from alerting.notifiers.smpp import Smpp
from lab.daemon import Server, fetch
from lab.kannel import Kannel
from lab.messages import ACK, a_message
from lab.outage import Outage
from lab.smsc import texts
from lab.tier import NIGHTLY
from lab.tools import tool
from lab.wait import free_port, is_listened_on, until

LI = "+8613800000001"


def form(kannel: Kannel, password: str) -> str:
    """Return the channel that has Apprise put a text into Kannel's own HTTP interface."""
    query = {
        "method": "GET",
        "-username": kannel.USER,
        "-password": password,
        "-from": "10690",
        "-coding": "2",
    }
    query = {**query, "-charset": "UTF-8", ":message": "text"}
    url = f"form://127.0.0.1:{kannel.http}/cgi-bin/sendsms?{urlencode(query)}&-to={{address}}"
    return f'{{notifier: apprise, url: "{url}"}}'


def smpp(port: int) -> str:
    account = f"host: 127.0.0.1, port: {port}, user: nb, password: canary-sms"
    return f"{{notifier: smpp, {account}, from: '10690', parts: 20}}"


def sendsms(kannel: Kannel, **fields: str) -> None:
    given = {
        "username": kannel.USER,
        "password": kannel.PASSWORD,
        "from": "10690",
        "to": LI,
        "charset": "UTF-8",
        **fields,
    }
    status, answer = fetch(f"{kannel.url}?{urlencode(given)}")
    assert (status, answer) == (202, "0: Accepted for delivery")


def test_a_chinese_page_reaches_the_phone_through_a_real_gateway_and_a_wrong_password_does_not_stop_it(
    tmp_path: Path, figures: Any
) -> None:
    with Kannel(tmp_path / "kannel") as kannel:
        channels = {"locked": form(kannel, "canary-wrong"), "sms": form(kannel, kannel.PASSWORD)}
        addresses = dict.fromkeys(channels, LI)
        with Outage(tmp_path / "daemon", channels=channels, addresses=addresses) as outage:
            outage.strike()
            [text] = outage.wait(kannel.texts, within=20, why="nothing reached the phone")

            assert "下单结算" in text
            assert "确认处理：" in text
            assert "nightbell ack INC-1" in text
            assert {one.to for one in kannel.messages()} == {LI}
            assert {one.sender for one in kannel.messages()} == {"10690"}

            [page] = outage.wait(
                lambda: [row for row in outage.notifications() if row["state"] == "accepted"],
                within=5,
                why="the receipt",
            )
            assert page["channel"] == "sms"
            events = outage.daemon.api("incidents/INC-1")["timeline"]
            assert "locked" in str(events)
            assert "403" in outage.daemon.text()
            assert "canary" not in outage.daemon.text()

            outage.acknowledge(text)
        assert len(kannel.texts()) == 1
    figures.record("SMS through a real gateway (Kannel), Chinese", n=1)


def test_a_chinese_page_reaches_an_sms_centre_whole_and_its_link_works(tmp_path: Path) -> None:
    centre = Server("lab.smsc", tmp_path / "smsc.jsonl")
    try:
        with Outage(
            tmp_path / "daemon", channels={"sms": smpp(centre.port)}, addresses={"sms": LI}
        ) as outage:
            outage.strike()
            [text] = outage.wait(lambda: texts(centre.entries()), within=15, why="nothing reached the centre")

            lines = text.splitlines()
            assert "INC-1" in lines[0]
            assert "下单结算" in lines[0]
            assert lines[1] == "确认处理："
            assert lines[2].startswith("http://")
            assert lines[3].startswith("确认码 ")
            assert {entry["coding"] for entry in centre.entries()} == {8}
            [page] = outage.wait(
                lambda: [row for row in outage.notifications() if row["state"] == "accepted"],
                within=5,
                why="the receipt",
            )
            assert page["attempts"] == 1
            assert not text.endswith("…")
            assert "canary" not in outage.daemon.text()

            outage.acknowledge(text)
    finally:
        centre.close()


if NIGHTLY:  # each starts a daemon; the notifier's own tests have the same answers
    SCENES = [
        pytest.param("take-close", 2, 0, id="taken without a word: twice, the second marked"),
        pytest.param("status:0b", 0, 1, id="no such number: the next channel at once"),
        pytest.param("status:58,status:14", 1, 0, id="throttled twice: tried until it passes"),
        pytest.param("close", 1, 0, id="closed without a word: repeated once and marked"),
    ]

    @pytest.mark.parametrize(("acts", "taken", "elsewhere"), SCENES)
    def test_what_a_centre_answers_decides_what_becomes_of_a_page(
        tmp_path: Path, acts: str, taken: int, elsewhere: int, figures: Any
    ) -> None:
        centre = Server("lab.smsc", tmp_path / "smsc.jsonl", "--script", f"SUBMIT={acts}")
        mail = Server("lab.smtp_server", tmp_path / "mail.jsonl")
        post = (
            f"{{notifier: smtp, host: 127.0.0.1, port: {mail.port}, security: none, from: nb@shop.example}}"
        )
        channels = {"sms": smpp(centre.port).replace("}", ", joined: payload}"), "mail": post}
        try:
            with Outage(
                tmp_path / "daemon", channels=channels, addresses={"sms": LI, "mail": "li@shop.example"}
            ) as outage:
                outage.strike()
                [done] = outage.wait(
                    lambda: [row for row in outage.notifications() if row["state"] == "accepted"],
                    within=20,
                    why="nobody was told",
                )
                assert done["channel"] == ("mail" if elsewhere else "sms")
                found = texts(centre.entries())
                assert (len(found), len(mail.entries())) == (taken, elsewhere)
                assert any("本消息可能重复" in text for text in found) == ("close" in acts)
                figures.record(f"SMS centre: {acts}", n=1, duplicates=max(0, taken + elsewhere - 1))
        finally:
            centre.close()
            mail.close()


def test_we_cut_and_encode_a_text_byte_for_byte_as_a_real_gateway_does(tmp_path: Path) -> None:
    """The same texts by Kannel's own SMPP and by ours, to the same centre."""
    centre = Server("lab.smsc", tmp_path / "smsc.jsonl")
    chinese = "主库故障\n" + "下单结算不可用，预计 08:30 恢复。" * 15
    english = "INC-1\n" + "checkout [a|b] is down {x} ~ 5€ ^ \\ @_$ äöñ " * 8
    ours = Smpp(host="127.0.0.1", port=centre.port, user="nb", from_="10690", to=LI, parts=20)
    try:
        with Kannel(tmp_path / "kannel", smpp_port=centre.port) as kannel:
            until(lambda: kannel.online() == 2, within=10, why="Kannel does not log in to the centre")
            for text, coding in ((chinese, "2"), (chinese[:60], "2"), (english, "0"), (english[:60], "0")):
                start = len(centre.entries())
                sendsms(kannel, text=text, coding=coding, smsc="smpp")
                until(lambda: texts(centre.entries()[start:]), within=10, why="Kannel sends nothing")  # noqa: B023
                middle = len(centre.entries())
                title, _, rest = text.partition("\n")
                asyncio.run(ours.send(a_message(title=title, text=rest), Progress()))

                theirs, mine = centre.entries()[start:middle], centre.entries()[middle:]
                assert texts(theirs) == texts(mine) == [text]
                assert [leaf(one) for one in theirs] == [leaf(one) for one in mine]
    finally:
        centre.close()


def leaf(entry: dict[str, Any]) -> tuple[object, ...]:
    """Return what of a part must be the same, whoever made it: everything but the reference number."""
    return entry["coding"], entry["text"], entry["part"][1:], entry["bytes"]


def test_kannels_own_centre_for_tests_reads_what_we_send(tmp_path: Path) -> None:
    """It serves one connection, then ends."""
    port = free_port()
    log = tmp_path / "drive_smpp.log"
    with log.open("wb") as out:
        centre = subprocess.Popen(
            [str(tool("drive_smpp")), "-v", "0", "-p", str(port), "-m", "0"],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        until(lambda: is_listened_on(port), within=10, why="drive_smpp does not start")
        smpp = Smpp(host="127.0.0.1", port=port, user="nb", password="pw", to=LI)
        asyncio.run(smpp.send(a_message(title="INC-1 checkout", text=ACK), Progress()))
        until(
            lambda: f"short_message = <INC-1 checkout\n{ACK}>" in log.read_text("latin-1"),
            within=5,
            why=log.read_text("latin-1"),
        )
    finally:
        centre.kill()
        centre.wait(10)
