"""`po-pw` on real applications: every record is read correctly, every file is there, nothing is pressed or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.real_apps import applications, installing, scoring

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real_app, pytest.mark.timeout(600)]  # the first time, it is installed

QUICK: Final = frozenset({"django-admin", "roundup", "trac"})
"""Those that every run of the tests tries; the others with `--all-real-apps`."""


@pytest.mark.parametrize("name", [application.name for application in applications.ALL])
def test_a_real_application_is_read_in_full_and_left_alone(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Statuses, error codes and the SHA-256 of every file are right, and its log shows nothing but pages and files."""
    if name not in QUICK and not request.config.getoption("--all-real-apps"):
        pytest.skip("only with --all-real-apps: it takes longer to install and to try")
    try:
        with applications.started(applications.named(name)) as running:
            score = scoring.score(running, tmp_path)
    except installing.NotInstallableError as error:
        pytest.skip(f"{name} cannot be installed here: {error}")
    assert score.is_perfect, f"\n{scoring.table([score])}\n\n{score.process_output}"
