"""The pipeline: decide, record, act, in this order and in the order in which things happened."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.incidents.incident import Incident
from alerting.inputs import Acknowledge, AddSilence, Escalate, Input, OpenTicket, Refused, Resolve, Tick
from alerting.notification import Kind, NotificationState
from alerting.state import Changes, State
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from lab.core_virtual import START, settle, virtually
from lab.core_world import SHOP, Core, core, within
from lab.records import incident
from lab.web_daemon import StandingClock
from monitor.recorder import BATCH, STORE_ANSWERS
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store
from probes.sample import Outcome


def ticket(number: int) -> OpenTicket:
    return OpenTicket(title=f"ticket {number}", ticket_class=TicketClass.GENERAL, by=None)


def test_answers_come_in_the_order_of_the_questions_and_all_of_them_are_recorded(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        numbers = await asyncio.gather(*(here.submit(ticket(number)) for number in range(BATCH * 2 + 7)))
        assert [int(number[2:]) for number in numbers] == list(range(1, BATCH * 2 + 8))
        titles = {one.id: one.title for one in (await here.store.page(Ticket, limit=1000)).items}
        assert titles["T-1000"] == "ticket 999"

    within(tmp_path, story, sending=False)


def test_what_comes_in_at_once_is_written_at_once(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.calls.clear()
        await asyncio.gather(*(here.submit(ticket(number)) for number in range(100)))
        assert here.store.calls.count("record_all") == 1

    within(tmp_path, story, sending=False)


def test_nothing_acts_before_it_is_recorded(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.open.clear()
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        asked = asyncio.create_task(here.submit(ticket(1)))
        await asyncio.sleep(STORE_ANSWERS / 2)
        assert not asked.done(), "answered before it is recorded"
        assert not here.providers["sms"].asked, "paged before it is recorded"
        assert not (await here.store.page(Incident)).items

        here.store.open.set()
        assert await asked == "T-2"  # the incident's own ticket came first
        [incident] = (await here.store.page(Incident)).items
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, NotificationState.ACCEPTED)
        assert here.providers["sms"].took[0].incident == incident.id

    within(tmp_path, story)


def test_while_the_store_fails_who_asks_hears_it_at_once_and_the_decision_waits(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        here.store.fails()
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            with pytest.raises(StoreError, match="disk is full"):
                await here.submit(Acknowledge(incident=number, by="li", via="api"))
        assert asyncio.get_running_loop().time() - began < 1
        assert "disk is full" in here.vitals.troubles["store"]
        assert "wait to be recorded" in here.vitals.troubles["records"]
        recorded = await here.store.get(Incident, number)
        assert recorded.acknowledgement is None
        assert here.incident(number).acknowledgement is not None, "deciding goes on"

        here.store.works()
        await asyncio.sleep(2)
        recorded = await here.store.get(Incident, number)
        assert recorded.acknowledgement is not None
        assert recorded == here.incident(number)
        assert not here.vitals.troubles

    within(tmp_path, story, sending=False)


def test_a_store_that_does_not_answer_stops_no_deciding_and_is_asked_once(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.calls.clear()
        here.store.open.clear()
        with pytest.raises(StoreError, match="does not answer"):
            await here.submit(ticket(1))
        for number in range(2, 5):
            with pytest.raises(StoreError, match="does not answer"):
                await here.submit(ticket(number))
            await asyncio.sleep(5)
        assert len(here.state.records[Ticket]) == 4, "deciding goes on"
        assert here.vitals.troubles["records"] == "4 decisions wait to be recorded"
        assert here.store.calls.count("record_all") == 1, "what is on its way is not handed over again"

        here.store.open.set()
        await asyncio.sleep(5)
        assert not here.vitals.troubles
        numbers = [one.id for one in (await here.store.page(Ticket)).items]
        assert numbers == ["T-4", "T-3", "T-2", "T-1"]
        assert here.store.calls.count("record_all") == 2

    within(tmp_path, story, sending=False)


def test_a_question_that_changes_nothing_does_not_hide_that_the_store_fails(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.vitals.troubles["store"] = "cannot write"
        await here.tick()
        assert here.vitals.troubles == {"store": "cannot write"}
        await here.submit(ticket(1))
        assert not here.vitals.troubles

    within(tmp_path, story, sending=False)


def test_decisions_made_while_the_store_fails_are_recorded_in_their_order(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.fails()
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        for number in range(5):
            with pytest.raises(StoreError):
                await here.submit(ticket(number))
            await asyncio.sleep(3)
        with pytest.raises(StoreError):
            await here.submit(Acknowledge(incident="INC-1", by="li", via="api"))
        here.sees("home")
        await asyncio.sleep(1)
        here.store.works()
        await asyncio.sleep(3)
        events = [entry.event for entry in await here.store.timeline("INC-1")]
        assert events.index("opened") < events.index("acknowledged") < len(events) - 1
        loaded = await here.store.load(here.clock.now())
        assert loaded.records[Incident] == here.state.records[Incident]
        assert loaded.records[Ticket] == here.state.records[Ticket]

    within(tmp_path, story, sending=False)


def test_of_a_group_none_is_written_after_one_the_store_could_not_write(tmp_path: Path) -> None:
    """A later decision that fits must not stand without the earlier one it builds upon."""
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    try:
        with store._database.read("measure") as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
        group = [
            Changes(records=(incident(1),)),
            Changes(records=(incident(2, title="x" * 200_000),)),
            Changes(records=(incident(3),)),
        ]
        outcomes = store.record_all(group)
        assert outcomes[0] is None
        assert [one.fault for one in outcomes[1:] if one] == [Fault.FULL, Fault.FULL]
        assert (store.get(Incident, "INC-2"), store.get(Incident, "INC-3")) == (None, None)
        with store._database.read("give room in") as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        assert store.record_all(group[1:]) == [None, None]
    finally:
        store.close()


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        number = await here.outage()
        await here.submit(Resolve(incident=number, by="li"))
        before = (dict(here.state.numbers), {kind: dict(rows) for kind, rows in here.state.records.items()})
        for bad in (
            Acknowledge(incident="INC-99", by="li", via="api"),
            Acknowledge(incident=number, by="li", via="api"),
            Escalate(incident=number, by=None),
        ):
            with pytest.raises(Refused):
                await here.submit(bad)
        after = (dict(here.state.numbers), {kind: dict(rows) for kind, rows in here.state.records.items()})
        assert before == after

    within(tmp_path, story, sending=False)


class Bomb(Tick):
    """An input nobody can decide on: the desk has no handler for it."""


def test_an_input_nobody_can_decide_on_is_isolated_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Core) -> None:
        first, bomb, second = await asyncio.gather(
            here.submit(ticket(1)), here.submit(Bomb()), here.submit(ticket(2)), return_exceptions=True
        )
        assert (first, second) == ("T-1", "T-2")
        assert isinstance(bomb, KeyError)
        assert "Bomb" in here.vitals.troubles["desk"]

    within(tmp_path, story, sending=False)
    assert "cannot decide on Bomb" in caplog.text


def test_a_decision_that_cannot_be_written_fails_alone_and_is_told(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        odd = replace(ticket(2), title="\ud800")
        first, bad, third = await asyncio.gather(
            here.submit(ticket(1)), here.submit(odd), here.submit(ticket(3)), return_exceptions=True
        )
        assert isinstance(bad, StoreError)
        assert bad.fault is Fault.REFUSED
        assert [first, third] == ["T-1", "T-3"]
        assert "could not be recorded" in here.vitals.troubles["desk"]
        assert "store" not in here.vitals.troubles

    within(tmp_path, story, sending=False)


def test_a_sample_of_a_check_a_reload_took_out_is_nobody_s_business(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        here.pipeline.plan = replace(here.config.plan, checks={}, services={})
        here.sees("home", Outcome.DOWN)
        await here.tick()
        assert here.vitals.troubles == {}

    within(tmp_path, story, sending=False)


def test_a_failure_not_yet_certain_is_looked_at_again_once_it_is_recorded(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.open.clear()
        here.sees("home")
        here.sees("home", Outcome.DOWN)
        await asyncio.sleep(1)
        assert here.again == []
        here.store.open.set()
        await here.tick()
        assert here.again == ["home"]

    within(tmp_path, story, sending=False, text=SHOP.replace("failures: 1", "failures: 3"))


DEPENDS = SHOP.replace("failures: 1", "failures: 3").replace(
    "checks: [home]", "checks: [home], depends_on: [cart]"
)


def test_what_a_failing_check_depends_on_is_looked_at_now_and_its_good_answer_lets_the_page_go(
    tmp_path: Path,
) -> None:
    async def story(here: Core) -> None:
        for name in ("home", "cart"):
            here.sees(name)
        here.sees("home", Outcome.DOWN)
        await here.tick()
        assert here.now_asked == ["cart"], "with the first failure already"
        for _ in range(2):
            await asyncio.sleep(5)
            here.sees("home", Outcome.DOWN)
            await here.tick()
        assert here.now_asked == ["cart", "cart"]
        assert not here.state.records[Incident], "it is held"
        here.sees("cart")
        await here.tick()
        assert len(here.state.records[Incident]) == 1
        here.sees("cart")
        decided = here.vitals.decided
        await asyncio.sleep(0.1)
        assert here.vitals.decided == decided, "nobody waits for it any more"

    within(tmp_path, story, sending=False, text=DEPENDS)


THINGS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["home", "cart"]), st.sampled_from([Outcome.UP, Outcome.DOWN])),
        st.sampled_from(
            ["ack INC-1", "ack INC-2", "resolve INC-1", "escalate INC-2", "silence", "tick", "rest"]
        ),
    ),
    max_size=40,
)


def word(thing: str) -> Input:
    verb, _, about = thing.partition(" ")
    ends = START + timedelta(hours=1)
    match verb:
        case "ack":
            return Acknowledge(incident=about, by="li", via="api")
        case "resolve":
            return Resolve(incident=about, by="han")
        case "escalate":
            return Escalate(incident=about, by=None)
        case "silence":
            return AddSilence(matchers={"check": "cart"}, author="li", reason="known", ends_at=ends)
        case _:
            return Tick()


async def told(home: Path, things: list[str | tuple[str, Outcome]], *, one_by_one: bool) -> State:
    """Hand things in, and return the state they lead to; it must be what is recorded. The clock stands."""
    async with core(home, sending=False, time=StandingClock(START)) as here:
        asked = []
        for thing in things:
            if isinstance(thing, tuple):
                here.sees(*thing)
            elif thing != "rest":
                asked.append(asyncio.create_task(here.submit(word(thing))))
                await asyncio.sleep(0)
            if one_by_one or thing == "rest":
                await asyncio.sleep(0.001)  # of the loop's time: all that was handed in is recorded then
        await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.sleep(0.001)
        loaded = await here.store.load(START)
        for kind in (Incident, Ticket):
            assert loaded.records[kind] == here.state.records[kind]
        assert "desk" not in here.vitals.troubles
        return here.state


@given(THINGS)
@settings(max_examples=50)
def test_whatever_comes_in_however_it_is_batched_the_state_is_as_if_decided_one_by_one(
    things: list[str | tuple[str, Outcome]],
) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        batched = virtually(lambda: told(Path(one), things, one_by_one=False))
        alone = virtually(lambda: told(Path(other), things, one_by_one=True))
    assert batched.records == alone.records
    assert batched.numbers == alone.numbers


def test_a_recovery_seen_before_the_failure_is_decided_is_not_lost(tmp_path: Path) -> None:
    """The store may take longer than an interval: what all is well says then is news all the same."""

    async def story(here: Core) -> None:
        here.sees("home")
        await here.tick()
        here.store.open.clear()
        asked = asyncio.create_task(here.submit(ticket(1)))
        await asyncio.sleep(STORE_ANSWERS / 4)
        here.sees("home", Outcome.DOWN)
        await asyncio.sleep(STORE_ANSWERS / 4)
        here.sees("home")
        here.store.open.set()
        await asked
        await here.tick()
        assert not any(state == "firing" for state in here.alerts().values())

    within(tmp_path, story, sending=False)


def test_pages_are_first_told_to_the_disk_and_then_to_people(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        await here.outage()
        [page] = here.told(Kind.PAGE)
        await here.becomes(page.id, NotificationState.ACCEPTED)
        [page] = here.told(Kind.PAGE)
        assert page.attempts == 1

    within(tmp_path, story)


def test_who_asks_while_the_daemon_stops_is_answered(tmp_path: Path) -> None:
    async def story(here: Core) -> None:
        here.store.open.clear()
        asked = asyncio.create_task(here.submit(ticket(1)))
        await asyncio.sleep(STORE_ANSWERS / 4)
        behind = asyncio.create_task(here.submit(ticket(2)))
        await asyncio.sleep(STORE_ANSWERS / 4)
        await settle(*here.tasks)
        for one in (asked, behind):
            with pytest.raises(StoreError, match="stopping"):
                await one
        with pytest.raises(StoreError, match="stopping"):
            await here.submit(ticket(1))

    within(tmp_path, story, sending=False)
