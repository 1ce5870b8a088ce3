"""Orders that a worker cannot read, as after an upgrade: it says so and ends, and the others go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from lab.crew import check, crewed, named
from lab.probe_run import finished
from probes.api import Metric, Reading, Run
from probes.network.tcp import Tcp
from probes.sample import ErrorClass, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A kind of probe that is known here alone: a worker does not find its module."""

    KIND: ClassVar[str] = "unknown"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {}
    EXAMPLE: ClassVar[Mapping[str, object]] = {}

    target: str | None = "127.0.0.1"

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        raise ValueError(url)

    async def probe(self, run: Run) -> Reading:
        raise NotImplementedError


def test_a_worker_that_cannot_read_its_orders_says_why_and_ends_again_and_again_while_the_others_go_on(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "nightbell.workers")
    some = named(*(check(f"c-{number}", Tcp(target="127.0.0.1:9"), every=0.2) for number in range(8)))
    odd = check("odd", Unknown(), every=0.2)

    async def story() -> None:
        async with crewed(2, {**some, "odd": odd}, absent=0.0) as at_work:
            seat = at_work.crew._seat("odd")
            lost = {*seat.posts}
            beside = {name: one for name, one in some.items() if name not in lost}
            assert beside
            assert len(lost) > 1
            await at_work.until(
                lambda: (
                    at_work.vitals.workers_restarted >= 2
                    and {one.check for one in at_work.samples if one.outcome is Outcome.UNKNOWN} == lost
                ),
            )
            unknown = [one.error for one in at_work.samples if one.outcome is Outcome.UNKNOWN]
            assert set(unknown) == {ErrorClass.SELF}
            assert not any(one.check in lost for one in at_work.samples if one.outcome is Outcome.DOWN)
            after = await at_work.next_of_each(beside)
            assert {one.error for one in after.values() if one.check in beside} == {ErrorClass.CONNECT}

            at_work.crew.watch(some)  # without the one nobody can read
            await at_work.until(lambda: not at_work.vitals.troubles and at_work.vitals.workers == 2)
            after = await at_work.next_of_each(some)
            assert {one.error for one in after.values()} == {ErrorClass.CONNECT}

    finished(story, "uvloop")
    pauses = re.findall(
        r"worker process \d of 2 is not running: it has ended with 65, as it cannot read its orders; "
        r"after an upgrade, restart the daemon; another is started in ([\d.]+) s",
        caplog.text,
    )
    assert pauses[:2] == ["0.5", "1"], "it is not started without a pause that grows"
    assert "ModuleNotFoundError: No module named" in capfd.readouterr().err
