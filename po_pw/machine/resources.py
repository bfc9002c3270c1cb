"""Free resources of the machine or the container. Reading blocks for a moment: call it in a thread."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from po_pw import errors
from po_pw.machine import cgroups

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLE_SECONDS: Final = 0.1
"""Seconds over which the CPU load is measured."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """Free resources; a container's limits are included in every figure."""

    free_bytes: int
    """Memory that can be used without swapping or reaching a limit."""
    total_bytes: int
    cpu_percent: float
    """Load of all CPUs that we may use, 0 to 100."""
    open_files: int
    """Open files and sockets of this process (handles on Windows)."""
    open_files_limit: int
    """Maximum number of them; 0: no limit."""
    cpus: float = 1.0
    """CPUs' worth of time that we may use, e.g. 1.5."""
    tasks_left: int | None = None
    """Processes and threads that may still be started in the container; None: no limit."""
    contained: bool = False
    """Whether the memory limit is that of a container."""


def read(limits: Callable[[], cgroups.Limits] = cgroups.read) -> Reading:
    """Reads the machine; takes a tenth of a second.

    Args:
        limits: reads the limits of the container.

    Raises:
        MachineError: the system does not report it.
    """
    try:
        before, started = limits(), time.monotonic()
        busy = psutil.cpu_percent(_SAMPLE_SECONDS)
        after, seconds = limits(), time.monotonic() - started
        memory = psutil.virtual_memory()
        allowed = float(_cpus_allowed())
        open_files, limit = _open_files()
    except (psutil.Error, OSError, RuntimeError) as error:
        msg = f"the free memory and CPUs cannot be read: {error}"
        raise errors.MachineError(msg) from error
    if after.cpus is not None:
        allowed = min(allowed, after.cpus)
        if before.cpu_seconds is not None and after.cpu_seconds is not None:
            # The machine's load does not show that a container has used up its share.
            busy = max(busy, min(100.0, 100 * (after.cpu_seconds - before.cpu_seconds) / (seconds * after.cpus)))
    contained = after.memory_bytes is not None and after.memory_bytes < memory.total
    free, total = memory.available, memory.total
    if after.memory_left is not None and after.memory_bytes is not None and contained:
        free, total = min(free, after.memory_left), after.memory_bytes
    return Reading(free, total, busy, open_files, limit, allowed, after.tasks_left, contained)


def browser_bytes(driver: str = "run-driver") -> int:
    """Private memory in bytes of the driver and the browsers together.

    On Linux memory shared between a browser's processes counts once, and mapped files do not count. Takes a few
    milliseconds per process; processes that end meanwhile count as 0.

    Args:
        driver: last word of the command line of Playwright's driver, the parent of the browsers.
    """
    total = 0
    for child in psutil.Process().children():
        try:
            tree = [child, *child.children(recursive=True)] if child.cmdline()[-1:] == [driver] else []
        except psutil.Error:
            continue
        for process in tree:
            try:
                total += _rollup(process.pid) if sys.platform == "linux" else process.memory_full_info().uss
            except (psutil.Error, OSError):
                continue
    return total


def _rollup(pid: int) -> int:
    wanted = ("Pss_Anon:", "Pss_Shmem:")
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines())
    return sum(int(line[1]) for line in lines if line[0] in wanted) * 1024


def _cpus_allowed() -> int:
    if sys.platform == "darwin":
        return psutil.cpu_count() or 1
    return len(psutil.Process().cpu_affinity() or ()) or psutil.cpu_count() or 1


def _open_files() -> tuple[int, int]:
    process = psutil.Process()
    if sys.platform == "win32":
        return process.num_handles(), 0
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return process.num_fds(), 0 if soft == resource.RLIM_INFINITY else soft


def started_by() -> list[str]:
    """Names of the parent processes, nearest first, as far as the system reports them."""
    try:
        return [process.name() for process in psutil.Process().parents()]
    except (psutil.Error, OSError):
        return []


@dataclasses.dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system of a folder."""

    kind: str
    """The system's name for it, e.g. `ext4`, `nfs4`, `NTFS`; `""` if unknown."""
    mount_point: str
    options: frozenset[str] = frozenset()
    """Mount options; `remote` if it is on another machine."""


def file_system(path: Path) -> FileSystem:
    """The file system of an absolute path, which need not exist. Does not access the file system itself.

    Raises:
        MachineError: the system does not report it.
    """
    try:
        mounts = psutil.disk_partitions(all=True)
    except (psutil.Error, OSError) as error:
        msg = f"the disks cannot be listed: {error}"
        raise errors.MachineError(msg) from error
    best = FileSystem("", "")
    for mount in mounts:
        # Of two file systems on one mount point, the later one is visible.
        if path.is_relative_to(mount.mountpoint) and len(mount.mountpoint) >= len(best.mount_point):
            options = frozenset(mount.opts.split(","))
            if sys.platform == "darwin" and "local" not in options:  # macOS marks local file systems, not remote ones
                options |= {"remote"}
            best = FileSystem(mount.fstype, mount.mountpoint, options)
    return best
