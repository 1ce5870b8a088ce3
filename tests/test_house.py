"""Rules of the house that a program can check: what may stand in the tree, and how the daemon is shipped."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest

from lab.tools import ROOT, tool

SYSTEMD = ROOT / "systemd"


def tracked(*patterns):
    """Return the files of the project (tracked, or new and not ignored) as paths relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def lines_matching(pattern, names):
    """Return "file:line" for every line of text in which `pattern` is found."""
    found = []
    for name in names:
        raw = (ROOT / name).read_bytes()
        if b"\0" in raw:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{name}:{number}")
    return found


def test_the_wheel_holds_exactly_the_four_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    four = ["probes", "alerting", "config", "monitor"]

    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": four}
    assert project["tool"]["importlinter"]["root_packages"] == four
    assert project["project"]["scripts"] == {"nightbell": "monitor.cli:main"}


def test_every_folder_of_code_is_a_package_and_none_of_tests_is():
    """A package below tests/ would take the name of the one it tests. Migrations are scripts that Alembic loads."""
    folders = {
        name.rpartition("/")[0]
        for name in tracked("probes/*.py", "alerting/*.py", "config/*.py", "monitor/*.py")
        if not name.startswith("monitor/store/migrations/")
    }

    assert [folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()] == []
    assert tracked("tests/**/__init__.py", "tests/__init__.py") == []


def test_test_files_have_names_of_their_own():
    names = [name.rpartition("/")[2] for name in tracked("tests/**/test_*.py", "tests/test_*.py")]

    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_no_file_of_code_is_longer_than_400_lines():
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in tracked("*.py")}

    assert {name: length for name, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        # Written in halves, so that this file does not find itself.
        pytest.param(r"(?<![\w./])/(wo" r"rk|ro" r"ot|fa" r"rm)/", id="a machine's folders"),
        pytest.param(r"(?<![\w.])/ho" r"me/[a-z][\w-]*/", id="somebody's home"),
        pytest.param(
            r"files\.python" r"hosted|pypi\." r"org|registry\.npm" r"js|index-" r"url\s*=", id="a registry"
        ),
        pytest.param(r"(?i)\b(TO" r"DO|FIX" r"ME|X" r"XX)\b", id="unfinished work"),
    ],
)
def test_no_tracked_file_names(pattern):
    assert lines_matching(re.compile(pattern), tracked()) == []


def test_no_test_is_skipped_expected_to_fail_or_patches_code():
    pattern = re.compile(
        r"pytest\.(mark\.)?(sk" r"ip|xf" r"ail|importor" r"skip)|unittest\.mo" r"ck|monkey" r"patch"
    )

    assert lines_matching(pattern, tracked("tests/*.py")) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"])
def test_a_lock_file_pins_every_package_by_version_and_hash(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]

    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    asked = {re.match(r"[\w.-]+", line)[0].lower() for line in project["project"]["dependencies"]}

    assert asked <= locked


@pytest.fixture
def unit(tmp_path):
    """Return a copy of the unit whose programs exist on every machine."""
    text = (SYSTEMD / "nightbell.service").read_text(encoding="utf-8")
    program = shutil.which("true")
    copy = tmp_path / "nightbell.service"
    copy.write_text(re.sub(r"(?m)^(Exec\w+=)\S+", rf"\g<1>{program}", text), encoding="utf-8")
    return copy


def analyze(*arguments):
    return subprocess.run(
        [tool("systemd-analyze"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_finds_nothing_to_complain_about_in_the_unit(unit):
    """`verify` prints unknown keys and goes on to succeed: anything it says is a failure."""
    verdict = analyze("verify", "--man=no", unit)

    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_a_wrong_key_in_a_unit_would_be_found(unit):
    unit.write_text(unit.read_text(encoding="utf-8") + "\n[Service]\nWatchdogSeconds=1\n", encoding="utf-8")

    assert "WatchdogSeconds" in analyze("verify", "--man=no", unit).stderr


@pytest.mark.parametrize(
    "capability",
    [pytest.param("CAP_NET_RAW", id="as shipped"), pytest.param("", id="without the right to ping")],
)
def test_the_unit_is_exposed_to_no_more_than_2_0(unit, capability):
    text = unit.read_text(encoding="utf-8")
    unit.write_text(
        re.sub(r"(?m)^(CapabilityBoundingSet|AmbientCapabilities)=.*$", rf"\1={capability}", text),
        encoding="utf-8",
    )
    verdict = analyze("security", "--offline=true", "--threshold=20", "--no-pager", unit)

    assert verdict.returncode == 0, verdict.stdout[-200:]


def test_the_readme_names_the_exposure_that_was_measured(unit):
    verdict = analyze("security", "--offline=true", "--no-pager", unit)
    measured = re.search(r"Overall exposure level for \S+: (\d+\.\d)", verdict.stdout)
    assert measured

    assert f"`systemd-analyze security` gives the unit {measured[1]} " in (ROOT / "README.md").read_text(
        "utf-8"
    )


def settings_of_unit():
    text = (SYSTEMD / "nightbell.service").read_text(encoding="utf-8")
    return [line.partition("=")[::2] for line in text.splitlines() if re.match(r"[A-Z]\w+=", line)]


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        pytest.param("ProcSubset", {"all"}, id="other processes stay visible"),
        pytest.param("ProtectProc", {"default"}, id="to every user"),
        pytest.param("ProtectHome", {"read-only"}, id="the size of homes stays true"),
        pytest.param("TemporaryFileSystem", set(), id="nothing is covered"),
        pytest.param("InaccessiblePaths", set(), id="nothing is hidden"),
        pytest.param("RootDirectory", set(), id="the root is the machine's"),
        pytest.param("PrivateUsers", {"no"}, id="owners of processes keep their names"),
        pytest.param("PrivateNetwork", {"no"}, id="the interfaces are the machine's"),
    ],
)
def test_hardening_does_not_make_the_monitor_blind_or_a_liar(key, allowed):
    assert {value for name, value in settings_of_unit() if name == key} <= allowed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "30"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("KillMode", "control-group"),
        ("StateDirectory", "nightbell"),
        ("StateDirectoryMode", "0700"),
        ("ExecReload", "kill -HUP $MAINPID"),
    ],
)
def test_the_unit_keeps_what_the_daemon_relies_on(key, value):
    assert (key, value) in {tuple(setting) for setting in settings_of_unit()}


def test_shell_scripts_are_executable_and_parse():
    for name in [*tracked("scripts/*"), ".ci/run"]:
        assert (ROOT / name).stat().st_mode & 0o111, name
        assert subprocess.run(["bash", "-n", ROOT / name], timeout=30, check=False).returncode == 0, name
