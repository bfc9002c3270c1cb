"""Saves evidence of why an order failed: its page, what servers sent instead of its files, and the trace."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from po_pw import errors, known_secrets, private_files
from po_pw.evidence import answers
from po_pw.storage import disk_errors, filesystem, staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from po_pw.lanes import base as lanes
    from po_pw.processing import order_progress
    from po_pw.processing.run_context import RunContext

_log = logging.getLogger(__name__)


async def keep_page(
    run_context: RunContext, progress: order_progress.OrderProgress, lane: lanes.Lane, visit: lanes.Visit
) -> None:
    """Saves what the open page shows. If that fails, only logs it: the order's own error is what counts.

    Args:
        run_context: of the run.
        progress: of the order; receives the names of the files saved.
        lane: of the visit.
        visit: its page is still open.
    """
    folder = _folder(run_context, progress)
    try:
        known_secrets.remember_cookies(await lane.cookies())
        if not await _reserve(run_context, folder):
            return
        names = await visit.keep_evidence(folder)
        await asyncio.to_thread(run_context.evidence.measure, folder)
    except (errors.OrderError, OSError) as error:
        _log.warning("no evidence of %s was saved: %s", progress.order.po_number, error)
        return
    progress.evidence = _paths(run_context, folder, names)


async def complete(run_context: RunContext, progress: order_progress.OrderProgress) -> None:
    """Adds to a failed order's evidence what servers sent instead of files, and the trace.

    Args:
        run_context: of the run.
        progress: of the order, after its last attempt; receives the names of the files saved.
    """
    refused = tuple(_refused(progress))
    if refused:
        await _add(run_context, progress, lambda folder: _write_answers(refused, folder))
    await keep_trace(run_context, progress)


async def keep_trace(run_context: RunContext, progress: order_progress.OrderProgress) -> None:
    """Adds to an order's evidence the trace of the last visit to its page, if there is one."""
    traces, key = run_context.traces, progress.order.key
    if traces is not None and traces.has(key):
        await _add(run_context, progress, lambda folder: traces.keep(key, folder))


async def discard_trace(run_context: RunContext, progress: order_progress.OrderProgress) -> None:
    """Removes the trace of the last visit to an order's page, if there is one."""
    if run_context.traces is not None:
        await asyncio.to_thread(run_context.traces.discard, progress.order.key)


async def _add(run_context: RunContext, progress: order_progress.OrderProgress, write: Callable[[Path], str]) -> None:
    """Adds a file to an order's evidence.

    Args:
        run_context: of the run.
        progress: of the order; receives the file's name.
        write: writes the file into an existing folder; returns its name, or `""` if there was nothing to write.
    """
    folder = _folder(run_context, progress)
    try:
        if not progress.evidence and not await _reserve(run_context, folder):
            return
        await asyncio.to_thread(private_files.make_folder, folder)
        name = await asyncio.to_thread(write, folder)
        await asyncio.to_thread(run_context.evidence.measure, folder)
    except (errors.OrderError, OSError) as error:
        _log.warning("no further evidence of %s was saved: %s", progress.order.po_number, error)
        return
    if name:
        progress.evidence = tuple(dict.fromkeys((*progress.evidence, *_paths(run_context, folder, [name]))))


def _refused(progress: order_progress.OrderProgress) -> Iterator[answers.Refused]:
    """The files for which a server sent something else."""
    for found in progress.wanted():
        error = progress.failed.get(found.id)
        if found.id not in progress.saved and error is not None and error.answer is not None:
            yield answers.Refused(found.name, error.failure(), error.answer)


def _write_answers(refused: Sequence[answers.Refused], folder: Path) -> str:
    answers.write(refused, folder)
    return answers.ANSWERS


async def _reserve(run_context: RunContext, folder: Path) -> bool:
    """Whether an order's evidence may be written. If so, its folder is empty or missing, and its parents exist.

    Raises:
        OSError: the folder above cannot be created.
    """
    if not await asyncio.to_thread(run_context.evidence.reserve, folder):
        return False
    await asyncio.to_thread(filesystem.make_folder, folder.parent, run_context.out / disk_errors.INTERNAL)
    return True


def _folder(run_context: RunContext, progress: order_progress.OrderProgress) -> Path:
    return staging.evidence(run_context.out, progress.order.po_number)


def _paths(run_context: RunContext, folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    parent = folder.relative_to(run_context.out).as_posix()
    return tuple(f"{parent}/{name}" for name in names)
