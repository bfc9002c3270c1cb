"""Opens the journal of an output directory, in the mode that its file system needs; rebuilds it if it is damaged."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, long_work, models
from po_pw.journal import integrity, restore, schema, storage_location, store
from po_pw.machine import resources
from po_pw.storage import manifests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

_UNKNOWN: Final = models.Failure(
    models.ErrorCode.INTERNAL, "the journal was damaged and the reason is lost; run the same command again"
)

_LATEST_LOST: Final = "the journal lacked the latest orders"


@contextlib.asynccontextmanager
async def open_journal(
    path: Path, out: Path, hub: events.Hub, work: long_work.LongWork | None = None
) -> AsyncIterator[store.Journal]:
    """Opens the journal of an output directory for the block; the caller holds its lock.

    A damaged journal is renamed and rebuilt from the manifests. Orders that a crash lost are recovered from them, too.
    Events report both.

    Args:
        path: of the journal.
        out: the output directory, absolute.
        hub: receives the events.
        work: reports progress, and stops it when the run is stopped.

    Raises:
        MachineError: it cannot be opened or set aside, or a newer po-pw wrote it.
        StoppedError: the run was stopped before the journal was open.
        OutOfSpaceError: the disk is full.
    """
    work = work or long_work.LongWork(hub.emit)
    location = await asyncio.to_thread(locate, out)
    trusted = await asyncio.to_thread(integrity.is_unchanged_since_close, path)
    lost = Previous()
    if not trusted:
        with work.stage("Checking the journal") as stage:
            lost = await asyncio.to_thread(_check, path, location.rollback, stage)
            stage.check()
    await asyncio.to_thread(integrity.note_opened, path)
    schema.was_damaged(path)  # resets it, so that the next call covers this session only
    async with store.Journal.open(path, rollback=location.rollback) as journal:
        if not trusted:
            await _recover(journal, path, hub, lost, work)
        yield journal
    if not schema.was_damaged(path):
        await asyncio.to_thread(integrity.note_closed, path)


def locate(out: Path) -> storage_location.StorageLocation:
    """The storage location of an output directory.

    Raises:
        MachineError: the system does not report it.
    """
    real = os.path.realpath(out)
    about = resources.file_system(Path(real))
    return storage_location.classify(about.kind, about.options, str(out), real)


@dataclasses.dataclass(frozen=True, slots=True)
class Previous:
    """What was found of the existing journal."""

    why: str = ""
    """What was wrong with it; `""` if it is intact."""
    aside: str = ""
    """Its new path, relative to the output directory."""


def _check(path: Path, rollback: bool, stage: long_work.Stage) -> Previous:
    """Checks the journal, and sets it aside if it is damaged."""
    try:
        if not path.exists():
            return Previous("the journal is missing")
        if path.stat().st_size == 0 and not schema.side_files(path):
            return Previous("the journal was empty")
        with schema.map_sqlite_errors(path):
            why = (
                "it is empty"
                if path.stat().st_size == 0
                else integrity.find_damage(path, rollback=rollback, is_stopped=lambda: stage.is_stopped)
            )
        if not why:
            return Previous()
        aside = integrity.set_aside(path, datetime.datetime.now(datetime.UTC).astimezone())
    except OSError as error:
        msg = f"the journal {path} cannot be used ({error.strerror or error}). Choose another folder with --out."
        raise errors.MachineError(msg) from error
    return Previous(f"the journal was damaged ({why})", f"{path.parent.name}/{aside.name}")


async def _recover(
    journal: store.Journal, path: Path, hub: events.Hub, lost: Previous, work: long_work.LongWork
) -> None:
    """Adds orders to the journal that only the manifests have.

    Args:
        journal: open.
        path: its database.
        hub: receives the event.
        lost: what happened to the previous journal.
        work: reports progress.
    """
    unread: list[Path] = []

    def find() -> list[tuple[Path, str, str]]:
        found = list(manifests.iterate(path.parent))
        unknown = journal.without_outcome((parent, stem) for _, parent, stem in found)
        return [one for one in found if one[1:] in unknown]

    with work.stage("Looking for manifests"):
        found = await asyncio.to_thread(find)
    count = 0
    if found:
        now = datetime.datetime.now(datetime.UTC)
        with work.stage("Rebuilding the journal", "manifest", len(found)) as stage:
            count = await journal.restore(_recovered(stage.counted(found), unread), now)
    message = recovery_message(lost, count, len(unread))
    if message:
        hub.emit(events.Notice("warning", message))


def recovery_message(lost: Previous, count: int, unread: int) -> str:
    """The message about a recovery; `""` for none. Pure.

    Args:
        lost: what happened to the journal.
        count: number of orders recovered.
        unread: number of unreadable manifests.
    """
    if not (count or unread or lost.aside):
        return ""  # intact, or a new output directory
    what = lost.why or _LATEST_LOST
    if lost.aside:
        what += f" and was renamed to {lost.aside}"
    parts = [f"{what}: {count} {'order' if count == 1 else 'orders'} recovered from the manifests"]
    if unread:
        parts.append(
            f"{unread} {'manifest' if unread == 1 else 'manifests'} cannot be read: those orders are processed again"
        )
    return "; ".join(parts)


def _recovered(found: Iterable[tuple[Path, str, str]], unread: list[Path]) -> Iterator[restore.Recovered]:
    for path, parent, stem in found:
        try:
            manifest = manifests.read(path, parent, stem)
        except (OSError, ValueError):
            unread.append(path)
        else:
            yield restore.Recovered(outcome_of(manifest), parent, stem)


def outcome_of(manifest: manifests.Manifest) -> models.Outcome:
    """An order's outcome, as far as its manifest records it. Pure."""
    missing = tuple(record.to_missing() for record in manifest.missing)
    failed = [file.failure for file in missing if file.failure is not None]
    error = None
    if not manifest.status.succeeded:
        error = failed[0] if failed else _UNKNOWN
    return models.Outcome(
        key=manifest.key,
        po_number=manifest.po_number,
        status=manifest.status,
        files=tuple(record.to_file() for record in manifest.files),
        missing=missing,
        error=error,
        attempts=1,
        timing=models.Timing(manifest.written_at, manifest.written_at, 0.0),
        worker="",
        read_by="",
        folder=manifest.folder,
        supplier=manifest.supplier,
        source_url=manifest.url,
        found=len([file for file in manifest.files if file.attachment_id != models.PAGE_COPY]) + len(failed),
        rules=manifest.rules,
    )
