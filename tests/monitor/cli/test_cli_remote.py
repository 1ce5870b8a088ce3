"""Commands that ask the daemon: what they send, and what they say of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.cli_api import Api, cli_api
from lab.cli_run import Said, run

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


@pytest.fixture
def api() -> Iterator[Api]:
    with cli_api() as api:
        yield api


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nightbell.yaml"
    path.write_text("site: {timezone: Asia/Shanghai}\n", encoding="utf-8")
    return path


@pytest.fixture
def nb(api: Api, config: Path):
    """Return what runs `nightbell …` against the stand-in, in Shanghai at noon."""

    def call(*args: str, **env: str) -> Said:
        return run("-c", str(config), *args, url=api.url, env=env)

    return call


def test_ack_says_by_whom_and_until_when(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/ack"] = ACKNOWLEDGED
    said = nb("ack", "3", "2h", "--by", "li")

    assert said.out == "INC-3 is acknowledged by li until 14:00 (in 2 h): 商城: home answers 503\n"
    assert api.asked[0].body == {"by": "li", "lasting": "2h", "via": "cli"}


def test_ack_without_a_person_names_nobody(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/ack"] = {**ACKNOWLEDGED, "acknowledged_by": None}

    assert nb("ack", "inc-3").out == "INC-3 is acknowledged until 14:00 (in 2 h): 商城: home answers 503\n"
    assert api.asked[0].body == {"via": "cli"}


def test_the_person_may_stand_in_the_environment(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/ack"] = ACKNOWLEDGED
    nb("ack", "INC-3", NIGHTBELL_PERSON="han")

    assert api.asked[0].body["by"] == "han"


def test_a_refusal_is_the_servers_own_words_and_ends_with_1(api: Api, nb) -> None:
    message = "cannot acknowledge INC-3: it is over"
    api.answers["POST /incidents/INC-3/ack"] = (409, {"error": {"code": "conflict", "message": message}})
    said = nb("ack", "INC-3")

    assert (said.out, said.err, said.code) == ("", f"nightbell: {message}\n", 1)


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
            "the silence would be over before it begins",
        ),
        (("silence", "check=a", "check=b", "--for", "1h", "--reason", "x"), "check is given twice"),
        (("silence", "check=a", "--for", "1h"), "Missing option '--reason'"),
        (("announce", "update", "1"), "say what is new: --state, --text, --expected or --next-update"),
        (("announce", "update", "1", "--expected", "soon"), "--expected: 'soon' is no time"),
        (("stauts",), "No such command 'stauts'. Did you mean 'status'?"),
    ],
)
def test_wrong_usage_ends_with_2_and_asks_nobody(args: tuple[str, ...], complaint: str, api: Api, nb) -> None:
    said = nb(*args)

    assert complaint in " ".join(said.err.split())
    assert (said.out, said.code, api.asked) == ("", 2, [])


def test_resolve_says_how_it_ended(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/resolve"] = {**INCIDENT, "state": "resolved"}

    assert (
        nb("resolve", "INC-3", "--note", "switched over").out == "INC-3 is resolved: 商城: home answers 503\n"
    )
    assert nb("resolve", "INC-3", "--false-alarm").out.startswith("INC-3 is resolved as a false alarm: ")
    assert [asked.body for asked in api.asked] == [{"note": "switched over"}, {"false_alarm": True}]


def test_escalate_says_who_was_paged_so_far(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/escalate"] = INCIDENT
    api.answers["GET /notifications?incident=INC-3&kind=page"] = listed({**PAGE, "to": "han"}, PAGE, PAGE)

    assert nb("escalate", "INC-3").out == "INC-3 is escalated. Paged so far: han, li.\n"


def test_assign_says_whose_it_is(api: Api, nb) -> None:
    api.answers["POST /tickets/T-3/assign"] = {**TICKET, "assignee": "han"}

    assert nb("assign", "3", "han", "--by", "li").out == "T-3 is assigned to han: 商城: home answers 503\n"
    assert api.asked[0].body == {"assignee": "han", "by": "li"}


def test_incidents_lists_what_is_active_newest_first(api: Api, nb) -> None:
    api.answers["GET /incidents?state=open"] = listed(INCIDENT)
    api.answers["GET /incidents?state=recovering"] = listed({**OVER, "state": "recovering"})
    said = nb("incidents")

    assert said.out.splitlines() == [
        "ID     STATE       SEVERITY  OPENED     ACKNOWLEDGED  TITLE",
        "INC-3  open        critical  3 min ago  no            商城: home answers 503",
        "INC-2  recovering  warning   1 d ago    no            pg: connection refused",
    ]


def test_incidents_of_a_state_and_a_service(api: Api, nb) -> None:
    api.answers["GET /incidents?state=resolved&service=db"] = listed(OVER)
    said = nb("incidents", "--state", "resolved", "--service", "db")

    assert "INC-2  resolved  warning   1 d ago  -             pg: connection refused" in said.out


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


def test_one_incident_is_shown_whole_with_its_timeline_drawn(api: Api, nb) -> None:
    api.answers["GET /incidents/INC-3"] = ACKNOWLEDGED
    api.answers["GET /notifications?incident=INC-3"] = listed(FAILED, PAGE)

    assert nb("incidents", "3").out == (
        """\
INC-3 商城: home answers 503
state:        open
severity:     critical
services:     shop
cause:        home/down of shop
opened:       11:57 (3 min ago)
acknowledged: li, just now
ticket:       T-3
announcement: A-1

Alerts
ALERT      STATE   SEVERITY  MESSAGE
home/down  firing  critical  home answers 503

Told
AT     KIND  TO  CHANNEL  STATE     REASON
11:57  page  li  sms      accepted  -
11:57  page  li  mail     failed    auth

Timeline
2027-01-04
11:57:00            ┬ home answers 503
11:57:01       +1 s └ page N-1 to 李雷 by sms accepted (sms)
"""
    )


def test_an_incident_that_is_over_says_how_long_it_lasted_and_why_it_ended(api: Api, nb) -> None:
    api.answers["GET /incidents/INC-2"] = {**OVER, "alerts": [], "timeline": []}
    api.answers["GET /notifications?incident=INC-2"] = listed()

    assert nb("incidents", "INC-2").out == (
        """\
INC-2 pg: connection refused
state:        resolved
severity:     warning
services:     shop
cause:        home/down of shop
opened:       01-03 11:57 (1 d ago)
resolved:     01-03 12:27 (23 h ago)
lasted:       31 min
reason:       recovered
ticket:       T-3
announcement: A-1

Alerts
It has no alerts.

Told
Nobody was told.

Timeline
Nothing happened yet.
"""
    )


def test_tickets_say_which_clock_runs_out_next(api: Api, nb) -> None:
    answered = {**TICKET, "id": "T-2", "state": "accepted", "responded_at": "2027-01-04T03:58:00Z"}
    late = {**TICKET, "id": "T-1", "respond_by": "2027-01-04T03:59:00Z"}
    api.answers["GET /tickets?state=new"] = listed(TICKET, late)
    api.answers["GET /tickets?state=accepted"] = listed(answered)
    api.answers["GET /tickets?state=in_progress"] = listed()

    assert nb("tickets").out.splitlines() == [
        "ID   CLASS   STATE     ASSIGNEE  DUE                  INCIDENT  TITLE",
        "T-3  urgent  new       li        answer in 57 min     INC-3     商城: home answers 503",
        "T-2  urgent  accepted  li        solve in 3 h 57 min  INC-3     商城: home answers 503",
        "T-1  urgent  new       li        answer late          INC-3     商城: home answers 503",
    ]


def test_a_ticket_is_worked_on_and_shown(api: Api, nb) -> None:
    api.answers["POST /tickets/T-3/classify"] = {**TICKET, "class": "complex", "breached": ["respond"]}
    said = nb("tickets", "T-3", "classify", "--class", "complex", "--note", "needs the vendor", "--by", "li")

    assert api.asked[0].body == {"by": "li", "class": "complex", "note": "needs the vendor"}
    assert said.out == (
        """\
T-3 商城: home answers 503
class:      complex
state:      new
assignee:   li
incident:   INC-3
service:    shop
opened:     11:57 (3 min ago)
respond by: 12:57 (in 57 min)
resolve by: 15:57 (in 3 h 57 min)
breached:   respond
"""
    )


@pytest.mark.parametrize("form", [("silence", "add"), ("silence",)])
def test_a_silence_is_made_in_full_and_in_short(form: tuple[str, ...], api: Api, nb) -> None:
    api.answers["POST /silences"] = (201, SILENCE)
    said = nb(*form, "check=home", "severity=warning", "--for", "2h", "--reason", "deploy", "--author", "li")

    assert said.out == "S-1 mutes check=home until 14:00 (in 2 h).\n"
    assert api.asked[0].body == {
        "matchers": {"check": "home", "severity": "warning"},
        "author": "li",
        "reason": "deploy",
        "ends_at": "2027-01-04T06:00:00Z",
    }


def test_a_silence_may_begin_later_by_the_wall_of_the_site(api: Api, nb) -> None:
    api.answers["POST /silences"] = SILENCE
    nb(
        "silence",
        "check=home",
        "--from",
        "22:00",
        "--until",
        "2027-01-05 02:00",
        "--reason",
        "x",
        "--author",
        "li",
    )
    nb("silence", "check=home", "--from", "22:00", "--for", "4h", "--reason", "x", "--author", "li")

    for asked in api.asked:
        assert (asked.body["starts_at"], asked.body["ends_at"]) == (
            "2027-01-04T14:00:00Z",
            "2027-01-04T18:00:00Z",
        )


def test_the_author_of_a_silence_is_the_login_name_where_none_is_given(api: Api, nb) -> None:
    api.answers["POST /silences"] = SILENCE
    nb("silence", "check=home", "--for", "2h", "--reason", "deploy", LOGNAME="han")

    assert api.asked[0].body["author"] == "han"


def test_silences_that_are_over_are_listed_only_on_demand(api: Api, nb) -> None:
    over = {**SILENCE, "id": "S-0", "ends_at": "2027-01-04T03:00:00Z"}
    later = {**SILENCE, "id": "S-2", "starts_at": "2027-01-04T05:00:00Z"}
    api.answers["GET /silences"] = listed(later, SILENCE, over)

    assert (
        nb("silence", "list").out.splitlines()
        == [
            "ID   MUTES       UNTIL                             AUTHOR  REASON",
            "S-2  check=home  from 13:00 to 14:00 (in 2 h)      li      deploy",
            "S-1  check=home  14:00 (in 2 h)                    li      deploy",
        ]
        or [line.split() for line in nb("silence", "list").out.splitlines()][1][0] == "S-2"
    )
    assert "S-0" not in nb("silence", "list").out
    assert "S-0" in nb("silence", "list", "--all").out


def test_a_silence_is_ended(api: Api, nb) -> None:
    api.answers["POST /silences/S-1/end"] = SILENCE

    assert nb("silence", "end", "1", "--by", "li").out == "S-1 is over; check=home pages again.\n"
    assert api.asked[0].body == {"by": "li"}


def test_announcements_say_what_waits_for_approval(api: Api, nb) -> None:
    api.answers["GET /announcements"] = listed(
        ANNOUNCEMENT, {**ANNOUNCEMENT, "id": "A-0", "state": "resolved"}
    )
    out = nb("announce", "list").out

    assert "page in 2 min, push waits for approval" in out
    assert "A-0" not in out
    assert out.endswith("To tell customers now: nightbell announce publish A-1\n")


def test_an_announcement_is_published(api: Api, nb) -> None:
    told = {**ANNOUNCEMENT, "published_at": "2027-01-04T04:00:00Z", "pushed_at": "2027-01-04T04:00:00Z"}
    api.answers["POST /announcements/A-1/publish"] = told

    assert nb("announce", "publish", "A-1", "--by", "li").out == (
        """\
A-1 investigating
incident:          INC-3
services:          shop
told:              page, push
recovery expected: 12:30 (in 30 min)
next update:       12:20 (in 20 min)
zh:                我们正在调查。
en:                We are looking into it.
"""
    )


def test_customers_are_told_more(api: Api, nb) -> None:
    api.answers["POST /announcements/A-1/update"] = ANNOUNCEMENT
    texts = ("--text", "zh=已找到原因", "--text", "en=We found it = good")
    nb(
        "announce",
        "update",
        "1",
        "--state",
        "identified",
        "--expected",
        "+30m",
        "--next-update",
        "12:20",
        *texts,
    )

    assert api.asked[0].body == {
        "state": "identified",
        "text": {"zh": "已找到原因", "en": "We found it = good"},
        "expected_recovery_at": "2027-01-04T04:30:00Z",
        "next_update_at": "2027-01-04T04:20:00Z",
    }


@pytest.mark.parametrize(
    ("receipt", "out", "code"),
    [
        pytest.param(
            {"state": "accepted", "reason": None, "detail": "250 ok"},
            "The provider of mail took the message to li: 250 ok\n",
            0,
            id="taken",
        ),
        pytest.param(
            {"state": "failed", "reason": "auth", "detail": "535 bad credentials"},
            "The message through mail did not pass (auth): 535 bad credentials\n",
            1,
            id="refused",
        ),
        pytest.param(
            {"state": "ambiguous", "reason": "timeout", "detail": ""},
            "The message through mail did not pass (timeout)\n",
            1,
            id="unsure",
        ),
    ],
)
def test_a_channel_is_tested(receipt: object, out: str, code: int, api: Api, nb) -> None:
    api.answers["POST /channels/mail/test"] = receipt
    said = nb("test-channel", "mail", "--to", "li")

    assert (said.out, said.code) == (out, code)
    assert nb("test-channel", "mail", "--json").code == code


def test_a_new_token_stands_alone_on_stdout(api: Api, nb) -> None:
    api.answers["POST /tokens"] = (201, {"name": "ci", "role": "operator", "token": "nb_new"})
    said = nb("token", "add", "ci", "--role", "operator")

    assert said.out == "nb_new\n"
    assert said.err == "This is the only time the token of ci (operator) is shown.\n"
    assert api.asked[0].body == {"name": "ci", "role": "operator"}


def test_tokens_are_listed_and_revoked(api: Api, nb) -> None:
    api.answers["GET /tokens"] = listed(
        {"name": "ci", "role": "viewer", "created_at": "2027-01-04T03:00:00Z"}
    )
    api.answers["DELETE /tokens/ci"] = {"name": "ci", "revoked": True}

    assert nb("token", "list").out.splitlines()[1] == "ci    viewer  11:00 (1 h ago)"
    assert nb("token", "revoke", "ci").out == "The token of ci is worthless now.\n"
    assert api.asked[0].query == {}


def status_answers(api: Api) -> None:
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
