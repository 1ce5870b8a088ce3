"""How families, labels and numbers are written, whatever the names hold."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics

from alerting.plan import CheckPlan
from config.model import Check
from lab.scrapes import of, read
from monitor.metrics.exposition import Family, Format, labels, number, quoted
from monitor.metrics.own import negotiate, write
from monitor.metrics.series import CheckSeries
from probes.api import Metric
from probes.sample import Outcome, Sample
from probes.units import Unit

NOW = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)


def test_labels_that_would_clash_or_that_prometheus_cannot_carry_are_left_out() -> None:
    given = {"team": "web", "check": "mine", "device": "mine", "__a": "b", "bad-name": "x", "phase": "y"}
    body = written("h", "eth0", 1.0, Format.TEXT, label="shop", given=given)
    assert b'probe_success{check="shop",instance="h",team="web"} 1.0\n' in body
    assert b'nightbell_odd_level{check="shop",instance="h",team="web",device="eth0"} 1.0\n' in body


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param("", Format.TEXT, id="nothing"),
        pytest.param("*/*", Format.TEXT, id="anything"),
        pytest.param("text/plain", Format.TEXT, id="text"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2",
            Format.OPENMETRICS,
            id="Prometheus 3",
        ),
        pytest.param("application/openmetrics-text;version=abc", Format.TEXT, id="a version that is none"),
        pytest.param("application/openmetrics-text;version=" + "9" * 5000, Format.OPENMETRICS, id="endless"),
        pytest.param(",;=,;;==", Format.TEXT, id="nonsense"),
    ],
)
def test_the_format_is_negotiated(accept: str, form: Format) -> None:
    assert negotiate(accept) is form


class Odd:
    """A kind of probe whose metrics have every unit, with and without a name of somebody else's."""

    KIND: ClassVar = "odd"
    PART: ClassVar = "device"
    METRICS: ClassVar = {
        "speed_bits_per_second": Metric(unit=Unit.BITS_PER_SECOND, help='a "speed"\nin \\ two lines'),
        "seen": Metric(unit=Unit.COUNT, help="seen", exposed="node_odd_seen_total"),
        "level": Metric(unit=Unit.RATIO, help="level"),
    }

    def __init__(self, target: str | None) -> None:
        self.target = target


def written(
    target: str | None,
    part: str,
    value: float,
    form: Format,
    *,
    label: str = "x",
    given: dict[str, str] | None = None,
) -> bytes:
    """Return the lines of one check of the odd kind."""
    probe: Any = Odd(target)
    check = Check(name=label, probe=probe, every=10, timeout=5, retry_every=5, fingerprint="")
    plan: Any = SimpleNamespace(
        checks={
            label: CheckPlan(
                name=label, probe="odd", host="h", thresholds=(), labels=given or {"team": label}
            )
        }
    )
    values = {"speed_bits_per_second": value, "seen": 7.0, "level": value, "undeclared": 1.0}
    sample = Sample(
        check=label, at=NOW, duration=0.1, outcome=Outcome.UP, values=values, parts={part: values}
    )

    async def run() -> bytes:
        return b"".join(await CheckSeries().text({label: check}, plan, {label: sample}, form))

    return asyncio.run(run()) + (b"# EOF\n" if form is Format.OPENMETRICS else b"")


@pytest.mark.parametrize("form", list(Format))
def test_bits_become_bytes_and_a_total_is_a_counter(form: Format) -> None:
    body = written("h", "eth0", 80.0, form)
    series = read(body, form)
    assert of(series, "nightbell_odd_speed_bytes_per_second", device="eth0") == [10]
    assert of(series, "node_odd_seen_total", device="eth0") == [7]
    base = b"node_odd_seen" if form is Format.OPENMETRICS else b"node_odd_seen_total"
    assert b"# TYPE " + base + b" counter\n" in body
    assert not of(series, "nightbell_odd_undeclared")


TRICKY = 'a "b" in \\ two\nlines 两行'


@pytest.mark.parametrize("form", list(Format))
def test_our_own_series_are_written_as_their_library_writes_them(form: Format) -> None:
    gauge = GaugeMetricFamily("g", TRICKY, labels=("z", "a"))
    for count, value in enumerate((0.5, 1, math.inf, -math.inf, math.nan, 1.5e300, 1e6, -0.0)):
        gauge.add_metric((TRICKY, str(count)), value)
    metrics = (
        gauge,
        GaugeMetricFamily("empty", "nothing", labels=("a",)),
        GaugeMetricFamily("plain", "one", value=2),
        CounterMetricFamily("c", "count", value=1795719780.539839),
        CounterMetricFamily("labelled", "count", labels=("a",)),
        InfoMetricFamily("i", "info", value={"version": "1"}),
        HistogramMetricFamily("h", "many", buckets=[("0.1", 1.0), ("+Inf", 2.0)], sum_value=3.5),
    )

    class Given:
        def collect(self) -> Iterable[Any]:
            return metrics

    library: Any = openmetrics.generate_latest if form is Format.OPENMETRICS else generate_latest
    theirs, end = library(Given()).decode(), "# EOF\n" if form is Format.OPENMETRICS else ""
    ours = write(metrics, form)

    assert read_lines(ours + end) == read_lines(theirs)


def read_lines(text: str) -> list[tuple[str, str]]:
    """Return each line with its number as Python writes it: there are several ways to write the same."""
    lines = (
        line.rpartition(" ") if not line.startswith("#") else (line, "", "0") for line in text.splitlines()
    )
    return [(head, repr(float(value))) for head, _, value in lines]


NAMES = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    st.sampled_from(['x"} 1\nfake 2', "\\", '\\"', "\n", 'a"b', "{}", "#", "# EOF\n", "\\n", "名字"]),
)


@given(NAMES, NAMES, NAMES, st.floats(), st.sampled_from(list(Format)))
def test_no_name_and_no_number_breaks_out_of_its_line(
    target: str, part: str, label: str, value: float, form: Format
) -> None:
    series = read(written(target, part, value, form, label=label), form)
    found = of(series, "nightbell_odd_level", check=label, instance=target, device=part, team=label)
    assert len(found) == 1
    assert found[0] == value or (math.isnan(found[0]) and math.isnan(value))
    assert not any("fake" in name for name, _ in series)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, text: str) -> None:
    assert number(value) == text


def test_labels_and_help_are_escaped() -> None:
    assert labels({"a": 'x"\\\n'}) == 'a="x\\"\\\\\\n"'
    assert quoted("plain") == "plain"
    family = Family(name="a_total", help='a "b"\n')
    assert family.header(Format.TEXT) == '# HELP a_total a "b"\\n\n# TYPE a_total counter\n'
    assert family.header(Format.OPENMETRICS) == '# HELP a a \\"b\\"\\n\n# TYPE a counter\n'


@pytest.mark.parametrize("other", [0.000_388_430_999_009_87, math.inf, -math.inf, math.nan])
def test_durations_are_written_to_the_nanosecond_and_times_to_the_millisecond(other: float) -> None:
    at = datetime(2027, 1, 4, 8, 0, 0, 123_456, tzinfo=UTC)
    phases = [{"connect": 0.000_095_545_001_386_199_15}, {"connect": other}]
    body = all_written(
        [
            Sample(
                check=f"c{n}",
                at=at + n * timedelta(seconds=1.5),
                duration=0.1,
                outcome=Outcome.UP,
                phases=one,
            )
            for n, one in enumerate(phases)
        ]
    )
    assert 'nightbell_check_last_run_timestamp_seconds{check="c0",instance="h"} 1799049600.123\n' in body
    assert 'nightbell_check_last_run_timestamp_seconds{check="c1",instance="h"} 1799049601.623\n' in body
    assert (
        'nightbell_odd_phase_duration_seconds{check="c0",instance="h",phase="connect"} 0.000095545\n' in body
    )
    said = "0.000388431" if math.isfinite(other) else number(other)
    assert f'nightbell_odd_phase_duration_seconds{{check="c1",instance="h",phase="connect"}} {said}\n' in body
    assert 'probe_duration_seconds{check="c1",instance="h"} 0.100000000\n' in body


PARTS = st.sampled_from(("eth0", "50%", "%s", "100%%d"))
VALUES = st.dictionaries(
    st.sampled_from(("level", "seen", "speed_bits_per_second", "undeclared")), st.floats()
)


@given(st.lists(st.tuples(st.sampled_from(Outcome), VALUES, st.dictionaries(PARTS, VALUES)), max_size=12))
def test_among_many_checks_each_keeps_its_own_numbers(seen: list[tuple[Outcome, Any, Any]]) -> None:
    samples = [
        Sample(check=f"c{n}", at=NOW, duration=n / 8, outcome=outcome, values=values, parts=parts)
        for n, (outcome, values, parts) in enumerate(seen)
    ]
    series = read(all_written(samples).encode(), Format.TEXT)

    for one in samples:
        success = [] if one.outcome is Outcome.UNKNOWN else [float(one.outcome is Outcome.UP)]
        assert of(series, "probe_success", check=one.check) == success
        assert of(series, "probe_duration_seconds", check=one.check) == [one.duration]
        everywhere = [("", one.values), *one.parts.items()]
        for metric, name, factor in (
            ("level", "nightbell_odd_level", 1),
            ("speed_bits_per_second", "nightbell_odd_speed_bytes_per_second", 1 / 8),
        ):
            told = {
                dict(labels).get("device", ""): repr(value + 0.0)
                for (called, labels), value in series.items()
                if called == name and ("check", one.check) in labels
            }
            wanted = {
                part: repr(values[metric] * factor + 0.0) for part, values in everywhere if metric in values
            }
            assert told == wanted


def all_written(samples: list[Sample]) -> str:
    """Return the lines of samples of the odd kind."""
    probe: Any = Odd("h")
    checks = {
        one.check: Check(name=one.check, probe=probe, every=10, timeout=5, retry_every=5, fingerprint="")
        for one in samples
    }
    plan: Any = SimpleNamespace(checks={})
    by_name = {one.check: one for one in samples}
    return b"".join(asyncio.run(CheckSeries().text(checks, plan, by_name, Format.TEXT))).decode()


def test_labels_of_a_reload_take_the_place_of_the_former_ones() -> None:
    probe: Any = Odd("h")
    checks = {"c": Check(name="c", probe=probe, every=10, timeout=5, retry_every=5, fingerprint="")}
    samples = {"c": Sample(check="c", at=NOW, duration=0.1, outcome=Outcome.UP)}

    async def run() -> None:
        series = CheckSeries()
        for team in ("web", "db"):
            about = CheckPlan(name="c", probe="odd", host="h", thresholds=(), labels={"team": team})
            plan: Any = SimpleNamespace(checks={"c": about})
            for _ in range(2):
                body = b"".join(await series.text(checks, plan, samples, Format.TEXT))
                assert f'probe_success{{check="c",instance="h",team="{team}"}} 1.0\n'.encode() in body

    asyncio.run(run())


def test_many_checks_give_the_event_loop_its_turn() -> None:
    """Samples are written in slices."""
    probe: Any = Odd("h")
    count = 2_000
    checks = {
        f"c{n}": Check(name=f"c{n}", probe=probe, every=10, timeout=5, retry_every=5, fingerprint="")
        for n in range(count)
    }
    samples = {
        name: Sample(check=name, at=NOW, duration=0.1, outcome=Outcome.UP, values={"level": 0.5})
        for name in checks
    }
    plan: Any = SimpleNamespace(checks={})
    turns = 0

    async def run() -> None:
        nonlocal turns
        series = CheckSeries()
        writing = asyncio.create_task(series.text(checks, plan, samples, Format.TEXT))
        while not writing.done():
            turns += 1
            await asyncio.sleep(0)
        text = b"".join(writing.result())
        assert text.count(b"nightbell_odd_level{") == count
        assert text.count(b"# TYPE nightbell_odd_level") == 1
        assert b"".join(await series.text(checks, plan, samples, Format.TEXT)) == text

    asyncio.run(run())
    assert turns >= count // 100
