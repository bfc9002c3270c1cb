"""The report is written at the end of every run, and again by `po-pw report`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from typer import testing

from po_pw import events
from po_pw.cli import commands
from po_pw.engine import run as engine
from po_pw.engine import run_control
from tests.helpers import plain_portal
from tests.helpers.plain_portal import Portal, area, order
from tests.helpers.support import on_thread, run_async

if TYPE_CHECKING:
    from pathlib import Path


def rows(report: Path) -> dict[str, dict[str, Any]]:
    """The report's rows, by PO number."""
    text = report.read_text("utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found is not None
    data = json.loads(found[1])
    return {row[data["fields"].index("po")]: dict(zip(data["fields"], row, strict=True)) for row in data["rows"]}


def reported(out: Path) -> str:
    """The output of `po-pw report`."""
    result = on_thread(lambda: testing.CliRunner().invoke(commands.app, ["report", str(out)]))
    assert result.exit_code == 0, result.output
    return result.output


def test_a_report_is_written_at_the_end_and_can_be_written_again(tmp_path: Path) -> None:
    """A report is written at the end of a run, also of a stopped one, and can be written again.

    A file of the user is kept, whatever its name. Without the journal, the manifests are used.
    """

    async def body() -> Path:
        out = tmp_path / "out"
        out.mkdir()
        (out / "report.html").write_text("mine", "utf-8")
        portal = Portal({"/orders/PO-1": order("PO-1", area("a.pdf")), "/orders/PO-3": order("PO-3", area("c.pdf"))})

        def stop(run: engine.Run, event: events.Event) -> None:
            if isinstance(event, events.OrderSettled) and event.outcome.po_number == "PO-2":
                run.control.stop(run_control.Stop.AFTER_CURRENT)

        portal.gates["/orders/PO-3"] = asyncio.Event()
        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2", "PO-3"], hear=stop)
            portal.gates["/orders/PO-3"].set()
            assert ran.error is None
        return out

    out = run_async(body())
    assert (out / "report.html").read_text("utf-8") == "mine"
    first = rows(out / "report (2).html")
    assert {number: row["status"] for number, row in first.items()} == {
        "PO-1": "COMPLETED",
        "PO-2": "FAILED",
        "PO-3": "PENDING",
    }
    assert (out / first["PO-1"]["folder"] / first["PO-1"]["files"][0]).is_file()
    assert all((out / path).is_file() for path in first["PO-2"]["evidence"])
    assert "Stopped before the end" in (out / "report (2).html").read_text("utf-8")
    (out / "report.html").unlink()
    assert "report.html" in reported(out)
    assert rows(out / "report.html") == first
    assert not (out / "report (2).html").exists()  # it was ours
    for path in (out / ".po-pw").glob("journal.db*"):
        path.unlink()
    reported(out)
    again = rows(out / "report.html")
    assert {number: again[number]["status"] for number in ("PO-1", "PO-2")} == {"PO-1": "COMPLETED", "PO-2": "FAILED"}
    assert again["PO-1"]["files"] == ["a.pdf"]
