"""The engine: what is due is started, driven to its end or its deadline, and becomes a sample."""
