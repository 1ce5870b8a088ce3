"""The screen that shows everything, and what holds for every command that asks the daemon."""

from __future__ import annotations

import json

import pytest

from lab.cli_answers import (
    ACKNOWLEDGED,
    ANNOUNCEMENT,
    INCIDENT,
    OVER,
    SILENCE,
    TICKET,
    listed,
    status_answers,
)
from lab.cli_api import Api


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("ack", "x"), "'x' is no incident; they look like INC-12"),
        (("ack", "T-3"), "'T-3' is no incident; they look like INC-12"),
        (("ack", "INC-" + "9" * 30), "is no incident; they look like INC-12"),
        (("ack", "٣"), "'٣' is no incident"),
        (("ack", "3", "soon"), "Invalid value for FOR: must be a time like 10s, 5m or 1h30m, not 'soon'"),
        (("tickets", "3", "classify"), "classify needs --class and --note"),
        (("tickets", "3", "eat"), "'eat' is not one of"),
        (("silence", "add", "home", "--for", "1h", "--reason", "x"), "'home' must be name=value"),
        (("silence", "check=", "--for", "1h", "--reason", "x"), "'check=' must be name=value"),
        (
            ("silence", "check=a", "--reason", "x"),
            "say how long: --for TIME (like 2h) or --until TIME (like 18:00)",
        ),
        (("silence", "check=a", "--for", "1h", "--until", "18:00", "--reason", "x"), "say how long"),
        (("silence", "check=a", "--for", "2", "--reason", "x"), "--for needs a unit: write a time like 10s"),
        (
            ("silence", "check=a", "--until", "11:00", "--reason", "x"),
            "it would be over before it begins",
        ),
        (("silence", "check=a", "check=b", "--for", "1h", "--reason", "x"), "check is given twice"),
        (("silence", "check=a", "--for", "1h"), "say why: --reason TEXT"),
        (("announce", "update", "1"), "say what is new: --state, --text, --expected or --next-update"),
        (("announce", "update", "1", "--expected", "soon"), "--expected: 'soon' is no time"),
        (("stauts",), "No such command 'stauts'. Did you mean 'status'?"),
    ],
)
def test_wrong_usage_ends_with_2_and_asks_nobody(args: tuple[str, ...], complaint: str, api: Api, nb) -> None:
    said = nb(*args)

    assert complaint in " ".join(said.err.split())
    assert (said.out, said.code, api.asked) == ("", 2, [])


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("incidents",), "There are no active incidents."),
        (("incidents", "--state", "all"), "There are no incidents."),
        (("tickets",), "There are no open tickets."),
        (("tickets", "--state", "closed"), "There are no closed tickets."),
        (("silence", "list"), "Nothing is silenced."),
        (("silence", "list", "--all"), "There never was a silence."),
        (("announce", "list"), "There are no open announcements."),
        (("token", "list"), "There are no tokens."),
    ],
)
def test_an_empty_list_is_a_sentence(args: tuple[str, ...], sentence: str, api: Api, nb) -> None:
    for noun in ("incidents", "tickets", "silences", "announcements", "tokens"):
        api.answers[f"GET /{noun}"] = listed()

    assert nb(*args).out == f"{sentence}\n"


def test_status_is_one_screen_of_everything(api: Api, nb) -> None:
    status_answers(api)

    assert nb("status").out == (
        f"""\
Nightbell at {api.url} is ready
1 open incident, 1 not acknowledged:

ID     STATE  SEVERITY  OPENED     ACKNOWLEDGED  TITLE
INC-3  open   critical  3 min ago  no            商城: home answers 503

SERVICE  TITLE   STATE     CUSTOMERS READ  INCIDENTS
shop     商城    critical  operational     INC-3
db       数据库  up        -               -

Checks: 1 down, 1 not yet run, 1 up.
CHECK  OUTCOME  ERROR   AT       MESSAGE
home   down     status  5 s ago  answers 503

ROTA  ON CALL  SHIFT  UNTIL           BACKUP
ops   li       early  16:00 (in 4 h)  han

The last 2 notifications: 1 accepted, 1 failed.
NOTIFICATION  KIND  TO  CHANNEL  STATE   REASON
N-2           page  li  mail     failed  auth
"""
    )


def test_status_of_a_daemon_in_trouble_says_what_is_wrong_with_it(api: Api, nb) -> None:
    status_answers(api)
    api.answers |= {
        "GET /readyz": (503, {"ready": False}),
        "GET /healthz": (503, {"status": "failing", "troubles": {"store": "cannot write: disk full"}}),
        "GET /incidents?state=open": listed(),
        "GET /services": listed(),
        "GET /checks": listed(),
        "GET /oncall": listed(),
        "GET /notifications": listed(),
    }
    out = nb("status").out

    assert out == (
        f"""\
Nightbell at {api.url} is not ready
trouble with store: cannot write: disk full
There are no open incidents.

Checks: none.

Nobody is on call: there is no rota.

Nobody was ever notified.
"""
    )


def test_status_of_a_blind_daemon_says_since_when(api: Api, nb) -> None:
    status_answers(api)
    since = "2027-01-04T03:53:00Z"
    api.answers["GET /healthz"] = (200, {"status": "ok", "troubles": {}, "blind_since": since})

    assert "blind since 11:53 (7 min ago): no canary answers" in nb("status").out
    assert json.loads(nb("status", "--json").out)["blind_since"] == since


@pytest.mark.parametrize(
    "args",
    [
        ("status",), ("incidents",), ("incidents", "3"), ("tickets",), ("tickets", "3"), ("tickets", "3", "accept"),
        ("ack", "3"), ("resolve", "3"), ("escalate", "3"), ("assign", "3", "han"), ("silence", "list"),
        ("silence", "check=a", "--for", "1h", "--reason", "x", "--author", "li"), ("silence", "end", "1"),
        ("announce", "list"), ("announce", "publish", "1"), ("announce", "update", "1", "--state", "monitoring"),
        ("token", "list"), ("token", "add", "ci"), ("token", "revoke", "ci"), ("test-channel", "mail"),
    ],
)  # fmt: skip
def test_every_command_prints_json_and_nothing_else_on_demand(args: tuple[str, ...], api: Api, nb) -> None:
    status_answers(api)
    api.answers |= {
        "GET /incidents/INC-3": INCIDENT,
        "GET /tickets": listed(TICKET),
        "GET /tickets/T-3": TICKET,
        "GET /silences": listed(SILENCE),
        "GET /announcements": listed(ANNOUNCEMENT),
        "GET /tokens": listed(),
        "POST /tickets/T-3/accept": TICKET,
        "POST /tickets/T-3/assign": TICKET,
        "POST /incidents/INC-3/ack": ACKNOWLEDGED,
        "POST /incidents/INC-3/resolve": OVER,
        "POST /incidents/INC-3/escalate": INCIDENT,
        "POST /silences": SILENCE,
        "POST /silences/S-1/end": SILENCE,
        "POST /announcements/A-1/publish": ANNOUNCEMENT,
        "POST /announcements/A-1/update": ANNOUNCEMENT,
        "POST /tokens": {"name": "ci", "role": "viewer", "token": "nb_new"},
        "DELETE /tokens/ci": {"name": "ci", "revoked": True},
        "POST /channels/mail/test": {"state": "accepted", "reason": None, "detail": ""},
    }
    said = nb(*args, "--json")

    assert isinstance(said.json(), dict)
    assert (said.err, said.code) == ("", 0)


def test_objects_with_nothing_in_them_are_shown_all_the_same(api: Api, nb) -> None:
    """A daemon of another version may leave fields out, or say None."""
    empty: dict[str, object] = {}
    api.answers |= {
        "GET /readyz": (500, b""),
        "GET /healthz": (500, b"oops"),
        "GET /incidents": listed(empty),
        "GET /incidents/INC-3": empty,
        "GET /tickets": listed(empty),
        "GET /tickets/T-3": empty,
        "GET /silences": listed(empty),
        "GET /announcements": listed(empty),
        "GET /notifications": listed(empty),
        "GET /services": listed(empty),
        "GET /checks": listed(empty),
        "GET /oncall": empty,
        "POST /incidents/INC-3/ack": empty,
    }
    for args in (
        "status",
        "incidents",
        "incidents 3",
        "tickets",
        "tickets 3",
        "silence list",
        "announce list",
        "ack 3",
    ):
        said = nb(*args.split())
        assert (said.code, said.err) == (0, ""), args
