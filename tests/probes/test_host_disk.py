"""File systems: which are measured, what df says of them, and what happens when one hangs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.probe_run import finished, look, observe, surroundings
from probes.api import ProbeFailed, Reading, Run
from probes.host.disk import Disk, on_own_thread, usage
from probes.host.mounts import choose, parse_mounts, read_table
from probes.sample import ErrorClass

TABLE = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 254:0 /srv/data /data rw - ext4 /dev/vda rw,discard
29 27 254:1 / /var/lib/with\040blank ro,relatime shared:5 master:2 - xfs /dev/vdb rw,attr2
30 27 254:2 / /boot rw - ext4 /dev/vdc ro
31 27 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
32 27 7:1 / /mnt/image rw - ext4 /dev/loop1 rw
33 27 0:30 / /run rw - tmpfs tmpfs rw
34 27 0:31 / /nfs rw - nfs4 server:/export rw
35 27 0:32 / /overlay rw - overlay overlay rw
36 27 254:3 / /data2 rw - ext4 /dev/vdd rw
37 27 254:4 / /data2 rw - xfs /dev/vde rw
not a line
"""


def paths(include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [mount.path for mount in choose(parse_mounts(TABLE), include=include, exclude=exclude)]


def test_disks_are_measured_once_and_local_ones_first() -> None:
    assert paths() == ["/", "/boot", "/data2", "/var/lib/with blank", "/nfs"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        pytest.param((), ("/boot", "/n*"), ["/", "/data2", "/var/lib/with blank"], id="excluded by pattern"),
        pytest.param(("/var/*",), (), ["/var/lib/with blank"], id="included by pattern"),
        pytest.param(("/*",), ("/*",), [], id="exclude beats a pattern"),
        pytest.param(("/run",), (), ["/run"], id="memory when named"),
        pytest.param(
            ("/snap/core/1", "/mnt/image"),
            ("/snap*",),
            ["/mnt/image", "/snap/core/1"],
            id="a plain path beats all",
        ),
        pytest.param(("/", "/data"), (), ["/", "/data"], id="both names of one file system when named"),
        pytest.param(("/s*",), (), [], id="a pattern does not bring in images"),
    ],
)
def test_options_choose_the_mount_points(
    include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    assert paths(include, exclude) == expected


def test_the_root_is_measured_even_when_it_is_a_layer() -> None:
    mounts = parse_mounts("1 0 0:50 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c")
    assert [mount.path for mount in choose(mounts, include=(), exclude=())] == ["/"]


def test_of_two_mounts_on_one_path_the_upper_counts() -> None:
    assert {mount.path: mount.type for mount in parse_mounts(TABLE)}["/data2"] == "xfs"


def test_a_file_system_is_read_only_by_its_own_flag_not_by_that_of_a_sandbox() -> None:
    read_only = {mount.path: mount.read_only for mount in parse_mounts(TABLE)}
    assert not read_only["/var/lib/with blank"]
    assert read_only["/boot"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        pytest.param(r"/a\040b", "/a b", id="blank"),
        pytest.param(r"/a\134b", "/a\\b", id="backslash"),
        pytest.param(r"/a\012b", r"/a\nb", id="newline"),
        pytest.param("/caf\udce9", r"/caf\xe9", id="not UTF-8"),
        pytest.param("/数据", "/数据", id="Chinese"),
    ],
)
def test_odd_names_become_printable(written: str, name: str) -> None:
    mount = parse_mounts(f"1 0 8:1 / {written} rw - ext4 /dev/sda rw")[0]
    assert mount.name == name
    assert name.encode("utf-8").decode("utf-8").isprintable()


@given(st.text(max_size=200))
def test_no_table_however_odd_is_a_traceback(text: str) -> None:
    choose(parse_mounts(text), include=("/",), exclude=("[",))


def test_the_kernels_own_table_is_read() -> None:
    assert "/" in {mount.path for mount in parse_mounts(read_table())}


def test_the_table_is_worked_out_again_only_when_it_has_changed() -> None:
    memory: dict[str, Any] = {"mounts": ("another table", [])}
    assert "/" in observe(Disk(), memory=memory).parts

    first = memory["mounts"]
    assert "/" in observe(Disk(), memory=memory).parts
    assert memory["mounts"][0] == read_table()
    assert memory["mounts"] is first or memory["mounts"][0] != first[0]


def test_the_used_share_is_what_df_shows() -> None:
    values = observe(Disk(include=("/",))).parts["/"]
    shown = subprocess.run(
        ["df", "--output=pcent,size,avail", "-B1", "/"], capture_output=True, text=True, check=True
    )
    percent, size, available = shown.stdout.split("\n")[1].replace("%", "").split()
    assert values["used_ratio"] * 100 == pytest.approx(float(percent), abs=1.01)  # df rounds up
    assert values["size_bytes"] == float(size)
    assert values["free_bytes"] == pytest.approx(float(available), rel=0.05)
    assert values["stuck"] == 0


@dataclass
class Stat:
    f_blocks: int = 1000
    f_bfree: int = 300
    f_bavail: int = 250
    f_frsize: int = 4096
    f_files: int = 100
    f_ffree: int = 25


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        pytest.param(
            Stat(),
            {
                "used_ratio": 700 / 950,
                "free_bytes": 250 * 4096,
                "size_bytes": 4096000,
                "inodes_used_ratio": 0.75,
            },
            id="root keeps some back",
        ),
        pytest.param(
            Stat(f_files=0, f_ffree=0),
            {"used_ratio": 700 / 950, "free_bytes": 250 * 4096, "size_bytes": 4096000},
            id="no limit of files",
        ),
        pytest.param(
            Stat(f_bavail=0, f_bfree=50),
            {"used_ratio": 1.0, "free_bytes": 0, "size_bytes": 4096000, "inodes_used_ratio": 0.75},
            id="full for programs",
        ),
        pytest.param(Stat(f_blocks=0, f_bfree=0, f_bavail=0), {}, id="no size at all"),
    ],
)
def test_blocks_kept_for_root_count_neither_as_used_nor_as_free(
    stat: Stat, expected: dict[str, float]
) -> None:
    assert usage(stat) == pytest.approx(expected)


def test_a_mount_point_written_out_that_is_not_mounted_is_down_and_the_others_are_still_measured() -> None:
    async def go() -> Reading | ProbeFailed | TimeoutError:
        with surroundings() as run:
            return await look(Disk(include=("/", "/nothing/mounted/here")), run)

    failure = finished(go)
    assert isinstance(failure, ProbeFailed)
    assert failure.error is ErrorClass.ASSERTION
    assert "/nothing/mounted/here" in failure.message
    assert failure.reading is not None
    assert "/" in failure.reading.parts


class Hanging:
    """Surroundings in which one call never returns until it is let go, as on a dead file server."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.asked = 0
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def offload(self, function: Any, /, *args: Any) -> Awaitable[Any]:
        if args == ("/",):
            self.asked += 1
            return self.answer
        return self.run.offload(function, *args)


def test_a_mount_that_hangs_stops_no_other_and_is_asked_again_only_after_it_answered() -> None:
    async def go() -> None:
        with surroundings() as outer:
            hanging = Hanging(outer)
            run = Run(offload=hanging.offload, resolve=outer.resolve)
            probe = Disk(include=("/", "/proc", "/dev/shm"), stuck_after=0.05)
            for _ in range(3):
                parts: Mapping[str, Mapping[str, float]] = (await probe.probe(run)).parts
                assert parts["/"] == {"stuck": 1.0}
                assert parts["/dev/shm"]["stuck"] == 0
            assert hanging.asked == 1
            assert any("not asked again" in line for line in run.lines)
            hanging.answer.set_result({"used_ratio": 0.5})
            assert (await probe.probe(run)).parts["/"]["used_ratio"] == 0.5
            assert hanging.asked == 2

    finished(go)


def test_a_deadline_in_the_middle_leaves_the_hanging_mount_marked() -> None:
    async def go() -> None:
        with surroundings() as outer:
            hanging = Hanging(outer)
            run = Run(offload=hanging.offload, resolve=outer.resolve)
            assert isinstance(
                await look(Disk(include=("/",), stuck_after=9.0), run, within=0.05), TimeoutError
            )
            assert (await Disk(include=("/",), stuck_after=0.05).probe(run)).parts["/"] == {"stuck": 1.0}
            assert hanging.asked == 1

    finished(go)


def test_a_file_system_with_an_error_is_stuck_and_one_that_vanished_is_dropped() -> None:
    def fail(failure: OSError) -> Any:
        async def go() -> Reading:
            with surroundings() as outer:
                hanging = Hanging(outer)
                hanging.answer.set_exception(failure)
                return await Disk(include=("/",)).probe(Run(offload=hanging.offload, resolve=outer.resolve))

        return finished(go).parts.get("/")

    assert fail(OSError(5, "Input/output error")) == {"stuck": 1.0}
    assert fail(FileNotFoundError(2, "No such file or directory")) is None
    assert fail(PermissionError(13, "Permission denied")) is None


def test_a_thread_of_its_own_brings_answers_and_errors_and_outlives_nobody() -> None:
    go_on = threading.Event()

    def wait(_path: str) -> dict[str, float]:
        go_on.wait(10)
        return {}

    async def go() -> None:
        assert await on_own_thread(lambda path: {"length": float(len(path))}, "/abc") == {"length": 4.0}
        with pytest.raises(OSError, match="Stale"):
            await on_own_thread(_stale, "/abc")
        on_own_thread(wait, "/abc")  # still hanging when the loop ends

    finished(go)
    go_on.set()


def _stale(_path: str) -> dict[str, float]:
    raise OSError(116, os.strerror(116))


@pytest.mark.parametrize("options", [{"include": ("data",)}, {"exclude": ("",)}, {"stuck_after": 0.0}])
def test_what_can_be_no_mount_point_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Disk(**options)
