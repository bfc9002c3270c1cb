"""The scenarios of `po-pw validate`, checked by what overlapped instead of by times.

`test_scenarios.py` shows the same with scripts, so only one scenario runs each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from po_pw import scenarios

if TYPE_CHECKING:
    from pathlib import Path


EACH: Final = [
    pytest.param(number, marks=() if number == 2 else pytest.mark.long) for number in range(1, len(scenarios.ALL) + 1)
]


@pytest.mark.parametrize("number", EACH)
def test_the_scenario_passes(tmp_path: Path, number: int) -> None:
    """Each of the six specified scenarios passes."""
    verdict = scenarios.run(number, scenarios.Environment(tmp_path, check_times=False, repeats=1))
    assert verdict.passed, verdict.problem
