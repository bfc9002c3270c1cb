"""Ends browsers and removes temporary folders, however the tool ends.

The run's temporary folder contains user-data dirs and everything that driver and browsers put into `TMPDIR`. A small
process in its own session has the reading end of a pipe. When our process ends, in whatever way, the pipe closes: then
it kills our remaining processes and removes the folder. The next start removes what a power failure left.

A process is ours, and may be killed, in three cases only:

- it was recorded: same pid, exactly the same creation time, no reboot since;
- its command line has a user-data dir in our folder;
- its process group has a recorded number, and its environment has our folder as `TMPDIR`. The number alone proves
  nothing: once the group is gone, another one may get it.

Its child processes are killed with it, as long as it is running.
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
_MAX_TEMP_PATH: Final = 40
"""Maximum characters: Chromium's socket is in `TMPDIR`; from about 60 characters on it does not start."""
_EXIT_SECONDS: Final = 0.4
"""Seconds for browsers to exit after their driver ended (measured: 0.3 s)."""
_FOREIGN_KEPT_SECONDS: Final = 7 * 86_400
"""Seconds that a folder from another machine or container, sharing the temp folder, is kept: whether its run is alive
cannot be seen from here."""
_SAME_BOOT: Final = 60.0
"""Seconds by which two readings of the boot time may differ, on systems without a boot id: the clock may have been set.
Two boots with a run in between are further apart."""
_TEMP: Final = ("TMPDIR", "TEMP", "TMP")
"""Environment variables for the temporary folder, as set by `playwright_driver`."""


def owned_folder() -> Path:
    """Creates a temporary folder, readable by the owner only, that `sweep` removes if this process does not."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _MAX_TEMP_PATH and os.access("/tmp", os.W_OK):  # noqa: S108 - short on macOS, see above
        base = Path("/tmp")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        _write_owner(folder, {})
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


class RunDir:
    """The run's temporary folder, and the processes that must not outlive it. A context manager."""

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
        # By path and with -P: no file in the current folder or beside this one can shadow an imported module.
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
            with contextlib.suppress(OSError):  # the watchdog was killed: clean up anyway
                self._pipe.close()
        if self._watchdog is not None:
            try:
                self._watchdog.wait(10)
            except subprocess.TimeoutExpired:
                self._watchdog.kill()
                self._watchdog.wait()
        clean(self.path, self._processes)

    def record(self, pid: int) -> None:
        """Records a process that must not outlive us."""
        try:
            since = created(pid)
        except psutil.Error:
            return
        with self._lock:
            self._processes[pid] = since
            with contextlib.suppress(OSError):  # disk full: the watchdog is informed anyway
                _write_owner(self.path, self._processes)
            self._send({"pid": pid, "created": since})

    def forget(self, pid: int) -> None:
        """Removes the record of a process that has ended."""
        with self._lock:
            self._processes.pop(pid, None)
            with contextlib.suppress(OSError):  # disk full, likewise
                _write_owner(self.path, self._processes)
            self._send({"gone": pid})

    def _send(self, message: dict[str, Any]) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # the watchdog was killed: owner.json has it for the next start
                self._pipe.write(json.dumps(message).encode() + b"\n")
                self._pipe.flush()


def _write_owner(folder: Path, processes: Mapping[int, float]) -> None:
    own_pid = os.getpid()
    owner = {
        "folder": folder.name,
        "pid": own_pid,
        "created": created(own_pid),
        "boot": _boot(),
        "whereabouts": _whereabouts(),
    }
    temporary = folder / f"{OWNER}.new"
    temporary.write_text(json.dumps({**owner, "processes": list(processes.items())}), "utf-8")
    temporary.replace(folder / OWNER)


def created(pid: int) -> float:
    """A process's creation time, which with its pid identifies it until the next reboot.

    Linux: clock ticks since boot, proc_pid_stat(5), field 22; psutil converts them to a time of day, which changes when
    the clock is set. Elsewhere psutil's creation time in seconds.

    Raises:
        psutil.Error: there is no such process, or access is denied.
    """
    if sys.platform != "linux":
        return psutil.Process(pid).create_time()
    try:
        about = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError as error:
        raise psutil.NoSuchProcess(pid) from error
    return float(about.rpartition(b")")[2].split()[19])  # field 2 is the name, which may contain anything


def _boot() -> str | float:
    """Identifies the current boot: the boot id on Linux, elsewhere the boot time."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return psutil.boot_time()


def is_same_boot(recorded: object, now: str | float) -> bool:
    """Whether two results of `_boot` belong to the same boot. Pure."""
    if isinstance(now, float) and isinstance(recorded, int | float):
        return abs(now - recorded) < _SAME_BOOT
    return now == recorded


def _whereabouts() -> str:
    """Identifies the pid namespace: the machine's, or on Linux that of a container or sandbox."""
    numbers = ""
    with contextlib.suppress(OSError):  # not Linux, or not readable
        numbers = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {numbers}".strip()


def sweep() -> list[Path]:
    """Kills processes and removes folders left by earlier runs of this user; returns the folders removed.

    A folder must name itself in its record: a copy made by the user is not removed.
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
            recent = time.time() - record.stat().st_mtime < _FOREIGN_KEPT_SECONDS
            if owner["folder"] != folder.name or (not is_here and recent):
                continue
            pid, since = int(owner["pid"]), float(owner["created"])
            left = {int(process): float(time_) for process, time_ in owner["processes"]}
            is_valid = is_here and is_same_boot(owner["boot"], _boot())
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a run's folder, or just being created
        if is_valid and recorded(pid, since) is not None:
            continue
        clean(folder, left if is_valid else {})
        removed.append(folder)
    return removed


def _is_own_folder(folder: Path) -> bool:
    """Whether it is a folder of this user and not a link.

    Raises:
        OSError: it does not exist.
    """
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and (not hasattr(os, "geteuid") or about.st_uid == os.geteuid())


def clean(folder: Path, processes: Mapping[int, float]) -> None:
    """Kills our remaining processes and removes the folder; links in it are removed, not followed.

    Args:
        folder: of a run.
        processes: pid and creation time (see `created`) of those recorded since boot.
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
        except OSError:  # already removed
            return
        # The owner file goes last: if interrupted, the next sweep still recognises the folder.
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
    except OSError:  # already removed
        return []


def browsers_in(folder: Path) -> list[psutil.Process]:
    """Processes whose user-data dir, by their command line, is or is in this folder."""
    # Chromium rewrites its command line as one string, so paths with spaces are not split.
    names = re.compile(rf"(?:^|\s)--user-data-dir=\"?{re.escape(str(folder))}(?=[\\/\"\s]|$)")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if names.search(" ".join(process.cmdline())):
                found.append(process)
    return found


def _left_in_groups(numbers: Container[int], folder: Path) -> list[psutil.Process]:
    """Processes in these process groups (POSIX) that have our folder as `TMPDIR`.

    Playwright starts each browser as the leader of its own group, so helpers that outlive it are found there.
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
    """The process with this pid and creation time (see `created`); None if it has ended."""
    try:
        process = psutil.Process(pid)
        if created(pid) != since or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if process.is_running() else None  # guards against reuse of the pid in between
    except psutil.Error:
        return None


def kill_tree(process: psutil.Process) -> None:
    """Kills a process and its descendants, and waits for their end; safe against reuse of pids."""
    doomed = [process]
    with contextlib.suppress(psutil.Error):
        doomed += process.children(recursive=True)
    for one in doomed:
        with contextlib.suppress(psutil.Error):
            one.kill()
    wait_ended(doomed, 3)


def wait_ended(processes: list[psutil.Process], timeout: float) -> bool:
    """Waits until the processes have ended; returns whether they have. Zombies count as ended.

    Does not use psutil's wait, which would take a child's exit code away from its parent.
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
    """Body of the watchdog process: collects records until the pipe closes, then cleans up."""
    processes: dict[int, float] = {}
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "pid" in message:
            processes[message["pid"]] = message["created"]
        else:
            processes.pop(message["gone"], None)
    deadline = time.monotonic() + _EXIT_SECONDS
    while time.monotonic() < deadline and any(recorded(pid, since) for pid, since in processes.items()):
        time.sleep(0.05)
    clean(folder, processes)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
