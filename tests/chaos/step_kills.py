"""The real program with real browsers is killed at named steps of its orders' ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos import bench, looking, steps

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    import psutil

    from tests.chaos import report

KILLED = -9


def any_moments(chance: random.Random) -> list[tuple[str, int, str]]:
    """Some steps that every order comes to, in any order, before or after."""
    return [
        (step, chance.randint(1, 2), chance.choice(["before", "after"]))
        for step in chance.sample([step for step in steps.STEPS if step not in steps.SOMETIMES], 6)
    ]


def in_turn(ground: bench.Ground, counting: report.Report, moments: Sequence[tuple[str, int, str]]) -> None:
    """One output directory; each run of the command is killed at its step, the last one is let go to the end.

    Args:
        ground: the portal.
        counting: the report.
        moments: step, which time, `before` or `after`.

    Raises:
        AssertionError: the end is not that of an undisturbed run, or something was left after a kill.
    """
    with bench.bench(ground, counting) as one:
        for step, time, when in moments:
            words = {"CHAOS_STEP": step, "CHAOS_TIME": str(time), "CHAOS_WHEN": when, "CHAOS_BELOW": str(one.out)}
            with one.start(runner=("-m", "tests.chaos.steps"), more=words) as going:
                processes: dict[int, psutil.Process] = {}
                while going.process.poll() is None:
                    processes |= {process.pid: process for process in looking.below(going.process.pid)}
                    going.pause()
                assert going.process.returncode == KILLED, f"{when} {step!r} was not come to: {going.said()}"
                counting.kills += 1
                one.check_clean(list(processes.values()))
                one.check_whole()
        ended = one.to_the_end()
        assert ended.returncode == 1, ended.said
        one.check_end()
