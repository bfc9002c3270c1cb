"""What the scenarios share: the seed, one portal with an undisturbed run, and the report of a long form."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos import bench, cutting, report

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_IN_TIME = 900
"""Seconds for one test, on a machine that is busy with others."""
_OVERTIME = 900
"""Seconds that the long form may take on top of its minutes: its last scenarios are brought to their end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test has its bound; the long form may take as long as it was told."""
    minutes = float(config.getoption("--chaos-minutes"))
    for item in items:
        if item.path.name == "test_long.py":
            item.add_marker(pytest.mark.timeout(minutes * 60 + _OVERTIME))
        elif item.path.parent.name == "chaos":
            item.add_marker(pytest.mark.timeout(_IN_TIME))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A failure says what chance it came from, and how to have it again."""
    outcome = yield
    seed = getattr(item, "funcargs", {}).get("seed")
    if seed is not None and outcome.get_result().failed:
        again = f"seed {seed}. Again: python -m pytest '{item.nodeid}' --chaos-seed {seed}"
        outcome.get_result().sections.append(("chaos", again))


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bench.Ground]:
    """A portal, somebody signed in, and what an undisturbed run makes of it."""
    ours = tmp_path_factory.getbasetemp()
    session = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    with bench.ground(tmp_path_factory.mktemp("chaos-home"), session / "undisturbed") as made:
        yield made


@pytest.fixture(scope="session")
def order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cutting.Order]:
    """An order on a portal without delay."""
    with cutting.order(tmp_path_factory.mktemp("order-home")) as made:
        yield made


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What chance comes from."""
    return int(request.config.getoption("--chaos-seed"))


@pytest.fixture
def counting() -> report.Report:
    """Counts of one test."""
    return report.Report()
