"""Orders submitted one by one to a portal that was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import po_pw
from po_pw import models
from tests.helpers import plain_portal
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread


def test_a_portal_that_asks_for_a_sign_in_fails_its_own_orders_at_once(loop: LoopThread, tmp_path: Path) -> None:
    """Its orders fail with the reason; orders of another portal are processed, and the pool ends without an error."""
    pages = {f"/orders/PO-{n}": plain_portal.order(f"PO-{n}", plain_portal.area("a.pdf")) for n in (1, 2, 3)}
    closed, opened = plain_portal.Portal(pages, needs_sign_in=True), plain_portal.Portal(pages)
    served = [portal.serving() for portal in (closed, opened)]
    for one in served:
        loop.run(one.__aenter__())
    try:
        with po_pw.WorkerPool(1, out=tmp_path / "out", home=tmp_path / "home", sign_in_window=False) as pool:
            orders = [
                {"po_number": f"PO-{n}", "url": f"{portal.origin}/orders/PO-{n}"}
                for n, portal in ((1, closed), (2, opened), (3, closed))
            ]
            first = pool.submit(orders[0]).result(IN_TIME)
            assert (first.status, first.error_code) == (models.Status.FAILED, models.ErrorCode.SIGN_IN_NEEDED)
            assert "po-pw login" in first.error_message
            assert pool.submit(orders[1]).result(IN_TIME).status is models.Status.COMPLETED
            assert pool.submit(orders[2]).result(IN_TIME).error_code == models.ErrorCode.SIGN_IN_NEEDED
            assert closed.times("/orders/PO-3") == 0
        table = (tmp_path / "out" / "results.csv").read_text("utf-8-sig")
        assert table.count("SIGN_IN_NEEDED") == 2
    finally:
        for one in served:
            loop.run(one.__aexit__(None, None, None))
