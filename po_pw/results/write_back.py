"""Writes the results into the user's own list.

Nothing of the user's is lost: only result columns (`tracking.COLUMNS`) of this run's rows are written; the new file is
read again and compared before it replaces the list; a backup is kept; and if the list was changed meanwhile or is open
in another program, it stays as it is, and a copy is written beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import sys
import zipfile
from typing import TYPE_CHECKING, Final

from po_pw import durable, errors, models
from po_pw.orders import delimited, delimited_edit, headers, ole_container, read, tracking, workbook_sandbox
from po_pw.results import list_edits, own_files

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEPT: Final = ".po-pw/lists"
"""Folder for backups, below the output directory."""
MOST_KEPT: Final = 10
_COPIES: Final = ".po-pw/copies.json"
_MADE: Final = ".po-pw/made.json"
_LOCKS: Final = (("~${}", "Excel"), (".~lock.{}#", "LibreOffice"))
"""Lock files of programs that have a file open."""
_SIGNATURES: Final = "_xmlsignatures/"
_BINARY: Final = "/workbook.bin"
_CHANGED: Final = "was changed since it was read"


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """Result of writing back."""

    path: Path | None = None
    """The file that was written or is up to date; None if nothing could be written."""
    rows: int = 0
    """Number of changed rows."""
    before: Path | None = None
    """Backup of the list; None if it was not changed."""
    notes: tuple[str, ...] = ()
    """Messages for the user."""


class WriteBack:
    """The list of a run, to be written back. Synchronous.

    Args:
        path: the list.
        out: the output directory.

    Raises:
        InputError: files of this kind cannot be written.
    """

    def __init__(self, path: Path, out: Path, choice: read.Choice = read.ALL) -> None:
        self._out = out
        # Rows that are left out have no result, and columns that results are written into need no layout.
        self._choice = read.Choice(choice.columns)
        self._path = path.resolve()
        self._names = _names_in(self._path)
        if self._names is None or any(f"/{name}".lower().endswith(_BINARY) for name in self._names):
            msg = f"{path} cannot be written back: save the list as .xlsx or .csv, or leave out --write-back"
            raise errors.InputError(msg)
        self._digest = _digest(self._path)

    @property
    def name(self) -> str:
        """The list's file name."""
        return self._path.name

    def write(
        self, run: models.RunId, rows: Callable[[], Iterator[models.RowResult]], started_at: datetime.datetime
    ) -> Written:
        """Writes the results of a run's rows; may be called repeatedly.

        Args:
            run: names the backup.
            rows: returns the results in row order; called twice.
            started_at: start of the run.

        Raises:
            StoppedError: raised while iterating `rows`; the list is unchanged.
        """
        if not self._path.exists():
            return Written(notes=(f"{self.name} is not there any more: nothing was written back",))
        draft = self._path.with_name(f".{self.name}.po-pw-new")
        try:
            draft.touch()
        except OSError:  # a read-only folder
            draft = self._out / ".po-pw" / draft.name
        try:
            table = read.open_table(self._path, choice=self._choice, is_whole=True)
            planned = list_edits.ListEdits(table, rows, self._out, started_at)
            if not planned.indexes:
                columns = f"{', '.join(tracking.COLUMNS)} left of {headers.HIERARCHY}"
                return Written(notes=(f"{self.name} has none of the columns {columns}: nothing was written back",))
            return self._write(table, planned, draft, run)
        except errors.StoppedError:
            raise
        except (errors.PoPwError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error)
            return Written(notes=(f"nothing was written back into {self.name}: {why.removesuffix('.')}",))
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _write(self, table: read.OrderTable, planned: list_edits.ListEdits, draft: Path, run: models.RunId) -> Written:
        left: set[tuple[int, int]] = set()
        notes: list[str] = []
        if isinstance(table.content, delimited.Text):
            replaced = delimited_edit.write(table.content, draft, planned.wanted())
            if replaced:
                cells = "1 cell" if replaced == 1 else f"{replaced} cells"
                notes.append(
                    f"{self.name}: in {cells}, characters that its encoding lacks became ?; save it as CSV UTF-8"
                )
        elif isinstance(table.content, workbook_sandbox.Rows):
            left = workbook_sandbox.edit(self._path, draft, table.content.sheet, planned.wanted())
            if left:
                cells = "1 cell has a formula" if len(left) == 1 else f"{len(left)} cells have formulas"
                notes.append(f"{self.name}: {cells}, so the results were not written there")
        notes += planned.notes
        if planned.count == len(left):
            return Written(self._path, notes=tuple(notes))
        rows = planned.rows
        planned.check(read.open_table(draft, choice=self._choice, is_whole=True), left)
        durable.sync_file(draft)
        why = self._why_not(draft)
        if not why:
            before = self._keep(run)
            why = self._replace(draft)
            if not why:
                return Written(self._path, rows, before, tuple(notes))
        return self._put_beside(draft, why, rows, notes)

    def _why_not(self, draft: Path) -> str:
        """Why the list must not be replaced; `""` if it may be."""
        for pattern, program in _LOCKS:
            lock = self._path.with_name(pattern.format(self.name))
            if lock.exists():
                return f"is open in {program} (there is {lock.name})"
        if not os.access(self._path, os.W_OK) or draft.parent != self._path.parent:
            return "may not be written to"
        if any(name.startswith(_SIGNATURES) for name in self._names or ()):
            return "has a digital signature, which would not hold any more"
        return _CHANGED if _digest(self._path) != self._digest else ""

    def _replace(self, draft: Path) -> str:
        """Replaces the list; returns why not, `""` if it was replaced."""
        digest = _digest(draft)
        _make_alike(self._path, draft)
        if _digest(self._path) != self._digest:
            return _CHANGED
        try:
            draft.replace(self._path)
        except PermissionError:
            return "could not be replaced (is it open in another program?)"
        durable.sync_folder(self._path.parent)
        self._digest = digest
        return ""

    def _put_beside(self, draft: Path, why: str, rows: int, notes: list[str]) -> Written:
        folder, record = self._path.parent, self._out / _COPIES
        if draft.parent != folder:
            folder, record = self._out, self._out / _MADE
        wanted = f"{self._path.stem} (po-pw results){self._path.suffix}"
        name, said = own_files.OwnFiles(folder, record, self._path).put(draft, wanted, "the list and its results")
        note = f"{self.name} {why} and stays as it is: the list with its results is {folder / name}"
        return Written(folder / name, rows, None, (note, *notes, *said))

    def _keep(self, run: models.RunId) -> Path:
        """Makes the backup of this run, and removes the oldest ones."""
        folder = self._out / _KEPT
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{run} {self.name}"
        if not kept.exists():
            own_files.copy(self._path, kept)
        for old in sorted(folder.iterdir(), reverse=True)[MOST_KEPT:]:  # run ids begin with the time
            old.unlink(missing_ok=True)
        return kept


def _make_alike(old: Path, new: Path) -> None:
    """Copies owner, permissions and extended attributes."""
    about = old.stat()
    if sys.platform != "win32" and about.st_uid != new.stat().st_uid:
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(new, about.st_uid, about.st_gid)
    shutil.copystat(old, new)
    os.utime(new)


def _names_in(path: Path) -> tuple[str, ...] | None:
    """The part names of an .xlsx; empty for a text file, None for files that cannot be written.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
        if head == ole_container.MAGIC:
            return None
        if head != b"PK\x03\x04":
            return ()
        with zipfile.ZipFile(path) as archive:
            names = tuple(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        msg = f"{path} cannot be read: {error}"
        raise errors.InputError(msg) from None
    return names if any(name.lower() == "[content_types].xml" for name in names) else None


def _digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
