"""Options that do not go with the deadline of their check: an error where it could never be up, else a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import ConfigError
from config.loader import load
from config.model import Config

LOST = "`checks.x.wait` outlasts the timeout of {}: a run that loses a request ends there, and its loss is not known"


def loaded(folder: Path, text: str) -> Config:
    """Load it with the kinds that ship."""
    path = folder / "nightbell.yaml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return load(path, env={})


def warnings_of(folder: Path, text: str) -> list[str]:
    return [line for line in loaded(folder, text).warnings if line.startswith("`checks.")]


@pytest.mark.parametrize(
    ("check", "warning"),
    [
        ("probe: ping, target: h", None),
        ("probe: ping, target: h, timeout: 2s", None),
        ("probe: ping, target: h, timeout: 1s", LOST.format("1 s")),
        ("probe: ping, target: h, wait: 5s", LOST.format("5 s")),
        ("probe: http, url: 'http://h/', expect: {max_seconds: 4s}", None),
        ("probe: http, url: 'http://h/', expect: {max_seconds: 5s}",
         "`checks.x.expect.max_seconds` decides nothing: the timeout of 5 s comes first"),
        ("probe: http, url: 'http://h/', timeout: 2s, expect: {phases: {connect: 1s, tls: 2s}}",
         "`checks.x.expect.phases.tls` decides nothing: the timeout of 2 s comes first"),
        ("probe: dns, name: shop.example", None),
        ("probe: tcp, target: 'h:1'", None),
    ],
)  # fmt: skip
def test_a_time_beyond_the_deadline_earns_a_warning(check: str, warning: str | None, tmp_path: Path) -> None:
    assert warnings_of(tmp_path, f"host: off\nchecks: {{x: {{{check}}}}}") == ([warning] if warning else [])


def test_the_deadline_may_be_that_of_all_checks(tmp_path: Path) -> None:
    text = "host: off\ndefaults: {timeout: 1s}\nchecks: {x: 'ping://h', y: {probe: ping, target: h, timeout: 3s}}"
    (warning,) = warnings_of(tmp_path, text)
    assert warning.startswith("`checks.x.wait` outlasts the timeout of 1 s")


def test_what_can_never_be_up_is_an_error(tmp_path: Path) -> None:
    text = "host: off\nchecks:\n  x: {probe: ping, target: h, count: 20, interval: 500ms}\n"
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    (complaint,) = refused.value.complaints
    assert complaint.path == "checks.x.interval"
    assert complaint.message == "is too long: the last request leaves after 9.5 s, the timeout is 5 s"
