"""The journal's tables, and how an older journal becomes one of today's."""

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
  started_at TEXT NOT NULL, ended_at TEXT, seconds REAL, work_seconds REAL, interrupted INTEGER, browser TEXT
) STRICT;
CREATE TABLE rows (
  run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL, po_number TEXT NOT NULL, key TEXT, cells TEXT NOT NULL,
  url TEXT, supplier TEXT, amount TEXT, amount_is_decimal INTEGER,
  error_code TEXT, error_message TEXT, duplicate_of INTEGER,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_by_key ON rows (run, key) WHERE key IS NOT NULL;
CREATE TABLE outcomes (
  run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'published', status TEXT NOT NULL,
  at TEXT NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_by_key ON outcomes (key, at);
CREATE TABLE files (
  run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, attachment_id TEXT NOT NULL, name TEXT NOT NULL,
  sent_name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, source TEXT NOT NULL,
  lane TEXT NOT NULL, saved_at TEXT,
  PRIMARY KEY (run, key, attachment_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (
  run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, attempt INTEGER NOT NULL, lease INTEGER NOT NULL,
  worker TEXT NOT NULL, at TEXT NOT NULL, error_code TEXT, error_message TEXT, delay REAL, counts INTEGER,
  PRIMARY KEY (run, lease)
) STRICT, WITHOUT ROWID;
CREATE TABLE folders (
  parent TEXT NOT NULL, folded TEXT NOT NULL, stem TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (parent, folded)
) STRICT, WITHOUT ROWID;
CREATE INDEX folders_by_key ON folders (key, parent);
"""

MIGRATIONS: Final = (_FIRST,)
"""Each brings a journal from the version of its index to the next."""


def connect(path: Path, *, writing: bool) -> sqlite3.Connection:
    """Opens the journal, for use from any one thread at a time.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    if writing:
        # Refused on some network shares; the rollback journal that is left then is as safe, only slower.
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
    else:
        connection.execute("PRAGMA query_only = ON")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables, or brings them up to date.

    Raises:
        EnvironmentProblem: the journal was written by a newer po-pw.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        msg = f"{path} was written by a newer po-pw (version {version}). Update po-pw, or choose another --out."
        raise errors.EnvironmentProblem(msg)
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(f"BEGIN;{MIGRATIONS[number]};PRAGMA user_version = {number + 1};COMMIT;")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors become ours, once, here."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "full" in text:
            msg = f"no space is left for the journal {path}"
            raise errors.OutOfSpace(msg) from error
        if isinstance(error, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
            msg = f"the journal {path} is damaged ({text}). Move it aside and run the command again."
        else:
            msg = f"the journal {path} cannot be used: {text}"
        raise errors.EnvironmentProblem(msg) from error
