"""Secrets get in, and never out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.complaint import ConfigError, Notes
from config.source.secrets import SecretError, Secrets
from lab.config_files import complaints_of, load_text

CANARY = "zx81-Canary/pass:word@9%"


def _secrets(directory: Path, **env: str) -> Secrets:
    return Secrets(env=env, directory=directory, notes=Notes())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("${env:A}", "a/b@c", id="alone: as it is"),
        pytest.param("<${env:A}|${env:B}>", "<a/b@c|x y>", id="in a text: as it is"),
        pytest.param(
            "https://u:${env:A}@h/?q=${env:B}", "https://u:a%2Fb%40c@h/?q=x%20y", id="in a URL: encoded"
        ),
        pytest.param("twilio://${env:PAIR}@from/", "twilio://user:key@from/", id="a pair keeps its colon"),
        pytest.param("smtp://u:${env:COLON}@h", "smtp://u:%3Akey@h", id="a leading colon is encoded"),
        pytest.param("${env:URL}/path", "https://h/a b/path", id="a URL that is itself secret: as it is"),
        pytest.param("$${env:A}", "${env:A}", id="escaped"),
        pytest.param("$HOME $5 }{", "$HOME $5 }{", id="other dollars"),
    ],
)
def test_a_placeholder_is_replaced(text: str, value: str, tmp_path: Path) -> None:
    secrets = _secrets(tmp_path, A="a/b@c", B="x y", PAIR="user:key", COLON=":key", URL="https://h/a b")
    assert secrets.expand(text) == value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b"pw\n", "pw", id="one newline is cut"),
        pytest.param(b"pw\r\n", "pw", id="with its carriage return"),
        pytest.param(b"pw\n\n", "pw\n", id="only one"),
        pytest.param(b" pw ", " pw ", id="blanks stay"),
        pytest.param("密码".encode(), "密码", id="any letters"),
        pytest.param(b"x" * 65536, "x" * 65536, id="64 KiB"),
    ],
)
def test_a_secret_file_is_read(content: bytes, value: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_bytes(content)
    assert _secrets(tmp_path).expand("${file:pw}") == value
    assert _secrets(Path("/")).expand(f"${{file:{tmp_path}/pw}}") == value
    assert _secrets(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path)).expand("${cred:pw}") == value


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="a newline only"),
        pytest.param(b"x" * 65537, "it is larger than 64 KiB", id="too large"),
        pytest.param(b"\xff\xfe", "it is not UTF-8 text", id="no text"),
        pytest.param(b"a\0b", "holds control characters", id="NUL"),
        pytest.param(b"a\rb", "holds control characters", id="carriage return"),
    ],
)
def test_a_secret_file_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(SecretError, match=told):
        _secrets(tmp_path).expand("${file:pw}")


def test_a_secret_that_is_a_pipe_or_directory_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(SecretError, match="cannot read secret file"):
            _secrets(tmp_path).expand(f"${{file:{name}}}")


@pytest.mark.parametrize("name", ["../pw", "a/b", "", ".", "..", "a b", "a\nb", "-x"])
def test_a_credential_cannot_lead_out_of_its_directory(name: str, tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="names no credential"):
        _secrets(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path)).expand(f"${{cred:{name}}}")


# Places where a secret does not belong: whatever is said about them, it must not be the secret.
MISPLACED = """
site: {name: "${env:S}", timezone: "${env:S}", languages: ["${env:S}"]}
store: "${env:S}"
listen: {internal: "${env:S}", public: "x${env:S}", public_url: "${env:S}", tls: {cert: "${env:S}", key: "${env:S}"}}
host: "${env:S}"
canaries: ["${env:S}"]
defaults: {owner: "${env:S}", escalation: "${env:S}", every: "${env:S}", failures: "${env:S}", severity: "${env:S}"}
checks:
  a: "${env:S}"
  b: {probe: "${env:S}"}
  c: {probe: http, url: "${env:S}"}
  d: {probe: http, url: "http://${env:S}:99999/"}
  e: {probe: http, url: "https://x.example/", method: "${env:S}", headers: {"a b": "${env:S}"}}
  f: {probe: tcp, target: "${env:S}"}
  g: {probe: tcp, target: "a.example:1", runbook: "${env:S}.md", labels: {l: "${env:S}"}, group_by: "${env:S}"}
  h: {tcp: "${env:S}"}
  i: "gopher://${env:S}"
  j: {probe: http, url: "https://mon:opensecret77@x.example:99999/"}
thresholds:
  a: {select: {probe: "${env:S}"}, metric: "${env:S}", warning: {above: "${env:S}"}}
  b: {select: {probe: cpu}, metric: used_ratio, warning: {above: "${env:S}", for: "${env:S}"}}
services:
  a: {title: "${env:S}", checks: ["${env:S}"], announce: "${env:S}", owner: "${env:S}", expected_recovery: "${env:S}"}
  b: {announce: {page: "after ${env:S}"}, public: "${env:S}"}
people:
  li: {channels: {mail: "${env:S}"}, language: "${env:S}", skills: ["${env:S}"]}
rotas:
  ops: {people: ["${env:S}"], start: "${env:S}", from: "${env:S}", days: "${env:S}", turn: "${env:S}"}
escalations:
  urgent: [{page: "${env:S}", by: ["${env:S}"]}, {after: "${env:S}", page: {rota: "${env:S}"}}]
fallback: ["${env:S}"]
channels:
  a: {notifier: "${env:S}"}
  b: {notifier: webhook, url: "${env:S}", secret: "${env:S}", headers: {x: "${env:S}"}}
  c: {notifier: smtp, host: "${env:S}", from: "${env:S}", port: "${env:S}", password: "${env:S}"}
  d: {notifier: apprise, url: "${env:S}", audience: "${env:S}"}
  e: {notifier: log, "${env:S}": x}
announcements: {channels: ["${env:S}"], hold_recovery: "${env:S}"}
tickets: {classes: {urgent: {respond: "${env:S}"}}, mirror: [{notifier: "${env:S}"}]}
paging: {bundle: "${env:S}"}
silences: [{checks: ["${env:S}"], author: x, reason: "${env:S}", until: "${env:S}"}]
maintenance: [{services: ["${env:S}"], reason: x, start: "${env:S}", end: "${env:S}"}]
heartbeat: "${env:S}"
"""


@pytest.mark.parametrize(
    "secret", [CANARY, "short7", "pw1", "https://u:k33y@h.example/tok3n", "Asia/Tokyoo", "10 s3cr3t"]
)
def test_no_complaint_repeats_a_secret_wherever_it_was_put(secret: str, tmp_path: Path) -> None:
    told = complaints_of(tmp_path, MISPLACED, env={"S": secret})
    assert len(told) > 40
    text = "\n".join(told)
    assert secret not in text
    assert secret[:6] not in text
    assert secret[-6:] not in text
    assert "opensecret77" not in text
    # The key is named all the same.
    assert "defaults.every" in text


def test_a_loaded_configuration_shows_no_secret(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        """
        store: "postgresql://nb:${env:S}@db.example/nb"
        checks:
          home: "https://mon:${env:S}@shop.example/?token=${env:S}"
          away: {probe: http, url: "https://shop.example/", bearer: abcdefgh12345678, headers: {X-Key: "${env:S}"}}
        people: {li: {mail: li@shop.example, hook: "${env:S}"}}
        channels:
          mail: {notifier: smtp, host: mail.example, from: nb@shop.example, user: nb, password: "${env:S}"}
          hook: {notifier: webhook, url: "https://desk.example/?key=${env:S}", secret: "${env:S}"}
          any: {notifier: apprise, url: "tgram://${env:S}/{address}"}
        heartbeat: "https://hc.example/${env:S}"
        """.replace("\n        ", "\n"),
        env={"S": "zx81canarypass"},
    )
    shown = f"{loaded!r} {loaded!s} {loaded.checks!r} {loaded.channels!r} {loaded.plan!r} {loaded.warnings!r}"
    assert "zx81" not in shown
    assert "abcdefgh12345678" not in shown
    assert "zx81canarypass" in loaded.store


def test_a_missing_secret_names_the_key_and_nothing_that_follows_from_it(tmp_path: Path) -> None:
    told = complaints_of(tmp_path, 'checks: {home: {probe: http, url: "${env:NOT_SET}", evry: 1s}}')
    assert told == [
        "nightbell.yaml:1:35: checks.home.url: environment variable NOT_SET is not set",
        "nightbell.yaml:1:53: checks.home.evry: unknown key; did you mean `every`?",
    ]


@pytest.mark.parametrize(
    ("text", "mode", "warned"),
    [
        pytest.param(
            "channels: {h: {notifier: webhook, url: 'https://x.example/', secret: hush}}",
            0o644,
            True,
            id="secret",
        ),
        pytest.param("store: 'postgresql://nb:pw@db.example/nb'", 0o644, True, id="password in a URL"),
        pytest.param("store: 'postgresql://nb:pw@db.example/nb'", 0o640, False, id="not for everybody"),
        pytest.param("store: 'postgresql://nb:${env:PW}@db.example/nb'", 0o644, False, id="placeholder"),
        pytest.param("store: 'postgresql://nb@db.example/nb'", 0o644, False, id="user only"),
        pytest.param("site: {name: Shop}", 0o644, False, id="no secret"),
    ],
)
def test_open_secrets_in_a_file_everybody_can_read_are_warned_of(
    text: str, mode: int, warned: bool, tmp_path: Path
) -> None:
    from config.loader import load
    from lab.config_files import few_kinds

    file = tmp_path / "nightbell.yaml"
    file.write_text(text, "utf-8")
    file.chmod(mode)
    loaded = load(file, env={"PW": "pw"}, kinds=few_kinds())
    assert any("holds secrets and can be read by everybody" in line for line in loaded.warnings) is warned


def test_a_secret_file_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    text = "heartbeat: '${file:url}'"
    loaded = load_text(tmp_path, text, more={"url": "https://hc.example/1"})
    assert not any("can be read" in line for line in loaded.warnings)
    (tmp_path / "url").chmod(0o644)
    assert any(
        "secret file url can be read by everybody" in line for line in load_text(tmp_path, text).warnings
    )


def test_an_error_carries_complaints_and_prints_a_bounded_number(tmp_path: Path) -> None:
    checks = "\n".join(f"  c{number}: {{probe: tcp}}" for number in range(300))
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, f"checks:\n{checks}")
    assert len(caught.value.complaints) == 300
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "… and 200 more"
    assert caught.value.complaints[7].path == "checks.c7"
    assert (caught.value.complaints[7].line, caught.value.complaints[7].col) == (9, 7)
