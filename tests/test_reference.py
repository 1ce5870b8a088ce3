"""The reference is made from the code and says what the code says."""

from __future__ import annotations

import pytest

from lab.reference_pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """Run scripts/reference after changing a kind or a route."""
    assert (FOLDER / name).read_text("utf-8") == PAGES[name]()
