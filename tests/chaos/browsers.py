"""Kills and stops browsers during a run."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil

from tests.chaos import bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos import report

_IN_A_ROW = 2
"""Maximum signals to one worker's browsers before it settles an order: replacements are limited."""
PATIENT = {"PO_PW_ATTEMPTS": "20", "PO_PW_HEARTBEAT_TIMEOUT": "5", "PO_PW_HEARTBEAT_EVERY": "0.5"}


class _Workers:
    """The browsers of a run, from its log."""

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        self.disturbed: collections.Counter[str] = collections.Counter()
        self.orders: dict[str, str] = {}
        """Current or latest order, by worker."""
        self.hit: collections.Counter[str] = collections.Counter()
        """Number of signals to browsers, by order: an order that loses browser after browser fails."""

    def hear(self, lines: Sequence[dict[str, Any]]) -> None:
        """Handles new log lines."""
        for line in lines:
            if line["event"] == "context.opened":
                self.open[line["worker"]] = line["pid"]
            elif line["event"] in {"context.lost", "context.closed"}:
                self.open.pop(line["worker"], None)
            elif line["event"] == "order.step":
                self.orders[line["worker"]] = line["po"]
            elif line["event"] == "order.settled":
                self.disturbed[line["worker"]] = 0

    def victims(self) -> list[str]:
        """The workers whose browser may be killed or stopped now."""
        return [
            worker
            for worker in self.open
            if self.disturbed[worker] < _IN_A_ROW and self.hit[self.orders.get(worker, "")] < _IN_A_ROW
        ]


def disturb(
    prepared: bench.PreparedPortal, seed: int, counting: report.Report, *, signals: Sequence[signal.Signals], times: int
) -> None:
    """Sends a signal to a random browser, or to one of its processes, every second or two, at most so many times.

    Raises:
        AssertionError: the result differs from an undisturbed run, or something is left.
    """
    rng = random.Random(seed)
    with bench.bench(prepared, counting, **PATIENT) as one, one.start() as going:
        workers, done = _Workers(), 0
        processes: list[psutil.Process] = []
        due = 0.0
        while going.process.poll() is None and done < times:
            workers.hear(going.read_log())
            if time.monotonic() >= due and (victims := workers.victims()):
                worker = rng.choice(sorted(victims))
                processes += looking_below(workers.open[worker])
                number = rng.choice(list(signals))
                if _send(workers.open.pop(worker), number, rng):
                    workers.disturbed[worker] += 1
                    if worker in workers.orders:
                        workers.hit[workers.orders[worker]] += 1
                    done += 1
                    counting.browsers_killed += number is signal.SIGKILL
                    counting.browsers_stopped += number is not signal.SIGKILL
                due = time.monotonic() + rng.uniform(0.5, 2.0)
            time.sleep(0.02)
        ended = going.ended()
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        assert done, "no browser was killed or stopped"
        one.check_clean(processes)
        one.check_end()


def looking_below(pid: int) -> list[psutil.Process]:
    """The processes of a browser."""
    with contextlib.suppress(psutil.Error):
        browser = psutil.Process(pid)
        return [browser, *browser.children(recursive=True)]
    return []


def _send(pid: int, number: signal.Signals, rng: random.Random) -> bool:
    """Sends a signal to the browser, or sometimes SIGKILL to a renderer alone; returns whether the process existed."""
    processes = looking_below(pid)
    if not processes:
        return False
    target = processes[0]
    if number is signal.SIGKILL and rng.random() < 0.3:
        target = next((one for one in processes if "--type=renderer" in _words(one)), target)
    with contextlib.suppress(ProcessLookupError):
        os.kill(target.pid, number)
        return True
    return False


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []
