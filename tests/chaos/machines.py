"""Problems of the machine: disks that are full, removed or read-only, clocks that go back, damaged journals."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from po_pw.browser import watchdog
from tests.chaos import bench, looking
from tests.helpers.processes import left_in_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.chaos import report

CAN_MOUNT = sys.platform == "linux" and os.geteuid() == 0
ROOM = 1_500_000
"""Bytes of a disk with enough space for a run's journal, but not for its files."""


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Mounts a file system in memory, of so many bytes, at this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Changes a small disk: `size=…`, `ro`."""
    _mount("-o", f"remount,{how}", str(folder))


def _mount(*words: str) -> None:
    subprocess.run(["/bin/mount", *words], check=True, capture_output=True)


def can_mount(folder: Path) -> bool:
    """Whether this process may mount; in some containers not even root may."""
    try:
        with small_disk(folder, 65_536):
            return True
    except (subprocess.CalledProcessError, FileNotFoundError):
        return False


def cut(path: Path, rng: random.Random) -> None:
    """Truncates a file."""
    size = path.stat().st_size
    with path.open("rb+") as stream:
        stream.truncate(rng.randrange(size // 10, size))


def flip(path: Path, rng: random.Random, count: int = 40) -> None:
    """Changes some bytes of a file."""
    content = bytearray(path.read_bytes())
    for _ in range(count):
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
    path.write_bytes(content)


def remove(path: Path, _: random.Random) -> None:
    """Removes a file."""
    path.unlink()


_DAMAGES = {"cut": cut, "flip": flip, "remove": remove}


def damage_the_journal(prepared: bench.PreparedPortal, seed: int, counting: report.Report, ways: Sequence[str]) -> None:
    """Kills a run, damages its journal and runs the command again, for each way of damage; then completes it.

    Args:
        prepared: the portal.
        seed: for random numbers.
        counting: the report.
        ways: each `cut`, `flip` or `remove`.

    Raises:
        AssertionError: the end is not that of an undisturbed run.
    """
    rng = random.Random(seed)
    with bench.bench(prepared, counting) as one:
        for way in ways:
            with one.start() as going:
                assert going.until(bench.named("order.settled"), rng.randint(2, 4)), going.said()
                processes = going.kill()
                counting.kills += 1
            one.check_clean(processes)
            one.check_whole()
            journal = one.out / looking.INTERNAL / "journal.db"
            for path in [path for path in journal.parent.glob("journal.db*") if path.is_file() and path.stat().st_size]:
                _DAMAGES[way](path, rng)
        ended = one.to_the_end()
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        one.check_end()


def remove_output(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """Removes the output directory during a run: expects one clear message, and that the command then starts again.

    Raises:
        AssertionError: it continued, or gave no reason, or something is left.
    """
    with bench.bench(prepared, counting) as one:
        with one.start() as going:
            assert going.until(bench.named("order.settled"), 2), going.said()
            processes = looking.below(going.process.pid)
            while one.out.exists():
                shutil.rmtree(one.out, ignore_errors=True)
            ended = going.ended()
        assert ended.returncode == 3, ended.said
        assert "Traceback" not in ended.said
        assert str(one.out) in ended.said
        one.check_clean(processes)
        ended = one.to_the_end()
        assert ended.returncode == 1, ended.said
        one.check_end()


def fill_the_disk(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """Uses a disk that is too small, and enlarges it when the run waits: the run must continue by itself.

    Raises:
        AssertionError: it does not.
    """
    with bench.bench(prepared, counting, PO_PW_ATTEMPTS="20") as one, small_disk(one.out, ROOM):
        with one.start() as going:
            # From its output, not from its log, which is on the full disk too.
            deadline = time.monotonic() + bench.IN_TIME
            while "the run waits until there is space" not in going.said():
                assert time.monotonic() < deadline, going.said()
                assert going.process.poll() is None, going.said()
                time.sleep(0.01)
            one.check_whole()
            remount(one.out, "size=64m")
            ended = going.ended()
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        one.check_end()


def reuse_a_group(prepared: bench.PreparedPortal, counting: report.Report) -> None:
    """Kills a run and its watchdog while one browser hangs, and gives a recorded number to another process group.

    Raises:
        AssertionError: the next start touched the other process, left the browser, or did not finish.
    """
    with bench.bench(prepared, counting) as one, left_in_group() as stranger:
        with one.start() as going:
            assert going.until(bench.named("context.opened"), bench.WORKERS), going.said()
            pids = [line["pid"] for line in going.events if line["event"] == "context.opened"]
            os.kill(pids[0], signal.SIGSTOP)
            for process in looking.naming(one.temp):
                if any(str(watchdog.__file__) == word for word in process.cmdline()):
                    process.kill()
            processes = going.kill()
            counting.kills += 1
        (record,) = one.temp.glob(f"{watchdog.PREFIX}*/{watchdog.OWNER}")
        said = json.loads(record.read_text("utf-8"))
        assert pids[0] in dict(said["processes"])
        said["processes"].append([os.getpgid(stranger.pid), watchdog.created(stranger.pid) - 1])
        record.write_text(json.dumps(said), "utf-8")
        ended = one.to_the_end()
        assert ended.returncode == 1, ended.said
        assert stranger.status() == psutil.STATUS_SLEEPING
        one.check_clean(processes)
        one.check_end()
