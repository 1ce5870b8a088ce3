"""The judge is judged: ledgers made by hand, one for each thing that can go wrong, and one where nothing did."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from alerting.oncall.acknowledgement import token
from lab.checker import Acknowledged, Message, Rules, Verdict, check, messages
from lab.world import Outage

RULES = Rules(now=1000.0, ways=(("pager", "li"), ("chat", "han")), must=10, may=1, deadline=60, stale=30)
OUTAGE = Outage(target="target-001", down_from=100.0, down_to=150.0)


def message(at: float, service: str = "pager", to: str = "li", **fields: Any) -> Message:
    known: dict[str, Any] = {
        "kind": "page",
        "key": f"{service} {to} 1",
        "incidents": frozenset({"INC-1"}),
        "targets": frozenset({"target-001"}),
        "steps": {"INC-1": "1.0"},
        "marked": False,
    }
    return Message(at=at, service=service, to=to, **(known | fields))


def end(at: float, service: str = "pager", to: str = "li", **fields: Any) -> Message:
    return message(at, service, to, **{"kind": "recovery", "key": f"end {service}", "steps": {}, **fields})


GOOD = (message(103), message(104, "chat", "han"), end(155), end(156, "chat", "han"))


def judged(*taken: Message, outages: tuple[Outage, ...] = (OUTAGE,), **rules: Any) -> Verdict:
    return check(outages, taken, replace(RULES, **rules))


def wrong(*taken: Message, outages: tuple[Outage, ...] = (OUTAGE,), **rules: Any) -> set[str]:
    return set(judged(*taken, outages=outages, **rules).wrong())


def test_one_page_and_one_all_clear_each_way_is_right():
    verdict = judged(*GOOD)

    assert verdict.wrong() == {}
    assert (verdict.judged, verdict.pages, verdict.duplicates) == (2, 2, [])


def test_an_outage_nobody_was_paged_for_is_lost():
    assert wrong() == {"lost"}
    assert judged(message(104, "chat", "han"), end(155, "chat", "han")).lost == [
        "target-001 down from 100.00: nothing by pager to li"
    ]


def test_a_page_for_the_outage_before_does_not_stand_for_this_one():
    again = Outage(target="target-001", down_from=400.0, down_to=450.0)

    assert len(judged(*GOOD, outages=(OUTAGE, again)).lost) == 2


def test_what_the_provider_dropped_for_its_key_told_nobody():
    assert wrong(message(103, again=True, marked=True), *GOOD[1:]) == {"lost"}


def test_an_outage_that_goes_on_has_to_be_paged_too():
    assert "lost" in wrong(outages=(replace(OUTAGE, down_to=None),))


def test_what_is_shorter_than_must_be_paged_is_not_lost():
    assert wrong(outages=(replace(OUTAGE, down_to=109.0),)) == set()


def test_a_page_after_the_deadline_is_late():
    taken = (message(161), message(104, "chat", "han"), end(195), end(196, "chat", "han"))

    assert wrong(*taken, outages=(replace(OUTAGE, down_to=190.0),)) == {"late"}


def test_the_same_message_again_is_a_duplicate_and_has_to_own_up_to_it():
    assert wrong(*GOOD, message(105)) == {"unmarked"}
    marked = judged(*GOOD, message(105, marked=True))
    assert marked.wrong() == {}
    assert len(marked.duplicates) == 1


def test_a_mark_on_the_first_does_not_excuse_the_second():
    assert wrong(message(103, marked=True), *GOOD[1:], message(105)) == {"unmarked"}


def test_an_all_clear_that_comes_twice_unmarked_is_found():
    assert wrong(*GOOD, end(160)) == {"unmarked"}


def test_one_step_under_two_keys_is_an_effective_duplicate():
    assert wrong(*GOOD, message(105, key="another", marked=True)) == {"effective"}


def test_a_second_step_within_one_outage_is_one_too_where_the_policy_has_one():
    second = message(105, key="another", steps={"INC-1": "2.0"})

    assert wrong(*GOOD, second) == {"effective"}
    assert wrong(*GOOD, second, steps=2) == set()


def test_a_page_that_comes_again_inside_another_bundle_is_an_effective_duplicate():
    both = frozenset({"target-001", "target-002"})
    bundle = message(
        120,
        key="bundle",
        incidents=frozenset({"INC-1", "INC-2"}),
        targets=both,
        steps={"INC-1": "1.0", "INC-2": "1.0"},
        marked=True,
    )
    found = wrong(*GOOD, bundle, outages=(OUTAGE, replace(OUTAGE, target="target-002")), steps=2)

    assert "effective" in found


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(message(99.0), id="before it was down"),
        pytest.param(message(103.0, targets=frozenset({"target-002"})), id="of a target that works"),
        pytest.param(message(181.0), id="long after the end"),
        pytest.param(message(103.0, targets=frozenset()), id="of nothing"),
    ],
)
def test_a_page_without_a_reason_is_false(page):
    assert "false" in wrong(page, *GOOD[1:])


def test_a_page_for_a_blip_is_false():
    assert "false" in wrong(*GOOD, outages=(replace(OUTAGE, down_to=100.5),))


def test_one_cause_with_two_incidents_is_a_leak():
    assert "leak" in wrong(
        *GOOD[:1],
        message(104, "chat", "han", incidents=frozenset({"INC-2"}), steps={"INC-2": "1.0"}),
        told=False,
    )


def test_a_bundle_of_two_causes_is_no_leak():
    both = {
        "incidents": frozenset({"INC-1", "INC-2"}),
        "targets": frozenset({"target-001", "target-002"}),
        "steps": {"INC-1": "1.0", "INC-2": "1.0"},
    }
    ended = {"incidents": both["incidents"], "targets": both["targets"]}
    taken = (
        message(103, **both),
        message(104, "chat", "han", **both),
        end(155, **ended),
        end(156, "chat", "han", **ended),
    )

    assert wrong(*taken, outages=(OUTAGE, replace(OUTAGE, target="target-002"))) == set()


def test_the_end_before_any_page_is_out_of_order():
    assert "order" in wrong(end(101), *GOOD)


def test_a_page_after_an_acknowledgement_is_out_of_order():
    ack = [Acknowledged(incident="INC-1", at=102.5)]

    assert set(check([OUTAGE], GOOD, RULES, [replace(ack[0], at=110.0)]).wrong()) == set()
    assert set(check([OUTAGE], GOOD, RULES, [replace(ack[0], at=101.0)]).wrong()) == {"order"}


def test_who_was_paged_and_never_hears_of_the_end_is_found():
    assert wrong(*GOOD[:3]) == {"untold"}
    assert wrong(*GOOD[:3], told=False) == set()


def link(*fields: str) -> str:
    packed = b"".join(bytes([len(field)]) + field.encode() for field in fields)
    return base64.urlsafe_b64encode(b"s" * 16 + packed).rstrip(b"=").decode()


def test_receipts_are_read_as_their_readers_would():
    text = (
        f"This may be a repeat.\nAcknowledge:\nhttp://127.0.0.1/ack/{link('INC-7', 'li', '2.1')}\n"
        "What is wrong:\n- target-042: answers 503"
    )
    line = {
        "n": 3,
        "at": 5.0,
        "service": "pager",
        "taken": True,
        "key": "k",
        "kind": "page",
        "to": "li",
        "incident": "INC-7",
        "title": "INC-7 critical: target-042",
        "text": text,
    }
    mail = line | {"kind": "mail", "title": "INC-7 recovered: target-042", "text": "All clear."}
    [page, notice] = messages([line, line | {"taken": False}, mail])

    assert (page.incidents, page.targets) == ({"INC-7"}, {"target-042"})
    assert (page.steps, page.marked, page.kind) == ({"INC-7": "2.1"}, True, "page")
    assert (notice.kind, notice.marked, notice.steps) == ("recovery", False, {})


@pytest.mark.parametrize("opened_at", [None, datetime(2027, 1, 4, tzinfo=UTC)])
def test_the_step_is_read_from_the_links_as_the_daemon_makes_them(opened_at: datetime | None):
    link = f"https://status.shop.example/ack/{token(b'k' * 32, 'INC-7', 'li', '2.1', opened_at)}"
    [one] = messages(
        [{"at": 1.0, "service": "chat", "taken": True, "kind": "page", "text": f"INC-7\n{link}\n"}]
    )

    assert one.steps == {"INC-7": "2.1"}
