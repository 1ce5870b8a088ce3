"""YAML to typed values, or every complaint at once."""

from config.complaint import Complaint, ConfigError
from config.loader import load
from config.model import Config

__all__ = ["Complaint", "Config", "ConfigError", "load"]
