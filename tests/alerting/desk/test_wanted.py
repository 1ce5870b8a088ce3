"""Right before it is sent: is it still wanted?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.desk.wanted import unwanted
from alerting.incidents.incident import Acknowledgement, Incident, IncidentState
from alerting.notification import Kind, Notification, NotificationState, Reason
from alerting.severity import Severity
from alerting.state import Changes
from lab.desk_plans import check, plan
from lab.desk_world import START, World

NOW = START + timedelta(minutes=1)
ACKNOWLEDGED = {"acknowledgement": Acknowledgement(by="li", at=START, until=NOW)}
OVER = {"state": IncidentState.RESOLVED}
ENDED = {**OVER, "resolved_at": START + timedelta(seconds=30)}
RECOVERING = {"state": IncidentState.RECOVERING}
MUTED = {"quiet": "S-1"}
MILD = {"severity": Severity.WARNING}
BY_HAND = {"by_hand": True}
PAGE, RECOVERY, REMINDER, WORDS = Kind.PAGE, Kind.RECOVERY, Kind.REMINDER, Kind.ANNOUNCEMENT


@pytest.mark.parametrize(
    ("kind", "row", "incident", "why"),
    [
        pytest.param(PAGE, {}, {}, None, id="a page"),
        pytest.param(PAGE, {}, RECOVERING, None, id="a page while it may recover"),
        pytest.param(PAGE, {}, ACKNOWLEDGED, Reason.ACKNOWLEDGED, id="acknowledged"),
        pytest.param(PAGE, {}, MUTED, Reason.SILENCED, id="muted"),
        pytest.param(PAGE, {}, OVER, Reason.OVER, id="over"),
        pytest.param(PAGE, {}, MILD, Reason.OVER, id="a mere warning by now"),
        pytest.param(PAGE, BY_HAND, ACKNOWLEDGED, None, id="by hand, acknowledged"),
        pytest.param(PAGE, BY_HAND, MUTED, None, id="by hand, muted"),
        pytest.param(PAGE, BY_HAND, MILD, None, id="by hand, a warning"),
        pytest.param(PAGE, BY_HAND, OVER, Reason.OVER, id="by hand, over"),
        pytest.param(RECOVERY, {}, OVER, None, id="a notice of the end"),
        pytest.param(RECOVERY, {}, {}, Reason.RELAPSED, id="a notice of an end that was none"),
        pytest.param(REMINDER, {}, ACKNOWLEDGED, None, id="a reminder"),
        pytest.param(REMINDER, {}, ENDED, Reason.OVER, id="a reminder from before the end"),
        pytest.param(REMINDER, {"created_at": NOW}, ENDED, None, id="a reminder from after the end"),
        pytest.param(Kind.TICKET, {}, ENDED, Reason.OVER, id="a ticket of an incident that is over"),
        pytest.param(WORDS, {}, OVER, None, id="words to customers"),
        pytest.param(PAGE, {"not_after": NOW}, {}, Reason.TOO_LATE, id="too late"),
        pytest.param(WORDS, {"not_after": NOW}, {}, Reason.TOO_LATE, id="words too late"),
    ],
)
def test_what_is_still_wanted(kind, row, incident, why):
    world = World(plan(check("web")))
    world.fails("web")
    sent = replace(world.all(Notification)[0], kind=kind, **row)
    world.state.apply(Changes(records=(replace(world.incident, **incident), sent)))
    assert unwanted(world.state, sent, NOW) is why


@pytest.mark.parametrize(("kind", "why"), [(PAGE, Reason.OVER), (RECOVERY, None), (REMINDER, None)])
def test_of_an_incident_that_has_left_only_a_page_is_unwanted(kind, why):
    world = World(plan(check("web")))
    world.fails("web")
    sent = replace(world.all(Notification)[0], kind=kind)
    del world.state.records[Incident]["INC-1"]
    assert unwanted(world.state, sent, NOW) is why


@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_called_off_after_it_was_claimed_is_not_sent(kind):
    world = World(plan(check("web")))
    world.fails("web")
    claimed = replace(world.all(Notification)[0], kind=kind)
    called_off = replace(claimed, state=NotificationState.CANCELLED, reason=Reason.REPLACED)
    world.state.apply(Changes(records=(called_off,)))
    assert unwanted(world.state, claimed, NOW) is Reason.REPLACED


def test_words_to_customers_that_nothing_is_known_of_any_more_are_not_sent():
    """They were called off while they were being sent, failed for now, and their incident has left meanwhile."""
    world = World(plan(check("web")))
    world.fails("web")
    claimed = replace(world.all(Notification)[0], kind=WORDS)
    called_off = replace(claimed, state=NotificationState.CANCELLED, reason=Reason.REPLACED)
    closed = replace(world.incident, state=IncidentState.CLOSED)
    world.state.apply(Changes(records=(called_off, closed)))
    assert claimed.id not in world.state.records[Notification]
    assert unwanted(world.state, claimed, NOW) is Reason.OVER
