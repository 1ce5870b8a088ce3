"""Places on this machine that the configuration names: the store, the state directory, runbooks, certificates."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config.complaint import KeyPath, Notes
from config.document import Document
from config.model import History, Listen, Tls
from config.source.block import locate
from config.source.secrets import read_bounded, why

RUNBOOK_BYTES: Final = 64 * 1024
DATABASE: Final = "nightbell.db"
_POSTGRESQL: Final = re.compile(r"postgresql(\+[a-z0-9]+)?://[^\s]+")


def build_store(
    document: Document, *, env: Mapping[str, str], state_dir: Path | None, notes: Notes
) -> tuple[str, Path]:
    """Return the database URL and the state directory.

    Without `store:` it is SQLite in the state directory: the one given, else $STATE_DIRECTORY, else ./state.
    """
    first = env.get("STATE_DIRECTORY", "").split(":")[0]
    directory = state_dir or (Path(first) if first else Path("state"))
    store = document.store
    if store is None:
        directory = Path(os.path.abspath(directory))  # noqa: PTH100 - resolve() would follow links away
        return f"sqlite:///{directory / DATABASE}", directory
    if store.startswith("sqlite:"):
        path = Path(store.removeprefix("sqlite:///"))
        if not store.startswith("sqlite:///") or store in {"sqlite:///", "sqlite:////", "sqlite:///:memory:"}:
            notes.complain(
                *locate(document.root, ("store",)),
                "names no file: what is recorded must outlive the process",
                "write four slashes for an absolute path: sqlite:////var/lib/nightbell/nightbell.db",
            )
            return store, directory
        path = Path(os.path.abspath(path))  # noqa: PTH100
        return f"sqlite:///{path}", Path(os.path.abspath(state_dir)) if state_dir else path.parent  # noqa: PTH100
    if not _POSTGRESQL.fullmatch(store):
        notes.complain(
            *locate(document.root, ("store",)), "must be a URL like sqlite:////… or postgresql://…"
        )
    return store, Path(os.path.abspath(directory))  # noqa: PTH100


def build_listen(document: Document, directory: Path, notes: Notes) -> Listen:
    """Return where to listen; complain of a certificate or key that cannot be read."""
    listen = document.listen
    tls = None
    if listen.tls is not None:
        tls = Tls(cert=directory / listen.tls.cert, key=directory / listen.tls.key)
        for key, path in (("cert", tls.cert), ("key", tls.key)):
            try:
                read_bounded(path, 1024 * 1024)
            except OSError as error:
                notes.complain(
                    *locate(document.root, ("listen", "tls", key)), f"cannot be read: {why(error)}"
                )
    return Listen(internal=listen.internal, public=listen.public, tls=tls)


def build_history(document: Document) -> History | None:
    """Return how long samples are remembered, None where they are not."""
    keys = document.history
    if keys.off:
        return None
    return History(size=keys.size, raw=keys.raw, minutes=keys.minutes, hours=keys.hours, days=keys.days)


def build_runbooks(document: Document, directory: Path, notes: Notes) -> dict[str, str]:
    """Return runbook texts by `checks.NAME` and `services.NAME`; paths are read, other texts taken as they are."""
    wanted: list[tuple[KeyPath, str]] = [
        *((("checks", name), check.keys.runbook) for name, check in document.checks.items()),
        *((("services", name), service.runbook) for name, service in document.services.items()),
    ]
    texts: dict[str, str] = {}
    for path, text in wanted:
        if not text:
            continue
        content = text
        if text.endswith(".md") and "\n" not in text and "://" not in text:
            try:
                content = _read_runbook(text, directory)
            except OSError as error:
                mark, shown = locate(document.root, (*path, "runbook"))
                notes.complain(
                    mark, shown, f"cannot be read: {why(error)}", "the path counts from the configuration"
                )
                continue
        texts[".".join(map(str, path))] = content
    return texts


def _read_runbook(text: str, directory: Path) -> str:
    home = directory.resolve()
    path = (home / text).resolve()
    if not path.is_relative_to(home):
        raise OSError("it lies outside the directory of the configuration")
    data, _ = read_bounded(path, RUNBOOK_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise OSError("it is not UTF-8 text") from None
