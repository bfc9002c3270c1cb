"""`po-pw` alone shows what to run next; `status --watch` ends with the run."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from typer.testing import CliRunner

from po_pw import models
from po_pw.cli import commands, next_step, status_view
from po_pw.journal import store, view
from po_pw.maintenance import status
from tests.helpers.support import run_async
from tests.unit.test_status import out_of, second, work

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def running(tmp_path: Path) -> status.OutputStatus:
    """A run in the middle of six orders."""
    out = out_of(tmp_path)

    async def body() -> view.Progress | None:
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            await work(journal)
        return await asyncio.to_thread(view.progress, out / ".po-pw" / "journal.db")

    return status.OutputStatus(out, status.State.RUNNING, 1, second(20), run_async(body()))


def text(*given: object, has_sign_in: bool = False) -> str:
    """The output as plain text."""
    console = Console(file=io.StringIO(), width=200)
    for part in next_step.said(*given, has_sign_in=has_sign_in):  # type: ignore[arg-type] # of a test
        console.print(part)
    shown = console.file
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


def test_each_standing_has_its_command(running: status.OutputStatus) -> None:
    """Each status (running, stopped, done, only a list, nothing) has its command."""
    assert running.run is not None
    assert "po-pw status --watch" in text(running, [])
    stopped = dataclasses.replace(running, state=status.State.STOPPED)
    assert f"To continue, run:\n  {' '.join(running.run.command)}" in text(stopped, [])
    done = dataclasses.replace(running.run, ended_at=second(9), counts={models.Status.COMPLETED: 6}, doubted=0)
    finished = dataclasses.replace(running, state=status.State.FINISHED, run=done)
    assert "po-pw process LIST" in text(finished, [])
    assert "po-pw login https://YOUR-PORTAL" in text(None, ["pos.csv"])
    assert "login" not in text(None, ["pos.csv"], has_sign_in=True)
    assert "po-pw process pos.csv" in text(None, ["pos.csv"], has_sign_in=True)
    assert "po-pw demo" in text(None, [])


def test_only_lists_of_orders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only files with PO numbers are named."""
    (tmp_path / "pos.csv").write_text("po_number,url\nPO-1,https://portal.example/1\n", "utf-8")
    (tmp_path / "prices.csv").write_text("name,price\nscrew,1\n", "utf-8")
    (tmp_path / "scan.xlsx").write_bytes(b"\x89PNG\r\n")
    assert list(next_step.lists_in(tmp_path)) == ["pos.csv"]
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(commands.app, [], env={"PO_PW_HOME": str(tmp_path / "home")})
    assert ended.exit_code == 0
    assert "po-pw process pos.csv" in ended.stdout


def test_watching_ends_with_the_run(running: status.OutputStatus) -> None:
    """Every status is shown, and the last one stays."""
    looks = [running, running, dataclasses.replace(running, state=status.State.STOPPED)]
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    status_view.watch(console, lambda: looks.pop(0), every=0)
    assert not looks
    shown = console.file
    assert isinstance(shown, io.StringIO)
    assert "Running for" in shown.getvalue()
    assert "Stopped before the end" in shown.getvalue().rpartition("Running for")[2]


def test_watching_is_for_the_screen(tmp_path: Path) -> None:
    """`--watch` cannot be combined with output for programs."""
    ended = CliRunner().invoke(commands.app, ["status", str(tmp_path), "--watch", "--json"])
    assert ended.exit_code == 2
    assert "--watch is for the screen" in ended.stderr
