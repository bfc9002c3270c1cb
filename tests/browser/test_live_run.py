"""A whole run on a terminal: the screen, the keys, and the terminal afterwards."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import pytest

from tests.helpers import waiting_portal
from tests.helpers.support import IN_TIME

if sys.platform != "win32":
    from tests.helpers.pty_process import PtyProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")


@pytest.fixture
def portal(loop: LoopThread, tmp_path: Path) -> Iterator[waiting_portal.Portal]:
    with waiting_portal.serving(loop, tmp_path, orders=5, waits="2", missing="3") as running:
        yield running


def on_terminal(folder: Path, *options: str) -> PtyProcess:
    """`po-pw process pos.csv` with one worker, on 80 columns and 24 lines."""
    return PtyProcess(
        [sys.executable, "-m", "po_pw", "process", "pos.csv", "-w", "1", *options],
        (80, 24),
        cwd=folder,
        environment={"PO_PW_HOME": str(folder / "home"), "PO_PW_STALL_TIMEOUT": "86400"},
    )


def statuses(folder: Path) -> dict[str, str]:
    with (folder / "downloads" / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["po_number"]: row["status"] for row in csv.DictReader(stream)}


def test_a_run_is_paused_goes_on_and_is_ended_by_keys(tmp_path: Path, portal: waiting_portal.Portal) -> None:
    """`p` pauses after the orders in progress; `q` ends gently, and the same command continues."""
    with on_terminal(tmp_path) as there:
        assert portal.half_sent.wait(IN_TIME)
        lines = there.wait_for("downloading PO-2")
        assert any(line.startswith("1 of 5 (20 %)") for line in lines)
        assert not there.echoes()
        there.type("x?p")
        there.wait_for("PAUSED: p continues, q stops, 1 order still in progress")
        portal.let_go()
        lines = there.wait(lambda lines: any(line.startswith("2 of 5 (40 %)") for line in lines))
        there.wait(lambda lines: lines[-1] == "PAUSED: p continues, q stops")
        there.type("p")
        lines = there.wait_for("FAILED  PO-3")
        there.type("qqq")
        assert there.ended() in {1, 130}
        assert there.echoes()
        shown = there.everything()
        assert "(you pressed q)" in shown
        for ghost in ("p pauses", "PAUSED", "w1 ", "elapsed"):
            assert ghost not in shown
    assert portal.asked[:3] == ["1", "2", "3"]
    assert statuses(tmp_path)["PO-2"] == "COMPLETED"
    with on_terminal(tmp_path) as there:
        assert there.ended() == 1
    assert list(statuses(tmp_path).values()) == ["COMPLETED", "COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
