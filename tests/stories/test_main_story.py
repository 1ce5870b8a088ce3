"""The main job on real parts: nginx stops, and everybody who has to hear of it does, until it is over.

nginx, a real SMTP server and a webhook receiver on loopback; the daemon as a subprocess.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lab.daemon import Nightbell, Server
from lab.nginx import Nginx
from lab.wait import until

DAY_ONE = """
site: {{name: 小店, timezone: Asia/Shanghai}}
checks:
  home:  {url}
  pg:    "tcp://127.0.0.1:{pg}"
services:
  shop: {{title: 商城, checks: [home], announce: after 1s, expected_recovery: 30m}}
  db:   {{checks: [pg], public: false}}
people:
  li:  {{name: 李雷, mail: li@shop.example}}
  han: {{name: 韩梅梅, mail: han@shop.example}}
rotas: {{ops: {{people: [li, han], turn: weekly, start: 2027-01-04}}}}
channels:
  mail: {{notifier: smtp, host: 127.0.0.1, port: {smtp}, security: none, from: nb@shop.example}}
announcements: {{hold_recovery: 2s}}
"""

FULL = """
site: {{name: Example Shop, timezone: Asia/Shanghai, languages: [zh, en]}}
defaults: {{owner: ops, escalation: urgent, every: 1s, timeout: 2s, failures: 3, retry_every: 1s, recover: 2,
           severity: critical, group_by: service}}
canaries: [{{probe: tcp, target: "127.0.0.1:{pg}"}}, {{probe: http, url: "http://localhost:{pg}/"}}]
checks:
  cpu:    {{probe: cpu, every: 10s}}
  memory: {{probe: memory, every: 10s}}
  uplink: {{probe: bandwidth, interface: lo, capacity: 1Gbit/s, every: 10s}}
  shop: {{probe: http, url: "{url}", expect: {{status: 200, body_contains: ok}}, labels: {{team: web}},
         runbook: runbooks/shop.md}}
  db:   {{probe: tcp, target: "127.0.0.1:{pg}"}}
thresholds:
  memory-low:
    select: {{probe: memory}}
    metric: available_ratio
    warning:  {{below: 10%, clear_above: 15%, for: 10m}}
    critical: {{below: 4%,  clear_above: 8%,  for: 5m}}
services:
  checkout:
    title: {{zh: 下单结算, en: Checkout}}
    checks: [shop]
    depends_on: [database]
    owner: ops
    escalation: urgent
    announce: {{page: auto, push: after 1s}}
    expected_recovery: 30m
  database: {{title: {{zh: 数据库, en: Database}}, checks: [db], owner: ops, public: false}}
people:
  li:   {{name: 李雷, channels: {{sms: "+8613800000001", mail: li@example.com}}}}
  han:  {{name: 韩梅梅, channels: {{mail: han@example.com}}, language: zh, skills: [database]}}
  wang: {{name: Wang, channels: {{mail: wang@example.com}}, language: en}}
rotas:
  ops:
    timezone: Asia/Shanghai
    shifts:
      early: {{from: "08:00", to: "16:00", people: [li]}}
      mid:   {{from: "16:00", to: "00:00", people: [han]}}
      night: {{from: "00:00", to: "08:00", people: [wang]}}
    backup: [han, li]
escalations:
  urgent:
    - {{page: {{rota: ops}}, by: [mail, sms]}}
    - {{after: {second_step}, page: {{backup: ops}}}}
    - {{after: 15m, page: [li, han]}}
    - {{repeat: 15m}}
fallback: [li]
channels:
  mail: {{notifier: smtp, host: 127.0.0.1, port: {smtp}, security: none, from: nb@example.com}}
  sms:  {{notifier: apprise, url: "json://127.0.0.1:{hook}/sms?to={{address}}"}}
  desk: {{notifier: webhook, url: "http://127.0.0.1:{hook}/desk", secret: "s3cret"}}
  customers: {{notifier: webhook, url: "http://127.0.0.1:{hook}/customers", audience: everyone}}
  colleagues: {{notifier: webhook, url: "http://127.0.0.1:{hook}/colleagues", audience: internal}}
announcements: {{channels: [customers, colleagues], hold_recovery: 2s}}
tickets:
  classes: {{urgent: {{respond: 1h, remind: 30m, resolve: 4h}}, general: {{respond: 6h}}, complex: {{respond: 24h}}}}
  mirror: [{{notifier: webhook, url: "http://127.0.0.1:{hook}/mirror"}}]
paging: {{bundle: 1m}}
silences: []
maintenance: []
heartbeat: {{url: "http://127.0.0.1:{hook}/alive", every: 1m}}
"""


class Surroundings:
    """The servers around the daemon."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nginx = Nginx(home / "nginx")
        self.pg = Nginx(home / "pg")  # anything that accepts connections stands for the database's port
        self.mail = Server("lab.smtp_server", home / "mail.jsonl")
        self.hook = Server("lab.webhook_server", home / "hook.jsonl")
        self.daemon: Nightbell | None = None
        self.nginx.start()
        self.pg.start()

    def start(self, config: str, **blanks: str) -> Nightbell:
        text = config.format(
            url=self.nginx.url, pg=self.pg.port, smtp=self.mail.port, hook=self.hook.port, **blanks
        )
        folder = self.home / "daemon" / "runbooks"
        folder.mkdir(parents=True)
        (folder / "shop.md").write_text("# Shop is down\n\n1. Restart nginx: `systemctl restart nginx`\n")
        self.daemon = Nightbell(self.home / "daemon", "host: off\n" + text)
        self.daemon.start()
        return self.daemon

    def mails(self, subject: str, to: str | None = None) -> list[dict[str, Any]]:
        return [
            one
            for one in self.mail.entries()
            if subject in one["headers"]["Subject"] and (to is None or one["to"] == [to])
        ]

    def hooks(self, path: str) -> list[dict[str, Any]]:
        import json

        return [json.loads(one["body"]) for one in self.hook.entries() if one["path"] == path]

    def close(self) -> None:
        if self.daemon is not None:
            self.daemon.close()
        self.nginx.stop()
        self.pg.stop()
        self.mail.close()
        self.hook.close()


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    surroundings = Surroundings(tmp_path)
    yield surroundings
    surroundings.close()


def green(daemon: Nightbell, check: str) -> bool:
    return any(one["name"] == check and one["outcome"] == "up" for one in daemon.items("checks"))


def link_in(text: str) -> str:
    found = re.search(r"^(http://\S+/ack/(\S+))$", text, re.MULTILINE)
    assert found, text
    return f"/ack/{found[2]}"


def test_day_one_a_stopped_nginx_pages_in_time_and_its_return_gives_the_all_clear(
    around: Surroundings,
) -> None:
    """Default intervals: every 10 s, 3 failures, retried after 5 s; the target fails at once."""
    daemon = around.start(DAY_ONE)
    until(lambda: green(daemon, "home"), within=20, why="the first sample")
    assert daemon.items("incidents") == []

    around.nginx.stop()
    stopped = time.monotonic()
    page = until(lambda: around.mails("INC-1"), within=10 + 2 * 5 + 2 + 3, why=daemon.text()[-2000:])[0]
    took = time.monotonic() - stopped
    print(f"page after {took:.1f} s, bound 22 s")

    assert took <= 10 + 2 * 5 + 3 * 0 + 2
    assert "home" in page["text"]
    assert "connect" in page["text"]
    on_shift = daemon.api("oncall?rota=ops")["people"]
    assert page["to"] == [f"{on_shift[0]}@shop.example"]
    [ticket] = daemon.items("tickets")
    assert ticket["class"] == "urgent"
    assert ticket["assignee"] == on_shift[0]

    assert daemon.post(link_in(page["text"]), public=True)[0] == 200
    around.nginx.start()
    until(lambda: around.mails("recovered"), within=25, why="the recovery notice")
    [incident] = daemon.items("incidents")
    assert incident["state"] == "resolved"
    assert incident["acknowledged_by"] == on_shift[0]


def test_the_whole_chain_from_a_stopped_nginx_to_the_all_clear(around: Surroundings) -> None:
    daemon = around.start(FULL, second_step="8s")
    until(lambda: green(daemon, "shop"), within=10, why="the first sample")

    around.nginx.stop()
    stopped, stopped_at = time.monotonic(), datetime.now(UTC)
    page = until(lambda: around.mails("INC-1"), within=8, why=daemon.text()[-2000:])[0]
    took = time.monotonic() - stopped
    print(f"page after {took:.2f} s, bound 5 s")
    assert took <= 1 + 2 * 1 + 3 * 0 + 2

    # the page: number, what, since when, runbook, a link
    local = datetime.now(ZoneInfo("Asia/Shanghai"))
    shift = {0: "wang", 1: "li", 2: "han"}[local.hour // 8]
    assert page["to"] == [f"{shift}@example.com"]
    assert "INC-1" in page["headers"]["Subject"]
    assert "shop: " in page["text"]
    assert "systemctl restart nginx" in page["text"]
    since = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= Asia/Shanghai)", page["text"])
    assert since, page["text"]
    began = datetime.fromisoformat(since[0]).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    assert timedelta(seconds=-1) <= began - stopped_at <= timedelta(seconds=2)

    # the ticket: urgent, an hour to answer, whoever is on shift by the wall clock
    [incident] = daemon.items("incidents")
    [ticket] = daemon.items("tickets")
    opened = datetime.fromisoformat(incident["opened_at"])
    assert ticket["class"] == "urgent"
    assert datetime.fromisoformat(ticket["respond_by"]) - opened == timedelta(hours=1)
    assert datetime.fromisoformat(ticket["resolve_by"]) - opened == timedelta(hours=4)
    assert ticket["assignee"] == shift
    assert ticket["incident"] == incident["id"] == "INC-1"

    # the announcement: on the page in both languages, with an expected recovery time
    public = until(lambda: _announced(daemon), within=3, why="the announcement is not on the page")
    assert "下单结算" in public
    assert "Checkout" in public
    [announcement] = daemon.items("announcements")
    eta = datetime.fromisoformat(announcement["expected_recovery_at"])
    assert timedelta(minutes=29) < eta - stopped_at < timedelta(minutes=31)
    assert announcement["text"].keys() == {"zh", "en"}
    assert "127.0.0.1" not in public
    until(lambda: around.hooks("/customers"), within=4, why="customers' channel")
    assert around.hooks("/colleagues")[0]["kind"] == "announcement"

    # acknowledging: GET shows, POST acts, and the next step does not come
    link = link_in(page["text"])
    assert daemon.get(link, public=True)[0] == 200
    assert daemon.items("incidents")[0]["acknowledged_at"] is None
    assert daemon.post(link, public=True)[0] == 200
    assert daemon.items("incidents")[0]["acknowledged_by"] == shift
    assert daemon.items("tickets")[0]["state"] == "accepted"
    time.sleep(max(0.0, stopped + took + 8 + 2 - time.monotonic()))  # beyond the second step
    assert len(around.mails("INC-1")) == 1

    # the return: all-clear to staff and customers, durations on incident and ticket
    around.nginx.start()
    notice = until(
        lambda: [one for one in around.mails("INC-1") if "恢复" in one["headers"]["Subject"]
                 or "recovered" in one["headers"]["Subject"]],
        within=8, why="the recovery notice",
    )  # fmt: skip
    assert [one["to"] for one in notice] == [[f"{shift}@example.com"]]
    assert "{" not in notice[0]["text"]
    clear = until(
        lambda: [one for one in around.hooks("/customers") if one["state"] == "resolved"],
        within=8,
        why="the all-clear for customers",
    )
    assert len(clear) == 1
    [incident] = daemon.items("incidents")
    [ticket] = daemon.items("tickets")
    assert incident["state"] == ticket["state"] == "resolved"
    assert datetime.fromisoformat(incident["resolved_at"]) > opened
    assert ticket["resolved_at"] is not None
    assert ticket["breached"] in (False, [])
    events = [one["event"] for one in daemon.api("incidents/INC-1")["timeline"]]
    for event in (
        "opened",
        "ticket",
        "page",
        "published",
        "acknowledged",
        "recovering",
        "resolved",
        "all_clear",
    ):
        assert event in events, (event, events)
    assert daemon.stop() == 0


def _announced(daemon: Nightbell) -> str:
    status, page = daemon.get("/", public=True, headers={"Accept-Language": "en"})
    return page if status == 200 and "Checkout" in page and "expect" in page.lower() else ""


def test_a_broken_file_on_reload_changes_nothing_and_is_said_on_one_line(around: Surroundings) -> None:
    daemon = around.start(FULL, second_step="5m")
    until(lambda: green(daemon, "shop"), within=10, why="the first sample")
    good = daemon.file.read_text()

    daemon.file.write_text(good.replace("retry_every: 1s", "retry_evry: 1s"))
    daemon.hup()

    line = until(
        lambda: [one for one in daemon.text().splitlines() if "cannot reload" in one], within=5, why="log"
    )
    assert len(line) == 1
    assert re.search(
        r"nightbell\.yaml:\d+:\d+: defaults\.retry_evry: unknown key; did you mean `retry_every`\?", line[0]
    ), line
    assert "nightbell_config_last_reload_successful 0" in daemon.get("/metrics")[1]
    assert {one["name"] for one in daemon.items("checks")} == {"cpu", "memory", "uplink", "shop", "db"}

    daemon.file.write_text(good)
    daemon.hup()
    until(
        lambda: "nightbell_config_last_reload_successful 1" in daemon.get("/metrics")[1],
        within=5,
        why="the mended file is taken",
    )
