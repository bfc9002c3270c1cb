"""`po-pw report` after runs that did not end normally."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import testing

from po_pw import models
from po_pw.cli import commands
from po_pw.journal import store
from tests.helpers import journal_values
from tests.helpers.support import on_thread, run_async

if TYPE_CHECKING:
    from pathlib import Path


def invoked(*words: object) -> testing.Result:
    called = [str(word) for word in words]
    return on_thread(lambda: testing.CliRunner().invoke(commands.app, called))


async def killed(out: Path) -> None:
    """The state after a run was killed after the first of two orders."""
    (out / ".po-pw").mkdir(parents=True)
    async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
        run = await journal.begin(journal_values.PLAN, [journal_values.row(1), journal_values.row(2)])
        await journal.commit(run, journal_values.outcome(1, models.Status.FAILED, folder="", files=()))


def test_a_run_that_was_killed_is_reported(tmp_path: Path) -> None:
    """The report has the journal's content, the command that continues, and that the run did not end."""
    run_async(killed(tmp_path / "out"))
    assert invoked("report", tmp_path / "out").exit_code == 0
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "The run was killed, or is still going on" in text
    assert "po-pw process lists/pos.csv -w 4 --refresh" in text
    assert '"PO-1"' in text
    assert '"PENDING"' in text


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for made in ("", ".po-pw"):
        (tmp_path / made).mkdir(exist_ok=True)
        result = invoked("report", tmp_path)
        assert result.exit_code == 2, result.output
        assert not (tmp_path / "report.html").exists()
