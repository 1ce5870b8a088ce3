"""Apprise channels towards the lab's servers, and the sending processes that are alive."""

from __future__ import annotations

import psutil

from alerting.notifiers.apprise import Apprise
from lab.smtp_server import SmtpServer
from lab.webhook_server import WebhookServer


def json_channel(server: WebhookServer, **options: object) -> Apprise:
    return Apprise(url=f"json://127.0.0.1:{server.port}/hook/{{address}}", **options)  # type: ignore[arg-type]


def mail_channel(server: SmtpServer, more: str = "") -> Apprise:
    return Apprise(url=f"mailto://127.0.0.1:{server.port}/?from=nb@shop.example&to={{address}}{more}")


def processes() -> list[psutil.Process]:
    """The sending processes that are alive."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "apprise_process" in " ".join(child.cmdline())
    ]
