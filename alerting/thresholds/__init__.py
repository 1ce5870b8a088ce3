"""When samples mean trouble, and when no more."""
