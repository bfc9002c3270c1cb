"""SIGKILL of the whole program at any time: after restarts nothing is lost, duplicated, incomplete or left over."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.chaos import kills

if TYPE_CHECKING:
    from tests.chaos import bench, report

pytestmark = [pytest.mark.whole_browser, pytest.mark.skipif(os.name != "posix", reason="SIGKILL, and process groups")]


def test_killed_at_random_it_ends_as_if_nothing_had_been(
    prepared: bench.PreparedPortal, seed: int, counting: report.Report
) -> None:
    """Five kills: the same bytes as an undisturbed run; after each kill no process, folder or partial file is left."""
    kills.until_done(prepared, seed, counting, kills=5)
    assert counting.kills == 5


def test_the_same_seed_kills_at_the_same_moments() -> None:
    """The seed that a failure prints repeats the same kills, as far as the machine allows."""
    one, two = random.Random(7), random.Random(7)
    assert [kills.moment(one) for _ in range(50)] == [kills.moment(two) for _ in range(50)]
