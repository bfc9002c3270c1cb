"""The long version: repeats every scenario with other random numbers until the time is over."""

from __future__ import annotations

import datetime
import itertools
import platform
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos import browsers, cutting, kills, machines, portals, report, step_kills

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos import bench

pytestmark = pytest.mark.whole_browser

KILLS_A_TURN = 40


def scenarios(
    prepared: bench.PreparedPortal, seed: int, counting: report.Report, order: cutting.Order, folder: Path
) -> dict[str, Callable[[], None]]:
    """One round: every scenario with its own seed."""
    rng = random.Random(seed)

    def cut_off(case: str, *, cuts: bool) -> None:
        done = cutting.exhausted(order, case, seed=seed, twice=40, cuts=cuts, whole=True, timeout=900)
        counting.step_kills += done["kills"]
        assert not done["problems"], "\n".join(done["problems"])

    case = cutting.CASES[seed % len(cutting.CASES)]
    found: dict[str, Callable[[], None]] = {
        "browsers killed": lambda: browsers.disturb(prepared, seed, counting, signals=[signal.SIGKILL], times=12),
        "browsers stopped": lambda: browsers.disturb(prepared, seed, counting, signals=[signal.SIGSTOP], times=4),
        "browsers both": lambda: browsers.disturb(
            prepared, seed, counting, signals=[signal.SIGSTOP, signal.SIGKILL], times=8
        ),
        "portal": lambda: portals.run_with_faults(prepared, seed, counting, restarts=rng.randint(1, 3)),
        "steps": lambda: step_kills.in_turn(prepared, counting, step_kills.any_moments(rng)),
        f"end {case}": lambda: cut_off(case, cuts=False),
        f"power {case}": lambda: cut_off(case, cuts=True),
        "journal": lambda: machines.damage_the_journal(prepared, seed, counting, ["cut", "flip", "remove"]),
        "output taken away": lambda: machines.remove_output(prepared, counting),
        "group reused": lambda: machines.reuse_a_group(prepared, counting),
    }
    if machines.CAN_MOUNT and machines.can_mount(folder):
        found["disk full"] = lambda: machines.fill_the_disk(prepared, counting)
    # Last: it takes as long as all others together, and finishes even if the time is over.
    found["kills"] = lambda: kills.until_done(prepared, seed, counting, kills=KILLS_A_TURN)
    return found


def test_chaos_for_as_long_as_wanted(
    prepared: bench.PreparedPortal, order: cutting.Order, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing is lost, duplicated, incomplete or left over; the totals are written to `--chaos-report`."""
    minutes = float(request.config.getoption("--chaos-minutes"))
    where = str(request.config.getoption("--chaos-report"))
    counting, started = report.Report(), time.monotonic()
    for turn in itertools.count(seed):
        for name, scenario in scenarios(prepared, turn, counting, order, tmp_path / "trial").items():
            over = time.monotonic() - started
            if over >= minutes * 60:
                break
            counting.scenarios[name] += 1
            try:
                scenario()
            except AssertionError as error:
                counting.failures.append(f"{name}, seed {turn}: {error} {' '.join(getattr(error, '__notes__', ()))}")
            if where:
                counting.write(
                    Path(where),
                    seed=seed,
                    minutes=round((time.monotonic() - started) / 60, 1),
                    at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                    system=platform.platform(),
                    python=platform.python_version(),
                )
        else:
            continue
        break
    assert not counting.failures, "\n\n".join(counting.failures)
