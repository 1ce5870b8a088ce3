"""Incidents and tickets: what is sent, and what is said of the answer."""

from __future__ import annotations

import pytest

from lab.cli_answers import ACKNOWLEDGED, FAILED, INCIDENT, OVER, PAGE, TICKET, listed
from lab.cli_api import Api


def test_ack_says_by_whom_and_until_when(api: Api, nb) -> None:
    api.answers["POST /incidents/INC-3/ack"] = ACKNOWLEDGED
    said = nb("ack", "3", "2h", "--by", "li")

    assert said.out == "INC-3 is acknowledged by li until 14:00 (in 2 h): 商城: home answers 503\n"
    assert api.asked[0].body == {"by": "li", "lasting": "2h", "via": "cli"}


@pytest.mark.parametrize("typed", ["C37PP9", "c37pp9", "c37-pp9", "C37 PP9"])
def test_ack_takes_the_code_of_a_page_as_people_type_it(typed: str, api: Api, nb) -> None:
    api.answers["POST /incidents/C37PP9/ack"] = ACKNOWLEDGED

    assert nb("ack", typed).out.startswith("INC-3 is acknowledged by li ")


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
