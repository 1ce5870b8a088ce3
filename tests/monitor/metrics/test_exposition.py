"""How families, labels and numbers are written, whatever the names hold."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.plan import CheckPlan
from config.model import Check
from lab.scrapes import of, read
from monitor.metrics.exposition import Family, Format, labels, number, quoted
from monitor.metrics.own import negotiate
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
