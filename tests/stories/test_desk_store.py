"""A story written to a real store and read back is the story: nothing that still bears on decisions is lost."""

from __future__ import annotations

from pathlib import Path

from alerting.notification import Notification
from lab.desk_channels import Manner
from lab.desk_plans import above, after, check, level, plan, service
from lab.desk_records import recorded
from lab.desk_world import UP, World
from monitor.store.store import Store


def an_eventful_morning() -> World:
    """Return a world in which most kinds of things have happened, and several go on."""
    disk = check("disk", level("used", warning=above(0.8), critical=above(0.9), keep=5), part="mount")
    services = [service("shop", "web"), service("pay", "card", announce=after(5))]
    world = World(plan(check("web"), check("card"), disk, services=services))
    world.fails("web")
    world.acknowledge("li")
    world.works("web")
    world.pass_(minutes=8)
    world.channels["sms"] = Manner.LATER
    world.fails("card")
    world.sample("disk", UP, parts={"/": {"used": 0.95}, "/srv": {"used": 0.85}})
    world.silence(check="disk", minutes=60)
    world.unsilence(world.silence(check="web", minutes=60))
    world.pass_(minutes=7)
    world.sample("disk", UP, parts={"/": {"used": 0.5}, "/srv": {"used": 0.85}})
    world.fails("web", 2)
    return world


def test_a_state_read_back_from_the_store_is_the_state_that_was_recorded(tmp_path: Path):
    world = an_eventful_morning()
    url = f"sqlite:///{tmp_path}/nightbell.db"
    store = Store.open(url, tmp_path)
    try:
        assert store.record_all(world.log) == [None] * len(world.log)
    finally:
        store.close()
    store = Store.open(url, tmp_path)
    try:
        found = store.load(world.now)
        assert store.duplicates == 0
        assert [entry.id for entry in store.timeline("INC-1")] == [
            entry.id for entry in world.timeline if entry.incident == "INC-1"
        ]
    finally:
        store.close()
    kept = recorded(world.log, world.now)
    assert found.numbers == kept.numbers == world.state.numbers
    for kind, records in kept.records.items():
        assert found.records[kind].keys() == records.keys(), kind
        if kind is not Notification:  # of these delivery's own columns are true, and nothing was claimed here
            assert found.records[kind] == records, kind
