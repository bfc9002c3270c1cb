"""`po-pw validate` runs these scenarios and judges times; here the same code is judged by what ran at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from po_pw import scenarios

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", range(1, len(scenarios.ALL) + 1))
def test_the_scenario_passes(tmp_path: Path, number: int) -> None:
    """Each of the six scenarios the product was specified by comes out as it should."""
    verdict = scenarios.run(number, scenarios.Environment(tmp_path, check_times=False, repeats=1))
    assert verdict.passed, verdict.problem
