"""Which evidence of a failed order is saved, and for how long."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import pytest

from po_pw import models
from tests.helpers import plain_portal
from tests.helpers.plain_portal import Answer, Portal, area, order, page
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

SECRET: Final = "s3cr3tValue99"
NUMBERS: Final = ["PO-1", "PO-2", "PO-3", "PO-4", "PO-5"]
SCRIPT: Final = (
    f"<script>console.log('api_key={SECRET}'); console.error('failed with api_key={SECRET}');"
    f"throw new Error('no order for token={SECRET}')</script>"
)


def test_every_failed_page_is_kept_until_its_order_succeeds(tmp_path: Path) -> None:
    """Each kind of failed page is saved with its console errors, and without secrets.

    Outcome and results.json name the files. The next run removes them once the order succeeds.
    """

    async def body() -> None:
        whole = area("a.pdf", "b.pdf")
        form = '<form method=post action="/files/c.pdf"><button>Download c.pdf</button></form>'
        portal = Portal(
            {
                "/orders/PO-1": order("PO-1", whole),
                "/orders/PO-2": Answer(page("Forbidden", f"<h1>403 Forbidden</h1>{SCRIPT}"), status=403),
                "/orders/PO-4": order("PO-4", whole.replace("Attachments", "Attachments (7)")),
                "/orders/PO-5": order("PO-5", f"<section><h2>Attachments</h2>{form}</section>"),
            }
        )
        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, NUMBERS, read_only=True)
            assert ran.error is None
            codes = {number: ran.code(number) for number in NUMBERS}
            assert codes == {
                "PO-1": None,
                "PO-2": models.ErrorCode.FORBIDDEN,
                "PO-3": models.ErrorCode.NOT_FOUND,
                "PO-4": models.ErrorCode.LIST_INCOMPLETE,
                "PO-5": models.ErrorCode.NOT_PRESSED,
            }
            kept = {number: [path.rpartition("/")[2] for path in ran.outcomes[number].evidence] for number in NUMBERS}
            both = ["page.png", "page.html"]
            with_console = [*both, "console.txt"]  # Chromium reports an answer of 403 or 404 as an error, too
            assert kept == {"PO-1": [], "PO-2": with_console, "PO-3": with_console, "PO-4": both, "PO-5": both}
            assert all((ran.out / path).is_file() for number in NUMBERS for path in ran.outcomes[number].evidence)
            console = (ran.out / ".po-pw/evidence/PO-2/console.txt").read_text("utf-8")
            assert "failed with api_key=REDACTED" in console
            assert "Uncaught Error: no order for token=REDACTED" in console
            assert not any(SECRET.encode() in path.read_bytes() for path in ran.out.rglob("*") if path.is_file())
            rows = json.loads((ran.out / "results.json").read_text("utf-8"))["rows"]
            assert [row["evidence_files"] for row in rows] == [list(ran.outcomes[one].evidence) for one in NUMBERS]
            portal.pages |= {f"/orders/{number}": order(number, whole) for number in NUMBERS}
            ran = await plain_portal.run(portal, tmp_path, NUMBERS)
            assert [ran.outcomes[number].status for number in NUMBERS] == ["COMPLETED"] * len(NUMBERS)
            assert not list((ran.out / ".po-pw" / "evidence").iterdir())

    run_async(body())


@pytest.mark.slow
def test_a_page_that_is_not_read_in_time_is_kept(tmp_path: Path) -> None:
    """A page that was not read in time is saved as it was shown; after an attempt that is retried, nothing is."""

    async def body() -> None:
        waits = "<script>fetch('/never')</script>"
        portal = Portal({"/orders/PO-1": order("PO-1", f"{area('a.pdf')}{waits}")})
        portal.gates["/never"] = asyncio.Event()
        async with portal.serving():
            ran = await plain_portal.run(
                portal, tmp_path, ["PO-1"], order_timeout=20, listing_timeout=300, patience=200
            )
            portal.gates["/never"].set()
            assert ran.code("PO-1") is models.ErrorCode.TIMEOUT
            assert ran.outcomes["PO-1"].evidence[:2] == (
                ".po-pw/evidence/PO-1/page.png",
                ".po-pw/evidence/PO-1/page.html",
            )
            assert "a.pdf" in (ran.out / ran.outcomes["PO-1"].evidence[1]).read_text("utf-8")

    run_async(body())
