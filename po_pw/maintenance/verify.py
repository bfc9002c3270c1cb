"""Compares an output folder with journal and manifests: files missing, changed (by SHA-256) or unexpected.

Read-only, unless asked to mark orders to be downloaded again.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
import enum
import os
import threading
import unicodedata
from typing import TYPE_CHECKING, Final

from po_pw import errors, events
from po_pw.journal import lock, view
from po_pw.maintenance import rebuild_journal, status
from po_pw.storage import manifests, order_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from po_pw import models

_THREADS: Final = min(8, (os.cpu_count() or 1) + 2)
_MAX_PENDING: Final = 4 * _THREADS
"""Maximum folders being checked or waiting for a thread."""
_PROGRESS_INTERVAL: Final = 0.5
"""Seconds to wait for a folder before progress is reported again."""


class Kind(enum.StrEnum):
    """Kind of deviation from what was recorded."""

    MISSING = "missing"
    """A file, or a whole folder (`name` is `""`), is missing."""
    CHANGED = "changed"
    """Its size or SHA-256 differs."""
    UNREADABLE = "unreadable"
    EXTRA = "extra"
    """Something in an order's folder that is not recorded."""
    UNKNOWN_FOLDER = "unknown folder"
    """A folder with a name like an order's that belongs to no order."""
    NO_MANIFEST = "no manifest"
    """The journal has the order, but its manifest is missing or unreadable."""

    @property
    def is_fault(self) -> bool:
        """Whether a downloaded file is wrong; extra files are only reported."""
        return self not in {Kind.EXTRA, Kind.UNKNOWN_FOLDER}

    @property
    def is_repairable(self) -> bool:
        """Whether fetching the order again repairs it."""
        return self in {Kind.MISSING, Kind.CHANGED, Kind.UNREADABLE, Kind.NO_MANIFEST}


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One deviation from what was recorded."""

    kind: Kind
    folder: str
    """Relative to the output directory, with `/`."""
    name: str = ""
    """The file's name; `""` for the folder itself."""
    po_number: str = ""
    key: models.OrderKey | None = None
    why: str = ""
    """Details, if the kind alone does not explain it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """What was checked."""

    folders: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.folders + other.folders, self.files + other.files, self.bytes + other.bytes)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """Result of a verification."""

    out: Path
    checked: Tally
    findings: tuple[Finding, ...]
    running_pid: int | None
    """Process id of a run in progress (0: unknown); None: no run."""
    marked: int = 0
    """Number of orders marked to be fetched again."""
    command: tuple[str, ...] = ()
    """The command that fetches them, as words; empty if orders came from Python."""

    @property
    def is_as_recorded(self) -> bool:
        """Whether all downloaded files are unchanged; extra files do not matter."""
        return not any(finding.kind.is_fault for finding in self.findings)

    def counts(self) -> dict[Kind, int]:
        """Number of findings of each kind that occurs."""
        counted = collections.Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in Kind if counted[kind]}

    def to_refetch(self) -> list[models.OrderKey]:
        """Orders that fetching again repairs."""
        keys = [finding.key for finding in self.findings if finding.kind.is_repairable and finding.key is not None]
        return list(dict.fromkeys(keys))


@dataclasses.dataclass(frozen=True, slots=True)
class _Expected:
    """Expected content of one order's folder."""

    key: models.OrderKey
    po_number: str
    folder: str
    files: tuple[tuple[str, int, str], ...]
    """Name, bytes, SHA-256."""


def examine(
    out: Path,
    on_progress: Callable[[Tally, int], None] = lambda _tally, _folders: None,
    stopped: threading.Event | None = None,
) -> Report:
    """Hashes every recorded file and lists what is not recorded.

    Args:
        out: the output directory, absolute.
        on_progress: called with the progress and the approximate total of folders, at least twice a second.
        stopped: set it to stop.

    Raises:
        StoppedError: `stopped` was set.
        InputError: not an output directory of po-pw.
        MachineError: its journal cannot be read.
    """
    stopped = stopped or threading.Event()
    path = status.journal_of(out)
    if not path.exists() and not (path.parent / "manifests").is_dir():
        msg = f"nothing is recorded in {out}: no run was made there, or its folder .po-pw was emptied"
        raise errors.InputError(msg)
    running_pid = (lock.holder(path.parent) or 0) if lock.is_locked(path.parent) else None
    recorded = view.recorded(path, lambda: _check(stopped)) if path.exists() and path.stat().st_size else {}
    findings: list[Finding] = []
    known: set[str] = set()
    checked = Tally()
    expected = _expected(path, recorded, findings, known, lambda: _check(stopped))
    for seen in _in_threads(lambda each: _compare(out, each, stopped), expected, stopped):
        if seen is not None:
            checked += seen[0]
            findings += seen[1]
        on_progress(checked, max(len(recorded), checked.folders))
        _check(stopped)
    findings += _unknown_folders(out, known)
    findings.sort(key=lambda finding: (list(Kind).index(finding.kind), finding.folder, finding.name))
    return Report(out, checked, tuple(findings), running_pid)


async def mark_for_refetch(out: Path, on_progress: Callable[[Tally, int], None], on_event: events.Listener) -> Report:
    """Like `examine`, and marks orders with wrong files, so that the next run fetches what is missing.

    Args:
        out: the output directory, absolute; locked meanwhile.
        on_progress: as for `examine`.
        on_event: receives events about the journal, e.g. that it was damaged.

    Raises:
        InputError: not an output directory of po-pw.
        MachineError: a run is in progress there, or the journal cannot be used.
        OutOfSpaceError: the disk is full.
    """
    path = status.journal_of(out)
    hub = events.Hub()
    hub.listen(on_event)
    with lock.locked(path.parent):
        async with rebuild_journal.open_journal(path, out, hub) as journal:
            stopped = threading.Event()
            try:
                report = await asyncio.to_thread(examine, out, on_progress, stopped)
            finally:
                stopped.set()  # a cancelled wait does not end its thread
            keys = report.to_refetch()
            if keys:
                await journal.mark_for_reverify(keys)
    command = status.read(out).command()
    return dataclasses.replace(report, running_pid=None, marked=len(keys), command=tuple(command))


def _expected(
    path: Path,
    recorded: dict[models.OrderKey, str],
    findings: list[Finding],
    known: set[str],
    check: Callable[[], None],
) -> Iterator[_Expected]:
    """Yields what each manifest records, then what the journal records of orders without one.

    Args:
        path: of the journal.
        recorded: the journal's orders and their folders.
        findings: list to which faults of manifests are added.
        known: set to which the folders are added.
        check: called for each manifest; may raise to stop.
    """
    paths = []
    for manifest in manifests.iterate(path.parent):
        check()
        paths.append(manifest)
    unread: dict[tuple[str, str], str] = {}
    for file, parent, stem in sorted(paths):
        try:
            record = manifests.read(file, parent, stem)
        except (OSError, ValueError) as error:
            unread[parent, stem] = f"its record in .po-pw/manifests cannot be read ({error})"
            continue
        known.add(record.folder)
        recorded_files: tuple[manifests.FileRecord | manifests.EarlierFileRecord, ...] = (
            *record.files,
            *record.earlier,
        )
        files = tuple((one.path, one.size, one.sha256) for one in recorded_files)
        yield _Expected(record.key, record.po_number, record.folder, files)
    for key, folder in recorded.items():
        if not folder or folder in known:
            continue
        outcome = view.outcome(path, key)
        where = order_paths.OrderPaths.of(path.parent.parent, folder)
        if outcome is None or where is None:
            continue
        known.add(folder)
        why = unread.pop((where.parent, where.stem), "its record in .po-pw/manifests is missing")
        findings.append(Finding(Kind.NO_MANIFEST, folder, "", outcome.po_number, key, why))
        files = tuple((one.path, one.size, one.sha256) for one in outcome.files)
        yield _Expected(key, outcome.po_number, folder, files)
    for (parent, stem), why in unread.items():
        folder = "/".join(part for part in (parent, stem) if part)
        findings.append(Finding(Kind.NO_MANIFEST, folder, "", "", None, why))


def _in_threads(
    compare: Callable[[_Expected], tuple[Tally, list[Finding]]], expected: Iterable[_Expected], stopped: threading.Event
) -> Iterator[tuple[Tally, list[Finding]] | None]:
    """Yields the results in order, with at most `_MAX_PENDING` pending; yields None after each `_PROGRESS_INTERVAL`."""
    under_way: collections.deque[concurrent.futures.Future[tuple[Tally, list[Finding]]]] = collections.deque()

    def first() -> Iterator[tuple[Tally, list[Finding]] | None]:
        while not concurrent.futures.wait([under_way[0]], _PROGRESS_INTERVAL).done:
            _check(stopped)
            yield None
        yield under_way.popleft().result()

    with concurrent.futures.ThreadPoolExecutor(_THREADS, "verify") as pool:
        try:
            for one in expected:
                _check(stopped)
                under_way.append(pool.submit(compare, one))
                if len(under_way) >= _MAX_PENDING:
                    yield from first()
            while under_way:
                yield from first()
        finally:
            stopped.set()  # threads stop after the current block
            pool.shutdown(wait=False, cancel_futures=True)


def _compare(out: Path, expected: _Expected, stopped: threading.Event) -> tuple[Tally, list[Finding]]:
    """Compares one folder with its expected content."""
    folder = out / expected.folder

    def finding(kind: Kind, name: str, why: str = "") -> Finding:
        return Finding(kind, expected.folder, name, expected.po_number, expected.key, why)

    try:
        paths = {unicodedata.normalize("NFC", entry.name): entry for entry in os.scandir(folder)}
    except FileNotFoundError:
        return Tally(1), [finding(Kind.MISSING, name) for name, _, _ in expected.files] or [finding(Kind.MISSING, "")]
    except OSError as error:
        return Tally(1), [finding(Kind.UNREADABLE, "", error.strerror or str(error))]
    found: list[Finding] = []
    files, read = 0, 0
    for name, size, digest in expected.files:
        entry = paths.pop(unicodedata.normalize("NFC", name), None)
        if entry is None:
            found.append(finding(Kind.MISSING, name))
            continue
        files += 1
        try:
            if not entry.is_file(follow_symlinks=False):
                found.append(finding(Kind.CHANGED, name, "it is not a file any more"))
            elif (has := entry.stat(follow_symlinks=False).st_size) != size:
                found.append(finding(Kind.CHANGED, name, f"{has} bytes instead of {size}"))
            else:
                read += size
                if manifests.sha256(folder / entry.name, lambda: _check(stopped)) != digest:
                    found.append(finding(Kind.CHANGED, name, "its SHA-256 differs"))
        except OSError as error:
            found.append(finding(Kind.UNREADABLE, name, error.strerror or str(error)))
    found += [finding(Kind.EXTRA, name) for name in sorted(paths)]
    return Tally(1, files, read), found


def _check(stopped: threading.Event) -> None:
    if stopped.is_set():
        msg = "stopped before every file was verified"
        raise errors.StoppedError(msg)


def _unknown_folders(out: Path, known: set[str]) -> Iterator[Finding]:
    """Unrecorded folders with a name like an order's, anywhere in the output directory."""
    for folder, _ in order_paths.orders_below(out, out):
        if folder.as_posix() not in known and not (out / folder).is_symlink():
            yield Finding(Kind.UNKNOWN_FOLDER, folder.as_posix())
