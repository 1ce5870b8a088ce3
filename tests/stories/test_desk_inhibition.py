"""Inhibition: while one alert fires another is quiet, and says why."""

from __future__ import annotations

from dataclasses import replace

from alerting.alert import Alert
from alerting.incidents.incident import Incident
from alerting.incidents.inhibition import Inhibition
from alerting.inputs import AddMaintenance
from alerting.notification import Kind
from alerting.severity import Severity
from lab.desk_plans import above, check, level, plan
from lab.desk_world import World
from lab.mutes import work

UPLINK = Inhibition(source={"check": "uplink"}, target={"team": "web"}, equal=("site",))


def line(name: str, *thresholds, site: str = "a", **fields):
    """Return a check at a site, of the team web unless it is the uplink."""
    team = {} if name.startswith("uplink") else {"team": "web"}
    return check(name, *thresholds, labels={"site": site, **team}, **fields)


def two_lines(*more, rules=(UPLINK,), **fields) -> World:
    """Return a world in which the uplink mutes the web checks of its site."""
    return World(plan(line("uplink"), line("web"), *more, inhibitions=rules, **fields))


def incident_of(world: World, alert: str) -> Incident:
    """Return the newest word on an alert's incident."""
    found = world.find(Alert, alert).incident
    assert found is not None
    return world.find(Incident, found)


def test_what_fails_while_its_inhibitor_fires_is_quiet_with_the_reason():
    world = two_lines()
    world.fails("uplink")
    world.expects_page("li", says="uplink")
    world.acknowledge(minutes=600)
    world.fails("web")
    world.nobody_hears_for(minutes=60)
    assert incident_of(world, "web/down").quiet == "inhibited by uplink/down"


def test_what_was_paged_before_its_inhibitor_fires_goes_quiet():
    world = two_lines()
    world.fails("web")
    world.expects_page("li", says="web")
    world.fails("uplink")
    world.expects_page("li", says="uplink")
    world.acknowledge(incident="INC-2", minutes=600)
    world.nobody_hears_for(minutes=60)


def test_when_the_inhibitor_ends_what_still_fires_pages_after_two_minutes():
    world = two_lines()
    world.fails("uplink")
    world.expects_page("li")
    world.fails("web")
    world.works("uplink")
    world.expects(Kind.RECOVERY, "li")
    world.nobody_hears_for(minutes=1, seconds=49)
    world.pass_(seconds=2)
    world.expects_page("li", says="web")


def test_what_recovers_within_the_two_minutes_is_never_heard_of():
    world = two_lines()
    world.fails("uplink")
    world.expects_page("li")
    world.fails("web")
    world.works("uplink")
    world.expects(Kind.RECOVERY, "li")
    world.works("web")
    world.nobody_hears_for(minutes=30)


def test_what_comes_back_after_its_inhibitor_ended_pages_at_once():
    world = two_lines()
    world.fails("uplink")
    world.fails("web")
    world.works("uplink")
    world.works("web")
    world.ignore_messages()
    world.pass_(minutes=5)
    world.fails("web")
    world.expects_page("li", says="web")


def test_the_two_minutes_go_on_over_a_restart():
    world = two_lines()
    world.fails("uplink")
    world.expects_page("li")
    world.fails("web")
    world.restart()
    world.works("uplink")
    world.expects(Kind.RECOVERY, "li")
    world.restart(down_seconds=60)
    world.nothing_more()
    world.restart(down_seconds=60)
    world.expects_page("li", says="web")


def test_another_site_is_not_muted():
    world = two_lines(line("shop", site="b"))
    world.fails("uplink")
    world.expects_page("li", says="uplink")
    world.fails("shop")
    world.pass_(minutes=2)
    world.expects_page("li", says="shop")


def test_what_has_no_such_label_is_equal_to_nothing():
    world = two_lines(check("app", labels={"team": "web"}), check("uplink2"))
    world.fails("uplink")
    world.expects_page("li")
    world.fails("app")
    world.pass_(minutes=2)
    world.expects_page("li", says="app")


def test_a_silenced_inhibitor_mutes_nothing():
    world = two_lines()
    world.silence(check="uplink")
    world.fails("uplink")
    world.nothing_more()
    world.fails("web")
    world.expects_page("li", says="web")


def test_an_inhibitor_in_maintenance_mutes_nothing():
    world = two_lines()
    world.submit(AddMaintenance(work=work(world, checks=("uplink",))))
    world.fails("uplink")
    world.nothing_more()
    world.fails("web")
    world.expects_page("li", says="web")


def test_alerts_that_would_mute_each_other_are_all_loud():
    both = Inhibition(source={"team": "web"}, target={"team": "web"})
    world = two_lines(line("shop"), rules=(both,), bundle=None)
    world.fails("web")
    world.expects_page("li", says="web")
    world.fails("shop")
    world.expects_page("li", says="shop")
    world.pass_(seconds=1)
    assert {one.quiet for one in world.all(Incident)} == {""}


def test_a_rule_that_fits_an_alert_twice_does_not_mute_it_by_itself():
    world = World(
        plan(check("web"), inhibitions=(Inhibition(source={"check": "web"}, target={"check": "web"}),))
    )
    world.fails("web")
    world.expects_page("li")


def test_what_is_itself_muted_mutes_nothing_further():
    rules = (
        Inhibition(source={"check": "core"}, target={"check": "uplink"}),
        UPLINK,
    )
    world = two_lines(check("core"), rules=rules)
    world.fails("core")
    world.expects_page("li", says="core")
    world.fails("uplink")
    world.nothing_more()
    world.fails("web")
    world.pass_(minutes=2)
    world.expects_page("li", says="web")


def test_severity_is_matched_as_it_is_now():
    critical = Inhibition(source={"check": "disk", "severity": "critical"}, target={"check": "web"})
    disk = check("disk", level("used", warning=above(0.8), critical=above(0.9)))
    world = World(plan(disk, check("web"), inhibitions=(critical,)))
    world.sample("disk", used=0.85)
    world.deliver()
    world.ignore_messages()
    world.fails("web")
    world.expects_page("li", says="web")
    world.sample("disk", used=0.95)
    world.pass_(seconds=1)
    assert incident_of(world, "web/down").quiet == "inhibited by disk/used"
    world.sample("disk", used=0.85)
    world.ignore_messages()
    world.pass_(minutes=3)
    world.expects_page("li", says="web")
    assert incident_of(world, "disk/used").severity is Severity.WARNING


def test_a_rule_that_a_reload_brings_or_takes_away_holds_for_what_fires():
    world = two_lines(rules=())
    world.fails("uplink")
    world.acknowledge(minutes=600)
    world.fails("web")
    world.pass_(minutes=3)
    world.ignore_messages()
    world.reload(replace(world.plan, inhibitions=(UPLINK,)))
    world.nobody_hears_for(minutes=30)
    world.reload(replace(world.plan, inhibitions=()))
    world.nobody_hears_for(minutes=1, seconds=59)
    world.pass_(seconds=2)
    world.expects_page("li", says="web")
