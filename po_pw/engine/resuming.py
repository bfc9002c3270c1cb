"""What earlier runs have done: finished orders are taken over, and of the others what is there is not fetched again."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import models, numerals
from po_pw.downloads import partial
from po_pw.journal import facts
from po_pw.storage import filesystem, manifests, staging

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from po_pw import long_work
    from po_pw.engine import order_progress
    from po_pw.engine.run_context import RunContext
    from po_pw.journal import store

_BATCH: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Resume:
    """How a run goes on where earlier ones stopped. Finished orders are not visited again, all others are."""

    verify: bool = False
    """Files count only with the SHA-256 they had, not by their size alone."""
    only_failed: bool = False
    """Orders that no run has come to are left out."""
    refresh: bool = False
    """Finished orders are visited too: what is new or changed there is fetched."""


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What becomes of a run's orders."""

    carried: tuple[models.Outcome, ...]
    """Finished earlier, and their files are there."""
    todo: tuple[models.PurchaseOrder, ...]
    earlier: Mapping[models.OrderKey, models.Earlier]
    """What earlier runs had made of those of `todo` that are not new."""
    left_out: int = 0
    """Orders that are in neither: `Resume.only_failed` leaves them out."""

    @property
    def counts(self) -> dict[models.Earlier, int]:
        """How many of `todo` are of which kind."""
        return dict(collections.Counter(self.earlier.get(order.key, models.Earlier.NEW) for order in self.todo))


async def plan_resume(
    journal: store.Journal,
    run: models.RunId,
    out: Path,
    orders: Sequence[models.PurchaseOrder],
    resume: Resume | None,
    begun: Mapping[models.OrderKey, str],
    work: long_work.LongWork,
) -> Taken:
    """Parts a run's orders into those that earlier runs finished, noted in this run's journal, and the others.

    An earlier outcome holds when the order came out with nothing left to do, its folder is there, and so is each of
    its files.

    Args:
        journal: knows the earlier outcomes.
        run: this run.
        out: the output directory.
        orders: of this run.
        resume: how to go on; None does all afresh.
        begun: orders that were in progress when a run ended; see `unfinished`.
        work: tells how far it is.

    Raises:
        StoppedError: the run was stopped.
    """
    if resume is None:
        return Taken((), tuple(orders), {})
    carried: list[models.Outcome] = []
    todo: list[models.PurchaseOrder] = []
    earlier: dict[models.OrderKey, models.Earlier] = {}
    left_out = 0
    with work.stage("Checking finished orders", "order", len(orders)) as stage:
        for start in range(0, len(orders), _BATCH):  # itertools.batched came with Python 3.12
            batch = orders[start : start + _BATCH]
            known = journal.known([order.key for order in batch])
            whole = await asyncio.to_thread(_whole, out, known, verify=resume.verify, on_block=stage.check)
            for order in batch:
                what = _earlier(known.get(order.key), whole=order.key in whole, begun=order.key in begun)
                if what is models.Earlier.REFRESHED and not resume.refresh:
                    carried.append(dataclasses.replace(known[order.key].outcome, carried=True, changes=None))
                elif resume.only_failed and what in {models.Earlier.NEW, models.Earlier.UNFINISHED}:
                    left_out += 1
                else:
                    todo.append(order)
                    if what is not models.Earlier.NEW:
                        earlier[order.key] = what
            stage.reach(start + len(batch))
    if carried:
        with work.stage("Noting finished orders", "order", len(carried)) as stage:
            await journal.carry(run, stage.counted(carried))
    return Taken(tuple(carried), tuple(todo), earlier, left_out)


def _earlier(known: store.Known | None, *, whole: bool, begun: bool) -> models.Earlier:
    """What earlier runs had made of an order; REFRESHED for one that is finished, should it be visited at all."""
    if known is None:
        return models.Earlier.UNFINISHED if begun else models.Earlier.NEW
    if not known.outcome.status.succeeded:
        return models.Earlier.PARTIAL if known.outcome.status is models.Status.PARTIAL else models.Earlier.FAILED
    return models.Earlier.REFRESHED if whole else models.Earlier.MISSING


def _whole(
    out: Path, known: Mapping[models.OrderKey, store.Known], *, verify: bool, on_block: Callable[[], None]
) -> set[models.OrderKey]:
    """The orders that are finished and whose files are all there."""
    return {
        key
        for key, have in known.items()
        if have.outcome.status.succeeded
        and not have.doubted
        and (out / have.outcome.folder).is_dir()
        and len(files_still_present(out, have.outcome, verify=verify, on_block=on_block)) == len(have.outcome.files)
    }


def files_still_present(
    out: Path, outcome: models.Outcome, *, verify: bool, on_block: Callable[[], None] = lambda: None
) -> dict[str, models.SavedFile]:
    """The files of an outcome that are still what they were, by attachment; `path` is where each lies.

    Args:
        out: the output directory.
        outcome: of a run.
        verify: by SHA-256 too, not by the size alone.
        on_block: called for each file, and each block of one that is read; what it raises ends it.
    """
    found: dict[str, models.SavedFile] = {}
    for file in outcome.files:
        on_block()
        path = out / outcome.folder / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            continue
        if not verify or manifests.sha256(path, on_block) == file.sha256:
            found[file.attachment_id] = dataclasses.replace(file, path=str(path))
    return found


def unfinished(
    journal: store.Journal, work: Path, *, busy: Collection[Path] = (), drop: bool = False
) -> dict[models.OrderKey, str]:
    """The orders that were in progress when a run ended, each with the claim its work folder is named by.

    Work folders that belong to none are removed.

    Args:
        journal: knows which order was handed out when.
        work: the folder of all work folders.
        busy: work folders that must stay as they are.
        drop: all others are removed, whoever they belong to.
    """
    claims: dict[models.OrderKey, str] = {}
    for folder in sorted(path for path in work.glob("*/*") if path.is_dir()):
        if folder in busy:
            continue
        run, _, lease = folder.name.rpartition("-")
        number = numerals.parse_int(lease)
        key = None if number is None else journal.handed_out(models.RunId(run), number)
        if key is None or key in claims or drop:
            filesystem.remove_quietly(folder)
        else:
            claims[key] = folder.name
    for path in tuple(work.glob("*")):
        if path.is_dir():
            for loose in path.iterdir():
                if loose.is_file() and loose.with_suffix("") not in busy:  # a manifest's draft
                    loose.unlink()
            filesystem.remove_if_empty(path)
    return claims


async def open_work(run_context: RunContext, progress: order_progress.OrderProgress) -> None:
    """Opens an order's work folder, and looks for what earlier runs have of it."""
    await progress.open_work(run_context.out)
    await restore_progress(
        run_context.journal,
        run_context.run,
        run_context.out,
        progress,
        run_context.resume,
        begun=progress.order.key in run_context.begun,
    )


async def restore_progress(
    journal: store.Journal,
    run: models.RunId,
    out: Path,
    progress: order_progress.OrderProgress,
    resume: Resume | None,
    *,
    begun: bool,
) -> None:
    """Looks for what earlier runs have of an order, so that it is not fetched again. Its work folder is open.

    Args:
        journal: knows.
        run: this run, in whose journal taken-over files are noted.
        out: the output directory.
        progress: gets the files.
        resume: how to go on; None does all afresh.
        begun: whether its work folder is one that an earlier run left.
    """
    if progress.is_taken_up:
        return
    progress.is_taken_up = True
    key = progress.order.key
    known = (await asyncio.to_thread(journal.known, [key])).get(key)
    if known is not None:
        progress.earlier = known.outcome
    if known is not None and resume is not None:
        progress.kept = await asyncio.to_thread(
            files_still_present, out, known.outcome, verify=resume.verify or known.doubted
        )
        if not resume.refresh:
            for attachment_id in progress.kept:
                progress.keep(attachment_id)
    if begun:
        left = await asyncio.to_thread(journal.left, key)
        for number, file in enumerate(await asyncio.to_thread(staging.find_by_content, progress.work.path, left), 1):
            progress.saved[file.attachment_id] = file
            journal.note(run, facts.FileSaved(key, file))
            progress.first_slot = number
        for attachment_id, slot in partial.unfinished_in(progress.work.path).items():
            if (taken := numerals.parse_int(slot.name)) is not None:
                progress.put(attachment_id, taken)
        progress.first_slot = max([progress.first_slot, *_numbers(progress.work.path)])


def _numbers(folder: Path) -> Iterator[int]:
    """The slots that are taken, whole or begun."""
    for path in folder.iterdir():
        number = numerals.parse_int(path.name.partition(".")[0])
        if number is not None:
            yield number


def link_kept(progress: order_progress.OrderProgress) -> None:
    """Kept files come into the work folder, under a second name where the file system can: before `prepare`."""
    for attachment_id, file in progress.saved.items():
        if Path(file.path).parent != progress.work.path:
            slot = progress.slot(attachment_id)
            slot.unlink(missing_ok=True)
            filesystem.link_or_copy(file.path, str(slot))
            progress.saved[attachment_id] = dataclasses.replace(file, path=str(slot))
