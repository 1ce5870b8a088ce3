"""Room is kept in advance: on a full volume records are written into it, and people hear that there is no more."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from alerting.state import Changes
from lab.records import NOON, incident
from monitor.store import reserve
from monitor.store.store import Store


def reserved(home: Path) -> tuple[Store, int]:
    store = Store.open(f"sqlite:///{home}/nightbell.db", home)
    steps = 0
    while store.reserve():
        steps += 1
    return store, steps


def free(store: Store) -> int:
    with store._database.read("ask") as connection:
        return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0) * 4096


def test_room_is_made_in_small_steps_once_and_for_all(tmp_path: Path) -> None:
    store, steps = reserved(tmp_path)
    free_first = free(store)
    log = (tmp_path / "nightbell.db-wal").stat().st_size
    store.close()
    size = (tmp_path / "nightbell.db").stat().st_size
    store, again = reserved(tmp_path)
    free_then = free(store)
    store.close()

    assert steps == reserve.ROOM // reserve.STEP + 1
    assert again == 0, "nothing is written where the room is there already"
    assert reserve.ROOM <= free_first <= reserve.ROOM + reserve.STEP
    assert free_then == free_first
    assert log >= reserve.LOG
    assert (tmp_path / "nightbell.db").stat().st_size == size


def test_a_kill_between_the_steps_leaves_nothing_behind_in_the_end(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    assert store.reserve()
    assert store.reserve()
    store.close()

    store, steps = reserved(tmp_path)
    with store._database.read("ask") as connection:
        left = connection.exec_driver_sql("SELECT key FROM meta WHERE key LIKE 'reserve%'").fetchall()
    store.close()

    assert steps == reserve.ROOM // reserve.STEP + 1 - 2
    assert left == []


FULL = """
    import os, sys
    from pathlib import Path
    from alerting.state import Changes
    from lab.records import NOON, incident
    from monitor.store.errors import StoreError
    from monitor.store.store import Store

    home = Path(sys.argv[1])
    store = Store.open(f"sqlite:///{home}/nightbell.db", home)
    if sys.argv[2] == "reserved":
        while store.reserve():
            pass
    filler = os.open(home / "filler", os.O_WRONLY | os.O_CREAT)
    block = b"x" * 4096
    try:
        while True:
            os.write(filler, block)
    except OSError:
        pass
    try:
        words = store.check(NOON)
    except StoreError:
        words = "cannot be written"
    written = 0
    try:
        for number in range(1, 20_000):
            store.record(Changes(records=(incident(number),)))
            written = number
    except StoreError as err:
        fault = err.fault.value
    else:
        fault = "none"
    print(written, fault, words, sep="|")
    os.close(filler)
    os.unlink(home / "filler")
    store.record(Changes(records=(incident(written + 1),)))
    print(len(store.load(NOON).records[type(incident(1))]))
    store.close()
"""


def on_a_small_volume(home: Path, *words: str) -> list[str]:
    """Run the script on a file system of 24 MB; return the lines it says."""
    script = home / "script.py"
    script.write_text(textwrap.dedent(FULL))
    volume = home / "volume"
    volume.mkdir()
    steps = 'mount -t tmpfs -o size=24m lab "$1" && exec "$2" "$3" "$1" "$4"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", steps, "sh", str(volume), sys.executable, str(script), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_full_volume_does_not_stop_recording_at_once(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    first, last = on_a_small_volume(tmp_path / "with", "reserved")
    bare, _ = on_a_small_volume(tmp_path / "without", "bare")
    written, fault, words = first.split("|")
    print("with the reserve:", first, "; without:", bare)

    assert int(written) >= 1500, "4 MB hold thousands of records"
    assert fault == "full"
    assert words == f"the volume of {tmp_path}/with/volume is full: 0 kB are left"
    assert int(last) == int(written) + 1
    assert int(bare.split("|")[0]) < 100, "else this shows nothing"


def test_a_volume_that_is_nearly_full_is_said_while_records_succeed(tmp_path: Path) -> None:
    store, _ = reserved(tmp_path)
    store.record(Changes(records=(incident(1),)))

    assert store.check(NOON) == ""
    store.close()
