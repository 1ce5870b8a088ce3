"""Who is told next: step by step, by hand, and never nobody where somebody can be reached."""

from __future__ import annotations

from alerting.inputs import Escalate
from alerting.notification import Kind
from lab.desk_plans import above, check, level, person, plan, step
from lab.desk_world import World


def internal_world(**fields) -> World:
    """Return a world without customers: one check that belongs to no service."""
    return World(plan(check("web"), **fields))


def test_an_escalation_by_hand_pages_the_next_step_at_once():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")


def test_who_has_acknowledged_can_still_call_the_next_one():
    world = internal_world()
    world.fails("web")
    world.expects_page("li")
    world.acknowledge("li")
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=20)


def test_calling_the_next_one_renews_the_acknowledgement():
    world = internal_world()
    world.fails("web")
    world.acknowledge("li")
    world.pass_(minutes=20)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.ignore_messages()
    world.nobody_hears_for(minutes=29)


def test_a_warning_can_be_escalated_by_hand_one_step_at_a_time():
    world = World(plan(check("disk", level("used", warning=above(0.8)))))
    world.sample("disk", used=0.85)
    world.deliver()
    world.ignore_messages()
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("li")
    world.nobody_hears_for(minutes=20)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=20)


def test_an_escalation_while_recovering_pages_and_keeps_the_clock_held():
    world = World(plan(check("web", level("load", critical=above(1), keep=30))))
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.sample("web", load=0.5)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.nobody_hears_for(minutes=10)
    world.sample("web", load=2.0)
    world.deliver()
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("wu")


def test_an_acknowledgement_that_lapses_while_it_recovers_begins_with_the_clock_held():
    world = World(plan(check("web", level("load", critical=above(1), keep=60))))
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.acknowledge("li")
    world.pass_(minutes=29)
    world.sample("web", load=0.5)
    world.pass_(minutes=2)
    world.expects(Kind.REMINDER, "li")
    world.nobody_hears_for(minutes=25)
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.nobody_hears_for(minutes=4, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("han")


def test_an_escalation_late_in_a_recovery_begins_its_next_round_as_if_no_time_had_passed():
    world = World(
        plan(
            check("web", level("load", critical=above(1), keep=60)),
            steps=(step("li"), step("han", minutes=5)),
        )
    )
    world.sample("web", load=2.0)
    world.deliver()
    world.expects_page("li")
    world.sample("web", load=0.5)
    world.nobody_hears_for(minutes=10)
    world.submit(Escalate(incident="INC-1", by="li"))
    world.deliver()
    world.expects_page("han")
    world.sample("web", load=2.0)
    world.nobody_hears_for(minutes=14, seconds=59)
    world.pass_(seconds=1)
    world.expects_page("li")


def test_a_step_that_names_only_people_told_already_costs_no_time():
    steps = (step("li"), step("li", minutes=5), step("wu", minutes=30))
    world = internal_world(steps=steps)
    world.fails("web")
    world.expects_page("li")
    world.pass_(minutes=5)
    world.expects_page("wu")
    world.nothing_more()


def test_a_step_with_nobody_goes_to_the_next_at_once():
    world = internal_world(steps=(step(rota="gone"), step("han", minutes=5)))
    world.fails("web")
    world.expects_page("han")
    world.nothing_more()


def test_a_policy_that_reaches_nobody_pages_the_fallback_and_again_with_every_repeat():
    world = internal_world(steps=(step(rota="gone"), step("nobody", minutes=5)))
    world.fails("web")
    world.expects_page("boss")
    world.nobody_hears_for(minutes=14)
    world.pass_(minutes=1)
    world.expects_page("boss")


def test_without_any_policy_the_fallback_is_paged():
    world = internal_world(steps=())
    world.fails("web")
    world.expects_page("boss")
    world.nobody_hears_for(minutes=14)
    world.pass_(minutes=1)
    world.expects_page("boss")


def test_an_incident_nobody_could_be_paged_for_pages_once_a_reload_brings_people():
    bare = plan(check("web"), steps=(), people=(), fallback=(), rotas={})
    world = World(bare)
    world.fails("web")
    world.nobody_hears_for(minutes=20)
    world.reload(plan(check("web")))
    world.expects_page("li")


def test_two_languages_each_person_reads_their_own():
    people = (person("li", "sms", language="zh-CN"), person("han", "sms"), person("wu", "sms", language="fr"))
    world = internal_world(people=people, steps=(step("li", "han", "wu"),), fallback=())
    world.fails("web")
    world.expects_page("li", says="故障现象")
    world.expects_page("han", says="What is wrong")
    world.expects_page("wu", says="What is wrong")
    world.works("web")
    world.expects(Kind.RECOVERY, "li", says="故障已解除")
