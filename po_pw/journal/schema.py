"""The journal's tables, their migrations, and how the database is opened."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_TABLES: Final = """
CREATE TABLE runs (
  run TEXT PRIMARY KEY, source TEXT NOT NULL, columns TEXT NOT NULL, workers INTEGER NOT NULL, out TEXT NOT NULL,
  command TEXT NOT NULL,  -- its words (JSON)
  started_at TEXT NOT NULL,
  ended_at TEXT, seconds REAL, work_seconds REAL, interrupted INTEGER, browser TEXT  -- NULL while it goes on, or died
) WITHOUT ROWID;

-- The input as it stood. A row with a key is an order; the others are refused (error_code) or duplicates.
-- levels: names of the folders above the order's folder (JSON). folder: name of the order's own folder by the user's
-- layout (JSON), without its status; '' where it is its number. found_done: outcome (JSON, as in outcomes) of an order
-- that no run downloaded: the list itself marks it as COMPLETED, and its files are there.
CREATE TABLE rows (
  run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL, po_number TEXT NOT NULL, key TEXT, cells TEXT NOT NULL,
  url TEXT, supplier TEXT, amount TEXT, amount_is_decimal INTEGER NOT NULL,
  error_code TEXT, error_message TEXT, duplicate_of INTEGER,
  levels TEXT NOT NULL DEFAULT '[]', folder TEXT NOT NULL DEFAULT '', found_done TEXT,
  PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- The outcomes of orders: `outcome` (JSON) is the truth; the higher id is the later. state: 'saved' once the files are
-- whole and synced in the work folder (`work`, below the output directory) under their final names, 'published' once
-- that folder is in its final place. `replaces`: the order's folder of an earlier run, where it had another supplier.
-- `rules`: version of the rules under which its page was read; also in `outcome`, which is long to read.
-- `doubted`: its files are to be proved, and fetched again where they are not what they were.
CREATE TABLE outcomes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('saved', 'published')), status TEXT NOT NULL, at TEXT NOT NULL,
  outcome TEXT NOT NULL, work TEXT NOT NULL, replaces TEXT NOT NULL, doubted INTEGER NOT NULL DEFAULT 0,
  rules INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run, key)
);
CREATE INDEX outcomes_by_key ON outcomes (key);
CREATE INDEX outcomes_saved ON outcomes (id) WHERE state = 'saved';
CREATE INDEX outcomes_doubted ON outcomes (id) WHERE doubted = 1;

-- Each handing-out of an order; without ended_at: in progress, or in progress when the process died.
CREATE TABLE attempts (
  run TEXT NOT NULL REFERENCES runs, lease INTEGER NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL,
  worker TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, counts INTEGER, error_code TEXT, error_message TEXT,
  PRIMARY KEY (run, lease)
) WITHOUT ROWID;

-- Each file a run saved, noted as soon as it is whole; once the order has its outcome, exactly the outcome's.
CREATE TABLE files (
  run TEXT NOT NULL REFERENCES runs, key TEXT NOT NULL, attachment_id TEXT NOT NULL, path TEXT NOT NULL,
  sent_name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, source TEXT NOT NULL,
  downloaded_by TEXT NOT NULL, saved_at TEXT,
  file TEXT NOT NULL,  -- all that is known of it (JSON)
  PRIMARY KEY (run, key, attachment_id)
) WITHOUT ROWID;
CREATE INDEX files_by_key ON files (key);

-- What happened in a run apart from attempts at its orders: browsers opened and lost, orders stolen and put back,
-- pauses, stops, each press, and each request other than GET that was sent or stopped after one.
-- The run's log has every event; these are for `po-pw status` and the report.
CREATE TABLE events (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs, at TEXT NOT NULL, event TEXT NOT NULL,
  level TEXT NOT NULL, worker TEXT, key TEXT,
  detail TEXT NOT NULL  -- the rest of it (JSON)
);
CREATE INDEX events_by_run ON events (run, id);

-- Who has which folder name: for ever, whatever the run. An order whose layout has changed has a second name below the
-- same folder: no other order ever gets the first.
CREATE TABLE folders (
  parent TEXT NOT NULL, folded TEXT NOT NULL, stem TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (parent, folded)
) WITHOUT ROWID;
CREATE INDEX folders_by_key ON folders (key, parent);

-- Every order that a row of any run named, and the row that did so last; number 0: known from its manifest alone.
CREATE TABLE orders (
  key TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL
) WITHOUT ROWID;
"""

MIGRATIONS: Final = (_TABLES,)
"""Each migrates a journal from the version of its index to the next."""

_damaged: Final[set[Path]] = set()
"""Journals that this process found damaged while using them."""

_TRIES: Final = 5
_LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for another lock on the database: a reader in rollback mode, a database tool."""


def open_for_writing(path: Path, *, rollback: bool = False) -> sqlite3.Connection:
    """Opens the journal for writing: with a write-ahead log if the file system allows it, else a rollback journal.

    Both survive a power failure; with the write-ahead log readers do not block the writer. A journal in the other mode
    is converted.

    Args:
        path: the database.
        rollback: do not try the write-ahead log; see `storage_location.classify`.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    if not rollback:
        try:
            return _opened(path, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
        except sqlite3.OperationalError as error:
            if code_of(error) == sqlite3.SQLITE_BUSY:
                raise
    # The log needs memory shared through a file, which some file systems lack. With an exclusive lock it is not
    # needed, so a journal in that mode can be converted. EXTRA also syncs the folder: otherwise the rollback journal
    # might reappear after a power failure and undo what was reported as durable.
    return _opened(
        path,
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA locking_mode = NORMAL",
        "PRAGMA synchronous = EXTRA",
    )


def _opened(path: Path, *pragmas: str) -> sqlite3.Connection:
    connection = _connected(str(path))
    try:
        for pragma in pragmas:
            connection.execute(pragma).fetchone()
        connection.execute("PRAGMA fullfsync = ON")  # macOS: flush the drive's cache, too
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # a full temporary folder must not stop the journal
        connection.execute("BEGIN IMMEDIATE")  # fails if the mode does not work here
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Opens the journal for reading, by one thread at a time.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = _connected(str(path))
    connection.execute("PRAGMA query_only = ON")
    return connection


def read_only(path: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    """Reads a journal without creating or changing any file, even while a run writes to it.

    Args:
        path: of the database, which must exist.
        read: called again if the journal changed meanwhile.

    Raises:
        MachineError: it cannot be read.
    """
    with map_sqlite_errors(path):
        for _ in range(_TRIES):
            before = _stamps(path)
            try:
                found, is_sure = _read_consistently(path, read)
            except FileNotFoundError:  # write-ahead log removed by a run that just ended
                continue
            except sqlite3.Error:
                if before == _stamps(path):
                    raise
                continue
            if is_sure or before == _stamps(path):
                return found
    msg = f"the journal {path} is being opened or closed by a run. Try again in a moment."
    raise errors.MachineError(msg)


def _read_consistently(path: Path, read: Callable[[sqlite3.Connection], T]) -> tuple[T, bool]:
    """The result of `read`, and whether it is consistent even with a concurrent writer."""
    if _can_be_shared(path):
        try:
            return _read_at(_address(path, "mode=ro&readonly_shm=1"), read), True
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_READONLY:
                raise
            # A crash left a transaction that would have to be rolled back first.
    return _read_alone(path, read), False


def _can_be_shared(path: Path) -> bool:
    """Whether SQLite can open the journal for reading without creating files, as it does for a missing log."""
    if all(path.with_name(f"{path.name}{end}").exists() for end in ("-wal", "-shm")):
        return True
    with path.open("rb") as stream:
        header = stream.read(20)
    return header[18:20] == b"\x01\x01"


def _read_alone(path: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    files = side_files(path)
    if not files:
        return _read_at(_address(path, "immutable=1"), read)
    with tempfile.TemporaryDirectory(prefix="po-pw-look-") as folder:
        copy = Path(folder) / path.name
        for name in (path, *files):
            shutil.copyfile(name, copy.with_name(name.name))
        return _read_at(_address(copy, "mode=rw"), read)


def _read_at(address: str, read: Callable[[sqlite3.Connection], T]) -> T:
    with contextlib.closing(_connected(address, uri=True)) as connection:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return read(connection)


def side_files(path: Path) -> list[Path]:
    """SQLite's side files: write-ahead log and rollback journal."""
    names = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal")]
    return [name for name in names if name.exists() and name.stat().st_size]


def _stamps(path: Path) -> list[tuple[int, int] | None]:
    stamps: list[tuple[int, int] | None] = []
    for name in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-journal"))):
        try:
            about = name.stat()
        except FileNotFoundError:
            stamps.append(None)
        else:
            stamps.append((about.st_size, about.st_mtime_ns))
    return stamps


def _address(path: Path, query: str) -> str:
    location = path.absolute().as_posix()
    # As bytes: a name with invalid UTF-8 cannot be quoted as text.
    return f"file://{'' if location.startswith('/') else '/'}{urllib.parse.quote(os.fsencode(location))}?{query}"


def _connected(location: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        location, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.row_factory = sqlite3.Row
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Creates or migrates the tables.

    Raises:
        MachineError: the journal was written by a newer po-pw.
        sqlite3.Error: it cannot be read or written.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    refuse_newer(version, path)
    for number in range(version, len(MIGRATIONS)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def refuse_newer(version: int, path: Path) -> None:
    """Refuses a journal with a newer version of the tables.

    Raises:
        MachineError: it was written by a newer po-pw.
    """
    if version > len(MIGRATIONS):
        msg = (
            f"{path} was written by a newer po-pw (version {version}, this one knows {len(MIGRATIONS)}). "
            "Update po-pw, or choose another folder with --out."
        )
        raise errors.MachineError(msg)


_TEMPORARY: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
"""SQLite errors for a lost share or a lock of another program: a run waits until they pass."""


@contextlib.contextmanager
def map_sqlite_errors(path: Path, *, waits: bool = False) -> Iterator[None]:
    """Maps SQLite's errors to ours.

    Args:
        path: of the database.
        waits: whether the caller can wait until the journal is usable again.

    Raises:
        OutOfSpaceError: the disk is full.
        OutputUnavailableError: it cannot be read or written at present; only if `waits`.
        MachineError: any other SQLite error.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = code_of(error)
        if code == sqlite3.SQLITE_FULL:
            msg = f"the disk of the journal {path} is full"
            raise errors.OutOfSpaceError(msg) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            _damaged.add(path)
            msg = (
                f"the journal {path} is damaged ({error}). Run the same command again: it sets the journal aside "
                "and rebuilds it."
            )
        elif code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            msg = (
                f"the journal {path} is locked by another program. Close that program, then run the same command again."
            )
        elif code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
            msg = f"the journal {path} cannot be written to ({error}). Choose another folder with --out."
        else:
            msg = f"the journal {path} cannot be used: {error}"
        if waits and code in _TEMPORARY:
            raise errors.OutputUnavailableError(msg) from error
        raise errors.MachineError(msg) from error


def was_damaged(path: Path) -> bool:
    """Whether damage was found since the last call."""
    is_damaged = path in _damaged
    _damaged.discard(path)
    return is_damaged


def code_of(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None if the error does not come from SQLite."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
