"""Tokens: their holder has the text, we have a digest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store.errors import Fault, StoreError
from monitor.store.store import Store
from monitor.store.tokens import digest, new_token


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path}/nightbell.db", tmp_path)
    yield opened
    opened.close()


def test_a_token_is_known_by_its_digest_alone(store: Store, tmp_path: Path) -> None:
    text, its_digest = new_token()

    store.add_token("console", "operator", its_digest)

    assert store.token_role(digest(text)) == ("console", "operator")
    assert store.token_role(digest(text + "x")) is None
    assert all(text.encode() not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_tokens_are_long_and_never_the_same() -> None:
    made = {new_token()[0] for _ in range(100)}

    assert len(made) == 100
    assert min(map(len, made)) >= 43


def test_a_name_is_given_once(store: Store) -> None:
    store.add_token("cli", "viewer", new_token()[1])

    with pytest.raises(StoreError, match=r"^cannot add token 'cli': the name is taken$") as caught:
        store.add_token("cli", "admin", new_token()[1])

    assert caught.value.fault is Fault.TAKEN
    assert [(token.name, token.role) for token in store.tokens()] == [("cli", "viewer")]


def test_a_revoked_token_is_a_stranger(store: Store) -> None:
    _, its_digest = new_token()
    store.add_token("cli", "viewer", its_digest)

    assert store.revoke_token("cli")
    assert not store.revoke_token("cli")
    assert store.token_role(its_digest) is None
    assert store.tokens() == []


def test_a_role_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="its role must be one of viewer, operator, admin"):
        store.add_token("cli", "root", new_token()[1])


def test_half_a_character_is_no_token_but_no_fault_either() -> None:
    assert len(digest("\udc80")) == 64
