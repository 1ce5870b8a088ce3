"""The shape of every section: frozen dataclasses whose fields are the keys."""
