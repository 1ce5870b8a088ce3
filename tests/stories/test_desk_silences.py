"""Silences: what they mute, until when, and that the end of one is heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incidents.silence import Silence
from alerting.inputs import AddSilence, EndSilence, Refusal, Refused
from alerting.notification import Kind
from alerting.severity import Severity
from lab.desk_channels import Manner
from lab.desk_plans import above, check, level, plan, service, shop
from lab.desk_world import DOWN, UP, World


def quiet_world(*checks, **fields) -> World:
    """Return a world without customers."""
    return World(plan(*(checks or (check("web"),)), **fields))


def test_a_muted_incident_opens_and_has_a_ticket_but_nobody_is_paged():
    world = World(shop())
    world.silence(check="web", minutes=60)
    world.fails("web")
    world.nobody_hears_for(minutes=59)
    assert world.incident.quiet.startswith("S-1 (li: known)")
    assert world.ticket.assignee == "li"
    assert "muted" in world.events()


def test_a_silence_that_ends_while_it_is_down_pages_at_once():
    world = World(shop())
    world.silence(check="web", minutes=20)
    world.fails("web")
    world.nobody_hears_for(minutes=19, seconds=49)
    world.pass_(seconds=1)
    world.expects_page("li")
    world.expects_words("colleagues")
    world.expects_words("customers")
    world.nothing_more()
    world.pass_(minutes=5)
    world.expects_page("han")


def test_a_silence_ended_by_hand_pages_at_once():
    world = quiet_world()
    silence = world.silence(check="web")
    world.fails("web")
    world.nothing_more()
    world.unsilence(silence)
    world.expects_page("li")
    assert world.all(Silence) == []


def test_a_silence_added_midway_stops_paging_and_calls_off_what_waits():
    world = quiet_world()
    world.channels = {"sms": Manner.LATER, "mail": Manner.LATER}
    world.fails("web")
    world.pass_(minutes=3)
    world.silence(check="web", minutes=60)
    world.channels.clear()
    world.nobody_hears_for(minutes=40)
    world.works("web")
    world.nothing_more()


def test_who_was_paged_before_the_silence_hears_the_end_in_spite_of_it():
    world = quiet_world()
    world.fails("web")
    world.expects_page("li")
    world.silence(check="web")
    world.pass_(minutes=5)
    world.works("web")
    world.expects(Kind.RECOVERY, "li")
    world.nothing_more()


def test_a_muted_outage_that_ends_muted_is_never_heard_of():
    world = World(shop())
    world.silence(check="web")
    world.fails("web")
    world.works("web")
    world.nobody_hears_for(minutes=90)


def test_an_alert_that_no_silence_covers_wakes_the_incident_it_joins():
    two = plan(check("web"), check("card"), services=[service("shop", "web", "card")])
    world = World(two)
    world.silence(check="web")
    world.fails("web")
    world.nobody_hears_for(minutes=5)
    world.fails("card")
    world.expects_page("li", says="card: connection refused")
    world.expects_words("customers")


def test_a_muted_alert_that_joins_mutes_nothing():
    two = plan(check("web"), check("card"), services=[service("shop", "web", "card", public=False)])
    world = World(two)
    world.silence(check="card")
    world.fails("web")
    world.expects_page("li")
    world.fails("card")
    world.pass_(minutes=5)
    world.expects_page("han")


def test_when_only_muted_alerts_are_left_paging_stops():
    two = plan(check("web"), check("card"), services=[service("shop", "web", "card", public=False)])
    world = World(two)
    world.silence(check="card")
    world.fails("web")
    world.fails("card")
    world.ignore_messages()
    world.works("web")
    world.nobody_hears_for(minutes=30)


def test_a_silence_of_warnings_does_not_cover_what_becomes_critical():
    world = quiet_world(check("disk", level("used", warning=above(0.8), critical=above(0.9))))
    world.silence(severity="warning")
    world.sample("disk", used=0.85)
    world.nobody_hears_for(minutes=5)
    world.sample("disk", used=0.95)
    world.deliver()
    world.expects_page("li")


def test_an_acknowledged_incident_that_is_unmuted_waits_for_its_acknowledgement():
    world = quiet_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li", minutes=60)
    world.silence(check="web", minutes=20)
    world.nobody_hears_for(minutes=59)
    world.pass_(minutes=1)
    world.expects(Kind.REMINDER, "li")
    world.pass_(minutes=10)
    world.expects_page("li")


def test_a_muted_incident_reminds_nobody_of_an_acknowledgement():
    world = quiet_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.silence(check="web", minutes=60)
    world.nobody_hears_for(minutes=59)


def test_a_ticket_of_a_muted_incident_reminds_nobody():
    world = quiet_world()
    world.silence(check="web", minutes=300)
    world.fails("web")
    world.nobody_hears_for(minutes=250, step=5)
    assert world.ticket.breached == ("respond", "resolve")


def test_a_warning_is_told_again_when_its_silence_ends():
    world = quiet_world(check("disk", level("used", warning=above(0.8))))
    world.sample("disk", used=0.85)
    world.deliver()
    first = world.expects(Kind.TICKET, "li", by="mail")
    world.silence(check="disk", minutes=10)
    world.nobody_hears_for(minutes=9)
    world.pass_(minutes=1)
    again = world.expects(Kind.TICKET, "li", by="mail")
    assert again.row.dedup_key != first.row.dedup_key


def test_a_silence_that_ends_while_the_daemon_is_down_pages_when_it_is_back():
    world = quiet_world()
    world.silence(check="web", minutes=10)
    world.fails("web")
    world.nobody_hears_for(minutes=5)
    world.restart(down_seconds=600)
    world.expects_page("li")


def test_a_silence_begins_when_it_says():
    world = quiet_world()
    begins = world.now + timedelta(minutes=10)
    world.submit(
        AddSilence(
            matchers={"check": "web"},
            author="li",
            reason="planned",
            starts_at=begins,
            ends_at=begins + timedelta(minutes=60),
        )
    )
    world.fails("web")
    world.expects_page("li")
    world.pass_(minutes=5)
    world.expects_page("han")
    world.nobody_hears_for(minutes=30)


def test_a_silence_of_a_resolved_incident_does_not_outlive_its_reason():
    world = quiet_world()
    silence = world.silence(check="web", minutes=5)
    world.fails("web")
    world.works("web")
    world.pass_(minutes=6)
    world.fails("web")
    world.expects_page("li", says="relapse")
    assert silence == "S-1"


def test_an_info_silence_by_service_host_label_and_part_fits():
    disk = check("disk", level("used", critical=above(0.9)), part="mount", labels={"team": "web"}, host="db1")
    world = World(plan(disk))
    world.silence(host="db*", team="web", part="/srv", threshold="used", probe="http")
    world.sample("disk", UP, parts={"/srv": {"used": 0.95}})
    world.nobody_hears_for(minutes=5)
    world.sample("disk", UP, parts={"/srv": {"used": 0.95}, "/var": {"used": 0.95}})
    world.deliver()
    world.expects_page("li", says="disk /var")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"matchers": {}}, "name at least one matcher", id="no matcher"),
        pytest.param({"reason": " "}, "an author and a reason", id="no reason"),
        pytest.param({"author": ""}, "an author and a reason", id="no author"),
        pytest.param({"ends_at": timedelta(0)}, "end before it begins", id="no length"),
        pytest.param({"ends_at": timedelta(days=91)}, "longer than 90 days", id="too long"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(fields, why):
    world = quiet_world()
    usual = AddSilence(matchers={"check": "web"}, author="li", reason="known", ends_at=world.now)
    given = {"ends_at": timedelta(hours=1), **fields}
    given["ends_at"] = world.now + given["ends_at"]
    with pytest.raises(Refused, match=why) as no:
        world.submit(replace(usual, **given))
    assert no.value.refusal is Refusal.INVALID


def test_a_silence_that_is_not_there_cannot_be_ended():
    world = quiet_world()
    with pytest.raises(Refused) as no:
        world.submit(EndSilence(silence="S-9", by="li"))
    assert no.value.refusal is Refusal.UNKNOWN


def test_an_alert_of_severity_info_tells_nobody_and_has_no_ticket():
    world = quiet_world(check("disk", level("used", warning=above(0.8))))
    info = replace(world.plan.checks["disk"].thresholds[0], severity=Severity.INFO)
    world.plan = plan(check("disk", thresholds=(info,)))
    world.fails("disk")
    world.sample("disk", DOWN)
    world.nobody_hears_for(minutes=60)
    assert world.incident.ticket is None


def test_a_silence_that_ends_after_a_reload_took_every_policy_away_goes_on_with_the_steps_there_were():
    world = quiet_world()
    world.fails("web")
    world.expects_page("li")
    silence = world.silence(check="web")
    world.reload(plan(check("web"), steps=(), fallback=()))
    world.unsilence(silence)
    world.expects_page("li")
