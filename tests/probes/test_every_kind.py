"""What holds for every kind of probe. A new kind is tested here without another line."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from lab.hostile_http import hostile
from lab.name_server import name_server, zone
from lab.probe_certificates import Authority
from lab.probe_run import LOOPS, finished, look, surroundings
from probes.api import Metric, Probe, ProbeFailed, Reading
from probes.kinds import KINDS
from probes.sample import PHASES
from probes.units import Unit

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
UNIT_OF_NAME = {
    "_seconds": Unit.SECONDS,
    "_ratio": Unit.RATIO,
    "_bytes": Unit.BYTES,
    "_bits_per_second": Unit.BITS_PER_SECOND,
    "_bytes_per_second": Unit.BYTES_PER_SECOND,
}
PORTLESS = {"ping"}
NEEDS_A_NETWORK_OF_ITS_OWN = {"ping"}
"""What not every machine permits: these run in tests of their own."""
each_kind = pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=name) for name, kind in sorted(KINDS.items())]
)

each_kind_that_runs_here = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=name)
        for name, kind in sorted(KINDS.items())
        if name not in NEEDS_A_NETWORK_OF_ITS_OWN
    ],
)


def build(kind: type[Probe], options: Mapping[str, object]) -> Probe:
    """Decode options as the configuration does: unknown ones are refused."""
    # As the one item of a tuple, or pydantic would not let the options within options be strict as well.
    adapter: TypeAdapter[Any] = TypeAdapter(GenericAlias(tuple, (kind,)), config=ConfigDict(extra="forbid"))
    (probe,) = adapter.validate_python((dict(options),))
    assert isinstance(probe, Probe)
    return probe


@each_kind
def test_the_docstring_is_a_manual(kind: type[Probe]) -> None:
    manual = inspect.getdoc(kind) or ""
    assert re.match(r"[A-Z].*\.$", manual.splitlines()[0]), "the first line is a sentence"
    described = re.findall(r"^(\w+): ", manual, re.MULTILINE)
    options = [field.name for field in dataclasses.fields(kind) if field.init]  # type: ignore[arg-type]
    assert described == options, "one line for each option, in their order"


@each_kind
def test_the_class_is_frozen_slotted_and_by_keyword_only(kind: type[Probe]) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in dataclasses.fields(kind))


@each_kind
def test_the_example_builds(kind: type[Probe]) -> None:
    probe = build(kind, kind.EXAMPLE)
    assert probe.target is None or not kind.HOST, "what is measured on this machine has no other target"


@each_kind
def test_an_unknown_option_is_refused(kind: type[Probe]) -> None:
    with pytest.raises(ValidationError, match="xyzzy"):
        build(kind, {**kind.EXAMPLE, "xyzzy": 1})


def test_an_unknown_option_within_an_option_is_refused() -> None:
    with pytest.raises(ValidationError, match="body_contians"):
        build(KINDS["http"], {"url": "http://h/", "expect": {"body_contians": "ok"}})


@each_kind
def test_every_metric_has_a_name_a_unit_and_a_sentence(kind: type[Probe]) -> None:
    for name, metric in kind.METRICS.items():
        assert isinstance(metric, Metric)
        assert NAME.fullmatch(name)
        assert re.fullmatch(r"[A-Z0-9].*\.", metric.help), f"the help of {name} is a sentence"
        assert metric.exposed is None or re.fullmatch(r"(node|probe)_[A-Za-z0-9_]+", metric.exposed)
        for ending, unit in UNIT_OF_NAME.items():
            longer = [other for other in UNIT_OF_NAME if other.endswith(ending) and other != ending]
            if (
                name.endswith(ending)
                and not name.endswith(tuple(longer))
                and not name.endswith("_per_second")
            ):
                assert metric.unit is unit, f"the unit of {name} is in its name"


@each_kind
def test_the_table_knows_a_kind_by_its_own_name(kind: type[Probe]) -> None:
    assert KINDS[kind.KIND] is kind
    assert re.fullmatch(r"[a-z][a-z0-9-]*", kind.KIND)


def test_no_two_kinds_claim_one_scheme() -> None:
    schemes = [scheme for kind in KINDS.values() for scheme in kind.SCHEMES]
    assert len(schemes) == len(set(schemes))


@each_kind
def test_the_short_form_builds_or_is_refused(kind: type[Probe]) -> None:
    for scheme in kind.SCHEMES:
        port = "" if kind.KIND in PORTLESS else ":1234"
        assert (
            build(kind, kind.from_url(f"{scheme}://target.example.com{port}")).target == "target.example.com"
        )
    if not kind.SCHEMES:
        with pytest.raises(ValueError, match="no URL"):
            kind.from_url("scheme://CANARY")


OPTIONS: dict[str, dict[str, object]] = {
    "bandwidth": {"interface": "lo", "capacity": "1Gbit/s"},
    "dns": {"target": "127.0.0.1:{dns_port}", "name": "shop.example.com"},
    "http": {"url": "http://127.0.0.1:{port}/ok", "expect": {"status": 200, "body_contains": "ok"}},
    "tcp": {"target": "127.0.0.1:{port}"},
    "tls": {"target": "127.0.0.1:{tls_port}", "ca": "{ca}"},
    "unit": {"unit": "nginx"},
}
"""How to aim a kind at this machine, where its defaults do not."""


@pytest.fixture(autouse=True)
def systemd(systemctl: Path) -> None:
    """Stand in for systemd, which not every machine runs."""
    systemctl.write_text("#!/bin/sh\nprintf 'LoadState=loaded\\nActiveState=active\\n'\n")
    systemctl.chmod(0o755)


@contextlib.asynccontextmanager
async def targets(authority: Authority) -> AsyncIterator[dict[str, object]]:
    """Give what kinds are aimed at: a server, with TLS and without, and one of names."""
    knows = zone({"shop.example.com": ("192.0.2.1",)})
    async with hostile() as plain, hostile(tls=authority.server()) as secure, name_server(knows) as names:
        yield {"port": plain.port, "tls_port": secure.port, "ca": authority.file, "dns_port": names.port}


def aimed(kind: type[Probe], places: Mapping[str, object]) -> Probe:
    options = OPTIONS.get(kind.KIND, {})
    return build(kind, {k: v.format_map(places) if isinstance(v, str) else v for k, v in options.items()})


@each_kind_that_runs_here
@pytest.mark.parametrize("loop", LOOPS)
def test_a_reading_holds_declared_metrics_only(kind: type[Probe], loop: str, authority: Authority) -> None:
    async def go() -> list[Reading | ProbeFailed | TimeoutError]:
        async with targets(authority) as places:
            with surroundings() as run:
                probe = aimed(kind, places)
                readings = [await look(probe, run)]
                await asyncio.sleep(0.01)
                return [*readings, await look(probe, run)]

    for reading in finished(go, loop):
        assert isinstance(reading, Reading), reading
        names = set(reading.values).union(*reading.parts.values())
        assert names <= set(kind.METRICS)
        assert (kind.PART is None) == (not reading.parts)
        assert set(reading.phases) <= set(PHASES)
        numbers = [*reading.values.values(), *(v for part in reading.parts.values() for v in part.values())]
        assert numbers
        assert all(isinstance(number, float) and number == number for number in numbers)  # noqa: PLR0124


@each_kind_that_runs_here
@pytest.mark.parametrize("loop", LOOPS)
def test_a_cancelled_probe_ends_promptly(kind: type[Probe], loop: str) -> None:
    """Whatever it waits for, the surroundings or the network, it must let go at once and swallow nothing."""

    async def go() -> None:
        never = asyncio.get_running_loop().create_future()
        async with hostile() as server, name_server(lambda _: []) as silent:
            places = {"port": 0, "tls_port": server.port, "ca": None, "dns_port": silent.port}
            with surroundings() as run:
                run.offload = lambda *_: never  # type: ignore[method-assign,assignment]
                hanging = {
                    "http": {"url": server.url("/hang")},
                    "tcp": {"target": f"127.0.0.1:{server.port}", "expect": "x"},
                }
                probe = build(kind, hanging[kind.KIND]) if kind.KIND in hanging else aimed(kind, places)
                task = asyncio.get_running_loop().create_task(probe.probe(run))
                await asyncio.sleep(0.05)
                if task.done():  # some kinds never wait
                    task.result()
                    return
                task.cancel()
                async with asyncio.timeout(2):
                    with pytest.raises(asyncio.CancelledError):
                        await task

    finished(go, loop)


@each_kind_that_runs_here
def test_a_probe_keeps_its_memory_to_itself(kind: type[Probe], authority: Authority) -> None:
    """Two checks of one kind must not share what a rate is computed from."""

    async def go() -> tuple[Reading, Reading]:
        async with targets(authority) as places:
            probe = aimed(kind, places)
            with surroundings() as run:
                await probe.probe(run)
                await asyncio.sleep(0.01)
                await probe.probe(run)
            with surroundings() as other:
                fresh = await probe.probe(other)
            with surroundings() as third:
                return fresh, await probe.probe(third)

    fresh, again = finished(go)
    assert set(fresh.values) == set(again.values)
    assert {name: set(part) for name, part in fresh.parts.items()} == {
        name: set(part) for name, part in again.parts.items()
    }
