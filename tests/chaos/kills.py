"""Kills the whole program repeatedly, and restarts it until everything is done."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import TYPE_CHECKING

from tests.chaos import bench

if TYPE_CHECKING:
    from tests.chaos import report

_MOMENTS = (
    "order.step",
    "file.started",
    "file.saved",
    "order.settled",
    "context.opened",
    "run.ended",
)
_WEIGHTS = (6, 6, 4, 6, 2, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """When to kill a run."""

    event: str
    """The event to count in the log; `""` for the start of the run."""
    count: int
    delay: float
    """Seconds after that."""
    group: bool
    """Whether to kill the whole process group, or the program alone."""


def moment(rng: random.Random) -> Moment:
    """A random time, mostly while orders are processed."""
    group = rng.random() < 0.5
    if rng.random() < 0.12:
        return Moment("", 0, rng.uniform(0.0, 2.0), group)
    (event,) = rng.choices(_MOMENTS, _WEIGHTS)
    most = {"context.opened": bench.WORKERS, "run.ended": 1}.get(event, 4)
    return Moment(event, rng.randint(1, most), rng.uniform(0.0, 0.25), group)


def until_done(prepared: bench.PreparedPortal, seed: int, counting: report.Report, *, kills: int) -> None:
    """Kills at so many random times; each output directory must end as after an undisturbed run.

    Raises:
        AssertionError: it does not, or something is left after a kill.
    """
    rng = random.Random(seed)
    left = kills
    while left > 0:
        left -= _round(prepared, rng, counting, most=left)


def _round(prepared: bench.PreparedPortal, rng: random.Random, counting: report.Report, *, most: int) -> int:
    """Completes one new output directory; returns the number of kills."""
    kills = in_flight = 0
    asked_before = prepared.files_served()
    with bench.bench(prepared, counting) as one:
        while kills < most:
            when = moment(rng)
            with one.start() as going:
                if when.event and not going.until(bench.named(when.event), when.count):
                    break
                time.sleep(when.delay)
                if going.process.poll() is not None:
                    break
                processes = going.kill(group=when.group)
                kills += 1
                counting.kills += 1
                one.check_clean(processes)
                one.check_whole()
                in_flight += going.in_flight()
        ended = one.to_the_end()
        assert ended.returncode == 1, ended.said
        one.check_end()
    again = prepared.files_served() - asked_before - prepared.served
    counting.served_again += max(0, again)
    counting.in_flight += in_flight
    assert again <= in_flight, f"{again} files were fetched again, {in_flight} were in flight at {kills} kills"
    return kills
