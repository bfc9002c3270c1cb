"""`po-pw validate` runs these scenarios and checks times; here the same code is checked by what ran at once.

`test_scenarios.py` shows the same of scripts, so only one scenario is run each time.
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
    """Each of the six scenarios the product was specified by comes out as it should."""
    verdict = scenarios.run(number, scenarios.Environment(tmp_path, judge_times=False, repeats=1))
    assert verdict.passed, verdict.problem
