"""What one order shows decides about others: waiting orders, shared links, and a stop meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from po_pw import WorkerPool, events, models
from po_pw.engine import run as engine
from po_pw.engine import run_control
from tests.helpers import plain_portal
from tests.helpers.plain_portal import Portal, area, order
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


def orders(*numbers: str, bodies: dict[str, str] | None = None) -> dict[str, str]:
    """Order pages; without a body they have neither an area nor a link."""
    return {f"/orders/{number}": order(number, (bodies or {}).get(number, "")) for number in numbers}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_order_without_an_area_waits_until_another_has_shown_one(tmp_path: Path, workers: int) -> None:
    """It then has no attachments; its page was requested once, in one attempt."""

    async def body() -> None:
        pages = orders("PO-1", "PO-2", "PO-3", bodies={"PO-3": area("PO-3.pdf")})
        async with Portal(pages).serving() as portal:
            ran = await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2", "PO-3"], workers=workers)
            assert ran.error is None
            assert {number: out.status for number, out in ran.outcomes.items()} == {
                "PO-1": models.Status.NO_ATTACHMENTS,
                "PO-2": models.Status.NO_ATTACHMENTS,
                "PO-3": models.Status.COMPLETED,
            }
            assert [portal.times(f"/orders/PO-{n}") for n in (1, 2, 3)] == [1, 1, 1]
            assert {out.attempts for out in ran.outcomes.values()} == {1}
            assert not (ran.out / ".po-pw" / "evidence" / "PO-1").exists()

    run_async(body())


def test_where_no_order_shows_an_area_nobody_knows(tmp_path: Path) -> None:
    """The orders fail, and the message says how to accept that; the next run then knows."""

    async def body() -> None:
        async with Portal(orders("PO-1", "PO-2")).serving() as portal:
            ran = await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2"])
            assert {ran.code(number) for number in ran.outcomes} == {models.ErrorCode.NO_AREA_FOUND}
            failure = ran.outcomes["PO-1"].error
            assert failure is not None
            assert f"po-pw portal inspect {portal.origin}/orders/PO-1" in failure.message
            assert "--accept" in failure.message
            portal.pages.update(orders("PO-3", bodies={"PO-3": area("PO-3.pdf")}))
            ran = await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2", "PO-3"])
            assert [ran.outcomes[f"PO-{n}"].status for n in (1, 2, 3)] == ["NO_ATTACHMENTS"] * 2 + ["COMPLETED"]

    run_async(body())


def test_what_an_earlier_run_saw_is_remembered(tmp_path: Path) -> None:
    """An order without an area, alone in its list, is decided by what the portal showed before."""

    async def body() -> None:
        bodies = {f"PO-{n}": area(f"PO-{n}.pdf") for n in (1, 2, 3)}
        async with Portal(orders("PO-1", "PO-2", "PO-3", "PO-4", bodies=bodies)).serving() as portal:
            await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2", "PO-3"])
            ran = await plain_portal.run(portal, tmp_path, ["PO-4"])
            assert ran.outcomes["PO-4"].status is models.Status.NO_ATTACHMENTS

    run_async(body())


def test_links_that_all_orders_share_are_the_sites(tmp_path: Path) -> None:
    """Without an area, each order's own file is downloaded, and links that all orders show are not."""

    async def body() -> None:
        numbers = [f"PO-{n}" for n in range(1, 5)]
        shared = '<a href="/files/terms.pdf">Terms.pdf</a> <a href="/files/prices.xlsx">Prices.xlsx</a>'
        bodies = {
            number: f'<p><a href="/files/{number}.pdf">Drawing {number}.pdf</a> {shared}</p>' for number in numbers
        }
        async with Portal(orders(*numbers, bodies=bodies)).serving() as portal:
            ran = await plain_portal.run(portal, tmp_path, numbers)
            assert {number: out.status for number, out in ran.outcomes.items()} == dict.fromkeys(numbers, "COMPLETED")
            assert [ran.files(number) for number in numbers] == [[f"Drawing {number}.pdf"] for number in numbers]
            assert portal.times("/files/terms.pdf") == portal.times("/files/prices.xlsx") == 0
            assert {portal.times(f"/orders/{number}") for number in numbers} == {1}

    run_async(body())


def test_in_a_run_too_short_to_tell_only_what_holds_the_record_is_taken(tmp_path: Path) -> None:
    """With a single order, only a link with its number counts as its own."""

    async def body() -> None:
        links = '<p><a href="/files/PO-1/a.pdf">a.pdf</a> <a href="/files/terms.pdf">Terms.pdf</a></p>'
        async with Portal(orders("PO-1", bodies={"PO-1": links})).serving() as portal:
            ran = await plain_portal.run(portal, tmp_path, ["PO-1"])
            assert ran.files("PO-1") == ["a.pdf"]
            assert portal.times("/files/terms.pdf") == 0

    run_async(body())


def test_a_stop_leaves_orders_that_wait_to_the_next_run(tmp_path: Path) -> None:
    """Waiting orders have no outcome and no folder after a stop, and the same command continues."""

    async def body() -> None:
        numbers = ["PO-1", "PO-2", "PO-3"]
        async with Portal(orders(*numbers, bodies={"PO-3": area("PO-3.pdf")})).serving() as portal:
            portal.gates["/orders/PO-3"] = asyncio.Event()

            def stop_at_the_third(run: engine.Run, event: events.Event) -> None:
                if isinstance(event, events.OrderStep) and event.po_number == "PO-3" and event.step == "reading":
                    run.control.stop(run_control.Stop.AFTER_CURRENT)
                    portal.gates["/orders/PO-3"].set()

            ran = await plain_portal.run(portal, tmp_path, numbers, hear=stop_at_the_third)
            assert sorted(ran.outcomes) == ["PO-3"]
            assert sorted(path.name for path in ran.out.iterdir() if path.is_dir() and path.name[0] != ".") == [
                "PO-3_COMPLETED"
            ]
            ran = await plain_portal.run(portal, tmp_path, numbers)
            assert [ran.outcomes[number].status for number in numbers] == ["NO_ATTACHMENTS"] * 2 + ["COMPLETED"]
            assert ran.outcomes["PO-3"].from_earlier_run

    run_async(body())


def test_a_pool_gives_the_result_of_a_waiting_order_when_nothing_else_is_left(tmp_path: Path) -> None:
    """A single submitted order gets its result, although no others will come."""

    async def body() -> None:
        pages = orders("PO-1", "PO-2", bodies={"PO-2": area("PO-2.pdf")})
        async with Portal(pages).serving() as portal:

            def feed() -> list[tuple[str, str]]:
                with WorkerPool(1, out=tmp_path / "out", home=tmp_path / "home", attempts=1) as pool:
                    results = []
                    for number in ("PO-1", "PO-2", "PO-1"):
                        entry = {"po_number": number, "url": f"{portal.origin}/orders/{number}"}
                        results.append(pool.submit(entry).result(60))
                return [(result.status, result.error_code) for result in results]

            results = await asyncio.to_thread(feed)
            assert results[0] == ("FAILED", "NO_AREA_FOUND")
            assert results[1][0] == "COMPLETED"
            assert results[2][0] == "NO_ATTACHMENTS"

    run_async(body())
