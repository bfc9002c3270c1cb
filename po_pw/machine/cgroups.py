"""Limits set by a container or control group, which the machine's own totals do not show (Linux)."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from po_pw import numerals

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LIMIT: Final = 1 << 60
"""Bytes; version 1 reports an impossibly high number for "no limit"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The tightest limits of all control groups that this process is in; None: no limit."""

    memory_bytes: int | None = None
    memory_left: int | None = None
    """Bytes until a limit is reached; reclaimable file cache counts as free."""
    cpus: float | None = None
    """CPUs' worth of time, e.g. 1.5."""
    cpu_seconds: float | None = None
    """CPU time used so far by the group with the CPU limit."""
    tasks_left: int | None = None
    """Processes and threads that may still be started."""


def read(proc: Path = Path("/proc/self"), root: Path = Path("/")) -> Limits:
    """Reads the limits on this process; all None without control groups.

    Args:
        proc: folder with the kernel's `cgroup` and `mountinfo`.
        root: prefix of mount points.
    """
    memory: list[tuple[int, int]] = []
    cpus: list[tuple[float, float | None]] = []
    tasks: list[int] = []
    usage: float | None = None
    for controllers, group in _groups(proc, root):
        is_v2 = not controllers
        if is_v2 or "memory" in controllers:
            memory += _memory_v2(group) if is_v2 else _memory_v1(group)
        if is_v2 or "cpuacct" in controllers:
            usage = _usage(group) if usage is None else usage
        if is_v2 or "cpu" in controllers:
            cpus += [(quota, _usage(group)) for quota in _quota(group)]
        if is_v2 or "pids" in controllers:
            most, now = _number(group / "pids.max"), _number(group / "pids.current")
            if most is not None and now is not None:
                tasks.append(max(0, most - now))
    tightest = min(cpus, key=lambda pair: pair[0], default=(None, None))
    return Limits(
        memory_bytes=min((limit for limit, _ in memory), default=None),
        memory_left=min((max(0, limit - used) for limit, used in memory), default=None),
        cpus=tightest[0],
        # Version 1 may count usage in a separate hierarchy: then our own group's usage is used.
        cpu_seconds=None if tightest[0] is None else usage if tightest[1] is None else tightest[1],
        tasks_left=min(tasks, default=None),
    )


def _groups(proc: Path, root: Path) -> Iterator[tuple[frozenset[str], Path]]:
    """Each group we are in, innermost first, with its controllers; an empty set means version 2."""
    try:
        memberships = (proc / "cgroup").read_text("utf-8").splitlines()
        mounts = (proc / "mountinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux, or no /proc
        return
    for line in memberships:
        _, names, path = line.split(":", 2)
        wanted = frozenset(names.split(",")) - {""}
        for mount in mounts:
            before, _, after = mount.partition(" - ")
            kind, _, options = after.split(" ", 2)
            mount_root, mount_point = before.split(" ")[3:5]
            have = set(options.split()[-1].split(","))
            if kind == ("cgroup" if wanted else "cgroup2") and wanted <= have:
                yield from ((wanted, group) for group in _upwards(root, mount_point, mount_root, path))
                break


def _upwards(root: Path, mount_point: str, mount_root: str, path: str) -> Iterator[Path]:
    top = root / mount_point.lstrip("/")
    # In a container the mount may start below the given path, or the path may lie outside it.
    inner = PurePosixPath(path)
    group = top / inner.relative_to(mount_root) if inner.is_relative_to(mount_root) else top
    if ".." in inner.parts or not group.is_dir():
        group = top
    yield group
    while group != top:
        group = group.parent
        yield group


def _memory_v2(group: Path) -> list[tuple[int, int]]:
    used = _number(group / "memory.current")
    limits = [limit for name in ("memory.max", "memory.high") if (limit := _number(group / name)) is not None]
    if used is None or not limits:
        return []
    return [(min(limits), used - _table(group / "memory.stat").get("inactive_file", 0))]


def _memory_v1(group: Path) -> list[tuple[int, int]]:
    limit, used = _number(group / "memory.limit_in_bytes"), _number(group / "memory.usage_in_bytes")
    if limit is None or used is None or limit >= _NO_LIMIT:
        return []
    return [(limit, used - _table(group / "memory.stat").get("total_inactive_file", 0))]


def _quota(group: Path) -> list[float]:
    words = _text(group / "cpu.max").split()  # version 2: `150000 100000`, or `max 100000`
    share = [numerals.parse_int(word) for word in words]
    if len(share) == 2 and share[0] is not None and share[1]:
        return [share[0] / share[1]]
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return [quota / period] if quota is not None and period and quota > 0 else []


def _usage(group: Path) -> float | None:
    microseconds = _table(group / "cpu.stat").get("usage_usec")
    if microseconds is not None:
        return microseconds / 1e6
    nanoseconds = _number(group / "cpuacct.usage")
    return None if nanoseconds is None else nanoseconds / 1e9


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError:  # not in this group
        return ""


def _number(file: Path) -> int | None:
    text = _text(file)  # `max`: no limit
    number = numerals.parse_int(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def _table(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: number for pair in pairs if len(pair) == 2 and (number := numerals.parse_int(pair[1])) is not None}
