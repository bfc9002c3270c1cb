"""Checks what a run left on disk and in the process table."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

INTERNAL = ".po-pw"
SOON = 60.0
"""Maximum seconds after a kill until nothing of the run is left, on a busy machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """The state of an output directory, without values that differ between runs (times, attempts, worker names)."""

    files: Mapping[str, str]
    """SHA-256 by path, of everything in the orders' folders; folders have a `/` and no sum."""
    beside: frozenset[str]
    """The files beside the folders: the results."""
    rows: Mapping[str, tuple[object, ...]]
    """The row of each PO in `results.json`."""
    manifests: Mapping[str, tuple[object, ...]]
    """The content of each manifest."""


def state(out: Path) -> State:
    """Reads an output directory after its run has ended."""
    rows = json.loads((out / "results.json").read_text("utf-8"))["rows"]
    return State(
        files=tree(out),
        beside=frozenset(path.name for path in out.iterdir() if path.is_file()),
        rows={row["po_number"]: tuple(row[name] for name in _SAID) for row in rows},
        manifests=manifests(out),
    )


_SAID = ("status", "attachments_found", "attachments_downloaded", "attachment_names", "bytes", "folder", "error_code")


def tree(out: Path) -> dict[str, str]:
    """SHA-256 by path, of all files in the folders of an output directory except `.po-pw`."""
    found: dict[str, str] = {}
    for path in sorted(out.glob("*/**/*")) + sorted(out.glob("*/")):
        name = path.relative_to(out).as_posix()
        if name == INTERNAL or name.startswith(f"{INTERNAL}/"):
            continue
        found[f"{name}/" if path.is_dir() else name] = "" if path.is_dir() else sha256(path)
    return found


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def manifests(out: Path) -> dict[str, tuple[object, ...]]:
    """Folder and files of each manifest, without times."""
    found: dict[str, tuple[object, ...]] = {}
    folder = out / INTERNAL / "manifests"
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        said: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else {}
        files = tuple((file["name"], file["bytes"], file["sha256"]) for file in said.get("files", ()))
        found[path.relative_to(folder).as_posix()] = (said.get("folder"), said.get("status"), files)
    return found


def differences(seen: State, wanted: State) -> list[str]:
    """Differences from an undisturbed run, one per line; empty if there are none."""
    found: list[str] = []
    for part in ("files", "rows", "manifests"):
        now, should = getattr(seen, part), getattr(wanted, part)
        found += [f"lost: {name} of the {part}" for name in sorted(set(should) - set(now))]
        found += [f"duplicated: {name} is too much in the {part}" for name in sorted(set(now) - set(should))]
        found += [
            f"changed: {name} of the {part}: {now[name]} instead of {should[name]}"
            for name in sorted(set(now) & set(should))
            if now[name] != should[name]
        ]
    if seen.beside != wanted.beside:
        found.append(f"changed: beside the folders lie {sorted(seen.beside)} instead of {sorted(wanted.beside)}")
    return found


def partial(out: Path, wanted: State) -> list[str]:
    """Folders that are not complete, at any time."""
    if not out.is_dir():
        return []
    seen, found = tree(out), []
    for name in sorted({folder_of(path) for path in seen} - {""}):
        now = {path: sum_ for path, sum_ in seen.items() if folder_of(path) == name}
        should = {path: sum_ for path, sum_ in wanted.files.items() if folder_of(path) == name}
        if now != should:
            found.append(f"partial: {name}: {sorted(now.items() ^ should.items())}")
    return found


def folder_of(path: str) -> str:
    """The order's folder that contains this path (`Supplier/PO_STATUS`); `""` for paths above."""
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else ""


def left_inside(out: Path) -> list[str]:
    """Remains in `.po-pw` that a run should have removed."""
    internal = out / INTERNAL
    work = list((internal / "work").rglob("*")) if (internal / "work").is_dir() else []
    aside = [internal / "aside"] if (internal / "aside").exists() else []
    return [f"left behind: {path.relative_to(out).as_posix()}" for path in work + aside]


def journal_faults(out: Path) -> list[str]:
    """Faults in the journal of an ended run: damage, or an order saved but not published."""
    with contextlib.closing(sqlite3.connect(out / INTERNAL / "journal.db")) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        foreign = connection.execute("PRAGMA foreign_key_check").fetchall()
        latest = connection.execute(
            "SELECT key, state FROM outcomes WHERE id IN (SELECT MAX(id) FROM outcomes GROUP BY key)"
        ).fetchall()
    found = [] if verdict == "ok" else [f"changed: the journal: {verdict}"]
    found += [f"changed: the journal has a row without its parent: {row}" for row in foreign]
    return found + [f"lost: {key} is {state_} and never published" for key, state_ in latest if state_ != "published"]


def journal_rows(out: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the journal at any time; nothing if it does not exist yet."""
    journal = out / INTERNAL / "journal.db"
    with tempfile.TemporaryDirectory(prefix="chaos-look-", dir=out.parent) as folder:
        # A copy: opening the real one would do the recovery that the next start must do.
        for path in journal.parent.glob("journal.db*"):
            shutil.copyfile(path, Path(folder) / path.name)
        with contextlib.closing(sqlite3.connect(Path(folder) / journal.name)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'folders'").fetchone() is None:
                return []
            return connection.execute(query).fetchall()


def not_there(out: Path) -> list[str]:
    """Orders recorded as done whose folder is not in its place, at any time."""
    done = journal_rows(
        out,
        "SELECT key, outcome FROM outcomes WHERE state = 'published' "
        "AND id IN (SELECT MAX(id) FROM outcomes GROUP BY key)",
    )
    folders = {key: json.loads(outcome)["folder"] for key, outcome in done}
    return [f"lost: {key} is published, and not there" for key, place in folders.items() if not (out / place).is_dir()]


def noted(out: Path) -> set[tuple[str, str]]:
    """The files in the journal, at any time, by order and attachment."""
    return set(journal_rows(out, "SELECT key, attachment_id FROM files"))


def below(pid: int) -> list[psutil.Process]:
    """All descendant processes."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that are still running, by pid and creation time; zombies do not count."""
    found: dict[int, psutil.Process] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process
    return list(found.values())


def naming(folder: Path) -> list[psutil.Process]:
    """All processes with this folder in their command line or environment."""
    found, mark = [], str(folder)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(mark in word for word in process.cmdline()) or any(
                mark in value for value in process.environ().values()
            ):
                found.append(process)
    return living(found)


def eventually(holds: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Waits until a condition is true; returns whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(every)
    return True


def described(processes: Iterable[psutil.Process]) -> list[str]:
    """A description of processes, for messages."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found.append(f"{process.pid} {process.status()} {' '.join(process.cmdline())[:200]}")
    return found
