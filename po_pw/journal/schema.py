"""The journal's tables, how an older journal becomes one of today's, and how the database is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIRST: Final = """
CREATE TABLE runs (
  run TEXT PRIMARY KEY, source TEXT NOT NULL, columns TEXT NOT NULL, workers INTEGER NOT NULL, out TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT, seconds REAL, work_seconds REAL, interrupted INTEGER, browser TEXT  -- NULL while it goes on, or died
) WITHOUT ROWID;

-- The input as it stood. A row with a key is an order; the others are refused (error_code) or duplicates.
CREATE TABLE rows (
  run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL, po_number TEXT NOT NULL, key TEXT, cells TEXT NOT NULL,
  url TEXT, supplier TEXT, amount TEXT, amount_is_decimal INTEGER NOT NULL,
  error_code TEXT, error_message TEXT, duplicate_of INTEGER,
  PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- What came of each order: `outcome` (JSON) is the truth; the higher id is the later. state: 'saved' once the files are
-- whole in the work folder, 'published' once the folder has its final name.
CREATE TABLE outcomes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('saved', 'published')), status TEXT NOT NULL, at TEXT NOT NULL,
  outcome TEXT NOT NULL,
  UNIQUE (run, key)
);
CREATE INDEX outcomes_by_key ON outcomes (key);

-- Each handing-out of an order; without ended_at: in hand, or in hand when the process died.
CREATE TABLE attempts (
  run TEXT NOT NULL REFERENCES runs, lease INTEGER NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL,
  worker TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, counts INTEGER, error_code TEXT, error_message TEXT,
  PRIMARY KEY (run, lease)
) WITHOUT ROWID;

-- Each file a run saved, noted as soon as it is whole; once the order has its outcome, exactly the outcome's.
CREATE TABLE files (
  run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, attachment_id TEXT NOT NULL, path TEXT NOT NULL,
  sent_name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, source TEXT NOT NULL,
  lane TEXT NOT NULL, saved_at TEXT,
  PRIMARY KEY (run, key, attachment_id)
) WITHOUT ROWID;

-- Who has which folder name: for ever, whatever the run.
CREATE TABLE folders (
  parent TEXT NOT NULL, folded TEXT NOT NULL, stem TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (parent, folded), UNIQUE (key, parent)
) WITHOUT ROWID;
"""

MIGRATIONS: Final = (_FIRST,)
"""Each brings a journal from the version of its index to the next."""

_PATIENCE: Final = 30.0
"""Seconds to wait for somebody else's lock on the database: a reader in rollback mode, a person's database tool."""


def writing(path: Path) -> sqlite3.Connection:
    """Opens the journal for the writer: write-ahead log where the file system lets us, else a rollback journal.

    Both survive a power cut; with the write-ahead log readers do not hold up the writer.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    try:
        return _opened(path, "PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_BUSY:
            raise
        # The log needs memory shared through a file, which some file systems do not have. Locked exclusively it is not
        # needed, so a journal that is in that mode already can be brought out of it.
        return _opened(
            path, "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = DELETE", "PRAGMA locking_mode = NORMAL"
        )


def _opened(path: Path, *pragmas: str) -> sqlite3.Connection:
    connection = _connected(path)
    try:
        for pragma in pragmas:
            connection.execute(pragma).fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's own cache too
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")  # tells whether the mode works here
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def reading(path: Path) -> sqlite3.Connection:
    """Opens the journal to read from it, on any one thread at a time.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = _connected(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables, or brings them up to date.

    Raises:
        EnvironmentProblem: the journal was written by a newer po-pw.
        sqlite3.Error: it cannot be read or written.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        msg = (
            f"{path} was written by a newer po-pw (version {version}, this one knows {len(MIGRATIONS)}). "
            "Update po-pw, or choose another place with --out."
        )
        raise errors.EnvironmentProblem(msg)
    for number in range(version, len(MIGRATIONS)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors become ours, once, here.

    Raises:
        OutOfSpace: the disk is full.
        EnvironmentProblem: anything else that SQLite says.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code == sqlite3.SQLITE_FULL:
            msg = f"no space is left for the journal {path}. Free some, and run the same command again."
            raise errors.OutOfSpace(msg) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            msg = f"the journal {path} is damaged ({error}). Move it aside and run the command again."
        elif code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            msg = f"the journal {path} is locked by another program. Close it and run the command again."
        elif code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
            msg = f"the journal {path} cannot be written to ({error}). Choose another place with --out."
        else:
            msg = f"the journal {path} cannot be used: {error}"
        raise errors.EnvironmentProblem(msg) from error


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None where the error is not SQLite's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
