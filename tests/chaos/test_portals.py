"""A portal that resets, truncates, stalls, refuses in bursts and restarts, all in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos import portals

if TYPE_CHECKING:
    from tests.chaos import bench, report


def test_a_portal_that_misbehaves_costs_time_and_nothing_else(
    prepared: bench.PreparedPortal, seed: int, counting: report.Report
) -> None:
    """One file in five breaks off or stalls, responses are refused in bursts, it restarts: the result is the same."""
    portals.run_with_faults(prepared, seed, counting, restarts=1)
    assert counting.portal_faults > 10
    assert counting.portal_restarts == 1
