"""Patterns on text made to keep them busy: the time they take is bounded, one by one and together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import process_time

import pytest

from lab.hostile_tcp import slow_lines
from lab.probe_run import look, surroundings
from lab.probe_server import serving
from probes.network.expect import Expect
from probes.network.http1 import Answer
from probes.network.json_path import JsonRule
from probes.network.pattern import ALL_SECONDS, SEARCH_SECONDS, Patience, search
from probes.network.tcp import Step, Tcp

SLOW, TEXT = "a.*a.*b", "a" * 500
"""Takes some hundredths of a second: not enough to be given up."""
SPARE = 0.1
"""Seconds for all else, and for how often the engine looks up."""


def spent(work: Callable[[], object]) -> float:
    began = process_time()
    with pytest.raises(RuntimeError, match="cannot judge"):
        work()
    return process_time() - began


def test_a_search_that_backtracks_without_end_is_given_up() -> None:
    assert spent(lambda: search("(a+)+b", "a" * 5000, "expect", Patience())) < SEARCH_SECONDS + SPARE


def test_searches_that_are_slow_one_by_one_share_a_bound() -> None:
    patience, ended = Patience(), []

    def many() -> None:
        for _ in range(1000):
            assert not search(SLOW, TEXT, "expect", patience)
            ended.append(True)

    assert spent(many) < ALL_SECONDS + SPARE
    assert len(ended) > 1, "one alone is not given up"


def test_what_takes_no_time_is_searched_for_as_often_as_need_be() -> None:
    patience = Patience()
    assert all(search("b$", "ab", "expect", patience) for _ in range(10_000))


@pytest.mark.parametrize(
    "expect",
    [
        Expect(body_matches=(f"{SLOW}|$", *(f"{SLOW}|{n}|$" for n in range(9)))),
        Expect(json={f"$[{n}]": JsonRule(matches=f"{SLOW}|$") for n in range(50)}),
    ],
    ids=["body", "json"],
)  # fmt: skip
def test_one_answer_is_judged_within_the_bound(expect: Expect) -> None:
    body = ('["' + '","'.join([TEXT] * 50) + '"]').encode()
    answer = Answer(status=200, version=1.1, fields=[(b"x-long", TEXT.encode())], body=body, whole=True)
    assert (
        spent(lambda: expect.judge(answer, body, whole=True, seconds=0.0, phases={}, name="shop"))
        < ALL_SECONDS + SPARE
    )


def test_a_talk_of_slow_lines_does_not_hold_the_others_up() -> None:
    async def go() -> float:
        async with serving(slow_lines) as port:
            with surroundings() as run:
                probe = Tcp(target=f"127.0.0.1:{port}", steps=(Step(expect=SLOW),))
                began = process_time()
                with pytest.raises(RuntimeError, match="cannot judge steps"):
                    await look(probe, run)
                return process_time() - began

    assert asyncio.run(go()) < ALL_SECONDS + SPARE
