"""`po-pw demo --portal coupa`, as a user types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.test_cli import po_pw

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_of_coupa_checks_every_file(tmp_path: Path) -> None:
    """Signs in at the identity provider with a one-time code and downloads every file of the orders."""
    ended = po_pw("demo", "--portal", "coupa", "--orders", "10", "--latency", "0", "-w", "2", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "A Coupa tenant is at " in ended.stdout
    assert "Signed in as " in ended.stdout
    assert "are right: their SHA-256" in ended.stdout
    assert "WRONG" not in ended.stdout
    assert (tmp_path / "po-pw-demo" / "downloads" / "results.xlsx").exists()
