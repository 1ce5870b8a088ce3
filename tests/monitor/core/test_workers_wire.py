"""What goes over the line between daemon and worker: whole in every kind and form, and nothing else is taken."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from types import GenericAlias
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter

from monitor.engine.counts import LATE, Counts
from monitor.engine.workers.wire import (
    ROW_BYTES,
    Again,
    Line,
    Note,
    Order,
    Watch,
    pack_order,
    pack_report,
    pack_sample,
    read_order,
    read_report,
)
from probes.kinds import KINDS
from probes.network.expect import Expect
from probes.network.http import Http
from probes.sample import ErrorClass, Outcome, Sample

texts = st.text(max_size=30)
numbers = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
values = st.dictionaries(texts, numbers, max_size=4)
samples = st.builds(
    Sample,
    check=st.just("home"),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    duration=st.floats(0, 1e6),
    outcome=st.sampled_from(Outcome),
    values=values,
    parts=st.dictionaries(texts, values, max_size=3),
    phases=values,
    error=st.none() | st.sampled_from(ErrorClass),
    message=texts,
    log=st.lists(texts, max_size=3).map(tuple),
)
EMPTY = pack_report([], Counts(), 0.0, [])


def order(probe: Any, **fields: Any) -> Order:
    usual: dict[str, Any] = {
        "number": 1, "name": "x", "every": 1.0, "timeout": 1.0, "retry_every": 1.0, "fingerprint": "f", "wait": 0.5,
    }  # fmt: skip
    return Order(probe=probe, **usual | fields)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in sorted(KINDS.items())])
def test_an_order_for_every_kind_of_probe_arrives_as_it_was(kind: type[Any]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(GenericAlias(tuple, (kind,)), config=ConfigDict(extra="forbid"))
    (probe,) = adapter.validate_python((dict(kind.EXAMPLE),))
    watch = Watch(gone=("y",), orders=(order(probe),), more=True)
    assert read_order(pack_order(watch)) == watch


def test_options_that_are_mappings_arrive_and_still_cannot_be_changed() -> None:
    expect = Expect(header={"A": "b"}, phases={"connect": 0.1})
    given = Watch(orders=(order(Http(url="http://a.example/", expect=expect)),))
    taken = read_order(pack_order(given))
    assert taken == given
    assert isinstance(taken, Watch)
    with pytest.raises(TypeError):
        taken.orders[0].probe.headers["x"] = "y"  # type: ignore[attr-defined]
    for again in (Again(names=("x",)), Again(names=("x",), at_once=True)):
        assert read_order(pack_order(again)) == again


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """A kind of probe as the daemon knows it, which still runs the version before an upgrade."""

    port: int
    prompt: str
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """The same after the upgrade, its fields in another order and its prompt doubled while it is made."""

    target: str | None = None
    prompt: str
    port: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", 2 * self.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wider:
    """The same with one field more, which even has a default."""

    port: int
    prompt: str
    target: str | None = None
    ending: str = "CRLF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The same with a field of another name."""

    port: int
    prompt: str
    host: str | None = None


def after_an_upgrade(cls: type[Any]) -> Watch | Again:
    """Read an order about an Older where `cls` has taken its place."""
    name = cls.__name__.encode()
    told = pack_order(Watch(orders=(order(Older(port=23, prompt="$", target="a")),)))
    assert len(name) == len(b"Older")
    assert told.count(b"Older") == 1
    return read_order(told.replace(b"Older", name))


def test_an_option_is_told_by_its_name_wherever_it_stands_in_another_version_and_as_it_was() -> None:
    taken = after_an_upgrade(Newer)
    assert isinstance(taken, Watch)
    probe: Any = taken.orders[0].probe
    assert (probe.port, probe.prompt, probe.target) == (23, "$", "a")


@pytest.mark.parametrize(
    ("cls", "differ"),
    [pytest.param(Wider, "ending", id="more"), pytest.param(Moved, "host, target", id="others")],
)
def test_what_has_other_fields_in_another_version_is_refused_with_the_way_out(
    cls: type[Any], differ: str
) -> None:
    with pytest.raises(ValueError) as refused:
        after_an_upgrade(cls)
    assert str(refused.value) == f"{cls.__name__} is another version's ({differ}): restart the daemon"


def test_an_order_itself_of_another_version_is_refused() -> None:
    told = pack_order(Watch(orders=(order(Older(port=23, prompt="$")),)))
    with pytest.raises(ValueError, match=r"Order is another version's \(retry_every, retry_overy\)"):
        read_order(told.replace(b"retry_every", b"retry_overy"))


@given(st.lists(samples, max_size=4))
def test_samples_arrive_as_they_were_and_in_their_order(given: list[Sample]) -> None:
    frame = pack_report([pack_sample(7, one) for one in given], Counts(), 0.0, [])
    report = read_report(frame, {7: "home"}.get)
    assert report.samples == tuple((7, one) for one in given)


def test_what_is_no_number_arrives_too() -> None:
    odd = {"a": math.nan, "b": math.inf}
    sample = Sample(check="home", at=datetime.now(UTC), duration=0.0, outcome=Outcome.UP, values=odd)
    [(_, taken)] = read_report(
        pack_report([pack_sample(7, sample)], Counts(), 0.0, []), {7: "home"}.get
    ).samples
    assert math.isnan(taken.values["a"])
    assert taken.values["b"] == math.inf


def test_halves_of_characters_keep_no_sample_from_arriving() -> None:
    sample = Sample(check="home", at=datetime.now(UTC), duration=0.0, outcome=Outcome.UP, message="a\ud800b")
    [(_, taken)] = read_report(
        pack_report([pack_sample(7, sample)], Counts(), 0.0, []), {7: "home"}.get
    ).samples
    assert taken.message == "a?b"


def test_a_sample_of_a_check_that_is_gone_is_left_out() -> None:
    sample = Sample(check="home", at=datetime.now(UTC), duration=0.0, outcome=Outcome.UP)
    frame = pack_report([pack_sample(7, sample), pack_sample(8, sample)], Counts(), 0.0, [])
    assert [number for number, _ in read_report(frame, {8: "home"}.get).samples] == [8]


def test_a_sample_that_is_far_too_long_loses_its_log_and_not_its_outcome() -> None:
    sample = Sample(
        check="home",
        at=datetime.now(UTC),
        duration=0.0,
        outcome=Outcome.DOWN,
        error=ErrorClass.BODY,
        message="m" * 5000,
        log=("l" * ROW_BYTES,),
    )
    row = pack_sample(7, sample)
    assert len(row) < 2000
    [(_, taken)] = read_report(pack_report([row], Counts(), 0.0, []), {7: "home"}.get).samples
    assert (taken.outcome, taken.error, taken.log) == (Outcome.DOWN, ErrorClass.BODY, ())


def test_counts_and_lines_for_the_log_arrive() -> None:
    counts, all_of_them = Counts(), Counts()
    counts.began(0.003)
    counts.began(20.0)
    counts.skipped = 4
    notes = [Note(level=logging.ERROR, name="nightbell.runner", text="cannot run x\nTraceback")]
    report = read_report(pack_report([], counts, 0.25, notes), {}.get)
    assert (report.counts, report.lag, list(report.notes)) == (counts, 0.25, notes)
    all_of_them.add(report.counts)
    all_of_them.add(report.counts)
    all_of_them.add(Counts())
    assert (all_of_them.runs, all_of_them.skipped, all_of_them.lateness) == (4, 8, 20.0)
    assert (all_of_them.late[0], all_of_them.late[len(LATE)], sum(all_of_them.late)) == (2, 2, 4)
    counts.clear()
    assert counts == Counts()


def spoilt(change: Any) -> bytes:
    """Return a report of one sample after `change` was made to its row."""
    sample = Sample(check="home", at=datetime.now(UTC), duration=0.0, outcome=Outcome.UP, values={"a": 1.0})
    rows, rest = json.loads(pack_report([pack_sample(7, sample)], Counts(), 0.0, []))
    change(rows[0])
    return json.dumps([rows, rest]).encode()


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="nested without an end"),
        pytest.param(b"{}", id="no report"),
        pytest.param(b"[[],[{},0,[]]]", id="no counts"),
        pytest.param(EMPTY.replace(b'"runs":0', b'"run":0'), id="unknown counts"),
        pytest.param(EMPTY.replace(b"[0,0,", b"[0,"), id="other bounds"),
        pytest.param(spoilt(lambda row: row.pop()), id="a row too short"),
        pytest.param(spoilt(lambda row: row.append(1)), id="a row too long"),
        pytest.param(spoilt(lambda row: row.__setitem__(0, [])), id="a number that is a list"),
        pytest.param(spoilt(lambda row: row.__setitem__(1, 1e300)), id="a time beyond the calendar"),
        pytest.param(spoilt(lambda row: row.__setitem__(1, math.nan)), id="a time that is none"),
        pytest.param(spoilt(lambda row: row.__setitem__(3, "fine")), id="an unknown outcome"),
        pytest.param(spoilt(lambda row: row.__setitem__(4, {"a": "1\n"})), id="a text among the values"),
        pytest.param(spoilt(lambda row: row.__setitem__(4, [1])), id="values without names"),
        pytest.param(spoilt(lambda row: row.__setitem__(7, "woe")), id="an unknown error"),
    ],
)
def test_what_is_no_report_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError):
        read_report(frame, {7: "home"}.get)


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_report_or_refused(frame: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_report(frame, {}.get)


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 40))
def test_frames_come_out_whole_however_they_are_cut_up(frames: list[bytes], size: int) -> None:
    taken: list[bytes] = []
    line = Line(taken.append, lambda: None, 1000)
    stream = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
    for begin in range(0, len(stream), size):
        line.data_received(stream[begin : begin + size])
    assert taken == frames
