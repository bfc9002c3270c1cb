"""No browser and no temporary folder outlives the tool, whatever ends it.

The run's own temporary folder holds user-data dirs and whatever driver and browsers put into `TMPDIR`. A small process
in a session of its own holds the reading end of a pipe; when we end, however, the pipe closes and it kills what is left
of ours and removes the folder. What a power cut left is swept at the next start.

A process is ours, and may be killed, in three cases only:

- it was recorded: the same pid, exactly the same creation time, and the machine has not been started since;
- its own command line says that its user-data dir lies in our folder;
- its process group has a recorded number, and its environment says that our folder is its `TMPDIR`. The number alone
  proves nothing: once the group has died out, another process may have it, and leave a group of it behind.

What such a process started goes with it, as long as it is there to be asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
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
    from collections.abc import Container, Mapping
    from types import TracebackType

PREFIX: Final = "popw-"
OWNER: Final = "owner.json"
_LONGEST_TEMP: Final = 40
"""Chromium's socket lies below `TMPDIR`; from about 60 characters on its path is too long and it does not start."""
_GOES_BY_ITSELF: Final = 0.4
"""Seconds that browsers take to notice that their driver is gone (0.3 s, measured)."""
_FOREIGN: Final = 7 * 86_400
"""Seconds that a folder from elsewhere (a container sharing the temp folder) is left alone: from here nobody can see
whether its run lives."""
_SAME_BOOT: Final = 60.0
"""Seconds by which two readings of when the machine was started may differ where it has no number for that: the clock
was set, or was slow. Two starts with a run in between are further apart."""
_TEMP: Final = ("TMPDIR", "TEMP", "TMP")
"""Where a process is told its temporary folder, as `contexts` does."""


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
            [sys.executable, "-P", __file__, str(self.path)],
            cwd=self.path.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **detached,
        )
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
            since = created(pid)
        except psutil.Error:
            return
        with self._lock:
            self._processes[pid] = since
            with contextlib.suppress(OSError):  # the folder is full: the watchdog is told all the same
                _write_owner(self.path, self._processes)
            self._tell({"pid": pid, "created": since})

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


def _write_owner(folder: Path, processes: Mapping[int, float]) -> None:
    me = os.getpid()
    owner = {"folder": folder.name, "pid": me, "created": created(me), "boot": _boot(), "whereabouts": _whereabouts()}
    temporary = folder / f"{OWNER}.new"
    temporary.write_text(json.dumps({**owner, "processes": list(processes.items())}), "utf-8")
    temporary.replace(folder / OWNER)


def created(pid: int) -> float:
    """When a process began: no other process of this number has the same while the machine runs.

    Linux: clock ticks since the machine's start, proc_pid_stat(5), field 22. The time of day that psutil makes of them
    moves when the clock is set. Elsewhere psutil's creation time, in seconds.

    Raises:
        psutil.Error: there is no such process, or it may not be asked.
    """
    if sys.platform != "linux":
        return psutil.Process(pid).create_time()
    try:
        about = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError as error:
        raise psutil.NoSuchProcess(pid) from error
    return float(about.rpartition(b")")[2].split()[19])  # field 2 is a name, which may hold anything


def _boot() -> str | float:
    """Which start of the machine this is: its number on Linux, elsewhere the time it was at."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return psutil.boot_time()


def is_same_boot(recorded: object, now: str | float) -> bool:
    """Whether what `_boot` gave once and what it gives now are of the same start of the machine. Pure."""
    if isinstance(now, float) and isinstance(recorded, int | float):
        return abs(now - recorded) < _SAME_BOOT
    return now == recorded


def _whereabouts() -> str:
    """Whose process numbers these are: this machine's, or on Linux those of a container or sandbox on it."""
    numbers = ""
    with contextlib.suppress(OSError):  # not Linux, or it does not say
        numbers = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {numbers}".strip()


def sweep() -> list[Path]:
    """Ends and removes what earlier runs of this user left behind; gives the folders removed.

    Only a folder that names itself in its record is removed: a copy that somebody made of one is theirs.
    """
    removed: list[Path] = []
    bases = {Path(tempfile.gettempdir())} | ({Path("/tmp")} if os.name == "posix" else set())  # noqa: S108
    for folder in sorted(folder for base in bases for folder in base.glob(f"{PREFIX}*")):
        try:
            if not _is_own_folder(folder):
                continue
            record = folder / OWNER
            owner = json.loads(record.read_text("utf-8"))
            is_here = owner["whereabouts"] == _whereabouts()
            recent = time.time() - record.stat().st_mtime < _FOREIGN
            if owner["folder"] != folder.name or (not is_here and recent):
                continue
            pid, since = int(owner["pid"]), float(owner["created"])
            left = {int(process): float(time_) for process, time_ in owner["processes"]}
            is_valid = is_here and is_same_boot(owner["boot"], _boot())
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a run's folder, or one being made this instant
        if is_valid and recorded(pid, since) is not None:
            continue
        clean(folder, left if is_valid else {})
        removed.append(folder)
    return removed


def _is_own_folder(folder: Path) -> bool:
    """Whether it is a folder of this user, and no link to one.

    Raises:
        OSError: it is gone.
    """
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and (not hasattr(os, "geteuid") or about.st_uid == os.geteuid())


def clean(folder: Path, processes: Mapping[int, float]) -> None:
    """Kills what is left of ours, and removes the folder; links in it are removed, not followed.

    Args:
        folder: a run's own.
        processes: pid and creation time (see `created`) of those recorded since the machine was started.
    """
    for pid, since in processes.items():
        if (process := recorded(pid, since)) is not None:
            kill_tree(process)
    for process in [*browsers_in(folder), *_left_in_groups(processes, folder)]:
        kill_tree(process)
    for _ in range(20):
        try:
            if not _is_own_folder(folder):
                return
        except OSError:  # it is gone
            return
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
    # Chromium's processes write their command line anew, as one text: a folder's name may hold spaces in it.
    names = re.compile(rf"(?:^|\s)--user-data-dir=\"?{re.escape(str(folder))}(?=[\\/\"\s]|$)")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if names.search(" ".join(process.cmdline())):
                found.append(process)
    return found


def _left_in_groups(numbers: Container[int], folder: Path) -> list[psutil.Process]:
    """Of the process groups with these numbers (POSIX), the processes that have our folder as their `TMPDIR`.

    Playwright starts a browser as leader of a group of its own, so helpers that outlived it are found there.
    """
    if sys.platform == "win32":
        return []
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) in numbers:
                environment = process.environ()
                if any(environment.get(name) == str(folder) for name in _TEMP):
                    found.append(process)
    return found


def recorded(pid: int, since: float) -> psutil.Process | None:
    """The process of this number and creation time (see `created`); None where it has ended."""
    try:
        process = psutil.Process(pid)
        if created(pid) != since or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if process.is_running() else None  # no other has got the number between these lines
    except psutil.Error:
        return None


def kill_tree(process: psutil.Process) -> None:
    """Kills a process with all below it and waits until they have ended; not another that has got its number since."""
    doomed = [process]
    with contextlib.suppress(psutil.Error):
        doomed += process.children(recursive=True)
    for one in doomed:
        with contextlib.suppress(psutil.Error):
            one.kill()
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
    while time.monotonic() < deadline and any(recorded(pid, since) for pid, since in processes.items()):
        time.sleep(0.05)
    clean(folder, processes)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
