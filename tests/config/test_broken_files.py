"""Every file in `broken/` is refused with exactly the words beside it, which are written to be read aloud."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config.complaint import ConfigError
from config.loader import load
from lab.config_files import few_kinds

BROKEN = Path(__file__).parent / "broken"
CANARY = "hunter2-canary://x"


@pytest.mark.parametrize("name", sorted(file.stem for file in BROKEN.glob("*.yaml")))
def test_a_broken_file_is_refused_with_these_words(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.yaml"
    shutil.copy(BROKEN / f"{name}.yaml", file)
    with pytest.raises(ConfigError) as caught:
        load(file, env={"CANARY": CANARY, "EMPTY": ""}, kinds=few_kinds())
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert told == (BROKEN / f"{name}.expected").read_text("utf-8").rstrip("\n")
    assert "canary" not in told


def test_every_broken_file_says_what_is_expected_and_the_reverse() -> None:
    files = {file.stem for file in BROKEN.glob("*.yaml")}
    assert files == {file.stem for file in BROKEN.glob("*.expected")}
    assert len(files) >= 40
