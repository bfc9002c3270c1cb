"""Publishes folders whose outcome was saved but which a crash left unpublished."""

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
    """What recovery did with outcomes that were saved but not published."""

    published: tuple[models.Outcome, ...]
    unpublished: tuple[str, ...]
    """For each one that is still unpublished, why: e.g. another program has its folder open."""
    work: frozenset[str]
    """Their work folders, relative to the output directory, which must not be removed."""


async def recover(journal: store.Journal, out: Path) -> Recovered:
    """Publishes each prepared folder and records it in the journal.

    If the folder no longer exists, the outcome is deleted, so that its order is done again.

    Raises:
        OutputUnavailableError: nothing can be written to the output directory.
    """
    published: list[models.Outcome] = []
    unpublished: list[str] = []
    work: set[str] = set()
    for saved in await asyncio.to_thread(journal.saved):
        outcome = saved.outcome
        try:
            is_published = await asyncio.to_thread(
                publishing.publish, out, saved.work, outcome.folder, saved.replaces, late=True
            )
        except errors.OutputUnavailableError:
            raise
        except errors.OrderError as error:  # as during a run, this concerns one order only
            unpublished.append(f"{outcome.po_number}: {error}")
            work.add(saved.work)
            continue
        if is_published:
            await journal.publish(saved.run, outcome.key)
            published.append(outcome)
        else:
            await journal.forget(saved.run, outcome.key)
    try:
        await asyncio.to_thread(publishing.clear_aside, out)
    except errors.OutputUnavailableError:
        raise
    except errors.OrderError as error:  # the next recovery cleans up
        unpublished.append(str(error))
    return Recovered(tuple(published), tuple(unpublished), frozenset(work))
