"""A real SMS gateway on loopback: Kannel's bearerbox and smsbox, with its fakesmsc at the far end as the phone network.

    with Kannel(home) as kannel:
        kannel.url            # of sendsms, for whoever wants to send
        kannel.messages()     # what the far end received

A message sent with `smsc=smpp` goes by SMPP to `smpp_port` instead, where somebody else plays the centre.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes

from lab.tools import tool
from lab.wait import free_port, until

CONF = """
group = core
admin-port = {admin}
admin-password = admin
admin-interface = 127.0.0.1
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
log-level = 0
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
host = 127.0.0.1
port = {fake}
connect-allow-ip = 127.0.0.1
denied-smsc-id = smpp

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
sendsms-interface = 127.0.0.1
log-level = 0

group = sendsms-user
username = {user}
password = {password}
max-messages = 10
concatenation = true
"""
BY_SMPP = """
group = smsc
smsc = smpp
smsc-id = smpp
host = 127.0.0.1
port = {smpp}
receive-port = 0
allowed-smsc-id = smpp
transceiver-mode = false
smsc-username = kannel
smsc-password = secret
system-type = ""
reconnect-delay = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One short message as the network got it: of which message it is `number` of `total`."""

    sender: str
    to: str
    reference: int
    number: int
    total: int
    text: str


class Kannel:
    """Runs while the context is open; everything it writes is below `home`."""

    USER = "nb"
    PASSWORD = "canary-sms"

    def __init__(self, home: Path, *, smpp_port: int | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.admin, self.boxes, self.fake, self.http = (free_port() for _ in range(4))
        conf = CONF.format(
            admin=self.admin,
            boxes=self.boxes,
            fake=self.fake,
            http=self.http,
            user=self.USER,
            password=self.PASSWORD,
        )
        if smpp_port is not None:
            conf += BY_SMPP.format(smpp=smpp_port)
        self.conf = home / "kannel.conf"
        self.conf.write_text(conf)
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}/cgi-bin/sendsms"

    def __enter__(self) -> Self:
        try:
            self._start("bearerbox", "-v", "0", str(self.conf))
            until(lambda: _listens(self.boxes), within=10, why=f"bearerbox: {self._said('bearerbox')}")
            self._start("smsbox", "-v", "0", str(self.conf))
            until(lambda: _listens(self.http), within=10, why=f"smsbox: {self._said('smsbox')}")
            # A look at the port would be taken for the far end itself: the log tells instead.
            until(
                lambda: "smsc_fake: start called" in self._said("bearerbox"),
                within=10,
                why="the far end's port",
            )
            self._start("fakesmsc", "-H", "127.0.0.1", "-r", str(self.fake), "-m", "0", "1 2 text never sent")
            until(lambda: "fakesmsc starting" in self._said("fakesmsc"), within=10, why="fakesmsc")
            until(lambda: "online" in self._status(), within=10, why=f"no centre is online: {self._status()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGKILL)  # its farewell takes seconds and proves nothing
            process.wait(10)
        self._processes.clear()

    def _start(self, program: str, *arguments: str) -> None:
        command = [str(tool(program)), *arguments]
        with (self.home / f"{program}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    def _said(self, program: str) -> str:
        log = self.home / f"{program}.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def _status(self) -> str:
        """Return the gateway's own page on its centres."""
        with socket.create_connection(("127.0.0.1", self.admin), 2) as asking:
            asking.sendall(b"GET /status.txt?password=admin HTTP/1.0\r\n\r\n")
            page = b""
            while chunk := asking.recv(65536):
                page += chunk
        return page.decode("latin-1")

    def online(self) -> int:
        """Return how many centres the gateway is connected to."""
        return len(re.findall(r"\(online \d+s", self._status()))

    def messages(self) -> list[Short]:
        """Return what fakesmsc received, as its own log tells."""
        told = re.findall(
            r"Got message \d+: <(\S+) (\S+) (.*?)>\n(?=\d{4}-|\Z)", self._said("fakesmsc"), re.DOTALL
        )
        return [_short(*words) for words in told]

    def texts(self) -> list[str]:
        """Return every message of which all parts have come, put together as a phone does."""
        parts: dict[tuple[str, int, int], dict[int, str]] = {}
        for one in self.messages():
            parts.setdefault((one.to, one.reference, one.total), {})[one.number] = one.text
        return [
            "".join(found[number] for number in sorted(found))
            for (_, _, total), found in parts.items()
            if len(found) == total
        ]


def _short(sender: str, to: str, rest: str) -> Short:
    """Read `text WORDS`, `ucs-2 BYTES` or `udh HEADER data BYTES` of fakesmsc; bytes are UCS-2, all else is text."""
    reference, number, total = 0, 1, 1
    if rest.startswith("udh "):
        _, header, rest = rest.split(" ", 2)
        reference, total, number = _bytes(header)[3:6]
    kind, _, words = rest.partition(" ")
    return Short(
        sender=sender,
        to=to,
        reference=reference,
        number=number,
        total=total,
        text=words if kind == "text" else _bytes(words).decode("utf-16-be"),
    )


def _bytes(words: str) -> bytes:
    return unquote_to_bytes(words.replace("+", " "))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.3).close()
    except OSError:
        return False
    return True
