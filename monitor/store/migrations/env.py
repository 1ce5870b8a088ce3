"""Runs migrations on the connection it is given. There is no offline mode and no configuration file."""

from __future__ import annotations

from alembic import context

from monitor.store.schema import name_for_postgresql

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=name_for_postgresql(),
    render_as_batch=True,  # SQLite changes a table by building it anew
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
