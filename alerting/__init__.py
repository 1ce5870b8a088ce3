"""Decide, purely: what samples mean, who is told, what customers read. `now` is always an argument."""
