"""A queued notification becomes a finished message at the moment it leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerting.notification import Kind
from alerting.oncall.acknowledgement import read
from lab.core_parts import without_channel
from lab.core_world import shop
from lab.records import NOON, notification
from monitor.delivery.compose import compose

KEY = b"k" * 32


def test_a_page_carries_the_link_on_a_line_of_its_own_the_code_and_the_command(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    message = compose(notification(1, step="1.0"), plan, KEY, NOON)
    assert message is not None
    assert message.address == "+8613800000001"
    assert message.ack_url is not None
    assert message.ack_url in message.text.splitlines()
    assert "nightbell ack INC-1" in message.text
    claim = read(KEY, message.ack_url.rpartition("/")[2])
    assert claim is not None
    assert (claim.incident, claim.person, claim.step) == ("INC-1", "li", "1.0")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PAGE])
def test_only_pages_ask_for_an_acknowledgement(kind: Kind, tmp_path: Path) -> None:
    message = compose(notification(1, kind=kind), shop(tmp_path, {}).plan, KEY, NOON)
    assert message is not None
    assert message.ack_url is None
    assert "/ack/" not in message.text


def test_a_repeat_says_so_and_so_does_what_is_only_remembered(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    message = compose(notification(1, repeated=True), plan, KEY, NOON)
    assert message is not None
    assert message.text.startswith("This may be a repeat.\n")
    message = compose(notification(1), plan, KEY, NOON, remembered=True)
    assert message is not None
    assert message.text.startswith("Not recorded:")


def test_the_mark_is_in_the_reader_s_language(tmp_path: Path) -> None:
    plan = shop(tmp_path, {}).plan
    li = replace(plan.people["li"], language="zh")
    message = compose(notification(1, repeated=True), replace(plan, people={"li": li}), KEY, NOON)
    assert message is not None
    assert message.text.startswith("本消息可能重复。")
    assert "确认" in message.text


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(lambda plan: replace(plan, people={}), id="the person"),
        pytest.param(lambda plan: replace(plan, channels={}), id="the channel"),
        pytest.param(
            lambda plan: replace(plan, people={"li": replace(plan.people["li"], channels={})}),
            id="the address",
        ),
    ],
)
def test_without_an_address_there_is_no_message(gone, tmp_path: Path) -> None:
    assert compose(notification(1), gone(shop(tmp_path, {}).plan), KEY, NOON) is None


def test_an_audience_needs_no_address(tmp_path: Path) -> None:
    config = shop(tmp_path, {})
    row = notification(1, kind=Kind.ANNOUNCEMENT, channel="customers", to=None, texts={"en": "Sorry"})
    message = compose(row, config.plan, KEY, NOON)
    assert message is not None
    assert (message.address, message.to, message.texts) == ("", None, {"en": "Sorry"})
    assert compose(row, without_channel(config, "customers").plan, KEY, NOON) is None
