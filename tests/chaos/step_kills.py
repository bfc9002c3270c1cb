"""Kills the real program with real browsers at named steps of the end of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos import bench, looking, steps

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    import psutil

    from tests.chaos import report

KILLED = -9


def any_moments(rng: random.Random) -> list[tuple[str, int, str]]:
    """Random steps that every order has, before or after."""
    return [
        (step, rng.randint(1, 2), rng.choice(["before", "after"]))
        for step in rng.sample([step for step in steps.STEPS if step not in steps.SOMETIMES], 6)
    ]


def in_turn(prepared: bench.PreparedPortal, counting: report.Report, moments: Sequence[tuple[str, int, str]]) -> None:
    """Runs the command in one output directory, kills each run at its step, and lets the last run finish.

    Args:
        prepared: the portal.
        counting: the report.
        moments: step, its occurrence, `before` or `after`.

    Raises:
        AssertionError: the result differs from an undisturbed run, or something is left after a kill.
    """
    with bench.bench(prepared, counting) as one:
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
