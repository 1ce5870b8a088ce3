"""The places a configuration names on this machine, and the warnings it earns."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from config.loader import load
from lab.config_files import complaints_of, few_kinds, load_text


@pytest.mark.parametrize(
    ("text", "said", "store", "state"),
    [
        pytest.param("", {}, "sqlite:///{cwd}/state/nightbell.db", "{cwd}/state", id="nothing said"),
        pytest.param("", {"env": "/a:/b"}, "sqlite:////a/nightbell.db", "/a", id="systemd's first"),
        pytest.param("", {"env": "/a", "caller": "/c"}, "sqlite:////c/nightbell.db", "/c", id="the caller's"),
        pytest.param("sqlite:////d/e/x.db", {"env": "/a"}, "sqlite:////d/e/x.db", "/d/e", id="a file"),
        pytest.param(
            "sqlite:////d/x.db", {"caller": "/c"}, "sqlite:////d/x.db", "/c", id="a file, the caller's"
        ),
        pytest.param("sqlite:///d/x.db", {}, "sqlite:///{cwd}/d/x.db", "{cwd}/d", id="a relative file"),
        pytest.param("postgresql://nb@h/nb", {"env": "/a"}, "postgresql://nb@h/nb", "/a", id="PostgreSQL"),
    ],
)
def test_the_store_and_the_state_directory(
    text: str, said: dict[str, str], store: str, state: str, tmp_path: Path
) -> None:
    file = tmp_path / "nightbell.yaml"
    file.write_text(f"store: {text}", "utf-8")
    env = {"STATE_DIRECTORY": said["env"]} if "env" in said else {}
    state_dir = Path(said["caller"]) if "caller" in said else None
    loaded = load(file, env=env, state_dir=state_dir, kinds=few_kinds())
    assert loaded.store == store.format(cwd=Path.cwd())
    assert loaded.state_dir == Path(state.format(cwd=Path.cwd()))


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        pytest.param("{}", "http://127.0.0.1:9891", id="default"),
        pytest.param("{public: '[::1]:80'}", "http://[::1]:80", id="version 6"),
        pytest.param("{public: '0.0.0.0:80'}", f"http://{socket.gethostname()}:80", id="everywhere"),
        pytest.param("{public_url: 'https://status.example/'}", "https://status.example", id="said"),
        pytest.param(
            "{public_url: 'https://h.example/status/'}", "https://h.example/status", id="said, with a path"
        ),
    ],
)
def test_links_lead_to_the_public_listener_unless_said_otherwise(
    listen: str, url: str, tmp_path: Path
) -> None:
    assert load_text(tmp_path, f"listen: {listen}").plan.site.public_url == url


def test_certificate_files_count_from_the_configuration(tmp_path: Path) -> None:
    more = {"tls/c.pem": "c", "tls/k.pem": "k"}
    loaded = load_text(tmp_path, "listen: {tls: {cert: tls/c.pem, key: tls/k.pem}}", more=more)
    assert loaded.listen.tls is not None
    assert loaded.listen.tls.cert == tmp_path / "tls/c.pem"
    assert loaded.plan.site.public_url.startswith("https://")


def test_a_runbook_is_text_or_a_markdown_file_beside_the_configuration(tmp_path: Path) -> None:
    more = {"books/shop.md": "# Restart it\n"}
    text = """
checks:
  a: {probe: tcp, target: "a.example:1", runbook: books/shop.md}
  b: {probe: tcp, target: "a.example:1", runbook: "Call Li.\\nThen see books/shop.md"}
  c: {probe: tcp, target: "a.example:1", runbook: "https://wiki.example/shop.md"}
services: {s: {checks: [a], runbook: ./books/../books/shop.md}}
"""
    plan = load_text(tmp_path, text, more=more).plan
    assert [plan.checks[name].runbook for name in "abc"] == [
        "# Restart it\n",
        "Call Li.\nThen see books/shop.md",
        "https://wiki.example/shop.md",
    ]
    assert plan.services["s"].runbook == "# Restart it\n"
    (tmp_path / "books/shop.md").write_bytes(b"x" * 65537)
    assert "larger than 64 KiB" in complaints_of(tmp_path, text)[0]
    (tmp_path / "books/shop.md").unlink()
    (tmp_path / "books/shop.md").symlink_to("/etc/hostname")
    assert "outside the directory" in complaints_of(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        pytest.param(
            "canaries: ['10.0.0.1:53', 'gateway.lan:53']",
            "every one of the `canaries` is on this network: when the line beyond it is dead, they still answer",
            id="canaries nearby",
        ),
        pytest.param(
            "people: {li: {skills: [db]}}", "`people.*.skills` is accepted but not acted on yet", id="skills"
        ),
        pytest.param(
            "tickets: {mirror: [{notifier: log}]}",
            "`tickets.mirror` is accepted but not acted on yet",
            id="mirror",
        ),
        pytest.param("", "no `people`: incidents are recorded and shown, but nobody is paged", id="people"),
        pytest.param(
            "people: {}",
            "no `canaries`: when this machine loses its network, everything else will look down",
            id="no canaries",
        ),
        pytest.param("people: {li: {}}", "`people.li` has no channel and cannot be paged", id="no channel"),
        pytest.param(
            "people: {li: {}}",
            "no `fallback`: when a step of an escalation reaches nobody, nobody else is asked",
            id="fallback",
        ),
        pytest.param(
            "services: {s: {}}",
            "`services.s` has no checks: nothing can tell whether it is up",
            id="no checks",
        ),
        pytest.param(
            "site: {languages: [en, fr]}", "no templates ship for fr: those customers read en", id="language"
        ),
        pytest.param(
            "listen: {public_url: 'https://Shop.example/status'}\nchecks: {home: 'https://shop.example/'}",
            "`listen.public_url` stands behind what `checks.home` watches: "
            "when that is down, customers cannot read why",
            id="status page behind the shop",
        ),
    ],
)
def test_what_is_missing_or_unwise_is_a_warning(text: str, warned: str, tmp_path: Path) -> None:
    assert load_text(tmp_path, text).warnings.count(warned) == 1


@pytest.mark.parametrize(
    "text",
    [
        "paging: {bundle: off}",
        "silences: []\nmaintenance: []\ninhibitions: []",
        "silences: [{services: [s], author: li, reason: x, until: 2027-01-04T00:00:00Z}]\nservices: {s: {}}",
        "maintenance: [{services: [s], reason: x, start: 2027-01-04T00:00:00Z, length: 1h}]\nservices: {s: {}}",
        "people: {li: {skills: []}}",
    ],
)
def test_what_asks_for_nothing_earns_no_warning(text: str, tmp_path: Path) -> None:
    assert not any("not acted on" in line for line in load_text(tmp_path, text).warnings)
