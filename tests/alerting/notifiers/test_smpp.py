"""Short messages over real sockets: to a centre others wrote, and to one of ours that misbehaves as told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import smpp34
import uvloop

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.smpp import Smpp
from alerting.notifiers.smpp_text import GSM, UCS2
from lab.messages import ACK, a_message, accepted, cut_short, eventually, refusal
from lab.smsc import Smsc, texts, told
from lab.trust import certificate

LI = "+8613800000001"
PAGE = a_message(address=LI)
WHOLE = f"{PAGE.title}\n{PAGE.text}"


def towards(smsc: Any, **options: Any) -> Smpp:
    fields = {
        "host": "127.0.0.1",
        "port": smsc.port,
        "user": "nb",
        "password": "canary-p",
        "to": LI,
        **options,
    }
    return Smpp(**fields)


# --- a centre others wrote ------------------------------------------------------------------------------------

Judge = Callable[[Any], int]


class Others:
    """The server of the library `smpp34`: what it took, and what it answers."""

    def __init__(self, server: smpp34.Server, port: int, judge: Judge) -> None:
        self.server = server
        self.port = port
        self.judge = judge
        self.taken: list[dict[str, Any]] = []
        self.logins: list[str] = []

    async def pull(self) -> None:
        while True:
            event = await self.server.next()
            if isinstance(event, smpp34.Esme):
                self.logins.append(event.system_id)
            elif isinstance(event, smpp34.SubmitSmEvent):
                if status := self.judge(event):
                    event.reject(status)
                else:
                    self.taken.append(told(event))
                    event.accept(f"id-{len(self.taken)}")


@asynccontextmanager
async def others(judge: Judge = lambda _event: 0) -> AsyncIterator[Others]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = smpp34.Server("127.0.0.1", port, system_id="others")
    await server.start()
    centre = Others(server, port, judge)
    pulling = asyncio.ensure_future(centre.pull())
    try:
        yield centre
    finally:
        pulling.cancel()
        await server.stop()


@pytest.mark.parametrize("joined", ["udh", "sar", "payload"])
@pytest.mark.parametrize("bind", ["transmitter", "transceiver"])
def test_a_centre_others_wrote_takes_a_chinese_page_whole(joined: str, bind: str) -> None:
    async def scene() -> None:
        async with others() as centre:
            smpp = towards(centre, to=None, from_="+861069000000", joined=joined, bind=bind)
            receipt = await accepted(smpp, PAGE)
            assert texts(centre.taken) == [WHOLE]
            assert {one["coding"] for one in centre.taken} == {UCS2}
            assert {tuple(one["to"]) for one in centre.taken} == {(1, 1, LI[1:])}
            assert {tuple(one["from"]) for one in centre.taken} == {(1, 1, "861069000000")}
            assert centre.logins == ["nb"]
            count = 1 if joined == "payload" else 2
            assert receipt.provider_id == " ".join(f"id-{number}" for number in range(1, count + 1))

    asyncio.run(scene())


def test_an_english_page_goes_out_in_gsm_and_its_link_arrives_as_it_was() -> None:
    async def scene() -> None:
        link = "https://status.example.com/ack/AbC_d-9~[x]@"
        message = a_message(
            address=LI, title="INC-1 checkout is down", text=f"Acknowledge:\n{link}\n" + "x" * 150
        )
        async with others() as centre:
            await accepted(towards(centre), message)
            assert {one["coding"] for one in centre.taken} == {GSM}
            assert link in texts(centre.taken)[0].splitlines()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("status", "reason", "retry"),
    [
        (smpp34.ESME_RINVDSTADR, Reason.REFUSED, False),
        (smpp34.ESME_RTHROTTLED, Reason.RATE_LIMIT, True),
        (smpp34.ESME_RMSGQFUL, Reason.RATE_LIMIT, True),
        (smpp34.ESME_RSYSERR, Reason.SERVER, True),
    ],
)
@pytest.mark.parametrize("first", [1, 2], ids=["first part", "second part"])
def test_a_centre_others_wrote_refuses(status: int, reason: Reason, retry: bool, first: int) -> None:
    async def scene() -> None:
        seen: list[object] = []

        def judge(event: object) -> int:
            seen.append(event)
            return status if len(seen) == first else 0

        async with others(judge) as centre:
            error = await refusal(towards(centre))
            assert (error.reason, error.retry, error.ambiguous) == (reason, retry, False)
            assert len(seen) == first
            assert f"part {first} of 2" in error.message

    asyncio.run(scene())


def test_a_try_after_a_refused_part_completes_the_message_on_the_phone() -> None:
    async def scene() -> None:
        answers = [0, smpp34.ESME_RTHROTTLED, 0, 0]
        async with others(lambda _event: answers.pop(0)) as centre:
            assert (await refusal(towards(centre))).retry
            await accepted(towards(centre))
            assert texts(centre.taken) == [WHOLE]
            assert len({one["part"][0] for one in centre.taken}) == 1

    asyncio.run(scene())


# --- a centre that misbehaves ---------------------------------------------------------------------------------

SHORT = replace(PAGE, title="INC-1", text=ACK)


async def told_no(script: dict[str, Any], **options: Any) -> tuple[Smsc, DeliveryError]:
    async with Smsc(script=script, users={"nb": "canary-p"}) as smsc:
        smpp = towards(smsc, **options)
        error = await refusal(smpp, SHORT)
        assert error.message.startswith("cannot send by 127.0.0.1: at ")
        assert "canary" not in str(error) + repr(smpp)
        return smsc, error


@pytest.mark.parametrize(
    ("act", "reason", "retry"),
    [
        pytest.param("status:0e", Reason.AUTH, False, id="RINVPASWD"),
        pytest.param("status:0f", Reason.AUTH, False, id="RINVSYSID"),
        pytest.param("status:0d", Reason.AUTH, True, id="RBINDFAIL"),
        pytest.param("status:05", Reason.SERVER, True, id="RALYBND"),
        pytest.param("status:08", Reason.SERVER, True, id="RSYSERR"),
        pytest.param("nack:03", Reason.PROTOCOL, False, id="nack"),
        pytest.param("nack:0", Reason.PROTOCOL, True, id="nack without a status"),
        pytest.param("close", Reason.CONNECT, True, id="closes"),
        pytest.param("rst", Reason.CONNECT, True, id="resets"),
        pytest.param("end", Reason.CONNECT, True, id="takes leave"),
        pytest.param("huge", Reason.PROTOCOL, True, id="2 GB"),
        pytest.param("short", Reason.PROTOCOL, True, id="3 bytes"),
        pytest.param("garbage", Reason.PROTOCOL, True, id="garbage"),
        pytest.param("other", Reason.PROTOCOL, True, id="answers another request"),
        pytest.param("odd", Reason.PROTOCOL, True, id="answers another kind"),
        pytest.param("chatter", Reason.PROTOCOL, True, id="talks without end"),
    ],
)
@pytest.mark.parametrize("verb", ["BIND", "SUBMIT"])
def test_what_a_centre_does_at_login_or_message_has_its_class(
    verb: str, act: str, reason: Reason, retry: bool
) -> None:
    smsc, error = asyncio.run(told_no({verb: act}))
    assert (error.reason, error.retry) == (reason, retry)
    answered = act.startswith(("status", "nack:03"))
    assert error.ambiguous is (verb == "SUBMIT" and not answered)
    assert smsc.entries == []


@pytest.mark.parametrize("act", ["close", "rst"])
def test_a_centre_that_hangs_up_at_once_has_taken_nothing(act: str) -> None:
    _, error = asyncio.run(told_no({"CONNECT": act}))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)


@pytest.mark.parametrize("act", ["take-close", "take-rst"])
def test_a_message_taken_without_a_word_is_ambiguous(act: str) -> None:
    smsc, error = asyncio.run(told_no({"SUBMIT": act}))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, True)
    assert texts(smsc.entries) == [f"INC-1\n{ACK}"]


def test_a_part_taken_and_the_next_unanswered_is_ambiguous() -> None:
    async def scene() -> None:
        async with Smsc(script={"SUBMIT": ["ok", "close"]}) as smsc:
            error = await refusal(towards(smsc), PAGE)
            assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, True)
            assert len(smsc.entries) == 1

    asyncio.run(scene())


def test_a_wrong_password_is_asked_once_and_nothing_else_is_said() -> None:
    smsc, error = asyncio.run(told_no({}, password="canary-wrong"))
    assert (error.reason, error.retry, error.ambiguous) == (Reason.AUTH, False, False)
    assert smsc.heard == [(2, 0)]


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        pytest.param("enquire", (0x80000015, 0), id="asks whether we live"),
        pytest.param("deliver", (0x80000005, 0x64), id="has a message, which we leave to others"),
        pytest.param("unknown", (0x80000000, 0x03), id="asks what nobody knows"),
        pytest.param("crumbs", None, id="answers byte by byte"),
    ],
)
@pytest.mark.parametrize("verb", ["BIND", "SUBMIT"])
def test_what_a_centre_says_in_between_is_answered_and_the_message_passes(
    verb: str, act: str, answer: tuple[int, int] | None
) -> None:
    async def scene() -> None:
        async with Smsc(script={verb: act}) as smsc:
            receipt = await accepted(towards(smsc), SHORT)
            assert receipt.provider_id == "LAB1"
            assert len(smsc.entries) == 1
            await eventually(lambda: smsc.heard[-1] == (6, 0))  # we took leave
            assert answer is None or answer in smsc.heard

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("script", "tls", "sent"),
    [
        pytest.param({"CONNECT": "hang"}, False, False, id="silent from the start"),
        pytest.param({"CONNECT": "hang"}, True, False, id="silent in the handshake"),
        pytest.param({"BIND": "hang"}, False, False, id="silent at the login"),
        pytest.param({"BIND": "drip"}, False, False, id="drips at the login"),
        pytest.param({"SUBMIT": "hang"}, False, True, id="silent at the message"),
        pytest.param({"SUBMIT": "take-hang"}, False, True, id="silent after it took it"),
        pytest.param({"SUBMIT": "drip"}, False, True, id="drips after the message"),
    ],
)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_cut_short_it_says_how_far_it_was_and_no_socket_stays(
    script: dict[str, str], tls: bool, sent: bool, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene() -> None:
        async with Smsc(script=script) as smsc:
            progress = await cut_short(towards(smsc, tls=tls), smsc.reached.wait)
            assert progress.sent is sent
            mine = psutil.Process()
            await eventually(
                lambda: (
                    not [
                        one
                        for one in mine.net_connections("tcp")
                        if one.raddr and one.raddr.port == smsc.port and one.status == "ESTABLISHED"
                    ]
                )
            )

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())


def test_the_mark_is_set_before_the_first_part_leaves_and_once() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            marks: list[list[tuple[int, int]]] = []
            await towards(smsc).send(PAGE, Progress(on_mark=lambda: marks.append(list(smsc.heard))))
            assert marks == [[(2, 0)]]
            assert len(smsc.entries) == 2

    asyncio.run(scene())


def test_many_at_once_each_arrive_once() -> None:
    async def scene() -> None:
        async with Smsc() as smsc:
            sends = (
                accepted(towards(smsc), replace(SHORT, dedup_key=f"N-{n}", text=str(n))) for n in range(20)
            )
            await asyncio.gather(*sends)
            assert sorted(texts(smsc.entries)) == sorted(f"INC-1\n{n}" for n in range(20))

    asyncio.run(scene())


# --- encryption -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_encrypted_it_passes(tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path)
        async with Smsc(tls=trusted.context) as smsc:
            await accepted(towards(smsc, tls=True, ca=trusted.ca), PAGE)
            assert texts(smsc.entries) == [WHOLE]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())


def test_a_certificate_that_is_not_believed_is_tls_and_no_login_leaves(tmp_path: Path) -> None:
    async def scene() -> None:
        trusted = certificate(tmp_path, "other.example")
        async with Smsc(tls=trusted.context) as smsc:
            for ca in (None, trusted.ca):
                error = await refusal(towards(smsc, tls=True, ca=ca), PAGE)
                assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
                assert "certificate refused" in error.message
            assert smsc.heard == []

    asyncio.run(scene())


def test_towards_a_centre_that_speaks_no_tls_nothing_is_sent_in_the_clear() -> None:
    async def scene() -> None:
        async with Smsc(script={"CONNECT": "garbage"}) as smsc:
            error = await refusal(towards(smsc, tls=True), PAGE)
            assert (error.reason, error.retry, error.ambiguous) == (Reason.TLS, True, False)
            assert smsc.entries == []
            assert (2, 0) not in smsc.heard

    asyncio.run(scene())


def test_a_port_nobody_listens_on_is_connect() -> None:
    async def scene() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            error = await refusal(Smpp(host="127.0.0.1", port=closed.getsockname()[1], user="nb", to=LI))
        assert (error.reason, error.retry, error.ambiguous) == (Reason.CONNECT, True, False)
        assert "connection refused" in error.message

    asyncio.run(scene())
