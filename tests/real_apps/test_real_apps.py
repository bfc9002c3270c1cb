"""`po-pw` on real applications: every record is read correctly, every file is there, nothing is pressed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.real_apps import applications, installing, scoring

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_app, pytest.mark.timeout(600)]  # the first time, it is installed

QUICK: Final = frozenset({"trac"})
"""Those that every run of the tests tries."""
NAMES: Final = [
    pytest.param(one.name, marks=() if one.name in QUICK else pytest.mark.long, id=one.name) for one in applications.ALL
]


@pytest.mark.parametrize("name", NAMES)
def test_a_real_application_is_read_in_full_and_left_alone(name: str, tmp_path: Path) -> None:
    """Statuses, error codes and the SHA-256 of every file are right, and its log shows nothing but pages and files."""
    try:
        with applications.started(applications.named(name)) as running:
            score = scoring.score(running, tmp_path)
    except installing.NotInstallableError as error:
        pytest.skip(f"{name} cannot be installed here: {error}")
    assert score.is_perfect, f"\n{scoring.table([score])}\n\n{score.process_output}"
