"""What a crash left undone between an order's outcome and its folder's final name, the next start finishes."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.storage import publishing

if TYPE_CHECKING:
    from pathlib import Path

    from po_pw.journal import store


@dataclasses.dataclass(frozen=True, slots=True)
class Recovered:
    """What became of the outcomes that were saved and not published."""

    published: tuple[models.Outcome, ...]
    held: tuple[str, ...]
    """Why some still are not: another program has their folder open, or something else is in the way."""
    work: frozenset[str]
    """The work folders of those, below the output directory: they must stay."""


async def recover(journal: store.Journal, out: Path) -> Recovered:
    """Gives each folder that lies ready its final place, and notes it.

    Where the folder is nowhere any more the outcome is forgotten, so that its order is done again.

    Raises:
        OutputUnavailableError: nothing can be written to the output directory.
    """
    published: list[models.Outcome] = []
    held: list[str] = []
    work: set[str] = set()
    for saved in await asyncio.to_thread(journal.saved):
        outcome = saved.outcome
        try:
            there = await asyncio.to_thread(
                publishing.publish, out, saved.work, outcome.folder, saved.replaces, late=True
            )
        except errors.OutputUnavailableError:
            raise
        except errors.OrderError as error:  # one order's, as it would be in mid-run
            held.append(f"{outcome.po_number}: {error}")
            work.add(saved.work)
            continue
        if there:
            await journal.publish(saved.run, outcome.key)
            published.append(outcome)
        else:
            await journal.forget(saved.run, outcome.key)
    try:
        await asyncio.to_thread(publishing.clear_aside, out)
    except errors.OutputUnavailableError:
        raise
    except errors.OrderError as error:  # what lies there can wait
        held.append(str(error))
    return Recovered(tuple(published), tuple(held), frozenset(work))
