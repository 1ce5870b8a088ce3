"""The examples people copy load without a complaint and mean what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import date, time, timedelta
from pathlib import Path

import pytest

import config
from alerting.notifiers.heartbeat import Heartbeat
from alerting.plan import Audience, GroupBy
from alerting.severity import Impact, Severity
from alerting.thresholds.threshold import LevelThreshold, OutcomeThreshold
from alerting.tickets.terms import TicketClass
from config.model import Config, Rate
from lab.config_files import load_text

EXAMPLES = Path(__file__).parent / "examples"
SHIPPED = Path(config.__file__).parent / "nightbell.yaml"


def _example(name: str, tmp_path: Path) -> Config:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    secrets = {
        "smtp": "p@ss/w:rd\n",
        "twilio": "AC0123:tok en\n",
        "deadman": "https://hc.example/ping/1\n",
        "hook": "h00k",
        "bot": "b0t",
    }
    for key, value in secrets.items():
        (credentials / key).write_text(value, "utf-8")
    file = tmp_path / "nightbell.yaml"
    shutil.copy(EXAMPLES / f"{name}.yaml", file)
    return config.load(file, env={"CREDENTIALS_DIRECTORY": str(credentials)}, state_dir=tmp_path / "state")


def test_the_example_of_day_one_loads_and_says_what_is_not_done_yet(tmp_path: Path) -> None:
    loaded = _example("day-one", tmp_path)
    assert list(loaded.checks) == [
        "home",
        "nginx",
        "pg",
        "cpu",
        "memory",
        "swap",
        "load",
        "disk",
        "bandwidth",
    ]
    assert loaded.checks["nginx"].probe.KIND == "unit"
    plan = loaded.plan
    assert plan.services["shop"].title == {"en": "商城", "zh": "商城"}
    assert plan.services["shop"].announce.page == plan.services["shop"].announce.push == timedelta(minutes=5)
    assert plan.services["db"].title["en"] == "db"
    assert dict(plan.people["li"].channels) == {"sms": "+8613800000001", "mail": "li@shop.example"}
    (shift,) = plan.rotas["ops"].shifts
    assert (shift.begins, shift.ends, shift.people, shift.start) == (
        time(0, 0),
        time(0, 0),
        ("li", "han"),
        date(2027, 1, 4),
    )
    assert str(plan.rotas["ops"].zone) == "Asia/Shanghai"
    assert {check.owner for check in plan.checks.values()} == {"ops"}
    assert {check.escalation for check in plan.checks.values()} == {"default"}
    steps = plan.policies["default"].steps
    assert [(step.after, step.recipients.rota, step.recipients.people) for step in steps] == [
        (timedelta(0), "ops", ()),
        (timedelta(minutes=15), None, ("li", "han")),
    ]
    assert loaded.warnings == (
        "no `fallback`: when a step of an escalation reaches nobody, nobody else is asked",
        "no `canaries`: when this machine loses its network, everything else will look down",
        "no `listen.public_url`: links in messages lead to this machine's own address and work only on it",
    )


def test_secrets_in_urls_are_percent_encoded_and_a_pair_stays_a_pair(tmp_path: Path) -> None:
    loaded = _example("whole-contract", tmp_path)
    mail = loaded.channels["mail"].notifier
    sms = loaded.channels["sms"].notifier
    assert getattr(mail, "url", "") == "mailtos://user:p%40ss%2Fw:rd@smtp.example.com?to={address}"
    assert getattr(sms, "url", "") == "twilio://AC0123:tok%20en@from/{address}"


def test_the_example_of_the_whole_contract_means_what_it_says(tmp_path: Path) -> None:
    loaded = _example("whole-contract", tmp_path)
    plan = loaded.plan
    assert loaded.store == "sqlite:////var/lib/nightbell/nightbell.db"
    assert (loaded.listen.internal.port, loaded.listen.public.port) == (9890, 9891)
    assert plan.site.public_url == "https://status.example.com"
    assert plan.site.languages == ("zh", "en")
    # The configured checks of cpu, memory, disk and bandwidth stand instead of this machine's own.
    assert list(loaded.checks) == ["cpu", "memory", "disks", "uplink", "shop", "db", "swap", "load"]
    assert loaded.checks["disks"].every == 60
    shop = plan.checks["shop"]
    assert (shop.host, shop.services, shop.owner, shop.escalation) == (
        "shop.example.com",
        ("checkout",),
        "ops",
        "urgent",
    )
    assert dict(shop.labels) == {"team": "web"}
    assert shop.group_by is GroupBy.SERVICE
    down, unknown, *levels = shop.thresholds
    assert isinstance(down, OutcomeThreshold)
    assert (down.id, down.severity, down.failures, down.recover, down.impact) == (
        "down",
        Severity.CRITICAL,
        3,
        2,
        Impact.DOWN,
    )
    assert isinstance(unknown, OutcomeThreshold)
    assert (unknown.id, unknown.on_unknown, unknown.severity, unknown.impact) == (
        "unknown",
        True,
        Severity.WARNING,
        Impact.NONE,
    )
    assert [level.id for level in levels] == ["certificate-expiring", "web-slow"]
    memory = next(one for one in plan.checks["memory"].thresholds if one.id == "memory-low")
    assert isinstance(memory, LevelThreshold)
    assert memory.levels[Severity.CRITICAL].below == pytest.approx(0.04)
    assert memory.levels[Severity.CRITICAL].clear == pytest.approx(0.08)
    checkout = plan.services["checkout"]
    assert (checkout.announce.page, checkout.announce.push) == (timedelta(minutes=2), None)
    assert plan.services["database"].public is False
    assert plan.rotas["ops"].backup == ("han",)
    assert plan.policies["urgent"].repeat == timedelta(minutes=15)
    assert plan.policies["urgent"].steps[0].by == ("sms", "mail")
    assert plan.policies["urgent"].steps[2].recipients.people == ("li", "han")
    assert plan.fallback == ("li",)
    assert plan.channels["customers"].audience is Audience.EVERYONE
    # Colleagues hear it before customers, whatever the order they are listed in.
    assert plan.announce_on == ("colleagues", "customers")
    assert plan.terms[TicketClass.GENERAL].remind == timedelta(hours=3)
    assert plan.people["han"].skills == ("database",)
    assert [text for text in loaded.warnings if "not acted on" not in text] == []
    assert len(loaded.warnings) == 2
    assert (plan.bundle, plan.heartbeat) == (timedelta(minutes=1), timedelta(minutes=1))
    assert loaded.channels["heartbeat"].notifier == Heartbeat(url="https://hc.example/ping/1")


def test_the_shipped_file_loads_without_credentials_and_watches_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "nightbell.yaml"
    shutil.copy(SHIPPED, file)
    loaded = config.load(file, env={"STATE_DIRECTORY": str(tmp_path / "state")})
    assert list(loaded.checks) == ["cpu", "memory", "swap", "load", "disk", "bandwidth"]
    assert loaded.state_dir == tmp_path / "state"
    assert loaded.store == f"sqlite:///{tmp_path}/state/nightbell.db"
    assert len(loaded.warnings) == 3


def test_every_commented_line_of_the_shipped_file_may_be_uncommented(tmp_path: Path) -> None:
    lines = []
    for line in SHIPPED.read_text("utf-8").splitlines():
        # A line of prose begins with a capital or a quote; what is left after `# ` is configuration.
        match = re.fullmatch(r"( *)# ((?: *)(?:[a-z_-]+: ?.*|- \{.*))", line)
        lines.append(f"{match[1]}{match[2]}" if match and "yaml-language-server" not in line else line)
    credentials = dict.fromkeys(("smtp", "twilio", "hook", "telegram"), "value") | {
        "deadman": "https://x.example/"
    }
    for name, value in credentials.items():
        (tmp_path / name).write_text(value, "utf-8")
    text = (
        "\n".join(lines)
        .replace("tls/", "")
        .replace("sqlite:////var/lib/nightbell/", f"sqlite:///{tmp_path}/")
    )
    more = {"cert.pem": "x", "key.pem": "x", "runbooks/shop.md": "Restart it."}
    loaded = load_text(tmp_path, text, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, more=more)
    assert {"home", "database", "shop"} <= set(loaded.checks)
    assert set(loaded.channels) == {"mail", "sms", "desk", "customers", "colleagues", "heartbeat"}
    assert loaded.channels["desk"].rate == Rate(count=30, seconds=60)
    assert loaded.plan.checks["shop"].runbook == "Restart it."
    assert loaded.plan.services["shop"].title["zh"] == "商城"


@pytest.mark.parametrize("text", ["", "---\n", "# only words\n", "{}\n", "checks:\n", "null\n"])
def test_nothing_is_required(text: str, tmp_path: Path) -> None:
    assert list(load_text(tmp_path, text).checks) == ["cpu", "memory", "swap", "load", "disk", "bandwidth"]


def test_importing_config_brings_no_server_database_or_template_engine() -> None:
    code = "import sys, config; print([m for m in ('jinja2', 'sqlalchemy', 'aiohttp', 'apprise') if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"
