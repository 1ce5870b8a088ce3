"""Where the running daemon is, and by what token it can be asked.

Read from the configuration without loading it: whoever acknowledges an incident at night need not be able
to read the daemon's secrets, and no fault elsewhere in the file stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml

from monitor.cli.client import PATIENCE_SECONDS, Client
from monitor.cli.exits import Problem, Unreachable

DEFAULT_INTERNAL: Final = "127.0.0.1:9890"
SYSTEM_STATE: Final = Path("/var/lib/nightbell")
TOKEN_FILE: Final = "admin.token"  # noqa: S105 - a file's name
FILE_BYTES: Final = 4 * 2**20
TOKEN_BYTES: Final = 4096
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to reach such a listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """`token_source` says where the token came from, or where it was looked for when there is none.

    `zone` is the site's, None where it is not known: then the machine's own.
    """

    url: str
    token: str | None = field(repr=False)
    token_source: str
    zone: tzinfo | None = None

    def client(self, patience: float = PATIENCE_SECONDS) -> Client:
        """Return a client of this daemon that waits `patience` seconds for each answer."""
        return Client(url=self.url, token=self.token, token_source=self.token_source, patience=patience)


def find(path: Path, url: str | None, env: Mapping[str, str]) -> Whereabouts:
    """Find the daemon. With `url` a configuration that cannot be read does no harm."""
    try:
        document = _document(path)
    except Problem:
        if not url:
            raise
        document = {}
    if env.get("NIGHTBELL_TOKEN"):
        token: str | None = env["NIGHTBELL_TOKEN"].strip()
        source = "$NIGHTBELL_TOKEN"
    else:
        token, source = _token(list(_state_dirs(document.get("store"), env)))
    return Whereabouts(
        url=(url or _url(_mapping(document.get("listen")).get("internal"))).rstrip("/"),
        token=token,
        token_source=source,
        zone=_zone(_mapping(document.get("site")).get("timezone")),
    )


def _document(path: Path) -> dict[str, Any]:
    """Return what the file and its conf.d say of the daemon's place; what cannot be understood is left out."""
    merged: dict[str, Any] = {}
    for part in (path, *sorted(path.parent.glob("conf.d/*.yaml"))):
        try:
            with part.open("rb") as file:
                text = file.read(FILE_BYTES)
        except OSError as error:
            reason = (error.strerror or "").lower() or type(error).__name__
            raise Unreachable(
                f"cannot read {part}: {reason}; name the file with -c FILE, or the daemon with --url URL"
            ) from error
        try:
            found = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - makes nothing but strings
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise Problem(
                f"cannot read {part}: it is no YAML; see nightbell check-config, or name the daemon with --url URL"
            ) from error
        for key, value in _mapping(found).items():
            known = merged.get(key)
            merged[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _url(internal: object) -> str:
    host, _, port = str(internal or DEFAULT_INTERNAL).rpartition(":")
    host = host.strip("[]")
    host = _ANY.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _state_dirs(store: object, env: Mapping[str, str]) -> Iterator[Path]:
    """Yield where the state directory may be, the likeliest first."""
    parts = urlsplit(store) if isinstance(store, str) and "${" not in store else None
    if parts and parts.scheme.partition("+")[0] == "sqlite" and len(parts.path) > 1:
        yield Path(parts.path[1:]).parent
        return
    if "STATE_DIRECTORY" in env:
        yield Path(env["STATE_DIRECTORY"].partition(":")[0])
        return
    yield Path("state")
    yield SYSTEM_STATE


def _token(places: list[Path]) -> tuple[str | None, str]:
    refused: list[str] = []
    for place in places:
        file = place / TOKEN_FILE
        try:
            with file.open("rb") as stream:
                text = stream.read(TOKEN_BYTES).decode("ascii", "replace").strip()
        except OSError as error:
            refused.append(f"{file}: {(error.strerror or type(error).__name__).lower()}")
        else:
            return text, str(file)
    return None, "; ".join(refused)


def _zone(name: object) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (KeyError, OSError, ValueError):  # no such zone is a KeyError
        return None
