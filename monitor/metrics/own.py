"""Nightbell's own series: a few hundred at most, made by prometheus_client.

What must be asked for (the outbox) is asked first; then everything is collected in one go, without awaiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from alerting.alert import Alert, AlertState
from alerting.incidents.incident import Incident
from alerting.notification import NotificationState
from alerting.oncall.shifts import on_call
from alerting.severity import Severity
from alerting.sight import blind_since
from alerting.state import State
from alerting.tickets.terms import TicketClass
from alerting.tickets.ticket import Ticket
from monitor.daemon import Daemon
from monitor.engine.counts import LATE
from monitor.history.words import Figures
from monitor.metrics.exposition import Format, header, labels, number
from monitor.store.errors import StoreError
from monitor.store.page import OutboxStats
from probes.sample import Outcome

_IN_TEXT: Final = {"counter": ("_total", "counter"), "info": ("_info", "gauge")}
"""What the plain text format calls them: a suffix to the name of the family, and its kind."""
STORE_DEADLINE: Final = 2.0
"""Seconds the store has to tell how the outbox stands; without an answer it counts as down."""


async def ask(daemon: Daemon) -> OutboxStats | None:
    """Return how the outbox stands; None where the store does not say, which is itself a figure."""
    try:
        async with asyncio.timeout(STORE_DEADLINE):
            return await daemon.store.outbox_stats()
    except (StoreError, TimeoutError):
        return None


def negotiate(accept: str) -> Format:
    """Return the format that fits an Accept header."""
    try:
        _, content_type = choose_encoder(accept[:1000])
    except TypeError:  # a version that is no number
        return Format.TEXT
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def text(daemon: Daemon, outbox: OutboxStats | None, form: Format) -> str:
    """Return our own series, without the mark at the end."""
    return write((*_all(daemon, outbox), *_process().collect()), form)


def write(metrics: Iterable[Metric], form: Format) -> str:
    """Write gauges, counters, histograms and infos as prometheus_client does, which takes ten times as long: it
    looks at each letter of each help.
    """
    found = []
    for metric in metrics:
        suffix, kind = (
            _IN_TEXT.get(metric.type, ("", metric.type)) if form is Format.TEXT else ("", metric.type)
        )
        found.append(header(metric.name + suffix, kind, metric.documentation, form))
        for sample in metric.samples:
            given = f"{{{labels(sorted(sample.labels.items()))}}}" if sample.labels else ""
            found.append(f"{sample.name}{given} {number(float(sample.value))}\n")
    return "".join(found)


@cache
def _process() -> ProcessCollector:
    return ProcessCollector(registry=None)


def _gauge(name: str, text: str, values: Mapping[Any, float], names: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(f"nightbell_{name}", text, labels=names)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"nightbell_{name}", text, value=value)


def _count(name: str, text: str, values: Mapping[Any, float], names: tuple[str, ...]) -> Metric:
    family = CounterMetricFamily(f"nightbell_{name}", text, labels=names)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _all(daemon: Daemon, outbox: OutboxStats | None) -> Iterator[Metric]:
    now = daemon.clock.now()
    yield from _engine(daemon)
    yield from _eyes(daemon)
    yield from _going_on(daemon.state, now)
    yield from _remembered(daemon.sample_history.figures)
    yield from _sending(daemon, outbox, now)
    yield _duty(daemon, now)
    yield InfoMetricFamily("nightbell_build", "What is running.", value={"version": _version()})


def _engine(daemon: Daemon) -> Iterator[Metric]:
    vitals = daemon.vitals
    yield _one("checks", "Configured checks.", len(daemon.config.checks))
    yield _count("runs", "Runs of checks begun.", {(): vitals.runs}, ())
    yield _count(
        "runs_skipped",
        "Turns left out: the run before had not ended, or the daemon was held up.",
        {(): vitals.skipped},
        (),
    )
    yield _count("decisions", "Inputs decided upon.", {(): vitals.decided}, ())
    yield _one("lateness_seconds", "How late the last run began.", vitals.lateness)
    total, buckets = 0, []
    for bound, count in zip((*map(str, LATE), "+Inf"), vitals.late, strict=True):
        total += count
        buckets.append((bound, float(total)))
    yield HistogramMetricFamily(
        "nightbell_run_lateness_seconds",
        "How late runs began after they were due.",
        buckets=buckets,
        sum_value=vitals.late_seconds,
    )
    yield _one(
        "loop_lag_seconds",
        "How late the event loop was when last measured; of those of worker processes the latest.",
        max(vitals.loop_lag, *vitals.worker_lag.values(), 0.0),
    )
    yield _one("workers", "Worker processes that probe; 0 where the daemon does so itself.", vitals.workers)
    yield _count(
        "workers_restarted",
        "Worker processes started again after one had ended or hung.",
        {(): vitals.workers_restarted},
        (),
    )
    yield _one(
        "ready", "1 once checks are scheduled, listeners up and the store writable.", float(vitals.ready)
    )
    yield _gauge(
        "trouble",
        "1 for each part of the daemon that is in trouble.",
        {(part,): 1 for part in vitals.troubles},
        ("part",),
    )
    yield _one(
        "config_last_reload_successful", "1 unless the last reload was refused.", float(vitals.reload_ok)
    )
    yield _one("audit_findings", "What the last audit of open incidents found wrong.", vitals.findings)
    reloaded = vitals.reloaded_at or vitals.started_at
    yield _one(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration in force was loaded.",
        reloaded.timestamp(),
    )
    answered = {(listener, str(code)): count for (listener, code), count in vitals.answered.items()}
    yield _count("http_answers", "Answers by listener and status.", answered, ("listener", "code"))


def _eyes(daemon: Daemon) -> Iterator[Metric]:
    yield _one(
        "blind",
        "1 while every canary fails beside most remote checks, and nothing is said about those.",
        float(blind_since(daemon.state) is not None),
    )
    seen = {name: daemon.samples.get(name) for name in daemon.config.canaries}
    yield _gauge(
        "canary_up",
        "Whether the last run of a canary found it up.",
        {(name,): float(one.outcome is Outcome.UP) for name, one in seen.items() if one is not None},
        ("canary",),
    )


def _going_on(state: State, now: datetime) -> Iterator[Metric]:
    live = (AlertState.PENDING, AlertState.FIRING, AlertState.RECOVERING)
    alerts = {(which.value, severity.value): 0 for which in live for severity in Severity}
    incidents = {(severity.value, answer): 0 for severity in Severity for answer in ("no", "yes")}
    tickets = {(sort.value,): 0 for sort in TicketClass}
    left: dict[tuple[str, ...], float] = {}
    for alert in state.records[Alert].values():
        if isinstance(alert, Alert) and alert.state in live:
            alerts[alert.state.value, alert.severity.value] += 1
    for incident in state.records[Incident].values():
        if isinstance(incident, Incident) and incident.state.active:
            incidents[incident.severity.value, "yes" if incident.acknowledgement else "no"] += 1
    for ticket in state.records[Ticket].values():
        if isinstance(ticket, Ticket) and ticket.state.active:
            tickets[(ticket.ticket_class.value,)] += 1
            for clock, deadline in _clocks(ticket):
                key = (ticket.ticket_class.value, clock)
                left[key] = min(left.get(key, float("inf")), (deadline - now).total_seconds())
    yield _gauge("alerts", "Alerts by state and severity.", alerts, ("state", "severity"))
    yield _gauge("incidents_open", "Incidents not over yet.", incidents, ("severity", "acknowledged"))
    yield _gauge("tickets_open", "Tickets not resolved yet.", tickets, ("class",))
    yield _gauge(
        "ticket_sla_left_seconds",
        "Time until the first open ticket of a class misses its response or resolution target; negative after.",
        left,
        ("class", "clock"),
    )


def _remembered(figures: Figures) -> Iterator[Metric]:
    yield _one("history_bytes", "Size of the sample history.", figures.bytes)
    yield _one("history_pending_samples", "Samples not in the history's file yet.", figures.pending)
    if figures.oldest_raw is not None:
        yield _one(
            "history_oldest_sample_timestamp_seconds",
            "When the oldest sample was seen that is kept by itself.",
            figures.oldest_raw,
        )
    yield _count("history_samples", "Samples written to the history.", {(): figures.written}, ())
    yield _count("history_samples_lost", "Samples that could not be written.", {(): figures.lost}, ())
    yield _count("history_errors", "What went wrong with the history.", {(): figures.errors}, ())
    yield _count(
        "history_pruned_for_size",
        "Blocks of the history let go before their time because it had reached its size.",
        {(): figures.pruned_for_size},
        (),
    )


def _clocks(ticket: Ticket) -> Iterator[tuple[str, datetime]]:
    if ticket.responded_at is None:
        yield "respond", ticket.respond_by
    yield "resolve", ticket.resolve_by


def _sending(daemon: Daemon, outbox: OutboxStats | None, now: datetime) -> Iterator[Metric]:
    up = outbox is not None and "store" not in daemon.vitals.troubles
    yield _one("store_up", "1 while the store answers.", float(up))
    if outbox is not None:
        counts = {(state.value,): outbox.counts.get(state.value, 0) for state in NotificationState}
        yield _gauge("outbox_notifications", "Notifications in the store by state.", counts, ("state",))
        oldest = outbox.oldest_pending
        age = (now - oldest).total_seconds() if oldest else 0.0
        yield _one("outbox_oldest_seconds", "Age of the oldest notification still to be sent.", max(age, 0.0))
    yield _count(
        "deliveries",
        "Attempts to deliver by channel, what became of the notification and why.",
        daemon.vitals.deliveries,
        ("channel", "state", "reason"),
    )
    channels = daemon.vitals.channels
    yield _gauge(
        "channel_failing",
        "1 while the last attempt over a channel was not taken.",
        {(name,): float(one.failing_since is not None) for name, one in channels.items()},
        ("channel",),
    )
    yield _gauge(
        "channel_last_accepted_timestamp_seconds",
        "When a channel last took a message; the outward heartbeat is one.",
        {
            (name,): one.last_accepted_at.timestamp()
            for name, one in channels.items()
            if one.last_accepted_at is not None
        },
        ("channel",),
    )


def _duty(daemon: Daemon, now: datetime) -> Metric:
    on = {
        (rota.id, person): 1.0
        for rota in daemon.config.plan.rotas.values()
        for person in on_call(rota, now).people
    }
    return _gauge("on_call", "1 for each person on shift.", on, ("rota", "person"))


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("nightbell")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
