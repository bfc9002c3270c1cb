"""The scenarios of `po-pw validate`, checked by what overlapped instead of by times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from po_pw import scenarios

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", range(1, len(scenarios.ALL) + 1))
def test_the_scenario_passes(tmp_path: Path, number: int) -> None:
    """Each of the six specified scenarios passes."""
    verdict = scenarios.run(number, scenarios.Environment(tmp_path, check_times=False, repeats=1))
    assert verdict.passed, verdict.problem
