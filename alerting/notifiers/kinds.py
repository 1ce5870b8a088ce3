"""Every kind of notifier. A new kind is one file, one line here, one test file."""

from __future__ import annotations

from alerting.notifiers.api import Notifier
from alerting.notifiers.apprise import Apprise
from alerting.notifiers.dingtalk import DingTalk
from alerting.notifiers.feishu import Feishu
from alerting.notifiers.log import Log
from alerting.notifiers.serverchan import ServerChan
from alerting.notifiers.smpp import Smpp
from alerting.notifiers.smtp import Smtp
from alerting.notifiers.webhook import Webhook
from alerting.notifiers.wecom import WeCom

KINDS: dict[str, type[Notifier]] = {
    kind.KIND: kind
    for kind in (
        Apprise,
        DingTalk,
        Feishu,
        Log,
        Smpp,
        ServerChan,
        Smtp,
        Webhook,
        WeCom,
    )
}
