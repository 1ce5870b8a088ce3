"""The plans between which the desk is reloaded while anything may happen to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from alerting.severity import Impact
from lab.desk_plans import (
    APPROVE,
    AUTO,
    BY_CHECK,
    CHANNELS,
    above,
    after,
    channel,
    check,
    level,
    person,
    plan,
    service,
)

USED = level("used", warning=above(0.8, clear=0.7), critical=above(0.9, clear=0.85, minutes=1), keep=1)
SLOW = level("slow", critical=above(1), impact=Impact.DEGRADED)

MINUTE = timedelta(minutes=1)
BEAT = channel("heartbeat", needs_address=False)
WATCHED: dict[str, Any] = {"bundle": MINUTE, "heartbeat": MINUTE, "channels": (*CHANNELS, BEAT)}

WHOLE = plan(
    check("web", SLOW),
    check("gate"),
    check("disk", USED, part="mount"),
    check("lone", group_by=BY_CHECK),
    services=[
        service("shop", "web", "gate", announce=AUTO),
        service("pay", "gate", announce=after(2)),
        service("back", "gate", "disk", public=False, announce=APPROVE),
    ],
    **WATCHED,
)
LESS = plan(
    check("gate"),
    check("disk", USED, part="mount"),
    services=[service("pay", "gate", announce=after(2))],
    people=(person("li", "sms", "mail"), person("boss", "mail")),
    **WATCHED,
)
NOBODY = plan(
    check("web"), check("gate"), services=[service("shop", "web")], people=(), fallback=(), steps=()
)
PLANS = (WHOLE, WHOLE, LESS, NOBODY)
