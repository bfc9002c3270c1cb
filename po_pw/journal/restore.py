"""Restores outcomes and folder names from manifests into a journal that has lost them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.journal import codec

if TYPE_CHECKING:
    import datetime
    import sqlite3
    from collections.abc import Callable, Iterable

ENDING: Final = "recovered"
"""Suffix of the artificial run with the recovered outcomes."""

_KNOWN: Final = """
SELECT parent, folded FROM folders WHERE EXISTS (SELECT 1 FROM outcomes WHERE outcomes.key = folders.key)"""

_BEGIN: Final = """
INSERT OR IGNORE INTO runs (run, source, columns, workers, out, command, started_at, ended_at, seconds,
                            work_seconds, interrupted)
VALUES (?, '', '[]', 0, '', '[]', ?, ?, 0, 0, 0)"""

_NAME: Final = "INSERT OR IGNORE INTO orders (key, run, number) VALUES (?, ?, 0)"

_CLAIM: Final = "INSERT OR IGNORE INTO folders (parent, folded, stem, key) VALUES (?, ?, ?, ?)"


@dataclasses.dataclass(frozen=True, slots=True)
class Recovered:
    """An outcome read from a manifest."""

    outcome: models.Outcome
    parent: str
    """Folder that contains the order's folder, with `/`; may be empty."""
    stem: str
    """Stem of the order's folder."""


def without_outcome(connection: sqlite3.Connection, folders: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the given folders (parent and stem) whose orders have no outcome in the journal."""
    known = {(row["parent"], row["folded"]) for row in connection.execute(_KNOWN)}
    return {folder for folder in folders if (models.folded(folder[0]), models.folded(folder[1])) not in known}


def add(
    connection: sqlite3.Connection,
    recovered: Iterable[Recovered],
    now: datetime.datetime,
    put_outcome: Callable[[sqlite3.Connection, models.RunId, models.Outcome], None],
) -> int:
    """Adds them under an artificial run: the latest per order, unless the order already has an outcome.

    Returns:
        Number of orders added.
    """
    run = models.RunId(f"{now:%Y%m%d-%H%M%S}-{ENDING}")
    connection.execute(_BEGIN, (run, codec.stamp(now), codec.stamp(now)))
    latest: dict[models.OrderKey, datetime.datetime] = {}
    for order in recovered:
        key, ended_at = order.outcome.key, order.outcome.timing.ended_at
        connection.execute(_CLAIM, (models.folded(order.parent), models.folded(order.stem), order.stem, key))
        if key in latest:
            if latest[key] >= ended_at:
                continue
        elif connection.execute("SELECT 1 FROM outcomes WHERE key = ?", (key,)).fetchone():
            continue
        latest[key] = ended_at
        connection.execute(_NAME, (key, run))
        put_outcome(connection, run, order.outcome)
    return len(latest)
