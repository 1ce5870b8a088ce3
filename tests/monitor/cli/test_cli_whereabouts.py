"""Where the command line looks for the daemon and for its token."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.cli.exits import Exit, Problem
from monitor.cli.whereabouts import find


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("internal", "url"),
    [
        pytest.param("", "http://127.0.0.1:9890", id="default"),
        pytest.param("listen: {internal: 127.0.0.1:1234}", "http://127.0.0.1:1234", id="given"),
        pytest.param("listen: {internal: '0.0.0.0:1234'}", "http://127.0.0.1:1234", id="everywhere"),
        pytest.param("listen: {internal: '[::]:1234'}", "http://[::1]:1234", id="everywhere by IPv6"),
        pytest.param("listen: {internal: '[fd00::1]:1234'}", "http://[fd00::1]:1234", id="IPv6"),
        pytest.param("listen: 3", "http://127.0.0.1:9890", id="nonsense"),
    ],
)
def test_the_daemon_is_where_the_configuration_says(internal: str, url: str, tmp_path: Path) -> None:
    assert find(write(tmp_path / "nightbell.yaml", internal), None, {}).url == url


def test_a_given_url_wins_and_needs_no_configuration(tmp_path: Path) -> None:
    file = write(tmp_path / "nightbell.yaml", "listen: {internal: 127.0.0.1:1234}")
    broken = write(tmp_path / "broken.yaml", "a: [")

    for path in (file, broken, tmp_path / "missing.yaml"):
        assert find(path, "https://mon.example:443/", {}).url == "https://mon.example:443"


def test_conf_d_counts_too(tmp_path: Path) -> None:
    file = write(tmp_path / "nightbell.yaml", "listen: {public: 127.0.0.1:1}")
    write(tmp_path / "conf.d" / "10-listen.yaml", "listen: {internal: 127.0.0.1:4321}")

    assert find(file, None, {}).url == "http://127.0.0.1:4321"


def test_the_zone_is_the_sites_and_unknown_where_it_makes_no_sense(tmp_path: Path) -> None:
    for written, zone in (
        ("Asia/Shanghai", ZoneInfo("Asia/Shanghai")),
        ("Mars/Olympus", None),
        ("../../x", None),
    ):
        assert (
            find(write(tmp_path / "nightbell.yaml", f"site: {{timezone: {written}}}"), None, {}).zone == zone
        )


def test_secrets_and_faults_elsewhere_in_the_file_do_not_stand_in_the_way(tmp_path: Path) -> None:
    text = 'heartbeat: "${cred:deadman}"\nrotas: {ops: {start: 2026-02-30}}\nchecks: {a: !!python/name:os.system {}}\n'
    file = write(tmp_path / "nightbell.yaml", text + "listen: {internal: 127.0.0.1:1234}")

    assert find(file, None, {}).url == "http://127.0.0.1:1234"


@pytest.mark.parametrize("missing", [True, False])
def test_a_configuration_that_cannot_be_read_is_named(missing: bool, tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    if not missing:
        path.mkdir()
    with pytest.raises(Problem) as caught:
        find(path, None, {})

    cause = "no such file or directory" if missing else "is a directory"
    assert str(caught.value) == (
        f"cannot read {path}: {cause}; name the file with -c FILE, or the daemon with --url URL"
    )
    assert caught.value.exit_code == Exit.UNREACHABLE


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\x01", "a: &a [*a", "[" * 5000])
def test_a_file_that_is_no_yaml_leads_to_check_config(text: str, tmp_path: Path) -> None:
    file = write(tmp_path / "nightbell.yaml", text)
    with pytest.raises(Problem, match="it is no YAML; see nightbell check-config"):
        find(file, None, {})


@pytest.mark.parametrize(
    ("store", "env"),
    [
        pytest.param("sqlite:///{state}/other.db", {}, id="beside the SQLite file"),
        pytest.param("", {"STATE_DIRECTORY": "{state}"}, id="state directory"),
        pytest.param("", {"STATE_DIRECTORY": "{state}:/elsewhere"}, id="first state directory"),
        pytest.param("postgresql://u@h/db", {"STATE_DIRECTORY": "{state}"}, id="PostgreSQL"),
        pytest.param("${{env:STORE}}", {"STATE_DIRECTORY": "{state}"}, id="a secret store"),
    ],
)
def test_the_token_lies_in_the_state_directory(store: str, env: dict[str, str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    token = write(state / "admin.token", "nb_secret\n")
    file = write(tmp_path / "nightbell.yaml", f"store: '{store.format(state=state)}'" if store else "")
    found = find(file, None, {name: value.format(state=state) for name, value in env.items()})

    assert (found.token, found.token_source) == ("nb_secret", str(token))
    assert "nb_secret" not in repr(found)


def test_a_token_in_the_environment_wins(tmp_path: Path) -> None:
    file = write(tmp_path / "nightbell.yaml", f"store: sqlite:///{tmp_path}/x.db")
    write(tmp_path / "admin.token", "nb_file")
    found = find(file, None, {"NIGHTBELL_TOKEN": "nb_env"})

    assert (found.token, found.token_source) == ("nb_env", "$NIGHTBELL_TOKEN")


def test_a_missing_token_says_where_it_was_looked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "nightbell.yaml", f"store: sqlite:///{tmp_path}/x.db")
    found = find(file, None, {})

    assert found.token is None
    assert found.token_source == f"{tmp_path}/admin.token: no such file or directory"
    with pytest.raises(Problem) as caught:
        found.client().get("incidents")
    assert str(caught.value) == (
        f"cannot ask the daemon at http://127.0.0.1:9890 without a token ({found.token_source}); "
        "set NIGHTBELL_TOKEN, or run this as the daemon's user"
    )
