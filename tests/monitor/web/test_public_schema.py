"""The public schema over random states: nothing internal in it, never green on what is old or announced."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import config as configuration
from alerting.announcements.announcement import Announcement, AnnouncementState, Update
from alerting.state import Changes, State
from config.model import Config
from lab.web_daemon import SHOP, START
from monitor.web.public import status
from monitor.web.public.render import status_page
from monitor.web.public.schema import PublicState
from probes.sample import ErrorClass, Outcome, Sample

CANARIES = ("canary", "Canary", "10.99.99.99", "8443", "内部库")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Config:
    home = tmp_path_factory.mktemp("shop")
    (home / "nightbell.yaml").write_text(SHOP, encoding="utf-8")
    return configuration.load(home / "nightbell.yaml", env={}, state_dir=home / "state")


def samples_of(name: str) -> st.SearchStrategy[Sample | None]:
    return st.none() | st.builds(
        Sample,
        check=st.just(name),
        at=st.integers(-300, 0).map(lambda seconds: START + timedelta(seconds=seconds)),
        duration=st.just(0.1),
        outcome=st.sampled_from(Outcome),
        error=st.none() | st.sampled_from(ErrorClass),
        message=st.sampled_from(["", "cannot connect to canary-host"]),
    )


def announcements() -> st.SearchStrategy[Announcement]:
    updates = st.builds(
        Update,
        at=st.just(START),
        state=st.sampled_from(AnnouncementState),
        text=st.dictionaries(st.sampled_from(["zh", "en"]), st.text(max_size=20), max_size=2),
    )
    return st.builds(
        Announcement,
        id=st.integers(1, 9).map("A-{}".format),
        incident=st.just("INC-1"),
        services=st.lists(
            st.sampled_from(["checkout", "search", "database", "gone-canary"]), unique=True
        ).map(tuple),
        state=st.sampled_from(AnnouncementState),
        impact=st.sampled_from(["none", "degraded", "down", "canary"]),
        began_at=st.just(START),
        created_at=st.just(START),
        updates=st.lists(updates, max_size=3).map(tuple),
        expected_recovery_at=st.none() | st.just(START),
        next_update_at=st.none() | st.just(START + timedelta(hours=1)),
        published_at=st.none() | st.just(START),
        resolved_at=st.none() | st.just(START),
        withdrawn=st.booleans(),
        by=st.sampled_from(["", "canary"]),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_samples=st.fixed_dictionaries(
        {name: samples_of(name) for name in ("web-canary-check", "db-canary-check")}
    ),
    current=st.lists(announcements(), max_size=4),
    past=st.lists(announcements(), max_size=3),
)
def test_nothing_internal_is_public_and_nothing_stale_is_green(
    shop: Config, given_samples: dict[str, Any], current: list[Announcement], past: list[Announcement]
) -> None:
    state = State()
    state.apply(Changes(records=tuple(current)))
    samples = {name: sample for name, sample in given_samples.items() if sample is not None}
    page = status.page(shop, state, samples, past, START)

    told = str(asdict(page)) + status_page(page, "en")
    assert not any(canary in told for canary in CANARIES)
    assert {service.id for service in page.services} == {"checkout", "search"}
    public = {"checkout", "search"}
    for one in (*page.current, *page.past):
        assert set(one.services) <= public
    live = {one.id: one for one in state.records[Announcement].values() if isinstance(one, Announcement)}
    for one in page.current:
        assert live[one.id].published_at is not None
        assert not live[one.id].withdrawn
        assert set(live[one.id].services) & public or not live[one.id].services
    web = samples.get("web-canary-check")
    fresh = web is not None and web.outcome is Outcome.UP and START - web.at <= timedelta(seconds=60)
    for service in page.services:
        about = [
            one
            for one in page.current
            if service.id in one.services
            and one.impact in ("down", "degraded")
            and live[one.id].state is not AnnouncementState.SCHEDULED  # it is planned, and has not begun
        ]
        green = service.state is PublicState.OPERATIONAL
        assert green == (fresh and not about)
    assert (page.state is PublicState.OPERATIONAL) == all(
        service.state is PublicState.OPERATIONAL for service in page.services
    )


@given(st.text(st.characters(), max_size=50), st.integers(1, 30))
def test_cleaned_text_fits_html_and_xml(text: str, most: int) -> None:
    cleaned = status.clean(text, most)
    assert len(cleaned) <= most
    cleaned.encode("utf-8")
    assert all(letter in "\n\t" or letter >= " " for letter in cleaned)
    assert "\x7f" not in cleaned
