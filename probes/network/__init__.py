"""Probes of targets reached over a network."""
