"""The whole tool is killed, again and again, and started again until all is done."""

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
    """When a run is killed."""

    event: str
    """Counted in its log; `""`: from its start on."""
    count: int
    delay: float
    """Seconds after that."""
    group: bool
    """The whole process group, or the tool alone."""


def moment(chance: random.Random) -> Moment:
    """Some instant, in the working phase most of the time."""
    group = chance.random() < 0.5
    if chance.random() < 0.12:
        return Moment("", 0, chance.uniform(0.0, 2.0), group)
    (event,) = chance.choices(_MOMENTS, _WEIGHTS)
    most = {"context.opened": bench.WORKERS, "run.ended": 1}.get(event, 4)
    return Moment(event, chance.randint(1, most), chance.uniform(0.0, 0.25), group)


def until_done(ground: bench.Ground, seed: int, counting: report.Report, *, kills: int) -> None:
    """Kills at so many random instants; each output directory ends as an undisturbed run's.

    Raises:
        AssertionError: it does not, or something was left after a kill.
    """
    chance = random.Random(seed)
    left = kills
    while left > 0:
        left -= _round(ground, chance, counting, most=left)


def _round(ground: bench.Ground, chance: random.Random, counting: report.Report, *, most: int) -> int:
    """One output directory, from nothing to its end; gives how many kills it took."""
    kills = in_flight = 0
    asked_before = ground.files_served()
    with bench.bench(ground, counting) as one:
        while kills < most:
            when = moment(chance)
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
    again = ground.files_served() - asked_before - ground.served
    counting.served_again += max(0, again)
    counting.in_flight += in_flight
    assert again <= in_flight, f"{again} files were fetched again, {in_flight} were in flight at {kills} kills"
    return kills
