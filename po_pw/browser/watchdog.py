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


class RunDir:
    """The run's own temporary folder, and the list of processes that must not outlive it. A context manager."""

    def __init__(self) -> None:
        base = Path(tempfile.gettempdir())
        if len(str(base)) > _LONGEST_TEMP and os.access("/tmp", os.W_OK):  # noqa: S108 - short on macOS, see above
            base = Path("/tmp")  # noqa: S108
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self._lock = threading.Lock()
        self._processes: dict[int, float] = {}
        self._write_owner()
        self._pipe: IO[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        detached: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "po_pw.browser.watchdog", str(self.path)],
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
            self._write_owner()
            self._tell({"pid": pid, "created": created})

    def forget(self, pid: int) -> None:
        """This process has ended."""
        with self._lock:
            self._processes.pop(pid, None)
            self._write_owner()
            self._tell({"gone": pid})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # the watchdog was killed: owner.json still has it for the next start
                self._pipe.write(json.dumps(message).encode() + b"\n")
                self._pipe.flush()

    def _write_owner(self) -> None:
        me = psutil.Process()
        text = json.dumps({"pid": me.pid, "created": me.create_time(), "processes": list(self._processes.items())})
        temporary = self.path / f"{OWNER}.new"
        temporary.write_text(text, "utf-8")
        temporary.replace(self.path / OWNER)


def sweep() -> list[Path]:
    """Ends and removes what earlier runs of this user left behind; gives the folders removed."""
    removed: list[Path] = []
    bases = {Path(tempfile.gettempdir())} | ({Path("/tmp")} if os.name == "posix" else set())  # noqa: S108
    for folder in sorted(folder for base in bases for folder in base.glob(f"{PREFIX}*")):
        try:
            if hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
                continue
            owner = json.loads((folder / OWNER).read_text("utf-8"))
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
    """Kills the recorded processes with all below them, and removes the folder."""
    for pid, created in processes.items():
        kill_tree(pid, created)
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def kill_tree(pid: int, created: float) -> None:
    """Kills a process with all below it, and what is left in its process group.

    Playwright starts a browser as leader of a group of its own (POSIX), so children that outlived it are found there.
    """
    doomed: list[psutil.Process] = []
    if _is_alive(pid, created):
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            doomed = [*root.children(recursive=True), root]
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
    psutil.wait_procs(doomed, timeout=3)


def _is_alive(pid: int, created: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
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
