"""Twilio's API under its own name: behind a CONNECT proxy, over TLS with an authority of ours, as a subprocess.

with Twilio(directory, TAKEN, BAD_NUMBER) as twilio:    # answers in order, then TAKEN for ever
    twilio.environment    # for whoever sends
    twilio.messages()     # {"To": …, "From": …, "Body": …} of what was read in full
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl

from lab.daemon import Server
from lab.ledger import read

HOST: Final = "api.twilio.com"
ACCOUNT: Final = "AC" + "0123456789abcdef" * 2
TOKEN: Final = "fedcba9876543210" * 2
SENDER: Final = "+15005550006"

TAKEN: Final = 'json=201:{"sid": "SM0123456789abcdef", "status": "queued", "error_code": null}'


def refused(status: int, code: int, words: str) -> str:
    """Return the word for a refusal as Twilio's documentation has them: status, number, message."""
    said = {
        "code": code,
        "message": words,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return f"json={status}:{json.dumps(said)}"


BAD_NUMBER: Final = refused(400, 21211, "The 'To' number is not a valid phone number.")
NO_LOGIN: Final = refused(401, 20003, "Authenticate")
TOO_MANY: Final = refused(429, 20429, "Too Many Requests")
BROKEN: Final = refused(500, 20500, "An internal server error has occurred")
SILENT: Final = "swallow"
RESET: Final = "rst"


class Twilio:
    """Runs while the context is open."""

    def __init__(self, directory: Path, *script: str, always: str = TAKEN) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._words = ("--names", HOST, "--script", "|".join(script), "--always", always)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._server = Server("lab.connect_proxy", self.directory, *self._words)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def proxy(self) -> dict[str, str]:
        """The way to the API; whoever goes it needs `ca` to believe it."""
        assert self._server is not None
        address = f"http://127.0.0.1:{self._server.port}"
        return {"HTTPS_PROXY": address, "https_proxy": address}

    @property
    def environment(self) -> dict[str, str]:
        ca = str(self.directory / "ca.pem")
        return {**self.proxy, "SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca}

    def channel(self, *, whole: bool = True, **options: str) -> str:
        """Return the channel in YAML. Unless it is to send a text `whole`, Apprise makes messages of 140 characters."""
        url = f"twilio://{ACCOUNT}:{TOKEN}@{SENDER}/{{address}}{'?overflow=upstream' if whole else ''}"
        more = "".join(f", {name}: {value}" for name, value in options.items())
        return f'{{notifier: apprise, url: "{url}"{more}}}'

    def requests(self) -> list[dict[str, object]]:
        """Return what was read in full, answered or not."""
        return read(self.directory / "ledger.jsonl")

    def messages(self) -> list[dict[str, str]]:
        """Return the form of each request."""
        return [dict(parse_qsl(str(one["body"]))) for one in self.requests()]
