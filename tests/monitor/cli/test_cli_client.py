"""What the client says about every way in which a daemon can fail to answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lab.cli_api import TOKEN, cli_api
from monitor.cli.client import Client
from monitor.cli.exits import Exit, Problem


def client(url: str, *, token: str | None = TOKEN, patience: float = 5.0) -> Client:
    return Client(url=url, token=token, token_source="/state/admin.token", patience=patience)


@contextmanager
def raw_server(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that lets `serve` do as it likes with one connection."""
    over = threading.Event()

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            connection.recv(65536)
            try:
                serve(connection, over)
            except OSError:
                return  # the client has had enough

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(0.02):
        connection.sendall(b" ")


def drip_headers(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.02):
        connection.sendall(b"X: y\r\n")


def never(connection: socket.socket, over: threading.Event) -> None:
    del connection
    over.wait(5)


def say(text: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, _over: connection.sendall(text)


def flood(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"x" * 2**20)


def test_a_daemon_that_does_not_run_is_refused_with_a_question() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Problem) as caught:
        client(f"http://127.0.0.1:{port}").get("incidents")

    assert str(caught.value) == (
        f"cannot reach the daemon at http://127.0.0.1:{port}: connection refused; is it running?"
    )
    assert caught.value.exit_code == Exit.UNREACHABLE


@pytest.mark.parametrize(
    ("serve", "cause"),
    [
        pytest.param(never, "no answer within 0.15 s", id="never answers"),
        pytest.param(drip, "no answer within 0.15 s", id="drips the body"),
        pytest.param(drip_headers, "no answer within 0.15 s", id="drips headers"),
        pytest.param(say(b""), "it closed the connection without an answer", id="hangs up"),
        pytest.param(say(b"220 smtp.example ESMTP\r\n"), "it does not speak HTTP", id="speaks SMTP"),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
            "its answer broke off or makes no sense",
            id="breaks off",
        ),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000),
            "its answer broke off or makes no sense",
            id="huge header",
        ),
    ],
)
def test_a_daemon_that_answers_badly_cannot_be_reached(
    serve: Callable[[socket.socket, threading.Event], None], cause: str
) -> None:
    with raw_server(serve) as url, pytest.raises(Problem) as caught:
        client(url, patience=0.15).get("incidents")

    assert str(caught.value) == f"cannot reach the daemon at {url}: {cause}"
    assert caught.value.exit_code == Exit.UNREACHABLE


def test_an_action_without_an_answer_may_have_been_done() -> None:
    with raw_server(say(b"")) as url, pytest.raises(Problem) as caught:
        client(url).post("incidents", "INC-1", "ack")

    assert str(caught.value).endswith("; what you asked for may have been done all the same")


def test_an_answer_without_end_is_cut() -> None:
    with raw_server(flood) as url, pytest.raises(Problem) as caught:
        client(url).get("incidents")

    assert str(caught.value) == f"cannot understand the daemon at {url}: its answer is longer than 16 MiB"


@pytest.mark.parametrize(
    ("answer", "message", "code"),
    [
        pytest.param(
            (409, {"error": {"code": "conflict", "message": "cannot acknowledge INC-1: it is over"}}),
            "cannot acknowledge INC-1: it is over",
            Exit.REFUSED,
            id="refusal",
        ),
        pytest.param(
            (403, {"error": {"code": "forbidden", "message": "this needs the role operator"}}),
            "cannot do that with the token of /state/admin.token: its role is too small (this needs the role operator)",
            Exit.REFUSED,
            id="role",
        ),
        pytest.param(
            (503, {"error": {"code": "unavailable", "message": "this cannot be answered in time"}}),
            "the daemon at URL failed: this cannot be answered in time",
            Exit.REFUSED,
            id="unavailable",
        ),
        pytest.param((500, b"oops"), "the daemon at URL failed: it answered 500", Exit.REFUSED, id="broken"),
        pytest.param(
            (418, {"error": 3}), "cannot do that: the daemon at URL answered 418", Exit.REFUSED, id="odd"
        ),
        pytest.param(
            (404, b"<html>"),
            "cannot understand the daemon at URL: is it a nightbell?",
            Exit.UNREACHABLE,
            id="another",
        ),
        pytest.param(
            (302, b""),
            "cannot understand the daemon at URL: it answered 302",
            Exit.UNREACHABLE,
            id="redirect",
        ),
        pytest.param(
            b"<html>",
            "cannot understand the daemon at URL: its answer is no JSON object",
            Exit.UNREACHABLE,
            id="HTML",
        ),
        pytest.param(
            b"[" * 100_000,
            "cannot understand the daemon at URL: its answer is no JSON object",
            Exit.UNREACHABLE,
            id="deep",
        ),
        pytest.param(
            [1],
            "cannot understand the daemon at URL: its answer is no JSON object",
            Exit.UNREACHABLE,
            id="list",
        ),
    ],
)
def test_every_refusal_is_told_in_words(answer: object, message: str, code: Exit) -> None:
    with cli_api({"POST /incidents/INC-1/ack": answer}) as api, pytest.raises(Problem) as caught:
        client(api.url).post("incidents", "INC-1", "ack")

    assert str(caught.value) == message.replace("URL", api.url)
    assert caught.value.exit_code == code


def test_a_token_that_is_not_accepted_is_named_by_its_source_and_never_shown() -> None:
    with cli_api() as api, pytest.raises(Problem) as caught:
        client(api.url, token="nb_wrong").get("incidents")

    assert str(caught.value) == (
        f"cannot ask the daemon at {api.url}: it does not accept the token of /state/admin.token"
    )
    assert "nb_wrong" not in repr(client(api.url, token="nb_wrong"))


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "中"])
def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    with cli_api() as api, pytest.raises(Problem) as caught:
        client(api.url, token=token).get("incidents")

    assert str(caught.value) == "cannot use the token of /state/admin.token: it is empty or malformed"
    assert api.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:9890", "ftp://127.0.0.1", "http://", "http://u:geheim@127.0.0.1:9890", "http://h:0",
        "http://h:99999", "http://h/path", "http://h?x=1", "http://[::1", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_a_url_that_is_no_place_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Problem) as caught:
        client(url).get("incidents")

    assert str(caught.value) == "cannot reach the daemon: its URL must be like http://127.0.0.1:9890"


def test_lists_are_read_page_by_page_up_to_what_is_wanted() -> None:
    pages = {
        "GET /incidents?state=open": {"items": [{"id": "INC-3"}, {"id": "INC-2"}], "next": "b c"},
        "GET /incidents?state=open&cursor=b c": {"items": [{"id": "INC-1"}], "next": None},
    }
    with cli_api(pages) as api:
        everything = client(api.url).items("incidents", state="open")
        some = client(api.url).items("incidents", most=1, state="open")

    assert [row["id"] for row in everything] == ["INC-3", "INC-2", "INC-1"]
    assert [row["id"] for row in some] == ["INC-3"]
    assert [asked.query["limit"] for asked in api.asked] == ["200", "200", "1"]


@pytest.mark.parametrize("items", [None, {"a": 1}, ["INC-1"]])
def test_a_list_without_objects_is_not_understood(items: object) -> None:
    with cli_api({"GET /incidents": {"items": items}}) as api, pytest.raises(Problem) as caught:
        client(api.url).items("incidents")

    assert str(caught.value) == f"cannot understand the daemon at {api.url}: its list has no items"


def test_what_is_absent_is_not_sent_and_odd_ids_stay_one_step_of_the_path() -> None:
    with cli_api({"POST /channels/a%2Fb%3Fc/test": {"state": "accepted"}}) as api:
        client(api.url).post("channels", "a/b?c", "test", body={"to": None})

    assert [asked.body for asked in api.asked] == [{}]
    assert api.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert api.asked[0].headers["Content-Type"] == "application/json"
