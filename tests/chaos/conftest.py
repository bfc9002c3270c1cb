"""Fixtures of the scenarios: the seed, one portal with an undisturbed run, and the report of the long version."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos import bench, cutting, report

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_IN_TIME = 900
"""Maximum seconds of one test on a busy machine."""
_OVERTIME = 900
"""Extra seconds of the long version, in which its last scenarios end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sets a time limit for each test; that of the long version is `--chaos-minutes`, without which it is skipped."""
    minutes = float(config.getoption("--chaos-minutes"))
    for item in items:
        if item.path.name == "test_long.py":
            item.add_marker(pytest.mark.timeout(minutes * 60 + _OVERTIME))
            if not minutes:  # here, so that its fixtures are not made for nothing
                item.add_marker(pytest.mark.skip(reason="only with --chaos-minutes"))
        elif item.path.parent.name == "chaos":
            item.add_marker(pytest.mark.timeout(_IN_TIME))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Adds the random seed to a failure, and how to repeat it."""
    outcome = yield
    seed = getattr(item, "funcargs", {}).get("seed")
    if seed is not None and outcome.get_result().failed:
        again = f"seed {seed}. Again: python -m pytest '{item.nodeid}' --chaos-seed {seed}"
        outcome.get_result().sections.append(("chaos", again))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bench.PreparedPortal]:
    """A portal, a sign-in, and the result of an undisturbed run."""
    ours = tmp_path_factory.getbasetemp()
    session = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    with bench.prepared(tmp_path_factory.mktemp("chaos-home"), session / "undisturbed") as made:
        yield made


@pytest.fixture(scope="session")
def order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cutting.Order]:
    """An order on a portal without delay."""
    with cutting.order(tmp_path_factory.mktemp("order-home")) as made:
        yield made


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The random seed."""
    return int(request.config.getoption("--chaos-seed"))


@pytest.fixture
def counting() -> report.Report:
    """The counts of one test."""
    return report.Report()
