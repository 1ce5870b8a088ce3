"""Probes of the machine the daemon runs on."""
