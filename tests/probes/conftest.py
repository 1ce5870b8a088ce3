"""What tests of probes share."""

from __future__ import annotations

import pytest

from lab.probe_certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give one authority to all tests: making keys takes time."""
    return Authority(tmp_path_factory.mktemp("authority"))
