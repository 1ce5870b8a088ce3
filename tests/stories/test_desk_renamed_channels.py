"""A reload takes channels and addresses away while people are being told: what waits goes on by what there is now."""

from __future__ import annotations

from alerting.notification import Kind, NotificationState, Reason
from alerting.plan import Plan
from lab.desk_channels import Manner
from lab.desk_plans import channel, check, person, plan, step
from lab.desk_world import World

STEPS = (step("li"), step("han", minutes=30))


def plan_of(*channels: str, li: tuple[str, ...], by: tuple[str, ...] = ()) -> Plan:
    """Return a plan with those channels; li is reached by theirs, han by mail half an hour later."""
    return plan(
        check("web"),
        channels=[channel(name) for name in {"mail", *channels}],
        people=(person("li", *li), person("han", "mail")),
        steps=(step("li", by=by), STEPS[1]),
        fallback=(),
    )


def test_a_page_whose_only_channel_is_renamed_leaves_by_the_new_one_at_once():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("text", li=("text",)))
    world.pass_(seconds=1)
    world.expects_page("li", by="text")
    world.nobody_hears_for(minutes=28)
    world.works("web")
    world.expects(Kind.RECOVERY, "li", by="text")
    world.nothing_more()


def test_a_page_that_is_being_sent_meanwhile_goes_on_by_the_new_one_when_that_fails():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.HANG
    world.fails("web")
    world.reload(plan_of("text", li=("text",)))
    world.nobody_hears_for(seconds=19)
    world.pass_(seconds=40)
    world.expects_page("li", by="text")
    world.nothing_more()


def test_a_page_that_was_never_tried_goes_on_by_the_new_one():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.FULL
    world.fails("web")
    world.channels.clear()
    world.reload(plan_of("text", li=("text",)))
    world.expects_page("li", by="text")


def test_a_page_that_arrives_by_the_old_one_after_all_is_not_told_again():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.SLOW
    world.fails("web")
    world.reload(plan_of("text", li=("text",)))
    world.pass_(seconds=25)
    world.expects_page("li", by="sms")
    world.nobody_hears_for(minutes=29)


def test_where_another_channel_comes_after_it_that_one_is_asked_at_once():
    world = World(plan_of("sms", li=("sms", "mail")))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("text", li=("text", "mail")))
    world.pass_(seconds=1)
    world.expects_page("li", by="mail")
    world.nobody_hears_for(minutes=29)


def test_a_channel_the_step_names_that_lost_its_address_gives_way_to_the_others_of_that_person():
    world = World(plan_of("sms", "chat", li=("sms", "chat"), by=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("sms", "chat", li=("chat",), by=("sms",)))
    world.pass_(seconds=1)
    world.expects_page("li", by="chat")


def test_a_page_that_waits_on_a_channel_which_stays_is_left_to_its_next_try():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("sms", "text", li=("sms", "text")))
    assert [row.channel for row in world.rows.values()] == ["sms"]


def test_where_nothing_reaches_that_person_any_more_the_next_step_is_taken_with_the_next_try():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("text", li=()))
    world.pass_(minutes=2)
    world.expects_page("han", by="mail")


def test_a_notice_of_the_end_finds_the_new_channel_too():
    world = World(plan_of("sms", li=("sms",)))
    world.fails("web")
    world.expects_page("li", by="sms")
    world.channels["sms"] = Manner.LATER
    world.works("web")
    world.reload(plan_of("text", li=("text",)))
    world.pass_(minutes=2)
    world.expects(Kind.RECOVERY, "li", by="text")
    world.nothing_more()


def test_what_was_called_off_says_why():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.reload(plan_of("text", li=("text",)))
    old, new = world.rows.values()
    assert (old.state, old.reason) == (NotificationState.CANCELLED, Reason.NO_ADDRESS)
    assert new.channel == "text"


def test_over_a_restart_with_another_configuration_it_is_the_same():
    world = World(plan_of("sms", li=("sms",)))
    world.channels["sms"] = Manner.LATER
    world.fails("web")
    world.pass_(seconds=7)
    world.plan = plan_of("text", li=("text",))
    world.restart()
    world.pass_(seconds=1)
    world.expects_page("li", by="text")
