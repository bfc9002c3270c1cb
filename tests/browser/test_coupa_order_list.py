"""Coupa's own list of orders, if it cannot be searched by address: what is found, and what is not claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from po_pw import events, models
from tests.browser.test_coupa_pages import FILE, FIRST, order, page
from tests.helpers import plain_portal, tenant_runs
from tests.helpers.plain_portal import Answer
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

LAST: Final = 3
ROWS: Final = {
    one: f'<tr><td><a href="/order_headers/{900 + one}">{50 + one}</a></td><td>'
    f"<button type=\"button\" onclick=\"fetch('/cancelled/{one}', {{ method: 'POST' }})\">Cancel</button></td></tr>"
    for one in range(1, LAST + 1)
}
BY_SCRIPT: Final = f"""<input type="search" id="search" onkeydown="fetch('/searched', {{ method: 'POST' }})">
<table id="orders">{ROWS[1]}</table><div class="pagination"><span id="at">1 / {LAST}</span>
<button type="button" id="next">Next</button>
<button type="button" onclick="fetch('/sent', {{ method: 'POST' }})">Send all</button></div>
<script>
let shown = 1;
document.getElementById('next').onclick = async () => {{
  shown += 1;
  document.getElementById('orders').innerHTML = await (await fetch(`/order_headers/rows_${{shown}}`)).text();
  document.getElementById('at').textContent = `${{shown}} / {LAST}`;
  document.getElementById('next').disabled = shown === {LAST};
}};
</script>"""
"""A list that is searched and turned by script alone."""
BY_SCROLLING: Final = f"""<table id="orders">{ROWS[1]}</table><div style="height: 3000px"></div>
<script>
let shown = 1;
addEventListener('scroll', async () => {{
  if (shown === {LAST}) return;
  shown += 1;
  document.getElementById('orders').innerHTML += await (await fetch(`/order_headers/rows_${{shown}}`)).text();
  scrollTo(0, 0);
}});
</script>"""
"""A list that shows more when it is scrolled, and says nothing of it."""
IGNORES: Final = (
    '<form action="/order_headers"><input type="search" name="q"></form>'
    f"<table>{ROWS[1]}{ROWS[2]}</table><p>1 - 2 of 300</p>"
)
"""A list whose form is for a script: its address shows the same whatever it says, and nothing turns it."""


def listed(body: str) -> str:
    return page("order_headers", "", body, action="index")


async def ran(portal: plain_portal.Portal, folder: Path, numbers: list[str]) -> tenant_runs.Ran:
    async with portal.serving():
        return await tenant_runs.run(portal.origin, folder, numbers, attempts=1)


@pytest.mark.parametrize(("shown", "presses"), [(BY_SCRIPT, LAST - 1), (BY_SCROLLING, 0)])
def test_a_list_that_only_a_script_turns_is_read_to_its_end_once(tmp_path: Path, shown: str, presses: int) -> None:
    """An order on the last page is found, one on no page is not; no button that changes something is pressed."""
    pages: dict[str, str | Answer] = {
        "/order_headers": listed(shown),
        **{f"/order_headers/rows_{one}": ROWS[one] for one in ROWS},
        **{f"/order_headers/{900 + one}": order(str(50 + one), FIRST, record=str(900 + one)) for one in ROWS},
    }
    portal = plain_portal.Portal(pages)
    portal.bodies = {f"{FILE}/1/a.pdf": plain_portal.PDF}
    found = run_async(ran(portal, tmp_path, ["PO53", "PO99", "PO51", "PO98"]))
    assert found.error is None
    assert {number: one.status for number, one in found.outcomes.items()} == {
        "PO53": models.Status.COMPLETED,
        "PO99": models.Status.FAILED,
        "PO51": models.Status.COMPLETED,
        "PO98": models.Status.FAILED,
    }
    codes = {one.error.code for one in found.outcomes.values() if one.error}
    assert codes == {models.ErrorCode.NOT_FOUND}
    pressed = [event for event in found.heard if isinstance(event, events.Pressed)]
    turned = ("Next", models.Purpose.TURN, "")
    assert [(one.label, one.purpose, one.refused) for one in pressed] == [turned] * presses
    changing = {"/searched", "/sent", *(f"/cancelled/{one}" for one in ROWS)}
    assert not changing & set(portal.asked)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (listed(IGNORES), "cannot be searched by number, and only the first page was looked at (2 orders)"),
        (Answer("", 403), "the portal's list of orders could not be read (HTTP 403)"),
    ],
)
def test_an_order_that_may_be_elsewhere_in_the_list_is_not_called_missing(
    tmp_path: Path, shown: str | Answer, why: str
) -> None:
    """If the search fails, pages were not seen or the list is refused, an order is not reported as missing."""
    portal = plain_portal.Portal({"/order_headers": shown, "/order_headers/901": order("51", FIRST, record="901")})
    portal.bodies = {f"{FILE}/1/a.pdf": plain_portal.PDF}
    found = run_async(ran(portal, tmp_path, ["PO99", "PO51"]))
    failure = found.outcomes["PO99"].error
    assert failure is not None
    assert failure.code is models.ErrorCode.NOT_RECOGNISED
    assert "(the portal answered HTTP 404)" in failure.message
    assert why in failure.message
    assert found.outcomes["PO51"].status.succeeded is (shown == listed(IGNORES))
