"""Browsers are killed and stopped while a run goes on."""

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
"""So often one worker's browser is hurt before it has settled an order again: replacements are bounded."""
PATIENT = {"PO_PW_ATTEMPTS": "20", "PO_PW_HEARTBEAT_TIMEOUT": "5", "PO_PW_HEARTBEAT_EVERY": "0.5"}


class _Workers:
    """Which browsers a run has, by its log."""

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        self.hurt: collections.Counter[str] = collections.Counter()
        self.orders: dict[str, str] = {}
        """By worker, the order that it has or had last."""
        self.hit: collections.Counter[str] = collections.Counter()
        """By order, how often a browser was hurt under it: one that ends browser after browser is set aside."""

    def hear(self, lines: Sequence[dict[str, Any]]) -> None:
        """More of the log."""
        for line in lines:
            if line["event"] == "context.opened":
                self.open[line["worker"]] = line["pid"]
            elif line["event"] in {"context.lost", "context.closed"}:
                self.open.pop(line["worker"], None)
            elif line["event"] == "order.step":
                self.orders[line["worker"]] = line["po"]
            elif line["event"] == "order.settled":
                self.hurt[line["worker"]] = 0

    def victims(self) -> list[str]:
        """The workers whose browser may be hurt now."""
        return [
            worker
            for worker in self.open
            if self.hurt[worker] < _IN_A_ROW and self.hit[self.orders.get(worker, "")] < _IN_A_ROW
        ]


def hurt(
    ground: bench.Ground, seed: int, counting: report.Report, *, signals: Sequence[signal.Signals], times: int
) -> None:
    """A signal to some browser, or to a process of it, every second or two, at most so many times.

    Raises:
        AssertionError: the end is not that of an undisturbed run, or something was left.
    """
    chance = random.Random(seed)
    with bench.bench(ground, counting, **PATIENT) as one, one.start() as going:
        workers, done = _Workers(), 0
        processes: list[psutil.Process] = []
        due = 0.0
        while going.process.poll() is None and done < times:
            workers.hear(going.read_log())
            if time.monotonic() >= due and (victims := workers.victims()):
                worker = chance.choice(sorted(victims))
                processes += looking_below(workers.open[worker])
                number = chance.choice(list(signals))
                if _send(workers.open.pop(worker), number, chance):
                    workers.hurt[worker] += 1
                    if worker in workers.orders:
                        workers.hit[workers.orders[worker]] += 1
                    done += 1
                    counting.browsers_killed += number is signal.SIGKILL
                    counting.browsers_stopped += number is not signal.SIGKILL
                due = time.monotonic() + chance.uniform(0.5, 2.0)
            time.sleep(0.02)
        ended = going.ended()
        assert ended.returncode == 1, ended.said
        assert "Traceback" not in ended.said
        assert done, "no browser was hurt"
        one.check_clean(processes)
        one.check_end()


def looking_below(pid: int) -> list[psutil.Process]:
    """A browser's processes."""
    with contextlib.suppress(psutil.Error):
        browser = psutil.Process(pid)
        return [browser, *browser.children(recursive=True)]
    return []


def _send(pid: int, number: signal.Signals, chance: random.Random) -> bool:
    """Sends it to the browser; a SIGKILL now and then to a renderer alone. Whether it was there."""
    processes = looking_below(pid)
    if not processes:
        return False
    target = processes[0]
    if number is signal.SIGKILL and chance.random() < 0.3:
        target = next((one for one in processes if "--type=renderer" in _words(one)), target)
    with contextlib.suppress(ProcessLookupError):
        os.kill(target.pid, number)
        return True
    return False


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []
