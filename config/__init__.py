"""YAML to typed values, or every complaint at once."""

from __future__ import annotations

from typing import Any

from config.complaint import Complaint, ConfigError
from config.loader import load
from config.model import Config

__all__ = ["Complaint", "Config", "ConfigError", "json_schema", "load"]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration, for editors."""
    from config.export import json_schema as draw

    return draw()
