"""What goes wrong with TLS by our own want: `unknown`, class `self`, and no word about the target."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lab.crew import check
from lab.probe_certificates import Authority
from lab.probe_run import finished
from lab.probe_server import serving
from monitor.engine.runner import Executors, run_once
from probes.api import OUR_FAULT, Metric, Probe, Reading, Run
from probes.network.connection import Connection, Family, resolve
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.network.tcp import Tcp
from probes.sample import ErrorClass, Outcome, Sample


class Wanting(ssl.SSLContext):
    """What shakes hands, but for want of something."""

    problem: Exception

    def wrap_socket(self, *args: Any, **options: Any) -> Any:
        raise self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """A probe that shakes hands by a context of the test."""

    KIND: ClassVar[str] = "handshake"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ()
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {}
    EXAMPLE: ClassVar[Mapping[str, object]] = {}

    target: str
    port: int
    problem: Exception

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        raise ValueError(url)

    async def probe(self, run: Run) -> Reading:
        address = await resolve(run, self.target, self.port, Family.ANY)
        context = Wanting(ssl.PROTOCOL_TLS_CLIENT)
        context.problem = self.problem
        with Connection(address, "it") as connection:
            await connection.connect(run, address)
            await connection.start_tls(run, context, "localhost")
        return Reading()


def refusal(number: int, reason: str | None, text: str) -> ssl.SSLError:
    """Return an error as the library tells it."""
    error = ssl.SSLError(number, text)
    error.reason = reason  # type: ignore[assignment]
    return error


async def silent(reader: Any, _writer: Any) -> None:
    await reader.read()


def sampled(probe: Callable[[int], Probe]) -> Sample:
    """Run a probe of this port as the daemon does."""

    async def go() -> Sample:
        async with serving(silent) as port:
            with Executors() as executors:
                return await run_once(check("x", probe(port)), executors, {})

    return finished(go, "uvloop")


@pytest.mark.parametrize(
    "problem",
    [
        *(pytest.param(OSError(one, os.strerror(one)), id=errno.errorcode[one]) for one in sorted(OUR_FAULT)),
        pytest.param(refusal(1, None, "[SSL] malloc failure (_ssl.c:1006)"), id="the library's own memory"),
    ],
)
def test_a_handshake_that_fails_for_want_of_something_says_nothing_of_the_target(problem: Exception) -> None:
    sample = sampled(lambda port: Handshake(target="127.0.0.1", port=port, problem=problem))
    assert (sample.outcome, sample.error) == (Outcome.UNKNOWN, ErrorClass.SELF), sample.message


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(OSError(errno.ECONNRESET, "Connection reset by peer"), id="broken off"),
        pytest.param(
            refusal(1, "INTERNAL_ERROR", "[SSL: INTERNAL_ERROR] internal error (_ssl.c:1006)"),
            id="its own error",
        ),
        pytest.param(
            refusal(errno.ENOMEM, None, "[SSL] unknown error (_ssl.c:1006)"),
            id="a number that means something else",
        ),
    ],
)
def test_what_the_target_does_to_a_handshake_is_its_own_fault(problem: Exception) -> None:
    sample = sampled(lambda port: Handshake(target="127.0.0.1", port=port, problem=problem))
    assert (sample.outcome, sample.error) == (Outcome.DOWN, ErrorClass.TLS)


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(lambda port, **files: Http(url=f"https://127.0.0.1:{port}/", **files), id="http"),
        pytest.param(lambda port, **files: Tls(target=f"127.0.0.1:{port}", **files), id="tls"),
        pytest.param(lambda port, **files: Tcp(target=f"127.0.0.1:{port}", tls=True, **files), id="tcp"),
    ],
)
@pytest.mark.parametrize("option", ["ca", "cert", "key"])
def test_a_file_of_ours_that_cannot_be_read_is_our_own_trouble_and_named(
    option: str, probe: Any, authority: Authority, tmp_path: Path
) -> None:
    ours = authority.ca.issue_cert("nightbell.example.com")
    cert, key, odd = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "odd.pem"))
    ours.cert_chain_pems[0].write_to_path(cert)
    ours.private_key_pem.write_to_path(key)
    Path(odd).write_text("rubbish")
    files = {"ca": authority.file, "cert": cert, "key": key} | {option: odd}
    sample = sampled(lambda port: probe(port, **files))
    assert (sample.outcome, sample.error) == (Outcome.UNKNOWN, ErrorClass.SELF)
    named = odd if option != "key" else cert
    assert sample.message.startswith("cannot run x: cannot load ")
    assert named in sample.message


SWEEP = """
import asyncio, os, resource, shutil, sys
from lab.crew import check
from monitor.engine.runner import Executors, run_once
from probes.network.handshake import Tls
from probes.network.http import Http

async def go(port, folder):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Executors() as executors:
        await asyncio.get_running_loop().run_in_executor(executors.host, int)
        for kind in (Http, Tls):
            for room in range(12):
                own = {name: shutil.copy(f"{folder}/{name}.pem", f"{folder}/{kind.KIND}-{room}-{name}.pem")
                       for name in ("ca", "cert", "key")}  # nothing of an earlier run is of use
                used = max(map(int, os.listdir("/proc/self/fd"))) + 1
                place = {"url": f"https://localhost:{port}/"} if kind is Http else {"target": f"localhost:{port}"}
                resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1 + room, hard))
                sample = await run_once(check("x", kind(**place, **own)), executors, {})
                resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
                print(kind.KIND, sample.outcome.value, sample.error and sample.error.value, sample.message, sep="\\t")

asyncio.run(go(int(sys.argv[1]), sys.argv[2]))
"""


def test_wherever_descriptors_run_out_on_the_way_to_a_server_nothing_is_said_of_it(
    authority: Authority, tmp_path: Path
) -> None:
    """With room for none, for one, and so on until all is well."""
    ours = authority.ca.issue_cert("nightbell.example.com")
    authority.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    ours.private_key_pem.write_to_path(str(tmp_path / "key.pem"))

    async def answer(reader: Any, writer: Any) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def go() -> str:
        async with serving(answer, tls=authority.server()) as port:
            told = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SWEEP, str(port), str(tmp_path), stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "lib")},
            )  # fmt: skip
            return (await told.communicate())[0].decode()

    lines = [line.split("\t") for line in finished(go).splitlines()]
    for kind in ("http", "tls"):
        seen = [tuple(line[1:3]) for line in lines if line[0] == kind]
        assert set(seen) == {("unknown", "self"), ("up", "None")}, lines
        assert seen[-1] == ("up", "None")
        assert len(seen) == 12
