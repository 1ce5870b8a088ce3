"""What a former process left: which of its messages may have arrived, and which certainly did not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from alerting.inputs import Interrupted, Tick
from alerting.notification import Notification, NotificationState
from alerting.state import State
from monitor.delivery.leaving import keys
from monitor.delivery.marks import Found, Marks
from monitor.landmark import Landmark, reached
from monitor.store.errors import Fault, StoreError
from monitor.store.thread import StoreThread

log = logging.getLogger("nightbell")

AGAIN: Final = 1.0
"""Seconds between two tries to have it recorded."""


def left_by(sending: Iterable[Notification], state: State, found: Found) -> Interrupted:
    """Weigh the rows a former process was `sending`, and those it may have sent from memory while the store failed.

    Rows the state does not hold any more are put there: what becomes of them is decided like everything else.
    """
    left = _weighed(sending, state, found)
    waiting = [row for row in _known(state) if row.state is NotificationState.PENDING]
    remembered = [row for row in waiting if found.may_have_left(row)]
    return Interrupted(
        notifications=(*left.notifications, *(row.id for row in remembered)),
        unsent=left.unsent,
        left_as=left.left_as,
        tried={**left.tried, **{row.id: found.tried(row) for row in remembered}},
    )


def _weighed(sending: Iterable[Notification], state: State, found: Found) -> Interrupted:
    sending = list(sending)
    for row in sending:
        state.records[Notification].setdefault(row.id, row)
    maybe = [row for row in sending if found.may_have_left(row)]
    unsure = {row.id for row in maybe}
    return Interrupted(
        notifications=tuple(row.id for row in maybe),
        unsent=tuple(row.id for row in sending if row.id not in unsure),
        left_as=keys(sending),
        tried={row.id: found.tried(row) for row in maybe},
    )


def _known(state: State) -> list[Notification]:
    return [row for row in state.records[Notification].values() if isinstance(row, Notification)]


class TakeOver:
    """Takes up what was left, and forgets the marks that tell of it once what follows from them is on the disk."""

    def __init__(
        self,
        *,
        store: StoreThread,
        state: State,
        marks: Marks,
        owner: str,
        submit: Callable[[Interrupted | Tick], Awaitable[str]],
    ) -> None:
        """`owner` is the name of this process in the claims it makes."""
        self._store = store
        self._state = state
        self._marks = marks
        self._owner = owner
        self._submit = submit
        self._asked = False
        self.done = False
        """True once nothing of it is left to do."""

    async def begin(self) -> None:
        """Take up what is known to have been left. Before anything is claimed."""
        try:
            sending = await self._store.interrupted()
            self._asked = self._store.problem is None  # else some may be missing
        except StoreError:  # said already; what was loaded is all that is known
            sending = [row for row in _known(self._state) if row.state is NotificationState.SENDING]
        await self._take_up(left_by(sending, self._state, self._marks.found), forget=self._asked)

    async def finish(self) -> None:
        """Go on until all is taken up and recorded; return at once where it is."""
        while not self.done:
            await asyncio.sleep(AGAIN)
            try:
                await self._go_on()
            except StoreError as problem:
                if problem.fault is Fault.CLOSED:
                    return
            except Exception:
                log.exception("cannot take up what a former process left")

    async def _go_on(self) -> None:
        if self._asked:
            await self._submit(Tick())  # what is recorded after it is on the disk after it
            self._forget()
        elif self._store.problem is None:
            rows = await self._store.interrupted(besides=self._owner)
            self._asked = True
            known = self._state.records[Notification]
            missed = [row for row in rows if _not_weighed(known.get(row.id))]
            await self._take_up(_weighed(missed, self._state, self._marks.found), forget=False)

    async def _take_up(self, left: Interrupted, *, forget: bool) -> None:
        count = len(left.notifications) + len(left.unsent)
        reached(Landmark.TAKE_OVER, str(count))
        if count:
            log.warning(
                "taking up %d notifications a former process was sending when it died, %d of them certainly not sent",
                count,
                len(left.unsent),
            )
            try:
                await self._submit(left)
            except StoreError as problem:
                log.error("what the start changes is recorded later: %s", problem)  # noqa: TRY400 - one line
                return
        if forget:
            self._forget()

    def _forget(self) -> None:
        self.done = True
        self._marks.begin()


def _not_weighed(known: object) -> bool:
    return not isinstance(known, Notification) or known.state in (
        NotificationState.SENDING,
        NotificationState.CANCELLED,
    )
