"""Putting into a journal what was found out elsewhere: outcomes and folder names that a damaged one has lost."""

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
"""How the name of a run ends that is none: it holds what was recovered."""

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
    """An outcome that was found out from elsewhere than the journal."""

    outcome: models.Outcome
    parent: str
    """What the order's folder is in, with `/`; may be empty."""
    stem: str
    """Of the order's own folder."""


def unknown(connection: sqlite3.Connection, places: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these folder names (parent and stem) whose order is not known to have come to anything."""
    known = {(row["parent"], row["folded"]) for row in connection.execute(_KNOWN)}
    return {place for place in places if (models.folded(place[0]), models.folded(place[1])) not in known}


def put(
    connection: sqlite3.Connection,
    recovered: Iterable[Recovered],
    now: datetime.datetime,
    put_outcome: Callable[[sqlite3.Connection, models.RunId, models.Outcome], None],
) -> int:
    """Notes them under a run of their own; of an order's the latest counts, and none where it has an outcome already.

    Returns:
        For how many orders there was no outcome before.
    """
    run = models.RunId(f"{now:%Y%m%d-%H%M%S}-{ENDING}")
    connection.execute(_BEGIN, (run, codec.stamp(now), codec.stamp(now)))
    latest: dict[models.OrderKey, datetime.datetime] = {}
    for one in recovered:
        key, ended_at = one.outcome.key, one.outcome.timing.ended_at
        connection.execute(_CLAIM, (models.folded(one.parent), models.folded(one.stem), one.stem, key))
        if key in latest:
            if latest[key] >= ended_at:
                continue
        elif connection.execute("SELECT 1 FROM outcomes WHERE key = ?", (key,)).fetchone():
            continue
        latest[key] = ended_at
        connection.execute(_NAME, (key, run))
        put_outcome(connection, run, one.outcome)
    return len(latest)
