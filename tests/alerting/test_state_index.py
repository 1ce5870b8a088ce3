"""What a state knows to be about something is what a search through all its records finds."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from alerting.notification import Kind, Notification, NotificationState
from alerting.state import Changes, State, keys_of
from lab.desk_world import START

IDS = st.sampled_from(["N-1", "N-2", "N-3", "N-10"])
STATES = st.sampled_from(NotificationState)
STEPS = st.lists(
    st.tuples(st.booleans(), IDS, STATES, st.sampled_from(["li", "han"]), st.booleans(), st.booleans()),
    max_size=20,
)

LAST = (False, "N-3", NotificationState.ACCEPTED, "li", False, True)


def row(number: str, state: NotificationState, to: str, *, collected: bool) -> Notification:
    return Notification(
        id=number,
        kind=Kind.PAGE,
        dedup_key=number,
        channel="sms",
        to=to,
        title="",
        text="",
        created_at=START,
        not_before=START,
        not_after=START,
        by=("mail",),
        state=state,
        bundle="N-1" if collected else "",
        bundle_until=START if collected else None,
    )


@given(STEPS)
def test_what_is_put_beside_it_is_found_as_well(steps):
    state = State()
    for beside, number, now, to, collected, look in [*steps, LAST]:
        made = row(number, now, to, collected=collected)
        if beside:  # by whoever loads it
            state.records[Notification].setdefault(number, made)
        else:
            state.apply(Changes(records=(made,)))
        if not look:
            continue
        kept = state.records[Notification].values()
        for key in {key for one in kept for key in keys_of(one)}:
            assert set(state.about(Notification, key)) == {one.id for one in kept if key in keys_of(one)}


def test_a_state_filled_in_any_order_knows_the_oldest_first():
    state = State()
    for number in ("N-10", "N-2", "N-1"):
        made = replace(row(number, NotificationState.PENDING, "li", collected=False), incident="INC-1")
        state.records[Notification][number] = made
    assert list(state.about(Notification, "INC-1")) == ["N-1", "N-2", "N-10"]
