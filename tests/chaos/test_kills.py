"""SIGKILL of the whole tool, at any instant: started again until done, nothing is lost, doubled, half or left."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.chaos import kills

if TYPE_CHECKING:
    from tests.chaos import bench, report

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL, and process groups")


def test_killed_at_random_it_ends_as_if_nothing_had_been(
    ground: bench.Ground, seed: int, counting: report.Report
) -> None:
    """Five kills: byte for byte the undisturbed run's end; after each one no process, folder or half file is left."""
    kills.until_done(ground, seed, counting, kills=5)
    assert counting.kills == 5


def test_the_same_seed_kills_at_the_same_moments() -> None:
    """What a failure prints is enough to have the same again, as far as the machine allows."""
    one, two = random.Random(7), random.Random(7)
    assert [kills.moment(one) for _ in range(50)] == [kills.moment(two) for _ in range(50)]
