"""What Prometheus reads: valid in both formats whatever a name holds, and true to the last sample."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alerting.inputs import Acknowledge
from lab.scrapes import Series, of, read
from lab.tools import tool
from lab.web_daemon import WebDaemon, web_daemon
from monitor.metrics.exposition import Format
from monitor.metrics.scrape import Scraper
from probes.kinds import KINDS
from probes.sample import ErrorClass, Outcome

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


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


def promtool(body: bytes) -> list[str]:
    """Return what promtool complains of; a body it cannot read fails."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=30, check=False
    )
    told = (done.stdout + done.stderr).decode().split("\n")
    assert done.returncode in (0, 3), told
    return [line for line in told if line]


def within(home: Path, story: Callable[[WebDaemon], Awaitable[None]]) -> None:
    async def run() -> None:
        async with web_daemon(home, CONFIG) as daemon:
            await story(daemon)

    asyncio.run(run())


async def scrape(daemon: WebDaemon, form: Format = Format.TEXT, scraper: Scraper | None = None) -> Series:
    accept = OPENMETRICS if form is Format.OPENMETRICS else ""
    content_type, pieces = await (scraper or Scraper()).scrape(daemon, accept)
    body = b"".join(pieces)
    assert content_type == form.value
    assert body.endswith(b"# EOF\n") is (form is Format.OPENMETRICS)
    return read(body, form)


async def fill(daemon: WebDaemon) -> None:
    """Give every check a full sample: each metric its kind declares, some with parts."""
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
        _, pieces = await Scraper().scrape(daemon)
        assert promtool(b"".join(pieces)) == []

    within(tmp_path, story)


def test_of_no_kind_promtool_finds_anything_to_complain_of(tmp_path: Path) -> None:
    async def story() -> None:
        examples = {name: json.dumps({"probe": name, **kind.EXAMPLE}) for name, kind in KINDS.items()}
        checks = "".join(f"  a-{name}: {example}\n" for name, example in examples.items())
        async with web_daemon(tmp_path, f"host: off\nchecks:\n{checks}") as daemon:
            await fill(daemon)
            _, pieces = await Scraper().scrape(daemon)

        assert promtool(b"".join(pieces)) == []

    asyncio.run(story())


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


def test_stray_bytes_in_a_name_become_question_marks(tmp_path: Path) -> None:
    async def story(daemon: WebDaemon) -> None:
        values = {"size_bytes": 1.0}
        await daemon.sample("disks", parts={"/mnt/\udcff": values})
        series = await scrape(daemon)
        assert of(series, "node_filesystem_size_bytes", mountpoint="/mnt/?") == [1]

    within(tmp_path, story)
