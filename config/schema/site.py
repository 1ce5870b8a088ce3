"""Whose site it is, and where its daemon listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from config.model import Address
from config.schema.words import BaseUrl, Language, ListenAt, Text, Zone

UTC = ZoneInfo("UTC")
INTERNAL = Address(host="127.0.0.1", port=9890)
PUBLIC = Address(host="127.0.0.1", port=9891)
LANGUAGES = ("en", "zh")
"""Languages that templates ship in; customers read all of them unless `site.languages` chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Whose outages these are.

    name: what customers and staff call the site.
    timezone: where its people's wall clocks are.
    languages: in order; the first is what a missing translation falls back to.
    """

    name: Text = "Nightbell"
    timezone: Zone = UTC
    languages: Annotated[tuple[Language, ...], Field(min_length=1, max_length=20)] = LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificate chain and key, PEM files; a relative path counts from the configuration's directory."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenKeys:
    """Where the daemon listens.

    internal: API and metrics.
    public: status page, feeds, acknowledgement links, heartbeats and reports.
    public_url: how people reach `public`; links in messages begin with it.
    tls: lets the public listener stand without a proxy in front of it.
    """

    internal: ListenAt = INTERNAL
    public: ListenAt = PUBLIC
    public_url: BaseUrl | None = None
    tls: TlsFiles | None = None
