"""kill -9 at any moment between failure and all-clear: the same incident, no lost page, no second page for a step."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab.daemon import Nightbell, Server
from lab.nginx import Nginx
from lab.wait import until

CONFIG = """
host: off
site: {{name: Shop, timezone: UTC, languages: [en, zh]}}
defaults: {{every: 1s, timeout: 1s, failures: 2, retry_every: 1s, recover: 2}}
checks: {{shop: {url}}}
services: {{shop: {{title: {{en: Shop, zh: 商店}}, checks: [shop], announce: auto, expected_recovery: 30m}}}}
people:
  li:  {{name: Li, channels: {{mail: li@example.com}}, language: en}}
  han: {{name: Han, channels: {{mail: han@example.com}}, language: en}}
rotas: {{ops: {{people: [li], backup: [han]}}}}
escalations:
  urgent:
    - {{page: {{rota: ops}}}}
    - {{after: 3s, page: {{backup: ops}}}}
    - {{repeat: 1h}}
channels:
  mail: {{notifier: smtp, host: 127.0.0.1, port: {smtp}, security: none, from: nb@example.com}}
  customers: {{notifier: webhook, url: "http://127.0.0.1:{hook}/customers", audience: everyone}}
announcements: {{channels: [customers], hold_recovery: 2s}}
"""


def keys(mail: Server) -> Counter[tuple[str, str, str]]:
    """Count mails by (to, subject, dedup key): the same key twice is a marked repeat, not a second page."""
    return Counter(
        (one["to"][0], one["headers"]["Subject"], one["headers"]["X-Nightbell-Dedup-Key"])
        for one in mail.entries()
    )


def repeats(mail: Server) -> list[dict[str, Any]]:
    seen, again = set(), []
    for one in mail.entries():
        key = one["headers"]["X-Nightbell-Dedup-Key"]
        if key in seen:
            again.append(one)
        seen.add(key)
    return again


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_daemon_killed_again_and_again_loses_no_page_and_pages_no_step_twice(
    seed: int, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    print(f"seed {seed}")
    nginx = Nginx(tmp_path / "nginx")
    nginx.start()
    mail = Server("lab.smtp_server", tmp_path / "mail.jsonl")
    hook = Server("lab.webhook_server", tmp_path / "hook.jsonl")
    daemon = Nightbell(tmp_path / "daemon", CONFIG.format(url=nginx.url, smtp=mail.port, hook=hook.port))
    try:
        daemon.start()
        until(lambda: daemon.items("checks")[0]["outcome"] == "up", within=10, why="the first sample")
        nginx.stop()
        for _ in range(6):
            time.sleep(dice.uniform(0.05, 1.6))
            daemon.kill()
            daemon.spawn()
        daemon.kill()
        daemon.start()
        until(lambda: {to for to, *_ in keys(mail)} == {"li@example.com", "han@example.com"}, within=20,
              why=f"both steps page: {daemon.text()[-2000:]}")  # fmt: skip
        assert [one["id"] for one in daemon.items("incidents")] == ["INC-1"]

        nginx.start()
        for _ in range(3):
            time.sleep(dice.uniform(0.05, 1.6))
            daemon.kill()
            daemon.spawn()
        daemon.kill()
        daemon.start()
        until(lambda: daemon.items("announcements")[0]["state"] == "resolved", within=20, why="the all-clear")
        until(lambda: len([1 for _, subject, _ in keys(mail) if "recovered" in subject]) == 2, within=10,
              why="the recovery notices")  # fmt: skip

        [incident] = daemon.items("incidents")
        assert (incident["id"], incident["state"]) == ("INC-1", "resolved")
        per_person = Counter((to, "recovered" in subject) for to, subject, _ in keys(mail))
        assert set(per_person.values()) == {1}, per_person
        for one in repeats(mail):
            assert "may be a repeat" in one["text"], "an unmarked duplicate"
        assert len(repeats(mail)) <= 9, "more repeats than kills"
    finally:
        daemon.close()
        nginx.stop()
        mail.close()
        hook.close()
