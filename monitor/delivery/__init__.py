"""Outbox to channel to receipt."""
