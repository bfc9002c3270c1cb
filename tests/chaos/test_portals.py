"""A portal that resets, cuts short, stalls, refuses in bursts and is restarted, all in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos import portals

if TYPE_CHECKING:
    from tests.chaos import bench, report


def test_a_portal_that_misbehaves_costs_time_and_nothing_else(
    ground: bench.Ground, seed: int, counting: report.Report
) -> None:
    """One file in five breaks off or stalls, answers are refused in bursts, it restarts: all ends equal."""
    portals.misbehave(ground, seed, counting, restarts=1)
    assert counting.portal_faults > 10
    assert counting.portal_restarts == 1
