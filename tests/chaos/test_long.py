"""The long form: every scenario again and again, each time with another chance, until the minutes are over."""

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

KILLS_A_TURN = 40


def scenarios(
    ground: bench.Ground, seed: int, counting: report.Report, order: cutting.Order, folder: Path
) -> dict[str, Callable[[], None]]:
    """One turn: every scenario with a chance of its own."""
    chance = random.Random(seed)

    def cut_off(case: str, *, cuts: bool) -> None:
        done = cutting.exhausted(order, case, seed=seed, twice=40, cuts=cuts, whole=True, timeout=900)
        counting.step_kills += done["kills"]
        assert not done["problems"], "\n".join(done["problems"])

    case = cutting.CASES[seed % len(cutting.CASES)]
    found: dict[str, Callable[[], None]] = {
        "browsers killed": lambda: browsers.hurt(ground, seed, counting, signals=[signal.SIGKILL], times=12),
        "browsers stopped": lambda: browsers.hurt(ground, seed, counting, signals=[signal.SIGSTOP], times=4),
        "browsers both": lambda: browsers.hurt(
            ground, seed, counting, signals=[signal.SIGSTOP, signal.SIGKILL], times=8
        ),
        "portal": lambda: portals.misbehave(ground, seed, counting, restarts=chance.randint(1, 3)),
        "steps": lambda: step_kills.in_turn(ground, counting, step_kills.any_moments(chance)),
        f"end {case}": lambda: cut_off(case, cuts=False),
        f"power {case}": lambda: cut_off(case, cuts=True),
        "journal": lambda: machines.damage_the_journal(ground, seed, counting, ["cut", "flip", "remove"]),
        "output taken away": lambda: machines.take_the_output_away(ground, counting),
        "group reused": lambda: machines.reuse_a_group(ground, counting),
    }
    if machines.CAN_MOUNT and machines.can_mount(folder):
        found["disk full"] = lambda: machines.fill_the_disk(ground, counting)
    # Last: it takes as long as all the others, and goes on to its end when the minutes are over meanwhile.
    found["kills"] = lambda: kills.until_done(ground, seed, counting, kills=KILLS_A_TURN)
    return found


def test_chaos_for_as_long_as_wanted(
    ground: bench.Ground, order: cutting.Order, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing lost, doubled, half or left, however often; what it adds up to is written to `--chaos-report`."""
    minutes = float(request.config.getoption("--chaos-minutes"))
    if not minutes:
        pytest.skip("only with --chaos-minutes")
    where = str(request.config.getoption("--chaos-report"))
    counting, started = report.Report(), time.monotonic()
    for turn in itertools.count(seed):
        for name, scenario in scenarios(ground, turn, counting, order, tmp_path / "trial").items():
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
