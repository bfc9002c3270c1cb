"""Browsers crash and hang during a run: their orders are processed again, and nothing else changes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.chaos import browsers

if TYPE_CHECKING:
    from tests.chaos import bench, report

pytestmark = [pytest.mark.whole_browser, pytest.mark.skipif(os.name != "posix", reason="SIGKILL and SIGSTOP")]


def test_browsers_that_are_killed_cost_nothing(
    prepared: bench.PreparedPortal, seed: int, counting: report.Report
) -> None:
    """SIGKILL of a browser, or of a page's process, every second or two: the result equals an undisturbed run."""
    browsers.disturb(prepared, seed, counting, signals=[signal.SIGKILL], times=5)
    assert counting.browsers_killed >= 2


@pytest.mark.long
def test_browsers_that_hang_cost_nothing(prepared: bench.PreparedPortal, seed: int, counting: report.Report) -> None:
    """SIGSTOP of a browser: it is detected and ended with all its processes, and its orders are processed again."""
    browsers.disturb(prepared, seed, counting, signals=[signal.SIGSTOP], times=2)
    assert counting.browsers_stopped >= 1
