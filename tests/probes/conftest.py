"""What tests of probes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.probe_certificates import Authority
from lab.probe_run import programs


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give one authority to all tests: making keys takes time."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def systemctl(tmp_path: Path) -> Iterator[Path]:
    """Give a place for a systemctl of the test's own, found before the machine's."""
    with programs(f"{tmp_path}:/usr/bin:/bin"):
        yield tmp_path / "systemctl"
