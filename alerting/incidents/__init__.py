"""Alerts that people handle together, and what keeps them quiet."""
