"""What may happen to a store: a kill, a full volume, a damaged or missing file. It is said, and nothing is lost."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.notification import Notification
from alerting.state import Changes
from lab.records import NOON, incident, notification
from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store

KILLS = 20
CHILD_SECONDS = 60


def child(code: str, *words: object, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a process that has a store; what it says comes back on its standard output."""
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, words)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    watch = threading.Timer(CHILD_SECONDS, process.kill)  # a child that hangs ends the wait for its words
    watch.daemon = True
    watch.start()
    return process


RECORD_FOR_EVER = """
    import os, sys
    from datetime import timedelta
    from itertools import count
    from pathlib import Path
    from alerting.state import Changes
    from lab.records import NOON, entry, incident, notification
    from monitor.store.store import Store

    directory, first = Path(sys.argv[1]), int(sys.argv[2])
    store = Store.open(f"sqlite:///{directory}/nightbell.db", directory)
    os.write(1, b"open\\n")
    for number in count(first):
        changes = Changes(
            records=(incident(number), notification(number, incident=f"INC-{number}")),
            entries=(entry(number, f"INC-{number}"),),
        )
        store.record(changes)
        os.write(1, b"%d\\n" % number)
        if number % 7 == 0:
            for row in store.claim("child", NOON, timedelta(seconds=20), 1):
                os.write(1, b"claimed %s\\n" % row.id.encode())
"""


def test_whatever_was_recorded_when_the_process_is_killed_is_there(tmp_path: Path) -> None:
    rng = random.Random(20270104)
    recorded: list[int] = []
    claimed: set[str] = set()
    first = 1
    for _ in range(KILLS):
        process = child(RECORD_FOR_EVER, tmp_path, first)
        assert process.stdout is not None
        wanted = rng.randint(1, 40)
        lines = [process.stdout.readline() for _ in range(wanted)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.stdout.close()
        process.wait(30)
        assert lines[0] == b"open\n"
        said = [line.decode().strip() for line in lines[1:] if line.endswith(b"\n")]
        recorded += [int(line) for line in said if line.isdecimal()]
        claimed |= {line.removeprefix("claimed ") for line in said if line.startswith("claimed")}
        first = max(recorded, default=0) + 2  # the next one may have been recorded without being told

    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    state = store.load(NOON)
    interrupted = {row.id for row in store.interrupted()}
    timelines = [store.timeline(f"INC-{number}") for number in recorded]
    whole = len(state.records[Incident]) == len(state.records[Notification])
    store.close()

    assert len(recorded) > KILLS
    assert {f"INC-{number}" for number in recorded} <= set(state.records[Incident])
    assert {f"N-{number}" for number in recorded} <= set(state.records[Notification])
    assert all(len(lines) == 1 for lines in timelines)
    assert claimed <= interrupted
    assert len(interrupted) <= len(claimed) + KILLS
    assert whole


def test_a_kill_while_the_store_is_made_leaves_one_that_opens(tmp_path: Path) -> None:
    rng = random.Random(7)
    for number in range(8):
        directory = tmp_path / str(number)
        process = child(RECORD_FOR_EVER, directory, 1)
        try:
            process.wait(rng.uniform(0.05, 0.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)

        Store.open(f"sqlite:///{directory}/nightbell.db", directory).close()


UNTIL_FULL = """
    import sys
    from pathlib import Path
    from alerting.state import Changes
    from lab.records import NOON, incident
    from monitor.store.errors import StoreError
    from monitor.store.store import Store

    directory = Path(sys.argv[1])
    store = Store.open(f"sqlite:///{directory}/nightbell.db", directory)
    for number in range(1, 10_000):
        try:
            store.record(Changes(records=(incident(number, title="x" * 5000),)))
        except StoreError as err:
            print(number - 1, err.fault.value, err, sep="|", flush=True)
            break
    assert store.load(NOON).numbers["INC"] == number - 1
    sys.stdin.readline()
    store.check(NOON)
    store.record(Changes(records=(incident(number),)))
    print(store.load(NOON).numbers["INC"], flush=True)
    store.close()
"""


def test_a_file_that_may_not_grow_is_said_and_used_again_when_it_may(tmp_path: Path) -> None:
    process = child(UNTIL_FULL, tmp_path, stdin=subprocess.PIPE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    assert process.stdout is not None
    last, fault, words = process.stdout.readline().decode().strip().split("|")
    assert fault in ("full", "io")
    assert words.startswith(f"cannot record to {tmp_path}/nightbell.db: ")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    said, _ = process.communicate(b"go on\n", timeout=60)

    assert process.returncode == 0
    assert int(said) == int(last) + 1
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    assert len(store.load(NOON).records[Incident]) == int(last) + 1
    store.close()


def test_a_file_that_vanished_is_said_and_not_written_past(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.db"
    store = Store.open(f"sqlite:///{path}", tmp_path)
    store.record(Changes(records=(incident(1),)))
    path.rename(tmp_path / "moved.db")

    for _ in range(2):
        with pytest.raises(StoreError, match="the file was removed or replaced") as caught:
            store.record(Changes(records=(incident(2),)))
        assert (caught.value.fault, caught.value.path) == (Fault.IO, path)
    with pytest.raises(StoreError):
        store.claim("me", NOON, timedelta(seconds=20), 10)

    assert not path.exists()
    store.close()


def test_a_file_put_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.db"
    store = Store.open(f"sqlite:///{path}", tmp_path)
    path.unlink()
    path.touch()

    with pytest.raises(StoreError, match="removed or replaced"):
        store.record(Changes(records=(incident(1),)))

    store.close()


def damaged(name: str, path: Path) -> None:
    """Do one kind of damage to a closed store's file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        if name == "header":
            file.write(b"\0" * 100)
        elif name == "schema page":
            file.seek(100)
            file.write(os.urandom(3900))
        elif name == "half":
            file.truncate(size // 2)
        elif name == "torn pages":
            for page in range(2, size // 4096):
                file.seek(page * 4096)
                file.write(b"\xff" * 512)
        elif name == "text":
            file.truncate(0)
            file.write(b"not a database\n" * 300)


@pytest.mark.parametrize("name", ["header", "schema page", "half", "torn pages", "text"])
def test_a_damaged_file_is_refused_by_name_with_the_cause(tmp_path: Path, name: str) -> None:
    path = tmp_path / "nightbell.db"
    store = Store.open(f"sqlite:///{path}", tmp_path)
    store.record(Changes(records=tuple(incident(number) for number in range(1, 200))))
    store.close()
    damaged(name, path)

    with pytest.raises(StoreError, match=rf"^cannot open {path}: ") as caught:
        Store.open(f"sqlite:///{path}", tmp_path)

    assert (caught.value.fault, caught.value.path) == (Fault.CORRUPT, path)
    path.rename(tmp_path / "aside")
    Store.open(f"sqlite:///{path}", tmp_path).close()


def test_no_flipped_bit_brings_more_than_a_plain_refusal(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.db"
    store = Store.open(f"sqlite:///{path}", tmp_path)
    store.record(Changes(records=tuple(one for n in range(1, 60) for one in (incident(n), notification(n)))))
    store.close()
    whole = path.read_bytes()
    rng = random.Random(1)
    refused = 0
    for _ in range(60):
        spoilt = bytearray(whole)
        for _ in range(8):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        for leftover in tmp_path.glob("nightbell.db*"):
            leftover.unlink()
        path.write_bytes(spoilt)
        try:
            store = Store.open(f"sqlite:///{path}", tmp_path)
        except StoreError:
            refused += 1
            continue
        try:
            store.load(NOON)
            store.record(Changes(records=(incident(1000), notification(1000))))
        except StoreError:
            refused += 1
        finally:
            store.close()

    assert refused > 0


@pytest.mark.parametrize("name", ["a directory", "a broken link", "a missing volume"])
def test_a_place_where_no_file_can_be_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / "nightbell.db"
    if name == "a directory":
        path.mkdir()
    elif name == "a broken link":
        path.symlink_to(tmp_path / "nowhere" / "x.db")
    else:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "nightbell.db"

    with pytest.raises(StoreError, match=rf"^cannot open {path}: ") as caught:
        Store.open(f"sqlite:///{path}", tmp_path)

    assert caught.value.fault is Fault.IO


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "nightbell.db").touch()

    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)

    assert store.load(NOON).numbers == {}
    store.close()


def test_a_state_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=rf"^cannot use {tmp_path}/file/state: Not a directory$"):
        Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path / "file" / "state")


def test_the_directory_is_free_again_after_close_and_after_a_refusal(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    with pytest.raises(StoreError, match="is using it") as caught:
        Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    assert caught.value.fault is Fault.TAKEN
    store.close()
    store.close()

    with pytest.raises(StoreError):
        Store.open("sqlite://", tmp_path)
    Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path).close()


def test_a_write_is_proved_by_writing_but_not_all_the_time(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    store.check(NOON)
    store.check(NOON + timedelta(seconds=1))
    with sqlite3.connect(tmp_path / "nightbell.db") as reader:
        proved = reader.execute("SELECT value FROM meta WHERE key = 'checked_at'").fetchall()
    reader.close()
    (tmp_path / "nightbell.db").rename(tmp_path / "moved.db")

    with pytest.raises(StoreError, match="removed or replaced"):
        store.check(NOON)

    assert proved == [(NOON.isoformat(),)]
    store.close()
