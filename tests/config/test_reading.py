"""Files to values: what words mean, what is refused before anybody looks at its meaning, how files join."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from config.complaint import ConfigError, Notes
from config.loader import load
from config.source.block import Block, locate
from config.source.reader import Budget, read
from config.source.scalars import resolve
from config.source.secrets import Secrets
from lab.config_files import complaints_of, few_kinds, load_text


def _read(text: str) -> Any:
    notes = Notes()
    secrets = Secrets(env={}, directory=Path(), notes=notes)
    value, _ = read(text, "f.yaml", notes=notes, secrets=secrets, budget=Budget())
    notes.raise_if_any()
    return value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        pytest.param("true", True, id="true"),
        pytest.param("false", False, id="false"),
        pytest.param("", None, id="empty"),
        pytest.param("~", None, id="tilde"),
        pytest.param("null", None, id="null"),
        pytest.param("42", 42, id="integer"),
        pytest.param("-7", -7, id="negative"),
        pytest.param("0.5", 0.5, id="decimal"),
        pytest.param(".5", 0.5, id="decimal without a zero"),
        *(
            pytest.param(word, word, id=word)
            for word in (
                "NO", "no", "off", "on", "yes", "True", "FALSE", "y", "22:22", "12:30:45", "08", "017", "0x1F",
                "0o17", "0b1", "1e3", "1.0e+3", "1_000", "1,000", ".inf", ".nan", "-.inf", "NULL", "2027-01-04",
                "2026-02-30", "10s", "90%", "=", "-", "+", ".", "1.", "１２",
            )
        ),
    ],
)  # fmt: skip
def test_an_unquoted_word_is_what_it_looks_like(word: str, value: object) -> None:
    assert resolve(word) == value
    assert type(resolve(word)) is type(value)


def test_a_quoted_word_is_always_text() -> None:
    assert _read('{a: "true", b: \'42\', c: "", d: |\n  42\n}'.replace("|\n  42\n", "'null'")) == {
        "a": "true",
        "b": "42",
        "c": "",
        "d": "null",
    }


def test_keys_are_text_whatever_they_look_like() -> None:
    assert _read("{1: a, true: b, NO: c, 08: d}") == {"1": "a", "true": "b", "NO": "c", "08": "d"}


def test_an_alias_stands_for_its_anchor_and_may_be_used_often() -> None:
    assert _read("a: &x {k: 1}\nb: *x\nc: [*x, *x]") == {
        "a": {"k": 1},
        "b": {"k": 1},
        "c": [{"k": 1}, {"k": 1}],
    }


def test_places_of_keys_and_values_are_known() -> None:
    block = _read("site:\n  name: Shop\n  list: [a, b]\n")
    assert isinstance(block, Block)
    assert locate(block, ("site", "name"))[0][1:] == (2, 9)
    assert locate(block, ("site", "name"), key=True)[0][1:] == (2, 3)
    assert locate(block, ("site", "list", 1))[0][1:] == (3, 13)
    assert locate(block, ("site", "gone"))[1] == ("site",)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"\xff\xfe\x00\x01", "nightbell.yaml:1:1: is not UTF-8 text", id="UTF-16"),
        pytest.param(b"a: b\nc: \xff", "nightbell.yaml:2:4: is not UTF-8 text", id="one bad byte"),
        pytest.param(
            b"a: x\x00y",
            "nightbell.yaml:1:5: character U+0000 has no place in a configuration",
            id="NUL in the file",
        ),
        pytest.param(
            b"\na: \x1b[31m",
            "nightbell.yaml:2:4: character U+001B has no place in a configuration",
            id="escape in the file",
        ),
        pytest.param(
            "a: \x85b".encode(),
            "nightbell.yaml:1:4: character U+0085 has no place in a configuration",
            id="C1 control",
        ),
        pytest.param(
            b"a: '" + b"x" * 70_000 + b"'",
            "nightbell.yaml:1:4: a: is longer than 65,536 characters",
            id="long",
        ),
        pytest.param(
            b"? " + b"k" * 400 + b"\n: v",
            "nightbell.yaml:1:3: a key is longer than 300 characters",
            id="long key",
        ),
        pytest.param(b"? ''\n: v", "nightbell.yaml:1:3: a key is empty", id="empty key"),
        pytest.param(
            b'"a\\0b": v', "nightbell.yaml:1:1: a key holds the character U+0000", id="control in a key"
        ),
        pytest.param(
            b"port: " + b"9" * 5000, "nightbell.yaml:1:7: port: is a number of 5000 digits", id="5000 digits"
        ),
        pytest.param(
            b"port: 0." + b"9" * 5000, "nightbell.yaml:1:7: port: is a number of 5002", id="5000 decimals"
        ),
        pytest.param(
            b"a: !!binary aGk=", "nightbell.yaml:1:4: a: has the tag tag:yaml.org,2002:binary", id="tag"
        ),
        pytest.param(b"a: !x y", "nightbell.yaml:1:4: a: has the tag !x; tags are not read", id="own tag"),
        pytest.param(
            b"[" * 200_000, "nightbell.yaml:1:33: 0.0.0: is nested more than 32 deep", id="200,000 brackets"
        ),
        pytest.param(
            b"{a: " * 100_000, "nightbell.yaml:1:129: a.a.a: is nested more than 32 deep", id="braces"
        ),
        pytest.param(b"- " * 100_000, "nightbell.yaml:1:65: 0.0.0: is nested more than 32 deep", id="dashes"),
        pytest.param(
            b"&a [*a]", "nightbell.yaml:1:5: 0: the alias *a stands for what contains it", id="itself"
        ),
        pytest.param(b"%YAML 9.9\n---\na: b", "nightbell.yaml:1:1: is no valid YAML", id="another YAML"),
    ],
)
def test_a_file_is_refused_at_the_border(data: bytes, told: str, tmp_path: Path) -> None:
    assert any(line.startswith(told) for line in complaints_of(tmp_path, data))


def test_more_nodes_than_the_budget_are_refused(tmp_path: Path) -> None:
    told = complaints_of(tmp_path, "fallback: [" + "a," * 450_000 + "]")
    assert "holds more than 400,000 values" in told[0]


def test_a_file_larger_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    told = complaints_of(tmp_path, b"# " + b"x" * (5 * 1024 * 1024))
    assert told == ["nightbell.yaml: cannot be read: it is larger than 4,096 KiB"]


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    assert load_text(tmp_path, b"\xef\xbb\xbfsite: {name: Shop}").plan.site.name == "Shop"


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    assert load_text(tmp_path, b"site:\r\n  name: Shop\r\n").plan.site.name == "Shop"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda path: None, "no such file or directory", id="missing"),
        pytest.param(lambda path: path.mkdir(), "it is a directory", id="directory"),
        pytest.param(os.mkfifo, "it is not a regular file", id="pipe nobody writes to"),
        pytest.param(
            lambda path: path.symlink_to(path), "too many levels of symbolic links", id="link to itself"
        ),
    ],
)
def test_a_path_that_is_no_file_is_told_at_once(make: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / "nightbell.yaml"
    make(path)
    with pytest.raises(ConfigError) as caught:
        load(path, env={}, kinds=few_kinds())
    assert str(caught.value) == f"{path}: cannot be read: {told}"


def test_files_of_conf_d_join_section_by_section(tmp_path: Path) -> None:
    loaded = load_text(
        tmp_path,
        "checks: {a: tcp://a.example:1}\nsite: {name: Shop}\nhost: off\ncanaries: [tcp://c.example:1]",
        more={
            "conf.d/20-more.yaml": "checks: {c: tcp://c.example:1}\ncanaries: [tcp://d.example:1]",
            "conf.d/10-first.yaml": "checks: {b: tcp://b.example:1}\nsite: {timezone: Asia/Tokyo}",
            "conf.d/.hidden.yaml": "no: yes",
            "conf.d/notes.txt": "no: yes",
            "conf.d/empty.yaml": "",
        },
    )
    assert list(loaded.checks) == ["a", "b", "c"]
    assert (loaded.plan.site.name, str(loaded.plan.site.zone)) == ("Shop", "Asia/Tokyo")


def test_a_key_in_two_files_is_refused_with_both_places(tmp_path: Path) -> None:
    told = complaints_of(
        tmp_path,
        "host: on\nchecks:\n  a: tcp://a.example:1\nsite: {name: A}",
        more={"conf.d/x.yaml": "checks:\n\n  a: tcp://b.example:1\nhost: off\nsite: {name: B}"},
    )
    assert [line.replace(str(tmp_path), "") for line in told] == [
        "conf.d/x.yaml:3:3: checks.a: is given twice; first in nightbell.yaml:3:3",
        "conf.d/x.yaml:4:1: host: is given twice; first in nightbell.yaml:1:1",
        "conf.d/x.yaml:5:8: site.name: is given twice; first in nightbell.yaml:4:8",
    ]


def test_complaints_name_the_file_they_are_about(tmp_path: Path) -> None:
    told = complaints_of(
        tmp_path,
        "services: {shop: {checks: [home]}}",
        more={"conf.d/a.yaml": "- list", "conf.d/b.yaml": "chekcs: {}", "conf.d/c.yaml": "a: ["},
    )
    assert [line.split(": ")[0] for line in told] == [
        "conf.d/a.yaml:1:1",
        "conf.d/b.yaml:1:1",
        "conf.d/c.yaml:2:1",
        "nightbell.yaml:1:28",
    ]


def test_a_link_out_of_the_directory_is_refused_and_one_inside_is_read(tmp_path: Path) -> None:
    home = tmp_path / "etc"
    (home / "conf.d").mkdir(parents=True)
    (tmp_path / "elsewhere.yaml").write_text("site: {name: Elsewhere}", "utf-8")
    (home / "available").mkdir()
    (home / "available" / "shop.yaml").write_text("site: {name: Shop}", "utf-8")
    (home / "conf.d" / "shop.yaml").symlink_to("../available/shop.yaml")
    assert load_text(home, "").plan.site.name == "Shop"
    (home / "conf.d" / "out.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert complaints_of(home, "") == ["conf.d/out.yaml: leads out of the directory of the configuration"]


def test_a_yml_file_in_conf_d_is_told_to_be_ignored(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, "", more={"conf.d/x.yml": "site: {name: X}"})
    assert f"{tmp_path}/conf.d/x.yml is not read: only *.yaml is" in loaded.warnings
    assert loaded.plan.site.name == "Nightbell"
