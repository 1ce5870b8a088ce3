"""A store that cannot be opened yet: it is read as far as it can be, tried again, and nobody else gets in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from alerting.state import Changes, State
from lab.records import NOON, incident
from lab.store_files import FILLED, LEASE, MINUTES, filled, opens, told
from monitor.store.errors import Fault, StoreError
from monitor.store.lock import StoreLock
from monitor.store.store import Store
from monitor.store.thread import StoreThread


def hide(path: Path) -> None:
    path.rename(path.with_suffix(".hidden"))
    path.mkdir()


def show(path: Path) -> None:
    path.rmdir()
    path.with_suffix(".hidden").rename(path)


def test_a_store_that_cannot_be_opened_is_tried_again_and_recorded_in_when_it_can(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.db"
    filled(tmp_path)
    hide(path)

    async def story(store: StoreThread, state: State) -> None:
        assert store.problem is not None
        assert store.problem.fault is Fault.IO
        assert not any(state.records.values())
        assert state.numbers["INC"] >= MINUTES
        for work in (store.record(FILLED), store.check(NOON), store.claim("me", NOON, LEASE, 10)):
            with pytest.raises(StoreError, match="cannot open"):
                await work
        with pytest.raises(StoreError, match="is using it"):
            StoreLock.take(tmp_path)

        show(path)
        await opens(store)

        number = state.numbers["INC"] + 1
        await store.record(Changes(records=(incident(number),)))
        assert set((await store.load(NOON)).records[Incident]) == {"INC-1", f"INC-{number}"}

    unread, late = told(tmp_path, story)

    assert unread == "nothing that was recorded before this start can be read"
    assert late == "not taken up before the next start, for it was read too late: INC-1"
    assert not list(tmp_path.glob("*.corrupt-*"))


READ_ONLY = """
    import asyncio, sys
    from pathlib import Path
    from alerting.incidents.incident import Incident
    from lab.records import NOON, incident
    from alerting.state import Changes
    from monitor.store.errors import StoreError
    from monitor.store.thread import StoreThread

    async def story():
        home = Path(sys.argv[1])
        store = StoreThread(f"sqlite:///{home}/nightbell.db", home)
        await store.open()
        state = await store.load(NOON)
        try:
            await store.record(Changes(records=(incident(5),)))
        except StoreError as err:
            print(err.fault.value, *sorted(state.records[Incident]), *store.losses, sep="|", flush=True)
        sys.stdin.readline()
        while True:
            try:
                await store.record(Changes(records=(incident(5),)))
                break
            except StoreError:
                await asyncio.sleep(0.1)
        print(*sorted((await store.load(NOON)).records[Incident]), sep="|", flush=True)
        await store.close()

    asyncio.run(story())
"""


def logged(home: Path, *, index: bool) -> None:
    """Leave the files as a killed daemon does: the last commit is in the log alone."""
    whole = home / "whole"
    whole.mkdir()
    store = Store.open(f"sqlite:///{whole}/nightbell.db", whole)
    store.record(Changes(records=(incident(1),)))
    store._database.write_back()
    store.record(Changes(records=(incident(2),)))
    for name in ("nightbell.db", "nightbell.db-wal", *(["nightbell.db-shm"] if index else [])):
        shutil.copy(whole / name, home / name)
    store.close()
    shutil.rmtree(whole)
    (home / "nightbell.lock").touch()


@pytest.mark.parametrize("left", ["closed", "killed", "killed, without the index"])
def test_a_read_only_volume_is_read_and_written_again_when_it_can_be(left: str, tmp_path: Path) -> None:
    home = tmp_path / "state"
    home.mkdir()
    if left == "closed":
        store = Store.open(f"sqlite:///{home}/nightbell.db", home)
        store.record(Changes(records=(incident(1), incident(2))))
        store.close()
    else:
        logged(home, index=left == "killed")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(READ_ONLY))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    steps = (
        'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 9; '
        '"$2" "$3" "$1" <"$4" & exec 5>"$4"; read go; mount -o remount,bind,rw "$1"; echo go >&5; wait'
    )
    process = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", steps, "sh", str(home), sys.executable, str(script), str(fifo)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    first = process.stdout.readline().decode().strip()
    rest, _ = process.communicate(b"go\n", timeout=60)

    assert first in ("read_only|INC-1|INC-2", "io|INC-1|INC-2")
    assert rest.decode().strip() == "INC-1|INC-2|INC-5"


@pytest.mark.parametrize("which", ["file", "directory"])
def test_either_lock_keeps_a_second_daemon_out(which: str, tmp_path: Path) -> None:
    lock = StoreLock.take(tmp_path)
    if which == "directory":
        (tmp_path / "nightbell.lock").unlink()
    with pytest.raises(StoreError, match="another nightbell") as caught:
        StoreLock.take(tmp_path)
    assert caught.value.fault is Fault.TAKEN
    lock.release()
    StoreLock.take(tmp_path).release()
