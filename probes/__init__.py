"""Observe one target once. Knows nothing of thresholds, schedules or people."""
