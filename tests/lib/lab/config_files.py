"""Configuration files for tests: written, loaded, and their complaints without the directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerting.notifiers.kinds import KINDS as NOTIFIERS
from config.complaint import ConfigError
from config.kinds import Kinds
from config.loader import load
from config.model import Config
from probes.kinds import KINDS as PROBES

FIRST_PROBES = ("bandwidth", "cpu", "disk", "http", "load", "memory", "swap", "tcp")
FIRST_NOTIFIERS = ("apprise", "log", "smtp", "webhook")


def few_kinds() -> Kinds:
    """Return a fixed choice of the shipped kinds: messages that list kinds do not change when one is added."""
    return Kinds(
        probes={name: PROBES[name] for name in FIRST_PROBES},
        notifiers={name: NOTIFIERS[name] for name in FIRST_NOTIFIERS},
    )


def load_text(
    directory: Path,
    text: str | bytes,
    *,
    env: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Config:
    """Load `text` as nightbell.yaml of `directory`, beside the files of `more` (path to content)."""
    path = directory / "nightbell.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    for name, content in (more or {}).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content, "utf-8")
        (directory / name).chmod(0o600)
    return load(path, env=env or {}, kinds=few_kinds())


def complaints_of(
    directory: Path,
    text: str | bytes,
    *,
    env: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the complaints about `text`, the directory cut off; none when it loads."""
    try:
        load_text(directory, text, env=env, more=more)
    except ConfigError as error:
        return [line.replace(f"{directory}/", "") for line in str(error).splitlines()]
    return []
