"""Silences changed, previewed, standing in the configuration, and warned of before they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.desk.preview import Preview, preview
from alerting.incidents.silence import Silence
from alerting.inputs import AddSilence, ChangeSilence, Refused
from alerting.notification import Kind
from alerting.plan import StandingSilence
from lab.desk_plans import above, check, level, plan, service
from lab.desk_world import World


def quiet_world(*checks, **fields) -> World:
    """Return a world without customers."""
    return World(plan(*(checks or (check("web"),)), **fields))


# --- changed, and warned of


def change(world: World, silence: str, **fields) -> None:
    """Change a silence."""
    world.submit(ChangeSilence(silence=silence, by="li", **fields))
    world.deliver()


def test_a_silence_that_is_extended_keeps_quiet_for_longer():
    world = quiet_world()
    silence = world.silence(check="web", minutes=10)
    world.fails("web")
    change(world, silence, ends_at=world.now + timedelta(minutes=30), reason="still at it")
    world.nobody_hears_for(minutes=29)
    assert world.incident.quiet == "S-1 (li: still at it)"
    world.pass_(minutes=1)
    world.expects_page("li")


def test_a_silence_that_is_shortened_pages_earlier():
    world = quiet_world()
    silence = world.silence(check="web", minutes=60)
    world.fails("web")
    change(world, silence, ends_at=world.now + timedelta(minutes=5))
    world.nobody_hears_for(minutes=4)
    world.pass_(minutes=1)
    world.expects_page("li")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"ends_at": timedelta(minutes=-1)}, "end before it begins", id="past"),
        pytest.param({"ends_at": timedelta(days=91)}, "longer than 90 days", id="too long"),
        pytest.param({"reason": " "}, "a reason is needed", id="no reason"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(fields, why):
    world = quiet_world()
    silence = world.silence(check="web")
    given = {key: world.now + value if key == "ends_at" else value for key, value in fields.items()}
    with pytest.raises(Refused, match=why):
        change(world, silence, **given)


def test_what_is_over_cannot_be_extended():
    world = quiet_world()
    silence = world.silence(check="web", minutes=1)
    world.pass_(minutes=1)
    with pytest.raises(Refused):
        change(world, silence, ends_at=world.now + timedelta(minutes=5))


def warned_world(*checks, **fields) -> World:
    """Return a world without customers, in which silences are warned of ten minutes before their end."""
    return quiet_world(*checks, warn_silence=10, **fields)


def test_the_author_hears_once_by_the_quietest_channel_that_a_silence_ends_over_what_is_still_bad():
    world = warned_world()
    world.silence(check="web", minutes=60)
    world.fails("web")
    world.nobody_hears_for(minutes=49, seconds=49)
    world.pass_(seconds=1)
    world.expects(
        Kind.TICKET, "li", by="mail", says="S-1 ends at 2027-01-04 11:00:00 Asia/Shanghai. INC-1 is"
    )
    world.nobody_hears_for(minutes=9, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("li")


def test_where_the_author_cannot_be_reached_who_is_on_shift_hears():
    world = warned_world()
    world.submit(
        AddSilence(
            matchers={"check": "web"}, author="root", reason="known", ends_at=world.now + timedelta(hours=8)
        )
    )
    world.fails("web")
    world.pass_(hours=7, minutes=55, step=10)
    world.expects(Kind.TICKET, "han", by="mail", says="S-1 ends")


def test_nobody_is_warned_where_nothing_fires_or_something_else_mutes_it_for_longer():
    world = warned_world(check("web"), check("card"))
    world.silence(check="web", minutes=60)
    world.silence(check="card", minutes=60)
    world.silence(check="c*", minutes=90)
    world.fails("card")
    world.nobody_hears_for(minutes=79)
    world.pass_(minutes=2)
    world.expects(Kind.TICKET, "li", says="S-3 ends")


def test_several_muted_incidents_are_one_warning_that_names_the_worst():
    disk = check("disk", level("used", warning=above(0.8)))
    world = warned_world(disk, check("web"))
    world.silence(host="*", minutes=60)
    world.sample("disk", used=0.85)
    world.fails("web")
    world.pass_(minutes=50)
    world.expects(Kind.TICKET, "li", says="INC-2 and 1 more are still bad")
    world.nothing_more()


def test_a_silence_extended_after_its_warning_is_warned_of_again():
    world = warned_world()
    silence = world.silence(check="web", minutes=60)
    world.fails("web")
    world.pass_(minutes=50)
    world.expects(Kind.TICKET, "li", says="11:00")
    change(world, silence, ends_at=world.now + timedelta(minutes=60))
    world.nobody_hears_for(minutes=49)
    world.pass_(minutes=1)
    world.expects(Kind.TICKET, "li", says="S-1 ends at 2027-01-04 11:50")


def test_nobody_is_warned_of_a_silence_no_longer_than_the_warning():
    world = warned_world()
    world.silence(check="web", minutes=10)
    world.fails("web")
    world.nobody_hears_for(minutes=9, seconds=49)


def test_a_warning_given_before_a_restart_is_not_given_again():
    world = warned_world()
    world.silence(check="web", minutes=60)
    world.fails("web")
    world.pass_(minutes=51)
    world.expects(Kind.TICKET, "li")
    world.restart()
    world.nobody_hears_for(minutes=8)


def test_a_silence_that_ends_at_the_instant_of_a_step_pages_once():
    world = quiet_world()
    world.fails("web")
    opened = world.now
    world.expects_page("li")
    world.silence(check="web", minutes=5)
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    assert world.now == opened + timedelta(minutes=5)  # when the second step would have been taken
    world.expects_page("li")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("han")


# --- standing ones


def standing(world: World, **fields) -> StandingSilence:
    """Return a silence of the configuration."""
    usual = {"matchers": {"check": "web"}, "author": "li", "reason": "old box"}
    return StandingSilence(**{**usual, "until": world.now + timedelta(hours=2), **fields})


def test_a_silence_of_the_configuration_holds_from_the_start_and_over_restarts_once():
    world = quiet_world()
    world.reload(replace(world.plan, silences=(standing(world),)))
    world.fails("web")
    world.restart()
    world.restart()
    assert [one.id for one in world.all(Silence)] == ["S-1"]
    world.nobody_hears_for(minutes=110)
    world.pass_(minutes=10)
    world.expects_page("li")
    world.restart()
    assert world.all(Silence) == []


def test_a_silence_taken_out_of_the_configuration_ends_at_once():
    world = quiet_world()
    world.reload(replace(world.plan, silences=(standing(world),)))
    world.fails("web")
    world.nothing_more()
    world.reload(replace(world.plan, silences=()))
    world.expects_page("li")


def test_a_silence_of_the_configuration_is_ended_and_changed_there_only():
    world = quiet_world()
    world.reload(replace(world.plan, silences=(standing(world),)))
    with pytest.raises(Refused, match="stands in the configuration"):
        world.unsilence("S-1")
    with pytest.raises(Refused, match="stands in the configuration"):
        change(world, "S-1", reason="x")


# --- what one would hit


def test_a_preview_names_what_a_silence_would_mute_now_and_what_it_could():
    two = plan(
        check("web"), check("card"), check("disk", host="db1"),
        services=[service("shop", "web", "card", public=False)],
    )  # fmt: skip
    world = World(two)
    world.fails("web")
    world.ignore_messages()
    seen = preview(world.state, world.plan, {"service": "shop"}, world.now)
    assert seen == Preview(
        alerts=("web/down",),
        incidents=("INC-1",),
        muted=("INC-1",),
        checks=("card", "web"),
        services=("shop",),
    )
    world.fails("card")
    seen = preview(world.state, world.plan, {"check": "web"}, world.now)
    assert (seen.incidents, seen.muted, seen.checks) == (("INC-1",), (), ("web",))
    nothing = preview(world.state, world.plan, {"check": "web", "threshold": "cpu"}, world.now)
    assert nothing == Preview()
    some = preview(world.state, world.plan, {"threshold": "down", "severity": "warning"}, world.now)
    assert (some.alerts, some.checks) == ((), ("card", "disk", "web"))
    with pytest.raises(Refused, match="at least one matcher"):
        preview(world.state, world.plan, {}, world.now)
