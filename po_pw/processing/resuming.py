"""Resuming: finished orders are taken from earlier runs, and existing files of the others are not fetched again."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import models, numerals
from po_pw.downloads import partial, wanted_types
from po_pw.journal import facts
from po_pw.storage import filesystem, manifests, staging

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from po_pw import long_work
    from po_pw.journal import queries, store
    from po_pw.processing import order_progress
    from po_pw.processing.run_context import RunContext

_BATCH: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class ResumePlan:
    """A run's orders, divided for resuming."""

    already_complete: tuple[models.Outcome, ...]
    """Orders finished earlier whose files exist."""
    todo: tuple[models.PurchaseOrder, ...]
    earlier: Mapping[models.OrderKey, models.Earlier]
    """Earlier results of the orders in `todo` that are not new."""
    left_out: int = 0
    """Number of orders excluded by `models.Resume.only_failed`."""
    skipped: tuple[models.Outcome, ...] = ()
    """Orders unknown to earlier runs that the list marks as COMPLETED, with their folders and files there."""
    unproved: int = 0
    """Number of orders of `todo` that the list marks as COMPLETED without their files being there."""

    @property
    def counts(self) -> dict[models.Earlier, int]:
        """Number of orders in `todo` by earlier result."""
        return dict(collections.Counter(self.earlier.get(order.key, models.Earlier.NEW) for order in self.todo))


async def plan_resume(
    journal: store.Journal,
    run: models.RunId,
    out: Path,
    orders: Sequence[models.PurchaseOrder],
    resume: models.Resume | None,
    begun: Mapping[models.OrderKey, str],
    work: long_work.LongWork,
    proved: Callable[[models.PurchaseOrder], models.Outcome | None],
    *,
    with_page: bool = False,
    types: wanted_types.WantedTypes = wanted_types.ALL,
) -> ResumePlan:
    """Divides a run's orders into those finished by earlier runs, which are added to this run's journal, and others.

    An earlier outcome is used again if nothing was left to do, its folder and files exist, and it skipped no file of
    a type that is wanted now. For an order that the journal knows, the list's own status is ignored.

    Args:
        journal: with the earlier outcomes.
        run: this run.
        out: the output directory.
        orders: of this run.
        resume: how to continue; None does all orders again.
        begun: orders that were in progress when a run ended; see `unfinished`.
        work: reports progress.
        proved: checks an order that the list marks as COMPLETED; returns its outcome, None if files are missing.
        types: of files that are wanted.
        with_page: finished orders need a copy of their page as well.

    Raises:
        StoppedError: the run was stopped.
    """
    if resume is None:
        return ResumePlan((), tuple(orders), {})
    already_complete: list[models.Outcome] = []
    todo: list[models.PurchaseOrder] = []
    earlier: dict[models.OrderKey, models.Earlier] = {}
    skipped: list[models.Outcome] = []
    left_out = unproved = 0
    may_skip = not (resume.verify or resume.refresh)
    with work.stage("Checking finished orders", "order", len(orders)) as stage:
        for start in range(0, len(orders), _BATCH):  # itertools.batched came with Python 3.12
            batch = orders[start : start + _BATCH]
            known = journal.known([order.key for order in batch])
            whole = await asyncio.to_thread(
                _whole, out, known, verify=resume.verify, with_page=with_page, on_block=stage.check
            )
            new = [order for order in batch if may_skip and order.key not in known and order.key not in begun]
            done = await asyncio.to_thread(_proved, proved, new, stage.check)
            for order in batch:
                what = _earlier(known.get(order.key), whole=order.key in whole, begun=order.key in begun)
                if what is models.Earlier.REFRESHED and types.wants_more(known[order.key].outcome.missing):
                    what = models.Earlier.WIDENED
                if what is models.Earlier.REFRESHED and not resume.refresh:
                    already_complete.append(
                        dataclasses.replace(known[order.key].outcome, from_earlier_run=True, changes=None)
                    )
                elif order.key in done:
                    skipped.append(done[order.key])
                elif resume.only_failed and what in {models.Earlier.NEW, models.Earlier.UNFINISHED}:
                    left_out += 1
                else:
                    todo.append(order)
                    if what is not models.Earlier.NEW:
                        earlier[order.key] = what
                    elif may_skip and order.claim is not None:
                        unproved += 1
            stage.reach(start + len(batch))
    if already_complete:
        with work.stage("Recording finished orders", "order", len(already_complete)) as stage:
            await journal.copy_outcomes(run, stage.counted(already_complete))
    if skipped:
        await journal.skip(run, skipped)
    return ResumePlan(tuple(already_complete), tuple(todo), earlier, left_out, tuple(skipped), unproved)


def _proved(
    proved: Callable[[models.PurchaseOrder], models.Outcome | None],
    orders: Sequence[models.PurchaseOrder],
    check: Callable[[], None],
) -> dict[models.OrderKey, models.Outcome]:
    """The outcomes of orders that the list marks as COMPLETED and whose files are there."""
    found: dict[models.OrderKey, models.Outcome] = {}
    for order in orders:
        if order.claim is not None:
            check()
            outcome = proved(order)
            if outcome is not None:
                found[order.key] = outcome
    return found


def _earlier(known: queries.Known | None, *, whole: bool, begun: bool) -> models.Earlier:
    """The earlier result of an order; REFRESHED if it is finished."""
    if known is None:
        return models.Earlier.UNFINISHED if begun else models.Earlier.NEW
    if not known.outcome.status.succeeded:
        return models.Earlier.PARTIAL if known.outcome.status is models.Status.PARTIAL else models.Earlier.FAILED
    return models.Earlier.REFRESHED if whole else models.Earlier.MISSING


def _whole(
    out: Path,
    known: Mapping[models.OrderKey, queries.Known],
    *,
    verify: bool,
    with_page: bool,
    on_block: Callable[[], None],
) -> set[models.OrderKey]:
    """The finished orders whose files all exist."""
    return {
        key
        for key, have in known.items()
        if have.outcome.status.succeeded
        and not have.doubted
        and (not with_page or any(file.attachment_id == models.PAGE_COPY for file in have.outcome.files))
        and (out / have.outcome.folder).is_dir()
        and len(files_still_present(out, have.outcome, verify=verify, on_block=on_block)) == len(have.outcome.files)
    }


def files_still_present(
    out: Path, outcome: models.Outcome, *, verify: bool, on_block: Callable[[], None] = lambda: None
) -> dict[str, models.SavedFile]:
    """The unchanged files of an outcome, by attachment, with their paths.

    Args:
        out: the output directory.
        outcome: of a run.
        verify: by SHA-256, not only by size.
        on_block: called for each file and each block read; may raise to stop.
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
    """Orders that were in progress when a run ended, each with the id of its work folder.

    Other work folders are removed.

    Args:
        journal: with the leases.
        work: the folder of all work folders.
        busy: work folders that must not be touched.
        drop: remove all others.
    """
    claims: dict[models.OrderKey, str] = {}
    for folder in sorted(path for path in work.glob("*/*") if path.is_dir()):
        if folder in busy:
            continue
        run, _, lease = folder.name.rpartition("-")
        number = numerals.parse_int(lease)
        key = None if number is None else journal.order_of_lease(models.RunId(run), number)
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
    """Opens an order's work folder and restores the files of earlier runs."""
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
    resume: models.Resume | None,
    *,
    begun: bool,
) -> None:
    """Restores the files that earlier runs have of an order. Its work folder must be open.

    Args:
        journal: with the earlier outcomes.
        run: this run, for which restored files are recorded.
        out: the output directory.
        progress: receives the files.
        resume: how to continue; None does all orders again.
        begun: whether its work folder was left by an earlier run.
    """
    if progress.is_resumed:
        return
    progress.is_resumed = True
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
    """Numbers of the slots in use, complete or partial."""
    for path in folder.iterdir():
        number = numerals.parse_int(path.name.partition(".")[0])
        if number is not None:
            yield number


def link_kept(progress: order_progress.OrderProgress) -> None:
    """Hard-links or copies kept files into the work folder; call it before `prepare`."""
    for attachment_id, file in progress.saved.items():
        if Path(file.path).parent != progress.work.path:
            slot = progress.slot(attachment_id)
            slot.unlink(missing_ok=True)
            filesystem.link_or_copy(file.path, str(slot))
            progress.saved[attachment_id] = dataclasses.replace(file, path=str(slot))
