"""Whatever is in the file: a configuration or a ConfigError, in bounded time."""

from __future__ import annotations

import copy
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.complaint import ConfigError
from config.document import SECTIONS
from lab.config_files import complaints_of, load_text

_WORDS = st.sampled_from([
    *SECTIONS, "probe", "http", "tcp", "cpu", "url", "target", "every", "10s", "on", "off", "auto", "after 5m", "page",
    "people", "rota", "ops", "li", "shifts", "all", "from", "to", "08:00", "notifier", "smtp", "select",
    "used_ratio", "warning", "critical", "above", "below", "90%", "title", "announce", "classes", "urgent", "mirror",
    "repeat", "by", "turn", "weekly", "start", "2026-02-30", "days", "mon-fri", "languages", "en",
    "channels", "labels",
    "https://a.example/", "${env:X}", "${", "${file:/dev/zero}", "${cred:x}", "../x.md", "runbook", "disk-full", "down",
    "metric", "log",
])  # fmt: skip
_SCALARS = st.one_of(
    _WORDS,
    _WORDS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.binary(max_size=4),
)
_VALUES: Any = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
_ENTRIES = st.dictionaries(
    st.sampled_from(["a", "li", "ops", "disk-full", "cpu", "load"]), _VALUES, max_size=3
)
_DOCUMENTS = st.dictionaries(st.sampled_from(SECTIONS), _VALUES | _ENTRIES, max_size=6)


def _survives(data: bytes | str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        try:
            load_text(Path(directory), data, env={"X": "12345"})
        except ConfigError as error:
            told = str(error)
        else:
            told = "nothing"
    assert told
    return told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    _survives(data)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="abc:-[]{}&*!|>'\"%@`,?#~$ \n\t\\01é", max_size=80))
def test_random_yaml_marks_never_raise_anything_else(text: str) -> None:
    _survives(text)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_DOCUMENTS)
def test_random_documents_of_our_own_words_never_raise_anything_else(document: dict[str, Any]) -> None:
    _survives(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


_TEXT = (Path(__file__).parent / "examples/whole-contract.yaml").read_text("utf-8")
_CONTRACT = yaml.safe_load(
    re.sub(
        r"\$\{cred:(\w+)\}", lambda name: "https://x.example/" if name[1] == "deadman" else "s3cret", _TEXT
    )
)


def _spots(node: Any) -> list[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [spot for key in keys for spot in [(node, key), *_spots(node[key])]]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(["set", "drop", "rename"]), _VALUES), max_size=4
    )
)
@example([])
def test_the_whole_contract_with_things_moved_never_raises_anything_else(
    changes: list[tuple[int, str, Any]],
) -> None:
    document = copy.deepcopy(_CONTRACT)
    for index, what, value in changes:
        spots = _spots(document)
        node, key = spots[index % len(spots)]
        if what == "drop":
            del node[key]
        elif what == "rename" and isinstance(node, dict) and isinstance(value, str):
            node[value] = node.pop(key)
        else:
            node[key] = value
    told = _survives(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))
    assert changes or told == "nothing"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 1_000_000, id="a million brackets"),
        pytest.param(b"a: &a [" + b"*b, " * 1000 + b"]", id="aliases of nothing"),
        pytest.param(b"a: &a [x]\n" + b"".join(b"b%d: *a\n" % n for n in range(50_000)), id="50,000 aliases"),
        pytest.param(b"checks: {" + b"a: 1, " * 100_000 + b"}", id="100,000 times the same key"),
        pytest.param(b"".join(b"k%d: 1\n" % n for n in range(100_000)), id="100,000 unknown sections"),
        pytest.param(b"site: {name: '" + b"${env:X}" * 8000 + b"'}", id="8,000 placeholders"),
        pytest.param(b"? " * 100_000, id="keys of keys"),
        pytest.param(b"a: '" + b"\\n" * 100_000, id="a quote never closed"),
        pytest.param(b"#" * 4_000_000, id="only a comment"),
        pytest.param(b"\n" * 4_000_000, id="only lines"),
    ],
)
def test_a_file_made_to_hurt_is_answered_in_bounded_time(data: bytes) -> None:
    began = time.process_time()
    _survives(data)
    assert time.process_time() - began < 30  # seconds; measured: under 3 s each, most under 0.1 s


def test_five_thousand_checks_load(tmp_path: Path) -> None:
    checks = "\n".join(
        f'  c{number:05}: {{probe: http, url: "https://h{number}.example/health", every: 10s, timeout: 5s, '
        f"expect: {{status: 200, body_contains: ok}}, labels: {{team: t{number % 7}}}}}"
        for number in range(5000)
    )
    began = time.process_time()
    loaded = load_text(tmp_path, f"checks:\n{checks}\nservices: {{all: {{checks: [c00001, c04999]}}}}")
    print(f"5,000 checks loaded in {time.process_time() - began:.2f} s of CPU")
    assert len(loaded.checks) == 5006
    assert loaded.plan.checks["c04999"].services == ("all",)
    assert time.process_time() - began < 60


def test_a_thousand_misspelt_names_among_thousands_are_answered_in_bounded_time(tmp_path: Path) -> None:
    names = [f"check-{number:05}" for number in range(5000)]
    checks = "\n".join(f"  {name}: tcp://{name}.example:1" for name in names)
    wrong = ", ".join(name.replace("check", "chekc") for name in names)
    began = time.process_time()
    told = complaints_of(tmp_path, f"checks:\n{checks}\nservices: {{s: {{checks: [{wrong}]}}}}")
    assert told[0].endswith("there is no check 'chekc-00000'; did you mean `check-00000`?")
    assert len(told) == 101
    assert time.process_time() - began < 60  # seconds; measured: 3
