"""Every kind of notifier. A new kind is one file, one line here, one test file."""

from __future__ import annotations

from alerting.notifiers.api import Notifier
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.log import Log
from alerting.notifiers.smpp import Smpp
from alerting.notifiers.smtp import Smtp
from alerting.notifiers.webhook import Webhook

KINDS: dict[str, type[Notifier]] = {
    kind.KIND: kind
    for kind in (
        Apprise,
        Log,
        Smpp,
        Smtp,
        Webhook,
    )
}
