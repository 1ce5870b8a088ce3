"""The stand-in for the daemon, and what runs a command against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cli_api import Api, cli_api
from lab.cli_run import Said, run


@pytest.fixture
def api() -> Iterator[Api]:
    with cli_api() as api:
        yield api


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "nightbell.yaml"
    path.write_text("site: {timezone: Asia/Shanghai}\n", encoding="utf-8")
    return path


@pytest.fixture
def nb(api: Api, config: Path):
    """Return what runs `nightbell …` against the stand-in, in Shanghai at noon."""

    def call(*args: str, **env: str) -> Said:
        return run("-c", str(config), *args, url=api.url, env=env)

    return call
