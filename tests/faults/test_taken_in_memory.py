"""What people say while the store fails takes effect, is never called done, and may be forgotten by a kill -9."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from lab.disk import Locker
from lab.disk_lab import Lab
from lab.wait import until

MORE = {
    "{repeat: 12h}": "{after: 8s, page: [han]}, {repeat: 1m}",
    "people: {": "people: {han: {name: Han, channels: {pager: han}, language: en}, ",
}
LINK = re.compile(r"/ack/[\w-]+")


def test_an_acknowledgement_that_is_not_recorded_stops_paging_until_the_restart_and_says_so(
    tmp_path: Path, figures: Any
) -> None:
    with Lab(tmp_path) as lab:
        text = lab.daemon.file.read_text()
        for old, new in MORE.items():
            text = text.replace(old, new)
        lab.daemon.file.write_text(text)
        lab.begin()
        lab.down(lab.world.names[0])
        link = LINK.search(str(lab.providers.receipts()[0]["text"]))
        assert link is not None
        with Locker(lab.daemon.state / "nightbell.db"):
            answers = [lab.daemon.post(link[0], public=True) for _ in range(3)]
            command = lab.daemon.command("ack", "INC-1", "--by", "li")
            seen = lab.pages()
            time.sleep(10)
            assert lab.pages() == seen, "somebody is on it: nobody is paged"
            lab.daemon.kill()
        lab.daemon.start()
        kept = [one["acknowledged_by"] for one in lab.all("incidents")]
        until(lambda: lab.pages() > seen, within=90, why="what was forgotten pages again")

    statuses = [status for status, _ in answers]
    figures.record("pressed while the store is locked, then kill -9", n=3, promised=statuses.count(200))
    assert statuses == [503, 503, 503]
    assert all("but this is not recorded" in text and "may page again" in text for _, text in answers)
    assert command.returncode != 0
    assert "taken, but not recorded" in command.stderr
    assert kept == [None]
