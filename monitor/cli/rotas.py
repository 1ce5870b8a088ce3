"""Who is on call, as the daemon answers it and as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.cli.output import Paper
from monitor.cli.words import listed

Row = dict[str, Any]


def rotas(answer: Row) -> list[Row]:
    """Return one row per rota; of a single rota the daemon answers without a list."""
    items = answer.get("items")
    return items if isinstance(items, list) else [answer]


def show_rotas(paper: Paper, rows: Sequence[Row], names: Mapping[str, str] | None = None) -> None:
    """Print who is on call, one rota a row; `names` are the people's, where they are known."""
    known = names or {}

    def people(ids: Any) -> str:
        return listed([f"{known[one]} ({one})" if one in known else one for one in ids or ()])

    paper.table(
        ("rota", "on call", "shift", "until", "backup"),
        [
            (
                row.get("rota"),
                people(row.get("people")) or "nobody",
                row.get("shift"),
                paper.when(row.get("until")),
                people(row.get("backup")),
            )
            for row in rows
        ],
        empty="Nobody is on call: there is no rota.",
    )
