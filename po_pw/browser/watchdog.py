"""No browser and no temporary folder outlives the tool, whatever ends it.

The run's own temporary folder holds user-data dirs and whatever driver and browsers put into `TMPDIR`. A small process
in a session of its own holds the reading end of a pipe; when we end, however, the pipe closes and it kills, by recorded
pid and creation time, what is left and removes the folder. What a power cut left is swept at the next start.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

import psutil

if TYPE_CHECKING:
    from types import TracebackType

PREFIX: Final = "popw-"
OWNER: Final = "owner.json"
_LONGEST_TEMP: Final = 40
"""Chromium's socket lies below `TMPDIR`; from about 60 characters on its path is too long and it does not start."""
_GOES_BY_ITSELF: Final = 0.4
"""Seconds that browsers take to notice that their driver is gone (0.3 s, measured)."""
_FOREIGN: Final = 7 * 86_400
"""Seconds that a folder of another host name (a container sharing the temp folder) is left alone: its processes cannot
be seen from here."""


def owned_folder() -> Path:
    """Makes a temporary folder, owner-only, that `sweep` removes once this process has ended without doing so."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _LONGEST_TEMP and os.access("/tmp", os.W_OK):  # noqa: S108 - short on macOS, see above
        base = Path("/tmp")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        _write_owner(folder, {})
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


class RunDir:
    """The run's own temporary folder, and the list of processes that must not outlive it. A context manager."""

    def __init__(self) -> None:
        self.path = owned_folder()
        self._lock = threading.Lock()
        self._processes: dict[int, float] = {}
        self._pipe: IO[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        detached: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        # By file and with -P: nothing in the current folder or beside this file can be imported in a module's place.
        self._watchdog = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self.path)], cwd=self.path.parent,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **detached,
        )  # fmt: skip
        self._pipe = self._watchdog.stdin
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # the watchdog itself was killed: we clean up all the same
                self._pipe.close()
        if self._watchdog is not None:
            try:
                self._watchdog.wait(10)
            except subprocess.TimeoutExpired:
                self._watchdog.kill()
                self._watchdog.wait()
        clean(self.path, self._processes)

    def record(self, pid: int) -> None:
        """This process must not outlive us."""
        try:
            created = psutil.Process(pid).create_time()
        except psutil.Error:
            return
        with self._lock:
            self._processes[pid] = created
            with contextlib.suppress(OSError):  # the folder is full: the watchdog is told all the same
                _write_owner(self.path, self._processes)
            self._tell({"pid": pid, "created": created})

    def forget(self, pid: int) -> None:
        """This process has ended."""
        with self._lock:
            self._processes.pop(pid, None)
            with contextlib.suppress(OSError):  # the same
                _write_owner(self.path, self._processes)
            self._tell({"gone": pid})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # the watchdog was killed: owner.json still has it for the next start
                self._pipe.write(json.dumps(message).encode() + b"\n")
                self._pipe.flush()


def _write_owner(folder: Path, processes: dict[int, float]) -> None:
    me = psutil.Process()
    owner = {"pid": me.pid, "created": me.create_time(), "host": socket.gethostname()}
    temporary = folder / f"{OWNER}.new"
    temporary.write_text(json.dumps({**owner, "processes": list(processes.items())}), "utf-8")
    temporary.replace(folder / OWNER)


def sweep() -> list[Path]:
    """Ends and removes what earlier runs of this user left behind; gives the folders removed."""
    removed: list[Path] = []
    bases = {Path(tempfile.gettempdir())} | ({Path("/tmp")} if os.name == "posix" else set())  # noqa: S108
    for folder in sorted(folder for base in bases for folder in base.glob(f"{PREFIX}*")):
        try:
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or (hasattr(os, "geteuid") and about.st_uid != os.geteuid()):
                continue
            owner = json.loads((folder / OWNER).read_text("utf-8"))
            if owner["host"] != socket.gethostname() and time.time() - (folder / OWNER).stat().st_mtime < _FOREIGN:
                continue
            pid, created = int(owner["pid"]), float(owner["created"])
            left = {int(process): float(time_) for process, time_ in owner["processes"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a run's folder, or one being made this instant
        if _is_alive(pid, created):
            continue
        clean(folder, left)
        removed.append(folder)
    return removed


def clean(folder: Path, processes: dict[int, float]) -> None:
    """Kills the recorded processes with all below them and every browser on a profile in the folder, and removes it."""
    for pid, created in processes.items():
        kill_tree(pid, created)
    for browser in browsers_in(folder):
        kill_tree(browser.pid, browser.create_time())
    for _ in range(20):
        # The owner's file goes last: cut short in between, the next sweep still knows whose folder it is.
        for entry in _entries(folder):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != OWNER:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if [entry.name for entry in _entries(folder)] in ([], [OWNER]):
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it is gone
        return []


def browsers_in(folder: Path) -> list[psutil.Process]:
    """The processes whose user-data dir, by their own command line, is this folder or lies in it."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline():
                name, _, value = word.partition("=")
                if name == "--user-data-dir" and (Path(value) == folder or folder in Path(value).parents):
                    found.append(process)
                    break
    return found


def kill_tree(pid: int, created: float) -> None:
    """Kills a process with all below it, and what is left in its process group.

    Playwright starts a browser as leader of a group of its own (POSIX), so children that outlived it are found there.
    """
    doomed: list[psutil.Process] = []
    if _is_alive(pid, created):
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            doomed = [root, *root.children(recursive=True)]
    elif _was_reused(pid, created):
        return
    if os.name == "posix" and pid != os.getpid():
        known = {process.pid for process in doomed}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                in_group = os.getpgid(process.pid) == pid and pid != os.getpgid(0)
                if in_group and process.pid not in known and process.create_time() >= created - 1:
                    doomed.append(process)
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    wait_gone(doomed, 3)


def wait_gone(processes: list[psutil.Process], timeout: float) -> bool:
    """Waits until these have ended, and says whether they have; one that only its parent has not seen yet has.

    Not psutil's own waiting: that would take a child's exit code away from whoever started it.
    """
    deadline = time.monotonic() + timeout
    while any(_runs(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _is_alive(pid: int, created: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _was_reused(pid: int, created: float) -> bool:
    """Whether the number belongs to another process by now, and with it the process group of that number."""
    try:
        return abs(psutil.Process(pid).create_time() - created) >= 1
    except psutil.Error:
        return False


def _guard(folder: Path) -> None:
    """The watchdog process: remembers what it is told until the pipe closes, then cleans up."""
    processes: dict[int, float] = {}
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "pid" in message:
            processes[message["pid"]] = message["created"]
        else:
            processes.pop(message["gone"], None)
    deadline = time.monotonic() + _GOES_BY_ITSELF
    while time.monotonic() < deadline and any(_is_alive(pid, created) for pid, created in processes.items()):
        time.sleep(0.05)
    clean(folder, processes)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
