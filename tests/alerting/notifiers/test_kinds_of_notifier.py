"""What every kind of notifier promises, held over the table of kinds: a new kind gets these tests for free."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from pydantic import TypeAdapter, ValidationError

from alerting.notification import Kind
from alerting.notifiers.api import DeliveryError, Message, Notifier, Progress
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.kinds import KINDS
from alerting.notifiers.log import Log
from alerting.notifiers.smtp import Smtp
from alerting.notifiers.webhook import Webhook
from lab.messages import a_message, accepted, cut_short, refusal
from lab.smtp_server import SmtpServer
from lab.trust import certificate
from lab.webhook_server import WebhookServer

EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def example(kind: type[Notifier]) -> Any:
    return TypeAdapter(kind).validate_python(dict(kind.EXAMPLE))


def options(kind: type[Notifier]) -> list[str]:
    """The names of its options, as people write them."""
    return list(TypeAdapter(kind).json_schema().get("properties", {}))


@EVERY
def test_its_example_decodes_and_nobody_complains(kind: type[Notifier]) -> None:
    notifier = example(kind)
    assert isinstance(notifier, Notifier)
    assert notifier.complaint() is None


@EVERY
def test_an_unknown_option_is_refused(kind: type[Notifier]) -> None:
    with pytest.raises(ValidationError, match="colour"):
        TypeAdapter(kind).validate_python({**kind.EXAMPLE, "colour": "red"})


@EVERY
def test_what_it_keeps_between_sends_is_no_option(kind: type[Notifier]) -> None:
    kept = [field.name for field in dataclasses.fields(kind) if not field.init]  # type: ignore[arg-type]
    assert not set(kept) & set(options(kind))
    for name in kept:
        with pytest.raises(ValidationError, match=name):
            TypeAdapter(kind).validate_python({**kind.EXAMPLE, name: {}})


@EVERY
def test_its_docstring_is_the_manual_of_every_option(kind: type[Notifier]) -> None:
    manual = kind.__doc__ or ""
    assert manual.splitlines()[0].endswith(".")
    described = re.findall(r"^    ([a-z_]+): ", manual, flags=re.MULTILINE)
    assert sorted(described) == sorted(options(kind))


@EVERY
def test_it_cannot_be_changed(kind: type[Notifier]) -> None:
    notifier = example(kind)
    for field in dataclasses.fields(notifier):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(notifier, field.name, None)


@EVERY
def test_closing_what_never_sent_is_harmless_twice(kind: type[Notifier]) -> None:
    async def scene() -> None:
        notifier = example(kind)
        await notifier.close()
        await notifier.close()

    asyncio.run(scene())


def test_the_table_of_kinds_is_cheap_to_import() -> None:
    """The daemon starts without what only a send needs."""
    code = (
        "import sys, alerting.notifiers.kinds; "
        "print([name for name in ('aiohttp', 'aiosmtplib', 'apprise', 'requests') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


# --- towards a real provider, each kind to its own ------------------------------------------------------------

Made = Callable[[WebhookServer, SmtpServer], Any]


def _webhook(web: WebhookServer, _mail: SmtpServer) -> Webhook:
    url = web.url.replace("//", "//canary-u:canary-p@") + "/canary-path?key=canary-q"
    return Webhook(url=url, secret="canary-s", headers={"X-Key": "canary-h"})


def _smtp(_web: WebhookServer, mail: SmtpServer) -> Smtp:
    return Smtp(
        host="127.0.0.1",
        port=mail.port,
        security="none",
        user="nb",
        password="canary-p",
        from_="nb@shop.example",
    )


def _apprise(web: WebhookServer, _mail: SmtpServer) -> Apprise:
    return Apprise(url=f"json://canary-u:canary-p@127.0.0.1:{web.port}/canary-path?+X-Key=canary-h")


NETWORK = pytest.mark.parametrize("made", [_webhook, _smtp, _apprise], ids=["webhook", "smtp", "apprise"])


async def _with(made: Made, act: Callable[[Any, WebhookServer, SmtpServer], Any], **mischief: Any) -> None:
    word = mischief.get("word", "ok")
    refuse = {"RCPT": mischief["reply"]} if "reply" in mischief else {}
    users = {"nb": "canary-p"}
    async with WebhookServer(always=word) as web, SmtpServer(refuse=refuse, users=users) as mail:
        notifier = made(web, mail)
        await act(notifier, web, mail)
        await notifier.close()


@NETWORK
def test_the_same_key_leaves_us_on_every_try(made: Made) -> None:
    async def act(notifier: Notifier, web: WebhookServer, mail: SmtpServer) -> None:
        for _ in range(2):
            await accepted(notifier, a_message(dedup_key="N-9.round-2"))
        keys = [entry["headers"]["Idempotency-Key"] for entry in web.entries]
        keys += [entry["headers"]["X-Nightbell-Dedup-Key"] for entry in mail.entries]
        assert keys == ["N-9.round-2"] * 2

    asyncio.run(_with(made, act))


@NETWORK
@pytest.mark.parametrize(
    "mischief",
    [
        {},
        {"word": "status:500", "reply": "451 4.7.1 canary-p"},
        {"word": "echo", "reply": "550 5.1.1 canary-p"},
        {"word": "rst", "reply": "rst"},
        {"word": "garbage", "reply": "hello"},
    ],
    ids=["taken", "later", "echo", "reset", "garbage"],
)
def test_no_secret_shows_in_errors_logs_or_names(
    made: Made, mischief: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    async def act(notifier: Notifier, _web: WebhookServer, _mail: SmtpServer) -> None:
        told.append(repr(notifier))
        try:
            told.append(repr(await notifier.send(a_message(), Progress())))
        except DeliveryError as error:
            told.append(str(error) + repr(error))
            logging.getLogger("test").exception("cannot deliver")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(_with(made, act, **mischief))
    ours = [  # not what the receiving servers write, which run here too
        record for record in caplog.records if record.name not in ("mail.log", "aiohttp.access")
    ]
    told += [caplog.handler.format(record) for record in ours]
    assert "canary" not in "\n".join(told)
    assert len(told) >= 2


@NETWORK
@pytest.mark.parametrize(
    ("word", "reply", "retry"),
    [
        pytest.param("status:400", "550 5.1.1 no", False, id="for good"),
        pytest.param("status:503", "451 4.7.1 later", True, id="for now"),
    ],
)
def test_a_refusal_tells_whether_to_try_again(made: Made, word: str, reply: str, retry: bool) -> None:
    async def act(notifier: Notifier, _web: WebhookServer, _mail: SmtpServer) -> None:
        error = await refusal(notifier)
        assert (error.retry, error.ambiguous) == (retry, False)
        assert error.message.startswith("cannot ")

    asyncio.run(_with(made, act, word=word, reply=reply))


@NETWORK
def test_many_at_once_each_arrive_once(made: Made) -> None:
    async def act(notifier: Notifier, web: WebhookServer, mail: SmtpServer) -> None:
        await asyncio.gather(*(accepted(notifier, a_message(dedup_key=f"N-{n}")) for n in range(20)))
        keys = [entry["headers"]["Idempotency-Key"] for entry in web.entries]
        keys += [entry["headers"]["X-Nightbell-Dedup-Key"] for entry in mail.entries]
        assert sorted(keys) == sorted(f"N-{n}" for n in range(20))

    asyncio.run(_with(made, act))


@NETWORK
def test_on_the_loop_the_daemon_runs_it_sends_and_can_be_cut_short(made: Made) -> None:
    async def passes(notifier: Notifier, _web: WebhookServer, _mail: SmtpServer) -> None:
        await accepted(notifier)

    async def hangs(notifier: Notifier, web: WebhookServer, mail: SmtpServer) -> None:
        reached = mail.reached if isinstance(notifier, Smtp) else web.arrived
        progress = await cut_short(notifier, reached.wait)
        assert progress.sent is not isinstance(notifier, Smtp)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_with(made, passes))
        runner.run(_with(made, hangs, word="swallow", reply="hang"))


def test_names_are_never_looked_up_in_the_loops_default_pool(tmp_path: Path) -> None:
    """A dead name server would fill it, and with it whatever else waits there."""
    trusted = certificate(tmp_path)

    async def scene() -> None:
        async with WebhookServer(tls=trusted.context) as web, SmtpServer(tls=trusted.context) as mail:
            await accepted(Webhook(url=web.url.replace("127.0.0.1", "localhost"), ca=trusted.ca))
            await accepted(Smtp(host="localhost", port=mail.port, ca=trusted.ca, from_="nb@shop.example"))
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]

    asyncio.run(scene())


# --- the log --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(a_message(), id="page"),
        pytest.param(a_message(title="a\nb\r\x00\u2028\u202ec\x85\ud83d", text="x\ny"), id="hostile"),
        pytest.param(a_message(kind=Kind.ANNOUNCEMENT, texts={"zh": "下单缓慢"}, drill=True), id="drill"),
    ],
)
def test_the_log_gets_one_line_of_json(message: Message, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="nightbell.notifications"):
        asyncio.run(accepted(Log(), message))
    (record,) = caplog.records
    line = record.getMessage()
    assert len(line.splitlines()) == 1
    assert line.encode("utf-8").decode() == line
    told = json.loads(line)
    assert (told["title"], told["text"], told["drill"]) == (message.title, message.text, message.drill)
    assert not Log().needs_address


# --- the servers of the lab -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["lab.webhook_server", "lab.smtp_server"])
def test_a_lab_server_runs_on_its_own_and_syncs_its_ledger(module: str, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    async def scene() -> None:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, str(ledger)), stdout=subprocess.PIPE, env=environment
        )
        assert server.stdout is not None
        port = int((await server.stdout.readline()).split()[1])
        if module == "lab.webhook_server":
            await accepted(Webhook(url=f"http://127.0.0.1:{port}/hook"))
        else:
            await accepted(Smtp(host="127.0.0.1", port=port, security="none", from_="nb@shop.example"))
        server.kill()
        await server.wait()

    asyncio.run(scene())
    (entry,) = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert entry["n"] == 1
