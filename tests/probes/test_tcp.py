"""The TCP probe against real ports: open, closed, talkative, silent."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from config.schema.decode import adapter
from lab.probe_certificates import BAD, Authority
from lab.probe_run import LOOPS, finished, look, surroundings
from lab.probe_server import Serve, serving
from probes.api import ProbeFailed, Reading
from probes.network.starttls import StartTls
from probes.network.tcp import Step, Tcp
from probes.sample import ErrorClass

Result = Reading | ProbeFailed | TimeoutError


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if await reader.readline() == b"PING\r\n":
        writer.write(b"+PO")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"NG\r\n")


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-never the end of it " * 1000)
        await writer.drain()


async def many_lines(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"250-\r\n" * 10)
        await writer.drain()
        await asyncio.sleep(0)


async def says_bye(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 bye\r\n")


def ask(
    serve: Serve, *, loop: str = "asyncio", within: float = 10, ssl: Any = None, **options: Any
) -> Result:
    async def go() -> Result:
        async with serving(serve, tls=ssl) as port:
            with surroundings() as run:
                return await look(Tcp(target=f"127.0.0.1:{port}", **options), run, within=within)

    return finished(go, loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_port_that_accepts_is_up(loop: str) -> None:
    result = ask(silent, loop=loop)
    assert isinstance(result, Reading)
    assert result.values["connect_seconds"] == result.phases["connect"] > 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_port_nobody_listens_on_is_down_with_class_connect(loop: str) -> None:
    async def go() -> Result:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with surroundings() as run:
            return await look(Tcp(target=f"127.0.0.1:{port}"), run)

    result = finished(go, loop)
    assert isinstance(result, ProbeFailed)
    assert result.error is ErrorClass.CONNECT
    assert "connection refused" in result.message


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("serve", "options", "message"),
    [
        pytest.param(redis, {"send": "PING\r\n", "expect": "+PONG"}, None, id="answers in two pieces"),
        pytest.param(
            redis,
            {"send": "NOISE\r\n", "expect": "+PONG"},
            "closed the connection after 0 bytes",
            id="closes",
        ),
        pytest.param(says_bye, {"expect": "220"}, "does not answer '220'", id="says something else"),
        pytest.param(says_bye, {"expect": "421"}, None, id="says what is expected"),
        pytest.param(endless, {"expect": "220 ready"}, "first 4096 bytes", id="a line without end"),
        pytest.param(many_lines, {"expect": "250 ok"}, "not found within the first", id="lines without end"),
    ],
)
def test_what_a_port_says_decides(
    serve: Serve, options: dict[str, str], message: str | None, loop: str
) -> None:
    result = ask(serve, loop=loop, **options)
    if message is None:
        assert isinstance(result, Reading)
        assert result.values["answer_seconds"] >= 0
    else:
        assert isinstance(result, ProbeFailed)
        assert result.error is ErrorClass.ASSERTION
        assert message in result.message


def test_a_port_that_says_nothing_is_cut_off_by_the_deadline() -> None:
    assert isinstance(ask(silent, expect="220", within=0.1), TimeoutError)


@pytest.mark.parametrize("loop", LOOPS)
def test_over_tls_the_certificate_is_verified_and_its_end_reported(loop: str, authority: Authority) -> None:
    good = ask(
        redis,
        loop=loop,
        ssl=authority.server(days=5),
        tls=True,
        ca=authority.file,
        send="PING\r\n",
        expect="PONG",
    )
    assert isinstance(good, Reading)
    assert good.values["certificate_expires_seconds"] == pytest.approx(5 * 86400, abs=60)
    bad = ask(silent, loop=loop, ssl=BAD["wrong name"](authority), tls=True, ca=authority.file)
    assert isinstance(bad, ProbeFailed)
    assert bad.error is ErrorClass.TLS


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220-mail.example.com\r\n220 rea")
    await writer.drain()
    await asyncio.sleep(0.01)
    writer.write(b"dy\r\n")
    while line := await reader.readline():
        writer.write(b"221 bye\r\n" if line == b"QUIT\r\n" else b"250-one\r\n250 two\r\n")


async def prompt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"login: ")
    if await reader.readline() == b"li\n":
        writer.write(b"password: ")
    await reader.read()


def steps(*words: str) -> tuple[Step, ...]:
    return tuple(Step(expect=word[2:]) if word.startswith("<") else Step(send=word[2:]) for word in words)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("serve", "words", "message"),
    [
        pytest.param(mail, ("< ^220 ready$", "> EHLO x", "< ^250 two", "> QUIT", "< ^221"), None, id="mail"),
        pytest.param(mail, ("< ^220", "> EHLO x", "> QUIT", "< ^221"), None, id="lines are passed over"),
        pytest.param(
            prompt, ("< login: $", "> li\n", "< ^password: "), None, id="prompts have no line break"
        ),
        pytest.param(mail, ("< ^220", "> EHLO x", "< ^250 none", "> QUIT"), "cut off", id="never says it"),
        pytest.param(says_bye, ("< ^220",), "'^220' in step 1: it closed the connection", id="bye"),
        pytest.param(redis, ("> NOISE", "< PONG"), "'PONG' in step 2: it closed", id="closes"),
        pytest.param(
            many_lines, ("< ^250 ok",), "in step 1: not found within the first 100 lines", id="lines"
        ),
        pytest.param(endless, ("< ^220 ready",), "in step 1: a line is longer than 4096", id="a line"),
    ],
)
def test_a_conversation_goes_step_by_step(
    serve: Serve, words: tuple[str, ...], message: str | None, loop: str
) -> None:
    result = ask(serve, loop=loop, steps=steps(*words), within=0.3 if message == "cut off" else 10)
    if message is None:
        assert isinstance(result, Reading), result
        assert result.values["answer_seconds"] >= 0
    elif message == "cut off":
        assert isinstance(result, TimeoutError)
    else:
        assert isinstance(result, ProbeFailed)
        assert result.error is ErrorClass.ASSERTION
        assert message in result.message


def test_steps_are_read_from_a_list() -> None:
    options = {"target": "h:25", "steps": [{"expect": "^220"}, {"send": "QUIT"}], "starttls": "smtp"}
    (probe,) = adapter(Tcp).validate_python((options,))
    assert isinstance(probe, Tcp)
    assert [(step.expect, step.send) for step in probe.steps] == [("^220", None), (None, "QUIT")]
    assert probe.starttls is StartTls.SMTP


@pytest.mark.parametrize(
    ("options", "target", "port"),
    [
        pytest.param({"target": "10.0.0.5:5432"}, "10.0.0.5", 5432, id="IPv4"),
        pytest.param({"target": "DB.example.com:1"}, "db.example.com", 1, id="name"),
        pytest.param({"target": "[2001:db8::1]:443"}, "2001:db8::1", 443, id="IPv6"),
        pytest.param(
            {"target": "2001:db8::1", "port": 443}, "2001:db8::1", 443, id="IPv6 with the port apart"
        ),
        pytest.param({"target": "db", "port": 5432}, "db", 5432, id="port apart"),
        pytest.param(Tcp.from_url("tcp://db:5432"), "db", 5432, id="URL"),
        pytest.param(Tcp.from_url("tcp://[::1]:25/"), "::1", 25, id="URL with IPv6"),
    ],
)
def test_the_target_is_the_host_and_the_port_a_number(
    options: dict[str, Any], target: str, port: int
) -> None:
    probe = Tcp(**options)
    assert (probe.target, probe.port) == (target, port)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"target": "db"}, "needs a port", id="no port"),
        pytest.param({"target": "db:0"}, "1 to 65535", id="port 0"),
        pytest.param({"target": "db:65536"}, "1 to 65535", id="port 65536"),
        pytest.param({"target": "db:"}, "1 to 65535", id="empty port"),
        pytest.param({"target": "db", "port": -1}, "1 to 65535", id="negative port"),
        pytest.param({"target": "db:1", "port": 2}, "different ports", id="two ports"),
        pytest.param({"target": "127.1:80"}, "all four decimal", id="short address"),
        pytest.param({"target": "a b:80"}, "no host name", id="blank"),
        pytest.param({"target": "http://h:80"}, "IPv6", id="a URL"),
        pytest.param({"target": "db\n:80"}, "no host name", id="line break"),
        pytest.param({"target": "[::1]]:80"}, "IPv6", id="brackets"),
        pytest.param({"target": "db:1", "send": ""}, "send must", id="nothing to send"),
        pytest.param({"target": "db:1", "expect": "x" * 5000}, "expect must", id="more than is read"),
        pytest.param(
            {"target": "h:1", "steps": (Step(send="a"),), "send": "a"}, "steps exclude", id="both ways"
        ),
        pytest.param({"target": "h:1", "steps": (Step(send="a"),) * 51}, "more than 50", id="many steps"),
        pytest.param({"target": "h:1", "tls": True, "starttls": StartTls.SMTP}, "exclude", id="TLS twice"),
        pytest.param({"target": "h:1", "key": "k.pem"}, "key needs cert", id="a key alone"),
    ],
)
def test_what_cannot_be_reached_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tcp(**options)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({}, "either send or expect"),
        ({"send": "a", "expect": "b"}, "either send or expect"),
        ({"expect": "("}, "regular expression"),
        ({"send": "x" * 5000}, "more than 4096 bytes"),
    ],
)
def test_a_step_that_is_none_is_refused(step: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Step(**step)
