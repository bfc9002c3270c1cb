"""Checks whether a journal is damaged, and sets a damaged one aside; it is never removed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.journal import codec, schema

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable
    from pathlib import Path

_TIMEOUT: Final = 60.0
"""Maximum seconds of a check; whatever was not checked by then is assumed intact."""
_OPCODES: Final = 100_000
"""SQLite virtual machine instructions between readings of the clock: a few milliseconds."""
_MAX_ID: Final = 2**60
"""Real ids stay far below; beyond it SQLite would soon run out of ids."""

_UNFINISHED_FILES: Final = """
SELECT file FROM files WHERE NOT EXISTS (
  SELECT 1 FROM outcomes WHERE outcomes.run = files.run AND outcomes.key = files.key)"""
"""Files that the next run may resume with."""

_NOT_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""SQLite errors caused by the machine, not by the journal."""


def note_closed(path: Path) -> None:
    """Records size and time of a cleanly closed journal, so that the next start can skip the check."""
    try:
        _note(path).write_text(json.dumps(_file_stamps(path)), "utf-8")
    except OSError:  # then the next start checks the journal
        return


def is_unchanged_since_close(path: Path) -> bool:
    """Whether the journal is unchanged since it was cleanly closed."""
    if schema.side_files(path):
        return False
    try:
        return bool(json.loads(_note(path).read_text("utf-8")) == _file_stamps(path))
    except (OSError, ValueError):
        return False


def note_opened(path: Path) -> None:
    """Removes that record, until the journal is cleanly closed again."""
    _note(path).unlink(missing_ok=True)


def find_damage(path: Path, *, rollback: bool, is_stopped: Callable[[], bool] = lambda: False) -> str:
    """Describes the damage of a journal that no one else has open; `""` if there is none.

    Reads everything that a run relies on: each page and index, each outcome and folder name. 100,000 orders with
    300,000 files take a few seconds. If stopped, the unchecked part is assumed intact.

    Raises:
        sqlite3.Error: an error of the machine, not of the journal.
    """
    try:
        with contextlib.closing(schema.open_for_writing(path, rollback=rollback)) as connection:
            found = _shape_fault(connection) or _content_fault(connection, is_stopped)
        return found or ("its header says that it is read-only" if _forbids_writing(path) else "")
    except sqlite3.Error as error:
        code = schema.code_of(error)
        if code == sqlite3.SQLITE_INTERRUPT:
            return ""
        if code in _NOT_DAMAGE:
            raise
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # an invalid outcome
        return f"a record cannot be read: {error!r}"


def _shape_fault(connection: sqlite3.Connection) -> str:
    """Damage visible in the tables' definitions."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    shape = _shape(connection)
    if version < 0:
        return "its version is not a valid number"
    if version > len(schema.MIGRATIONS):
        # A newer po-pw would have other tables: with ours, the version number itself is damaged.
        return "its version does not match its tables" if shape == _expected(len(schema.MIGRATIONS)) else ""
    if 0 < version < len(schema.MIGRATIONS) and shape >= _expected(len(schema.MIGRATIONS)):
        return "its version does not match its tables"
    missing = _expected(version) - shape
    if missing or (version == 0 and shape):
        return "its version does not match its tables"
    return ""


def _content_fault(connection: sqlite3.Connection, is_stopped: Callable[[], bool]) -> str:
    """Damage found by reading everything."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 < version <= len(schema.MIGRATIONS):
        return ""
    deadline = time.monotonic() + _TIMEOUT
    connection.set_progress_handler(lambda: time.monotonic() > deadline or is_stopped(), _OPCODES)
    (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        return str(result).partition("\n")[0]
    for row in connection.execute("SELECT id, key, status, outcome FROM outcomes"):
        outcome = codec.load(row["outcome"])
        if (outcome.key, outcome.status) != (row["key"], row["status"]) or row["id"] > _MAX_ID:
            return f"the entry of {row['key']} is inconsistent"
    for row in connection.execute("SELECT parent, folded, stem, key FROM folders"):
        if not all(isinstance(value, str) for value in row) or models.folded(row["stem"]) != row["folded"]:
            return "the name of a folder is inconsistent"
    for row in connection.execute(_UNFINISHED_FILES):
        codec.file(row["file"])
    for (last,) in connection.execute("SELECT seq FROM sqlite_sequence"):
        if not isinstance(last, int) or last > _MAX_ID:
            return "its count of entries is not a valid number"
    return ""


def set_aside(path: Path, now: datetime.datetime) -> Path:
    """Renames the journal and its side files; returns the new path.

    Raises:
        OSError: it cannot be renamed.
    """
    stem, number = f"{path.stem}.damaged-{now:%Y%m%d-%H%M%S}", 1
    aside = path.with_name(f"{stem}{path.suffix}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{stem}-{number}{path.suffix}")
    for end in ("", "-wal", "-journal", "-shm"):  # the database first: without it SQLite ignores the others
        name = path.with_name(f"{path.name}{end}")
        if name.is_file():
            name.rename(aside.with_name(f"{aside.name}{end}"))
    return aside


def _note(path: Path) -> Path:
    return path.with_name(f"{path.stem}.closed")


def _file_stamps(path: Path) -> list[int]:
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]


def _forbids_writing(path: Path) -> bool:
    """Whether the database header forbids writing: a version byte is damaged, it must be 1 or 2."""
    with path.open("rb") as stream:
        header = stream.read(20)
    return len(header) == 20 and header[18] > 2


def _expected(version: int) -> frozenset[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for migration in schema.MIGRATIONS[:version]:
            connection.executescript(migration)
        return _shape(connection)


def _shape(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Tables with their columns, and names of indexes."""
    found = connection.execute(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns "
        "WHERE tables.type = 'table' UNION SELECT 'index', name FROM sqlite_master WHERE type = 'index'"
    )
    return frozenset((str(table), str(column)) for table, column in found)
