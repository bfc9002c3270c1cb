"""The real program with real browsers, killed at some steps of the end of an order; `test_ends.py` tests all steps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chaos import step_kills

if TYPE_CHECKING:
    from tests.chaos import bench, report

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]


def test_killed_at_named_steps_it_ends_as_if_nothing_had_been(
    prepared: bench.PreparedPortal, counting: report.Report
) -> None:
    """After the record and before the rename, and between the two renames, with two orders in progress."""
    moments = [("record saved", 2, "after"), ("rename the folder", 3, "after"), ("a file is whole", 2, "before")]
    step_kills.in_turn(prepared, counting, moments)
