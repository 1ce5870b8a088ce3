"""Brings a database to the newest schema, in the caller's transaction: all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from monitor.store.errors import StoreError
from monitor.store.schema import HEAD

SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(connection: sa.Connection, target: str = HEAD) -> None:
    """Run the migrations up to `target` that this database has not seen."""
    try:
        command.upgrade(_config(connection), target)
    except CommandError as err:
        raise StoreError(f"cannot migrate the store: {err}") from err


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
