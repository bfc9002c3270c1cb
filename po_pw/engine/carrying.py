"""Taking over what earlier runs finished: nothing is fetched twice."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from po_pw import models
    from po_pw.journal import store

_BATCH: Final = 500


async def carry(
    journal: store.Journal, run: models.RunId, out: Path, orders: Sequence[models.PurchaseOrder]
) -> list[models.Outcome]:
    """The outcomes of earlier runs that still hold, noted in this run's journal.

    An outcome holds when the order came out with nothing left to do, its folder is there, and each of its files is
    there with the size it had.
    """
    carried: list[models.Outcome] = []
    for start in range(0, len(orders), _BATCH):  # itertools.batched came with Python 3.12
        batch = orders[start : start + _BATCH]
        known = journal.known([order.key for order in batch])
        done = [outcome for outcome in known.values() if outcome.status.succeeded]
        carried += await asyncio.to_thread(_still_there, out, done)
    if carried:
        await journal.carry(run, carried)
    return carried


def _still_there(out: Path, done: Sequence[models.Outcome]) -> list[models.Outcome]:
    return [dataclasses.replace(outcome, carried=True) for outcome in done if _is_there(out, outcome)]


def _is_there(out: Path, outcome: models.Outcome) -> bool:
    folder = out / outcome.folder
    if not folder.is_dir():
        return False
    for file in outcome.files:
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            return False
    return True
