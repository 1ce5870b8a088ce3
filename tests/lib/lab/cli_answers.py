"""Objects as the API answers them, for the stand-in."""

from __future__ import annotations

from typing import Any

from lab.cli_api import Api

INCIDENT: dict[str, Any] = {
    "id": "INC-3",
    "title": "商城: home answers 503",
    "state": "open",
    "severity": "critical",
    "services": ["shop"],
    "cause": {"service": "shop", "check": "home", "alert": "home/down"},
    "symptoms": [],
    "since": "2027-01-04T03:56:50Z",
    "opened_at": "2027-01-04T03:57:00Z",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "acknowledged_until": None,
    "resolved_at": None,
    "reason": None,
    "quiet": None,
    "ticket": "T-3",
    "announcement": "A-1",
    "alerts": [{"id": "home/down", "state": "firing", "severity": "critical", "message": "home answers 503"}],
    "timeline": [
        {"at": "2027-01-04T03:57:00Z", "event": "opened", "text": "home answers 503", "who": "nightbell"},
        {
            "at": "2027-01-04T03:57:01Z",
            "event": "paged",
            "text": "page N-1 to 李雷 by sms accepted",
            "who": "sms",
        },
    ],
}
ACKNOWLEDGED = {
    **INCIDENT,
    "acknowledged_at": "2027-01-04T04:00:00Z",
    "acknowledged_by": "li",
    "acknowledged_until": "2027-01-04T06:00:00Z",
}
OVER = {
    **INCIDENT,
    "id": "INC-2",
    "state": "resolved",
    "severity": "warning",
    "title": "pg: connection refused",
    "opened_at": "2027-01-03T03:57:00Z",
    "since": "2027-01-03T03:56:00Z",
    "resolved_at": "2027-01-03T04:27:00Z",
    "reason": "recovered",
}
TICKET = {
    "id": "T-3",
    "title": "商城: home answers 503",
    "class": "urgent",
    "state": "new",
    "assignee": "li",
    "incident": "INC-3",
    "service": "shop",
    "text": "",
    "opened_at": "2027-01-04T03:57:00Z",
    "respond_by": "2027-01-04T04:57:00Z",
    "responded_at": None,
    "resolve_by": "2027-01-04T07:57:00Z",
    "resolved_at": None,
    "breached": [],
}
PAGE = {
    "id": "N-1",
    "kind": "page",
    "incident": "INC-3",
    "to": "li",
    "channel": "sms",
    "state": "accepted",
    "reason": None,
    "created_at": "2027-01-04T03:57:00Z",
}
FAILED = {**PAGE, "id": "N-2", "channel": "mail", "state": "failed", "reason": "auth"}
SILENCE = {
    "id": "S-1",
    "state": "active",
    "matchers": {"check": "home"},
    "author": "li",
    "reason": "deploy",
    "starts_at": "2027-01-04T04:00:00Z",
    "ends_at": "2027-01-04T06:00:00Z",
}
ANNOUNCEMENT = {
    "id": "A-1",
    "incident": "INC-3",
    "services": ["shop"],
    "state": "investigating",
    "text": {"zh": "我们正在调查。", "en": "We are looking into it."},
    "expected_recovery_at": "2027-01-04T04:30:00Z",
    "next_update_at": "2027-01-04T04:20:00Z",
    "page_at": "2027-01-04T04:02:00Z",
    "push_at": None,
    "published_at": None,
    "pushed_at": None,
    "withdrawn": False,
}
SERVICES = [
    {"id": "shop", "title": {"zh": "商城", "en": "Shop"}, "checks": ["home"], "public_state": "operational"},
    {"id": "db", "title": {"zh": "数据库"}, "checks": ["pg"], "public_state": None},
]
CHECKS = [
    {
        "name": "home",
        "outcome": "down",
        "error": "status",
        "at": "2027-01-04T03:59:55Z",
        "message": "answers 503",
    },
    {"name": "pg", "outcome": "up", "error": None, "at": "2027-01-04T03:59:58Z", "message": ""},
    {"name": "new", "outcome": None, "error": None, "at": None, "message": ""},
]
ONCALL = {
    "rota": "ops",
    "at": "2027-01-04T04:00:00Z",
    "shift": "early",
    "people": ["li"],
    "backup": ["han"],
    "until": "2027-01-04T08:00:00Z",
}


def listed(*items: object) -> dict[str, object]:
    return {"items": list(items), "next": None}


def status_answers(api: Api) -> None:
    """Let the stand-in answer all that `nightbell status` asks."""
    api.answers |= {
        "GET /readyz": {"ready": True},
        "GET /healthz": {"status": "ok", "troubles": {}},
        "GET /incidents?state=open": listed(INCIDENT),
        "GET /incidents?state=recovering": listed(),
        "GET /checks": listed(*CHECKS),
        "GET /services": listed(*SERVICES),
        "GET /oncall": ONCALL,
        "GET /notifications": listed(FAILED, PAGE),
    }
