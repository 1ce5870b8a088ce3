"""All hostile targets at once, for as long as told, against the real daemon in a network of its own.

    unshare -rmn python -m lab.hostile_run HOME SECONDS EVERY TIMEOUT DEAD

prints one JSON object: what every sample of every check came to, how long the daemon's loop stood still at most, and
by how much its memory grew. DEAD is how many further checks there are of one host that nobody finds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from lab.daemon import Nightbell
from lab.hostile_servers import served
from lab.hostile_targets import Target, dead, targets
from lab.prober import Prober
from lab.wait import until

NETWORK: Final = """
ip link set lo up
ip link add near type veth peer name far
ip link set near arp off
ip link set near up
ip link set far up
ip address add 10.66.0.1/24 dev near
ip -6 address add 2001:db8:66::1/64 dev near nodad
ip route add unreachable 10.77.0.0/16
"""
"""What is sent to `near` arrives nowhere: its other end takes none of it for its own."""

CONFIG: Final = """
host: off
defaults: {{every: {every:g}s, timeout: {timeout:g}s, retry_every: {every:g}s, group_by: check}}
checks:
{checks}
"""

SETTLE: Final = 0.05
"""Share of the time after which memory is measured for the first time, but not before all have run twice."""
COURSE: Final = 20
"""So often the memory is written down on the way."""


def alone(home: Path) -> None:
    """Make the network, and point the resolver at the hostile name server."""
    for line in NETWORK.strip().splitlines():
        subprocess.run(line.split(), check=True, timeout=10)
    resolver = home / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True, timeout=10)


class Seen:
    """Every sample of every check, each once."""

    def __init__(self, watched: Iterable[Target]) -> None:
        self._targets = {one.name: one for one in watched}
        self._samples: dict[str, dict[str, str]] = {name: {} for name in self._targets}
        self.wrong: list[tuple[str, str, str]] = []
        """Check, what came of it instead, and the message; no more than a hundred."""
        self.wrongs = 0

    def look(self, items: Iterable[dict[str, Any]]) -> None:
        """Take the last sample of each check."""
        for item in items:
            samples = self._samples[item["name"]]
            if item["at"] is None or item["at"] in samples:
                continue
            target = self._targets[item["name"]]
            samples[item["at"]] = f"{item['outcome']}({item['error']})"
            if not target.fits(item["outcome"], item["error"], first=len(samples) <= 2):
                self.wrongs += 1
                if len(self.wrong) < 100:
                    self.wrong.append((item["name"], samples[item["at"]], item["message"]))

    def of(self, name: str) -> Mapping[str, str]:
        """Return the samples of one check, by when they began."""
        return self._samples[name]

    @property
    def names(self) -> list[str]:
        return list(self._samples)

    @property
    def count(self) -> int:
        return sum(map(len, self._samples.values()))

    def fewest(self, names: Iterable[str]) -> int:
        """Return how often the one of these was seen that was seen least often."""
        return min(len(self._samples[name]) for name in names)

    def longest_pause(self, names: Iterable[str]) -> float:
        """Return the longest time from one run of any of these to its next, in seconds."""
        return max(
            (after - before).total_seconds()
            for name in names
            for before, after in pairwise(map(datetime.fromisoformat, self._samples[name]))
        )

    def outcomes(self) -> dict[str, int]:
        return dict(Counter(one for samples in self._samples.values() for one in samples.values()))


def memory(pid: int) -> dict[str, float]:
    """Return what a process holds, in bytes: its share of all (`pss`), and what it alone holds (`private`)."""
    found = dict(
        re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    )
    return {
        "pss": int(found["Pss"]) * 1024.0,
        "private": (int(found["Private_Clean"]) + int(found["Private_Dirty"])) * 1024.0,
    }


def figure(text: str, name: str) -> float:
    """Return a figure out of the metrics."""
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"no {name} in {len(text)} characters: {text[:200]!r} … {text[-200:]!r}"
    return float(found[1])


def listed(daemon: Nightbell, first: int = 0) -> list[dict[str, Any]]:
    """Return all checks with their last samples, or the first ones: they come by name."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = daemon.api(f"checks?limit={first or 1000}{cursor}")
        found += answer["items"]
        if first or not answer.get("next"):
            return found
        cursor = f"&cursor={answer['next']}"


def run(home: Path, seconds: float, every: float, timeout: float, many: int) -> dict[str, Any]:
    alone(home)
    with served(home / "servers") as ports:
        few = list(targets(str(home / "servers" / "authority.pem")))
        watched = [*few, *dead(many)]
        names = [one.name for one in few]
        seen = Seen(watched)
        checks = "\n".join(one.check(ports) for one in watched)
        daemon = Nightbell(home / "daemon", CONFIG.format(every=every, timeout=timeout, checks=checks))
        try:
            daemon.start(within=60)
            return measure(daemon, seen, names, seconds, every)
        finally:
            daemon.close()


def measure(daemon: Nightbell, seen: Seen, names: list[str], seconds: float, every: float) -> dict[str, Any]:
    def look() -> bool:
        seen.look(listed(daemon))
        return seen.fewest(names) >= 2

    until(look, within=60 + 4 * every, why="every check ran twice", look_every=every / 5)
    began = time.monotonic()
    before: dict[str, float] | None = None
    most, lag, unanswered = 0.0, 0.0, 0
    course: list[float] = []
    rounds = 0
    with Prober(daemon.pid, daemon.internal) as prober:
        while (passed := time.monotonic() - began) < seconds:
            seen.look(
                listed(daemon, len(names))
            )  # each sample is there until the next one: none may be missed
            rounds += 1
            if rounds % 5:
                time.sleep(every / 25)
                continue
            look()
            if before is None and passed >= SETTLE * seconds:
                before = memory(daemon.pid)
            held = memory(daemon.pid)
            most = max(most, held["private"])
            if passed >= len(course) * seconds / COURSE:
                course.append(round(held["private"] / 1e6, 1))
            status, metrics = daemon.get("/metrics")
            unanswered += status != 200
            lag = max(lag, figure(metrics, "nightbell_loop_lag_seconds") if status == 200 else 0.0)
            time.sleep(every / 25)
        answers = prober.told()
    after = memory(daemon.pid)
    look()
    metrics = daemon.get("/metrics")[1]
    assert before is not None
    told = {
        "targets": len(names),
        "samples": seen.count,
        "runs": figure(metrics, "nightbell_runs_total"),
        "fewest": seen.fewest(names),
        "wrongs": seen.wrongs,
        "wrong": seen.wrong,
        "outcomes": seen.outcomes(),
        "answers": answers,
        "lag": lag,
        "unanswered": unanswered,
        "pause": seen.longest_pause(names),
        "fewest_dead": min((len(seen.of(name)) for name in seen.names if name not in names), default=0),
        "pss_before": before["pss"],
        "pss_grown": after["pss"] - before["pss"],
        "private_grown": after["private"] - before["private"],
        "course_mb": course,
        "private_most_grown": most - before["private"],
        "cpu": figure(metrics, "process_cpu_seconds_total"),
        "descriptors": figure(metrics, "process_open_fds"),
        "skipped": figure(metrics, "nightbell_runs_skipped_total"),
        "metrics": len(metrics),
    }
    told["exit"] = daemon.stop()
    return told


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    print(json.dumps(run(Path(sys.argv[1]), *map(float, sys.argv[2:5]), int(sys.argv[5]))))
