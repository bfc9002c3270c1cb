"""The doctor's checks of folders: whether they are writable, their file system, their free space.

The checks leave nothing behind.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import durable, errors, humanize, sessions, settings
from po_pw.doctor import checks
from po_pw.journal import storage_location
from po_pw.machine import resources

if TYPE_CHECKING:
    from collections.abc import Iterator

_IN_MEMORY: Final = ("tmpfs", "ramfs")
_NO_SPACE, _LITTLE_SPACE = 100_000_000, 1_000_000_000
"""Free bytes below which a check fails, and below which it warns."""
_SHORT_PATHS: Final = 130
"""With fewer characters left for paths below the output directory, names are often shortened."""
_LONG_TEMP: Final = 60
"""Characters of the temporary folder's path above which Chromium's socket path is too long."""


def temporary() -> list[checks.Check]:
    """Checks the temporary folder, where the browser profiles are."""
    from po_pw.browser import watchdog

    name = "temp folder"
    try:
        folder = watchdog.owned_folder()
    except OSError as error:
        why = error.strerror or str(error)
        remedy = "Set TMPDIR (Windows: TEMP) to a folder that can be written to."
        return [checks.problem(name, f"{tempfile.gettempdir()} cannot be written to ({why})", remedy)]
    try:
        _write_in(folder)
        free = shutil.disk_usage(folder).free
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"{folder.parent}, {humanize.size(free)} free"
    if os.name == "posix" and len(str(folder)) > _LONG_TEMP:
        remedy = "Set TMPDIR to a folder with a short path, e.g. /tmp."
        return [checks.problem(name, f"{folder.parent} is too long a path for the browser", remedy)]
    if free < _NO_SPACE:
        return [
            checks.problem(
                name, text, "Free some space there, or set TMPDIR (Windows: TEMP) to a folder on another disk."
            )
        ]
    if free < _LITTLE_SPACE:
        return [checks.warning(name, text, "Each worker needs about 50 MB there: free some space.")]
    return [checks.ok(name, text)]


def home(options: settings.Settings) -> list[checks.Check]:
    """Checks the folder of sign-ins and profiles."""
    name, folder = "profile folder", settings.home(options).absolute()
    fault = _fault(folder)
    if fault:
        return [checks.problem(name, fault, "Set PO_PW_HOME to a folder that can be written to.")]
    state = "" if folder.is_dir() else " (will be created when you sign in)"
    return [checks.ok(name, f"{folder}{state}")]


def output(options: settings.Settings) -> list[checks.Check]:
    """Checks that the output directory is writable, and the path length left for files."""
    name, folder = "output", Path(options.out).absolute()
    fault = _fault(folder)
    if fault:
        return [checks.problem(name, fault, "Choose another folder with --out.")]
    left = options.max_path - len(str(folder))
    if left < _SHORT_PATHS:
        return [
            checks.warning(
                name,
                f"{folder} is a long path: only {max(left, 0)} of {options.max_path} characters are left for "
                "folder and file names, so many names will be shortened",
                "Choose a folder with a shorter path with --out, or raise --max-path.",
            )
        ]
    return [checks.ok(name, f"{folder}{'' if folder.is_dir() else ' (will be created)'}")]


def disk(options: settings.Settings) -> list[checks.Check]:
    """Checks the output's free disk space."""
    folder = _nearest(Path(options.out).absolute())
    free = shutil.disk_usage(folder).free
    text = f"{humanize.size(free)} free for attachments"
    if free < _NO_SPACE:
        return [checks.problem("disk", text, "Free some space, or choose another folder with --out.")]
    if free < _LITTLE_SPACE:
        return [checks.warning("disk", text, "That may not be enough for a long list of orders.")]
    return [checks.ok("disk", text)]


def file_system(options: settings.Settings) -> list[checks.Check]:
    """Checks the output's file system, and creates a trial journal there."""
    from po_pw.journal import schema

    folder = Path(options.out).absolute()
    real = os.path.realpath(folder)
    about = resources.file_system(Path(real))
    location = storage_location.classify(about.kind, about.options, str(folder), real)
    with _probe(_nearest(folder)) as probe:
        file = probe / "journal.db"
        with (
            schema.map_sqlite_errors(file),
            contextlib.closing(schema.open_for_writing(file, rollback=location.rollback)) as connection,
        ):
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            connection.execute("CREATE TABLE trial (at TEXT)")
    return [check_file_system(about.kind, location, str(mode).lower())]


def check_file_system(kind: str, location: storage_location.StorageLocation, mode: str) -> checks.Check:
    """Evaluates a file system. Pure.

    Args:
        kind: the system's name for it; may be empty.
        location: the output directory's storage location.
        mode: SQLite's journal mode there, `wal` or `delete`.
    """
    name, lower, kind = "file system", kind.lower(), kind or "of an unknown kind"
    journal = "the journal uses a write-ahead log" if mode == "wal" else "the journal uses rollback: slower, as safe"
    if location.kind is storage_location.Kind.SYNCED:
        return checks.warning(
            name,
            f"{kind}, in a synced folder ({location.mark}): {journal}, but the sync program may lock "
            "files and upload unfinished ones",
            "Choose a folder that is not synced with --out, and copy the files afterwards.",
        )
    if location.kind is storage_location.Kind.REMOTE:
        return checks.warning(
            name,
            f"{kind}, on another computer: {journal}, and the run stops if the connection breaks (run the same "
            "command again to continue)",
            "A local folder is faster: choose one with --out. Never run po-pw from two computers on one folder.",
        )
    if lower.startswith(_IN_MEMORY):
        return checks.warning(
            name,
            f"{kind}: everything there is lost when the computer restarts",
            "Choose a folder on a disk with --out.",
        )
    if lower in {"vfat", "msdos", "fat", "fat32"}:
        return checks.warning(
            name,
            f"{kind}: files over 4 GB cannot be saved there; {journal}",
            "Choose a folder on another disk with --out.",
        )
    return checks.ok(name, f"{kind}; {journal}")


def sign_ins(options: settings.Settings) -> list[tuple[str, checks.Check]]:
    """Checks each saved sign-in of the account, without contacting the portals; returns origin and result."""
    saved = sessions.Sessions(settings.home(options), options.account)
    found: list[tuple[str, checks.Check]] = []
    for file in saved.state_files():
        sign_in = sessions.read_file(file)
        origin = sign_in.origin if sign_in else sessions.origin_of_folder(saved.portal_folder(file).name)
        found.append((origin, _sign_in(saved, origin, file)))
    return found


def _sign_in(saved: sessions.Sessions, origin: str, file: Path) -> checks.Check:
    again = f"Run: {saved.login_command(origin)}"
    try:
        cookies = saved.cookies([origin])
    except errors.LoginRequiredError as error:
        return checks.problem("sign-in", str(error).partition(". Run:")[0], again)
    about = file.stat()
    now = datetime.datetime.now(datetime.UTC).timestamp()
    age = f"signed in {_ago(now - about.st_mtime)}"
    ends = [cookie.get("expires") for cookie in cookies]
    if os.name == "posix" and stat.S_IMODE(about.st_mode) & 0o077:
        return checks.warning(
            "sign-in", f"{origin}: {age}, and other users of this computer can read it", f"Run: chmod 600 {file}"
        )
    if not cookies or all(isinstance(end, int | float) and 0 < end < now for end in ends):
        return checks.warning("sign-in", f"{origin}: {age}, and every cookie has expired", again)
    return checks.ok("sign-in", f"{origin}: {age}, {len(cookies)} cookie{'s' if len(cookies) != 1 else ''}")


def _ago(seconds: float) -> str:
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _nearest(folder: Path) -> Path:
    """The folder, or its nearest existing parent."""
    return next((above for above in (folder, *folder.parents) if above.exists()), folder)


def _fault(folder: Path) -> str:
    """Why this folder, or the parent it would be created in, is not writable; `""` if it is."""
    nearest = _nearest(folder)
    if not nearest.is_dir():
        return f"{nearest} is a file, not a folder"
    try:
        with _probe(nearest) as probe:
            _write_in(probe)
    except OSError as error:
        return f"{nearest} cannot be written to ({error.strerror or error})"
    return ""


@contextlib.contextmanager
def _probe(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".po-pw-doctor-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_in(folder: Path) -> None:
    """Writes and renames a file, as a run does."""
    written = b"po-pw"
    file = folder / "trial"
    with durable.replacement(file) as stream:
        stream.write(written)
    if file.read_bytes() != written:
        raise OSError(0, "a file read back differs from what was written")
