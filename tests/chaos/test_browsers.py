"""Browsers die and hang in the middle of a run: their orders are done again, and nothing else is to be seen of it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from po_pw import settings
from tests.chaos import browsers

if TYPE_CHECKING:
    from tests.chaos import bench, report

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and SIGSTOP")


def test_browsers_that_are_killed_cost_nothing(ground: bench.Ground, seed: int, counting: report.Report) -> None:
    """SIGKILL of a browser, or of a page's process, every second or two: the end is the undisturbed run's."""
    browsers.hurt(ground, seed, counting, signals=[signal.SIGKILL], times=5)
    assert counting.browsers_killed >= 2


@pytest.mark.skipif("heartbeat_timeout" not in settings.Settings.model_fields, reason="needs the heartbeat")
def test_browsers_that_hang_cost_nothing(ground: bench.Ground, seed: int, counting: report.Report) -> None:
    """SIGSTOP of a browser: it is noticed, ended with all its processes, and its orders are done again."""
    browsers.hurt(ground, seed, counting, signals=[signal.SIGSTOP], times=2)
    assert counting.browsers_stopped >= 1
