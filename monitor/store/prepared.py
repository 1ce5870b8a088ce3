"""Statements that are written once and run for many rows: what they become and what is done to each value is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

Row = dict[str, Any]
Turn = Callable[[Any], Any]


class Prepared:
    """One statement. SQLAlchemy writes it, for the database at hand; the driver is given it with rows as they are."""

    def __init__(self, statement: sa.Insert | sa.Update | sa.Select[Any]) -> None:
        """Nothing is written before the first rows are there: they tell which columns there are."""
        self.statement = statement
        self.text = ""
        self._turns: Sequence[tuple[str, Turn | None]] = ()
        self._fixed: dict[str, Any] = {}
        """Values that stand in the statement itself."""
        self._by_place = True

    def run(self, connection: sa.Connection, rows: Sequence[Row]) -> int:
        """Run it for each of `rows`, which all have the same keys; return how many it found or added."""
        if not self.text:
            self.write(connection.dialect, rows[0])
        driver = connection.connection.driver_connection
        if isinstance(
            driver, sqlite3.Connection
        ):  # straight: what SQLAlchemy does around it costs more than SQLite
            return driver.executemany(self.text, self.given(rows)).rowcount
        counted = {"preserve_rowcount": True}
        return connection.exec_driver_sql(self.text, self.given(rows), execution_options=counted).rowcount

    def ask(self, connection: sa.Connection, row: Row) -> Iterable[sa.Row[Any]]:
        """Run it once, and return what it answers as the driver gives it."""
        if not self.text:
            self.write(connection.dialect, row)
        [given] = self.given([row])
        return connection.exec_driver_sql(self.text, given)

    def write(self, dialect: sa.Dialect, keys: Collection[str]) -> None:
        """Have it written for a database, and for rows with these keys."""
        compiled = self.statement.compile(dialect=dialect, column_keys=sorted(keys), for_executemany=True)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
        turns = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect)
            for bind, name in compiled.bind_names.items()
        }
        self._fixed = {name: value for name, value in compiled.params.items() if name not in keys}
        self._by_place = compiled.positional
        self._turns = [(name, turns[name]) for name in compiled.positiontup or turns]
        self.text = compiled.string

    def given(self, rows: Iterable[Row]) -> list[Any]:
        """Return what the driver is given for each row, by place or by name as it wants it."""
        names = [name for name, _ in self._turns]
        found: list[Any] = []
        for row in rows:
            known = self._fixed | row if self._fixed else row
            values = [known[name] if turn is None else turn(known[name]) for name, turn in self._turns]
            found.append(tuple(values) if self._by_place else dict(zip(names, values, strict=True)))
        return found
