"""What Prometheus reads: valid in both formats whatever a name holds, and true to the last sample."""

from __future__ import annotations

import asyncio
import math
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from alerting.inputs import Acknowledge
from alerting.plan import CheckPlan
from config.model import Check
from lab.tools import tool
from lab.web_daemon import WebDaemon, web_daemon
from monitor.metrics.exposition import Family, Format, labels, number, quoted
from monitor.metrics.own import negotiate
from monitor.metrics.scrape import Scraper
from monitor.metrics.series import CheckSeries
from probes.api import Metric
from probes.sample import ErrorClass, Outcome, Sample
from probes.units import Unit

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NOW = datetime(2027, 1, 4, 8, 0, tzinfo=UTC)

CONFIG = """
site: {name: Shop, timezone: Asia/Shanghai}
host: off
defaults: {failures: 1, recover: 1}
checks:
  shop: {probe: http, url: "https://shop.example/health", labels: {team: web}}
  db:   {probe: tcp, target: "10.0.0.5:5432"}
  cpu:  {probe: cpu}
  disks: {probe: disk}
  uplink: {probe: bandwidth, interface: lo}
services:
  checkout: {title: Checkout, checks: [shop]}
people:
  li:  {name: Li, log: li}
  han: {name: Han, log: han}
rotas: {ops: {people: [li]}, night: {people: [han]}}
channels: {log: {notifier: log}}
"""

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(body: bytes, form: Format) -> Series:
    """Parse strictly; every series once."""
    parser: Any = openmetrics_parser if form is Format.OPENMETRICS else text_parser
    found: Series = {}
    names = []
    for family in parser.text_string_to_metric_families(body.decode()):
        names.append(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    assert len(names) == len(set(names)), "a family is torn apart"
    return found


def of(series: Series, name: str, **wanted: str) -> list[float]:
    return [value for (key, found), value in series.items() if key == name and set(wanted.items()) <= found]


def promtool(body: bytes) -> None:
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b""), (done.stdout + done.stderr).decode()


def within(home: Path, story: Callable[[WebDaemon], Awaitable[None]]) -> None:
    async def run() -> None:
        async with web_daemon(home, CONFIG) as daemon:
            await story(daemon)

    asyncio.run(run())


async def scrape(daemon: WebDaemon, form: Format = Format.TEXT, scraper: Scraper | None = None) -> Series:
    accept = OPENMETRICS if form is Format.OPENMETRICS else ""
    content_type, body = await (scraper or Scraper()).scrape(daemon, accept)
    assert content_type == form.value
    assert body.endswith(b"# EOF\n") is (form is Format.OPENMETRICS)
    return read(body, form)


async def fill(daemon: WebDaemon) -> None:
    """Give every kind of check a full sample: each metric it declares, some with parts."""
    for name, check in daemon.config.checks.items():
        kind = type(check.probe)
        values = dict.fromkeys(kind.METRICS, 0.5)
        parts = {"a": values, 'b"\\\n': values} if kind.PART else {}
        phases = {"connect": 0.01, "transfer": 0.02} if kind.KIND in ("http", "tcp") else {}
        await daemon.sample(name, values={} if parts else values, parts=parts, phases=phases)


def test_promtool_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        await fill(daemon)
        daemon.vitals.deliveries["log", "accepted", ""] = 3
        daemon.vitals.troubles["store"] = "full"
        await daemon.sample("shop", Outcome.DOWN, phases={"connect": 1.0})
        _, body = await Scraper().scrape(daemon)
        promtool(body)

    within(tmp_path, story)


@pytest.mark.parametrize("form", list(Format))
def test_both_formats_hold_the_same_series(tmp_path: Path, form: Format) -> None:
    async def story(daemon: WebDaemon) -> None:
        await fill(daemon)
        series = await scrape(daemon, form)
        assert of(series, "probe_success", check="shop", instance="shop.example", team="web") == [1]
        assert of(series, "probe_http_duration_seconds", check="shop", phase="connect") == [0.01]
        assert len(of(series, "probe_duration_seconds")) == 5
        assert of(series, "node_filesystem_size_bytes", mountpoint='b"\\\n') == [0.5]
        assert len(of(series, "nightbell_check_last_run_timestamp_seconds")) == 5
        assert of(series, "nightbell_checks") == [5]
        assert not any("bits" in name for name, _ in series), "Prometheus counts bytes"

    within(tmp_path, story)


def test_labels_that_would_clash_or_that_prometheus_cannot_carry_are_left_out() -> None:
    given = {"team": "web", "check": "mine", "device": "mine", "__a": "b", "bad-name": "x", "phase": "y"}
    body = written("h", "eth0", 1.0, Format.TEXT, label="shop", given=given)
    assert b'probe_success{check="shop",instance="h",team="web"} 1.0\n' in body
    assert b'nightbell_odd_level{check="shop",instance="h",team="web",device="eth0"} 1.0\n' in body


def test_our_own_unknown_is_no_word_about_the_target(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        await daemon.sample("shop", Outcome.UNKNOWN, error=ErrorClass.INTERNAL)
        await daemon.sample("db", Outcome.DOWN)
        series = await scrape(daemon)
        assert of(series, "probe_success", check="shop") == []
        assert of(series, "probe_success", check="db") == [0]
        assert of(series, "nightbell_check_trouble", check="shop", outcome="unknown", error="internal") == [1]
        assert of(series, "nightbell_check_trouble", check="db", outcome="down", error="connect") == [1]

    within(tmp_path, story)


def test_a_scrape_follows_the_samples_and_forgets_what_is_gone(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        scraper = Scraper()
        await fill(daemon)
        before = await scrape(daemon, scraper=scraper)
        assert await scrape(daemon, scraper=scraper) | _clock_series(before) == before | _clock_series(before)
        daemon.clock.pass_(10)
        await daemon.sample("shop", Outcome.DOWN)
        after = await scrape(daemon, scraper=scraper)
        assert of(after, "probe_success", check="shop") == [0]
        assert of(after, "probe_http_duration_seconds") == []
        assert of(after, "probe_success", check="db") == [1]
        checks = {name: check for name, check in daemon.config.checks.items() if name != "shop"}
        daemon.config = replace(daemon.config, checks=checks)
        assert of(await scrape(daemon, scraper=scraper), "probe_success", check="shop") == []

    within(tmp_path, story)


def _clock_series(series: Series) -> Series:
    """Those that differ from scrape to scrape whatever happens."""
    return {
        key: value
        for key, value in series.items()
        if key[0].startswith(("process_", "nightbell_outbox_oldest"))
    }


def test_an_outage_shows_in_alerts_incidents_tickets_and_the_outbox(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        quiet = await scrape(daemon)
        assert of(quiet, "nightbell_incidents_open", severity="critical", acknowledged="no") == [0]
        number = await daemon.outage("shop")
        loud = await scrape(daemon, Format.OPENMETRICS)
        assert of(loud, "nightbell_alerts", state="firing", severity="critical") == [1]
        assert of(loud, "nightbell_incidents_open", severity="critical", acknowledged="no") == [1]
        assert of(loud, "nightbell_tickets_open", **{"class": "urgent"}) == [1]
        assert of(loud, "nightbell_ticket_sla_left_seconds", **{"class": "urgent", "clock": "respond"}) == [
            3600
        ]
        assert of(loud, "nightbell_outbox_notifications", state="pending")[0] >= 1
        daemon.clock.pass_(90)
        assert of(await scrape(daemon), "nightbell_outbox_oldest_seconds") == [90]
        await daemon.submit(Acknowledge(incident=number, by="li", via="api"))
        answered = await scrape(daemon)
        assert of(answered, "nightbell_incidents_open", severity="critical", acknowledged="yes") == [1]
        assert of(answered, "nightbell_ticket_sla_left_seconds", clock="respond") == []
        assert of(answered, "nightbell_ticket_sla_left_seconds", clock="resolve") == [4 * 3600 - 90]

    within(tmp_path, story)


def test_the_daemon_tells_how_it_is_doing(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        vitals = daemon.vitals
        vitals.runs, vitals.skipped, vitals.lateness, vitals.loop_lag = 7, 2, 0.25, 0.5
        vitals.deliveries["mail", "failed", "timeout"] = 3
        vitals.reload_ok = False
        vitals.answered["public", 404] = 4
        series = await scrape(daemon)
        assert of(series, "nightbell_runs_total") == [7]
        assert of(series, "nightbell_runs_skipped_total") == [2]
        assert of(series, "nightbell_lateness_seconds") == [0.25]
        assert of(series, "nightbell_loop_lag_seconds") == [0.5]
        assert of(series, "nightbell_deliveries_total", channel="mail", state="failed", reason="timeout") == [
            3
        ]
        assert of(series, "nightbell_http_answers_total", listener="public", code="404") == [4]
        assert of(series, "nightbell_config_last_reload_successful") == [0]
        assert of(series, "nightbell_config_last_reload_success_timestamp_seconds") == [
            vitals.started_at.timestamp()
        ]
        assert of(series, "nightbell_on_call", rota="ops", person="li") == [1]
        assert of(series, "nightbell_on_call", rota="night", person="han") == [1]
        assert of(series, "nightbell_store_up") == [1]
        assert of(series, "nightbell_build_info")
        assert of(series, "process_resident_memory_bytes")[0] > 0
        assert of(series, "process_open_fds")[0] > 0
        await daemon.store.close()
        broken = await scrape(daemon)
        assert of(broken, "nightbell_store_up") == [0]
        assert of(broken, "nightbell_outbox_notifications") == []

    within(tmp_path, story)


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
        series = CheckSeries()
        await series.refresh({label: check}, plan, {label: sample})
        return await series.text(form)

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


def test_stray_bytes_in_a_name_become_question_marks(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        values = {"size_bytes": 1.0}
        await daemon.sample("disks", parts={"/mnt/\udcff": values})
        series = await scrape(daemon)
        assert of(series, "node_filesystem_size_bytes", mountpoint="/mnt/?") == [1]

    within(tmp_path, story)


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
    """Changed samples are written in slices; a scrape of unchanged ones only joins."""
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
        writing = asyncio.create_task(series.refresh(checks, plan, samples))
        while not writing.done():
            turns += 1
            await asyncio.sleep(0)
        text = await series.text(Format.TEXT)
        assert text.count(b"nightbell_odd_level{") == count
        assert text.count(b"# TYPE nightbell_odd_level") == 1
        await series.refresh(checks, plan, samples)
        assert await series.text(Format.TEXT) == text

    asyncio.run(run())
    assert turns >= count // 100
