"""Commands that work right here: the configuration, the rotas, a probe, the store, the log."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cli_api import cli_api
from lab.cli_run import run
from monitor.cli.local.drawing import bars
from monitor.cli.logs import JournalFormatter, JsonFormatter, formatter
from monitor.store.lock import StoreLock

CONFIG = """\
site: {{name: 小店, timezone: Asia/Shanghai}}
store: sqlite:///{state}/nightbell.db
host: off
checks: {{pg: "tcp://127.0.0.1:{port}", memory: {{probe: memory}}, cpu: {{probe: cpu}}}}
services: {{db: {{checks: [pg]}}}}
people: {{li: {{name: 李雷, log: x}}, han: {{name: 韩梅梅, log: y}}}}
rotas:
  ops:
    shifts:
      day:   {{from: "08:00", to: "20:00", people: [li], days: [mon, tue, wed, thu, fri]}}
      night: {{from: "20:00", to: "08:00", people: [li, han], turn: weekly, start: 2027-01-04}}
    backup: [han]
fallback: [li]
channels: {{log: {{notifier: log}}}}
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def config(tmp_path: Path, listener: socket.socket) -> Path:
    path = tmp_path / "nightbell.yaml"
    text = CONFIG.format(state=tmp_path / "state", port=listener.getsockname()[1])
    path.write_text(text, encoding="utf-8")
    return path


def test_check_config_shows_the_next_14_days_with_gaps_by_the_wall_of_the_rota(config: Path) -> None:
    said = run("check-config", str(config))
    lines = said.out.splitlines()
    at = lines.index("Rota ops, the next 14 days (Asia/Shanghai, backup han)")

    assert said.code == 0
    assert any(line.startswith("warning: ") for line in lines[:at])
    assert f"{config}: 3 checks, 1 service, 2 people, 1 rota, 1 channel; no errors, " in said.out
    assert lines[at + 1 : at + 4] == [
        "FROM             UNTIL            SHIFT  ON CALL",
        "Mon 01-04 12:00  Mon 01-04 20:00  day    li",
        "Mon 01-04 20:00  Tue 01-05 08:00  night  li",
    ]
    assert "Sat 01-09 08:00  Sat 01-09 20:00  -      nobody" in lines
    assert "Mon 01-11 20:00  Tue 01-12 08:00  night  han" in lines
    assert lines[-1].startswith("Mon 01-18 08:00")


def test_check_config_warns_of_a_channel_by_which_nothing_can_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text(
        """\
people: {li: {name: Li, fine: "1", odd: "2"}, han: {name: Han, odd: "4"}}
channels:
  fine: {notifier: apprise, url: "json://127.0.0.1/{address}"}
  odd: {notifier: apprise, url: "twillio://geheim:geheim@x/{address}"}
  customers: {notifier: apprise, url: "tgrm://geheim/@shop", audience: everyone}
""",
        encoding="utf-8",
    )
    said = run("check-config", str(path))
    told = [line for line in said.out.splitlines() if "channels." in line]

    assert [line.partition(": cannot send by ")[0] for line in told] == [
        "warning: `channels.odd` with the address of `li`",
        "warning: `channels.odd` with the address of `han`",
        "warning: `channels.customers`",
    ]
    assert said.code == 0
    assert "geheim" not in said.out + said.err
    assert len(run("check-config", str(path), "--json").json()["warnings"]) > 3


def test_check_config_as_json_holds_the_rotas(config: Path) -> None:
    said = run("-c", str(config), "check-config", "--json").json()

    assert (said["ok"], said["complaints"]) == (True, [])
    assert said["rotas"][0]["timezone"] == "Asia/Shanghai"
    assert said["rotas"][0]["shifts"][0] == {
        "from": "2027-01-04T04:00:00Z",
        "until": "2027-01-04T12:00:00Z",
        "shift": "day",
        "people": ["li"],
    }


def test_check_config_prints_every_complaint_with_its_place_and_ends_with_1(tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text("servces: {}\ndefaults: {every: 10}\n", encoding="utf-8")
    said = run("check-config", str(path))

    assert said.code == 1
    assert said.out.splitlines() == [
        f"{path}:1:1: servces: unknown key; did you mean `services`?",
        f"{path}:2:19: defaults.every: needs a unit: write a time like 10s, 5m or 1h30m",
        f"{path}: 2 errors.",
    ]
    complaints = run("check-config", str(path), "--json").json()["complaints"]
    assert complaints[0] == {
        "file": str(path), "line": 1, "col": 1, "path": "servces", "message": "unknown key",
        "hint": "did you mean `services`?",
    }  # fmt: skip


def test_check_config_of_a_missing_file_says_so() -> None:
    said = run("check-config", "/nonexistent/n.yaml")

    assert (
        said.out
        == "/nonexistent/n.yaml: cannot be read: no such file or directory\n/nonexistent/n.yaml: 1 error.\n"
    )
    assert said.code == 1


def test_check_config_prints_the_schema() -> None:
    assert "checks" in run("check-config", "--schema").json()["properties"]


@pytest.mark.parametrize(
    ("args", "row"),
    [
        pytest.param((), "ops   李雷 (li)  day    20:00 (in 8 h)  韩梅梅 (han)", id="now"),
        pytest.param(
            ("--at", "2027-01-12 03:00"),
            "ops   韩梅梅 (han)  night  01-12 08:00 (in 7 d 20 h)  韩梅梅 (han)",
            id="at night",
        ),
        pytest.param(
            ("--at", "2027-01-09 12:00"),
            "ops   nobody   -      01-09 20:00 (in 5 d 8 h)  韩梅梅 (han)",
            id="in a gap",
        ),
    ],
)
def test_oncall_is_reckoned_from_the_configuration(args: tuple[str, ...], row: str, config: Path) -> None:
    said = run("-c", str(config), "oncall", *args)

    assert said.out.splitlines()[-1] == row


def test_oncall_as_json_has_the_shape_of_the_api(config: Path) -> None:
    assert run("-c", str(config), "oncall", "--rota", "ops", "--json").json() == {
        "items": [
            {
                "rota": "ops",
                "at": "2027-01-04T04:00:00Z",
                "shift": "day",
                "people": ["li"],
                "backup": ["han"],
                "until": "2027-01-04T12:00:00Z",
            }
        ]
    }


def test_oncall_of_an_unknown_rota_names_those_there_are(config: Path) -> None:
    said = run("-c", str(config), "oncall", "--rota", "web")

    assert "there is no rota web; there are ops" in said.err
    assert said.code == 2


def test_oncall_asks_the_daemon_where_secrets_keep_the_configuration_from_loading(config: Path) -> None:
    config.write_text(config.read_text(encoding="utf-8") + 'heartbeat: "${cred:deadman}"\n', encoding="utf-8")
    answer = {"rota": "ops", "people": ["li"], "shift": "day", "until": "2027-01-04T12:00:00Z", "backup": []}
    with cli_api({"GET /oncall": answer}) as api:
        said = run("-c", str(config), "oncall", "--at", "13:00", url=api.url)

    assert said.out == (
        "At 2027-01-04 13:00 CST:\n"
        "ROTA  ON CALL  SHIFT  UNTIL           BACKUP\n"
        "ops   li       day    20:00 (in 8 h)  -\n"
    )
    assert api.asked[0].query == {"at": "2027-01-04T05:00:00Z"}


def test_oncall_without_configuration_and_daemon_says_what_is_wrong_with_the_configuration(
    tmp_path: Path,
) -> None:
    path = tmp_path / "nightbell.yaml"
    path.write_text("servces: {}\nlisten: {internal: '127.0.0.1:1'}\n", encoding="utf-8")
    said = run("-c", str(path), "oncall", env={"NIGHTBELL_TOKEN": "nb_x"})

    assert said.err == (
        f"nightbell: cannot load the configuration:\n  {path}:1:1: servces: unknown key; did you mean `services`?\n"
    )
    assert said.code == 1


def test_probe_of_a_check_that_is_up_draws_its_phases_and_says_its_values(config: Path) -> None:
    said = run("-c", str(config), "probe", "pg")

    assert said.code == 0
    assert said.out.startswith("pg is up after ")
    assert "\nPhases\nresolve " in said.out
    assert "█" in said.out
    assert "Time to open the connection" in said.out


def test_probe_of_a_check_that_is_down_ends_with_1(config: Path, listener: socket.socket) -> None:
    listener.close()
    said = run("-c", str(config), "probe", "pg")

    assert said.code == 1
    assert said.out.startswith("pg is down (connect) after ")
    assert "connection refused" in said.out


def test_probe_of_a_url_needs_no_configuration(listener: socket.socket) -> None:
    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    said = run("probe", url, "--json")

    assert said.code == 0
    assert {name: said.json()[name] for name in ("name", "probe", "outcome", "error")} == {
        "name": url, "probe": "tcp", "outcome": "up", "error": None,
    }  # fmt: skip
    assert said.json()["phases"]["connect"] >= 0


def test_probe_of_an_address_is_one_of_tcp_as_in_the_configuration(listener: socket.socket) -> None:
    said = run("probe", f"127.0.0.1:{listener.getsockname()[1]}", "--json")

    assert (said.code, said.json()["probe"], said.json()["outcome"]) == (0, "tcp", "up")


def test_a_deadline_of_the_probe_is_down_by_timeout(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    said = run("probe", f"http://127.0.0.1:{port}/", "--timeout", "100ms", "--json")

    assert (said.code, said.json()["error"]) == (1, "timeout")


def test_probe_prints_no_secret_of_a_url() -> None:
    said = run("probe", "http://li:geheim@127.0.0.1:1/health?key=verborgen")

    assert said.out.startswith("http://127.0.0.1:1/health is down (connect)")
    assert not {"geheim", "verborgen"} & set(said.out.replace("=", " ").split())
    assert "geheim" not in said.out + said.err


def test_what_is_a_rate_is_measured_twice(config: Path) -> None:
    said = run("-c", str(config), "probe", "cpu", "--apart", "50ms", "--json")

    assert said.code == 0
    assert 0 <= said.json()["values"]["used_ratio"] <= 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("probe", "memry"), "cannot probe memry: there is no such check in CONFIG; did you mean memory?"),
        (("probe", "zzz"), "cannot probe zzz: there is no such check in CONFIG; there are pg, memory, cpu"),
        (
            ("probe", "ftp://x"),
            "cannot probe ftp://…: no probe knows that scheme; known: dns, http, https, ping, tcp, tls",
        ),
        (("probe", "tcp://127.0.0.1"), "cannot probe that tcp URL: target needs a port"),
        (("probe", "127.0.0.1:"), "cannot probe that tcp URL: "),
        (("probe", "::"), "cannot probe that tcp URL: "),
        (("probe", "http://[::1"), "cannot probe that http URL: "),
    ],
)
def test_a_probe_that_cannot_be_tried_is_unknown_and_ends_with_3(
    args: tuple[str, ...], message: str, config: Path
) -> None:
    said = run("-c", str(config), *args)

    assert said.err.startswith(f"nightbell: {message.replace('CONFIG', str(config))}")
    assert (said.out, said.code) == ("", 3)


def test_phases_are_drawn_one_after_the_other_in_proportion() -> None:
    drawn = bars({"resolve": 0.0, "connect": 0.012, "tls": 0.036})

    assert drawn == [
        "resolve   0 ms  ▏",
        "connect  12 ms  " + "█" * 12,
        "tls      36 ms  " + " " * 12 + "█" * 36,
    ]


@pytest.mark.parametrize("phases", [{}, {"connect": 0.0}, {"a": 1e-9, "b": 5.0}, {"a": 5.0, "b": 1e-9}])
def test_phases_of_any_length_are_drawn_within_the_width(phases: dict[str, float]) -> None:
    assert all(len(line) < 80 for line in bars(phases))
    assert len(bars(phases)) == len(phases)


def test_db_migrate_makes_the_store_and_may_be_repeated(config: Path, tmp_path: Path) -> None:
    for _ in range(2):
        said = run("-c", str(config), "db", "migrate")
        assert (said.out, said.code) == (f"The store in {tmp_path / 'state'} is up to date.\n", 0)

    assert (tmp_path / "state" / "nightbell.db").exists()
    assert run("-c", str(config), "db", "migrate", "--json").json()["migrated"] is True


def test_db_migrate_leaves_a_running_daemon_alone(config: Path, tmp_path: Path) -> None:
    lock = StoreLock.take(tmp_path / "state")
    try:
        said = run("-c", str(config), "db", "migrate")
    finally:
        lock.release()

    assert said.err.startswith("nightbell: cannot migrate the store: ")
    assert "another nightbell" in said.err
    assert said.code == 1


def record(message: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("nightbell.app", level, __file__, 1, message, None, None)


def test_the_journal_is_told_the_level_of_every_line() -> None:
    assert JournalFormatter().format(record("two\nlines")) == "<4>nightbell.app: two\n<4>lines"
    assert JournalFormatter().format(record("x", logging.CRITICAL)) == "<2>nightbell.app: x"


def test_a_log_in_json_is_one_object_a_line() -> None:
    line = JsonFormatter().format(record("两行\nlines"))

    assert "\n" not in line
    assert {key: value for key, value in json.loads(line).items() if key != "at"} == {
        "level": "warning",
        "logger": "nightbell.app",
        "message": "两行\nlines",
    }


def test_where_stderr_goes_decides_the_form_of_the_log() -> None:
    assert isinstance(formatter({"JOURNAL_STREAM": "8:1"}, as_json=False), JournalFormatter)
    assert isinstance(formatter({"JOURNAL_STREAM": "8:1"}, as_json=True), JsonFormatter)
    assert " WARNING nightbell.app: x" in formatter({}, as_json=False).format(record("x"))
