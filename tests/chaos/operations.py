"""Reports every disk operation of this process, one by one; `Watch` wraps the functions for it.

Writes of SQLite are reported as commits, which SQLite itself keeps complete.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import io
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TWO = ("replace", "rename", "link", "symlink")
_ONE = ("unlink", "remove", "rmdir", "mkdir")
_WRITES = frozenset("wax+")


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One operation."""

    name: str
    """Name of the function; `open` if that creates or truncates a file; `commit`."""
    path: str
    """Relative to the watched folder; for a commit, what it records."""
    other: str = ""
    """Target of a rename or link."""

    @property
    def step(self) -> str:
        """Its step in the end of an order; `""` if it belongs to none."""
        in_work = self.path.startswith(".po-pw/work/")
        match self.name:
            case "commit":
                return f"record {self.path}" if self.path in {"saved", "published"} else ""
            case "replace" if in_work and not self.other.startswith(".po-pw/"):
                return "rename the folder"
            case "replace" if self.other.startswith(".po-pw/manifests/"):
                return "rename the manifest"
            case "replace" if self.other.startswith(".po-pw/aside/"):
                return "set the older folder aside"
            case "replace" if in_work and self.path.endswith(".part"):
                return "a file is whole"
            case "replace" if in_work:
                return "name a file"
            case "fsync" if in_work and self.path.endswith(".part"):
                return "sync a file"
            case "fsync" if in_work and self.path.endswith(".json"):
                return "sync the manifest"
            case "fsync" if in_work:
                return "sync the work folder"
            case "fsync" if self.path.startswith(".po-pw/manifests"):
                return "sync the manifests' folder"
            case "fsync" if not self.path.startswith(".po-pw"):
                return "sync the supplier's folder"
            case "unlink" | "rmdir" if self.path.startswith(".po-pw/aside"):
                return "remove the older folder"
        return ""


class Watch:
    """Reports operations below a folder.

    Args:
        below: the folder.
        before: called before each operation, with its number from 1.
        after: called after each operation.
    """

    def __init__(
        self, below: Path, before: Callable[[Operation, int], None], after: Callable[[Operation, int], None]
    ) -> None:
        self._below = str(below)
        self._before, self._after = before, after
        self._lock = threading.RLock()
        self._count = 0
        self._inside = threading.local()

    def install(self) -> None:
        """Wraps the functions, for the rest of this process."""
        for name in (*_ONE, *_TWO):
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        os.fsync = self._synced(os.fsync)
        io.open = builtins.open = self._opened(builtins.open)
        connect = functools.partial(sqlite3.connect, factory=_connection(self))
        sqlite3.connect = connect  # type: ignore[assignment]

    def tell(self, operation: Operation, work: Callable[[], Any]) -> Any:
        """Runs an operation and reports it before and after; one at a time, so that the numbers are well defined."""
        with self._lock:
            if getattr(self._inside, "now", False):
                return work()
            self._inside.now = True
            try:
                self._count += 1
                number = self._count
                self._before(operation, number)
                result = work()
                self._after(operation, number)
                return result
            finally:
                self._inside.now = False

    def _relative(self, path: Any, dir_fd: int | None = None) -> str | None:
        if isinstance(path, int):
            path = _of_descriptor(path)
        whole = os.fsdecode(path)
        if dir_fd is not None:
            whole = os.path.join(_of_descriptor(dir_fd), whole)  # noqa: PTH118 - pathlib is what is watched
        whole = os.path.abspath(whole)  # noqa: PTH100
        return whole[len(self._below) + 1 :] if whole.startswith(f"{self._below}/") else None

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*words: Any, **more: Any) -> Any:
            path = self._relative(words[0], more.get("dir_fd", more.get("src_dir_fd")))
            if path is None:
                return function(*words, **more)
            other = self._relative(words[1], more.get("dst_dir_fd")) if name in _TWO else ""
            return self.tell(Operation(name, path, other or ""), lambda: function(*words, **more))

        return call

    def _synced(self, function: Callable[..., None]) -> Callable[..., None]:
        def fsync(descriptor: Any) -> None:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = self._relative(number)
            if path is None:
                function(descriptor)
            else:
                self.tell(Operation("fsync", path), lambda: function(descriptor))

        return fsync

    def _opened(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(file: Any, mode: str = "r", *words: Any, **more: Any) -> Any:
            path = None if isinstance(file, int) or not _WRITES & set(mode) else self._relative(file)
            if path is None:
                return function(file, mode, *words, **more)
            return self.tell(Operation("open", path), lambda: function(file, mode, *words, **more))

        return call


def _connection(watch: Watch) -> type[sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        """Collects what a transaction records, and reports its commit."""

        records = ""

        def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
            if sql.startswith("BEGIN"):
                self.records = ""
            elif "INTO outcomes" in sql:
                self.records = "saved" if "saved" in values else "published"
            elif sql.startswith("UPDATE outcomes SET state = 'published'"):
                self.records = "published"
            if sql != "COMMIT":
                return super().execute(sql, values)
            done: sqlite3.Cursor = watch.tell(
                Operation("commit", self.records), lambda: sqlite3.Connection.execute(self, sql)
            )
            return done

    return Connection


def _of_descriptor(number: int) -> str:
    """The path of an open file or folder."""
    if os.path.exists("/proc/self/fd"):  # noqa: PTH110 - pathlib is what is watched
        return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    import fcntl

    found = fcntl.fcntl(number, fcntl.F_GETPATH, bytes(1024))  # type: ignore[attr-defined]
    return os.fsdecode(found.rstrip(b"\0"))
