"""The end of an order is interrupted before and after every disk operation; the next run completes it."""

from __future__ import annotations

import os
from typing import Final

import pytest

from tests.chaos import cutting, steps

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fork and SIGKILL")


EACH: Final = [pytest.param(case, marks=() if case == "new" else pytest.mark.long) for case in cutting.CASES]


@pytest.mark.parametrize("case", EACH)
def test_cut_off_at_any_operation_an_order_comes_out_whole(order: cutting.Order, case: str, seed: int) -> None:
    """Killed before and after each rename, sync, record and removal: visible folders are complete, finally all are."""
    done = cutting.exhausted(order, case, seed=seed, twice=5)
    assert not done["problems"], "\n".join(done["problems"])
    assert done["kills"] > len(done["steps"])
    wanted = [step for step in steps.STEPS if step in done["steps"]]
    assert wanted == sorted(wanted, key=lambda step: _last(done["steps"], step)), done["steps"]


def test_whenever_the_power_fails_an_order_comes_out_whole(order: cutting.Order, seed: int) -> None:
    """Unsynced data is lost, but nothing that was reported as done: all necessary syncs are there."""
    done = cutting.exhausted(order, "partial before", seed=seed, twice=5, cuts=True)
    assert not done["problems"], "\n".join(done["problems"])


def _last(steps_done: list[str], step: str) -> int:
    """The last occurrence of a step."""
    return max(place for place, one in enumerate(steps_done) if one == step)
