"""How much longer it takes to prove a page quiet than to load its document: `python -m benchmarks.quiet`.

The page is an order of the demo portal with its list in the document and nothing going. Should stay under 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.browser import launching, page_watch, playwright_driver, profiles, quiet
from po_pw.demo import catalogue, running_portal, server

if TYPE_CHECKING:
    from playwright import async_api as playwright

LIMIT: Final = 0.1
"""Seconds more than the document's load."""
PORTAL: Final = catalogue.PortalSettings(orders=1, plain=True, latency=0.05)


async def measure(visits: int) -> tuple[list[float], list[float]]:
    """Seconds from the start of each visit to the document's load event, and to quiet, as this program sees them."""
    async with server.serve(PORTAL) as portal, playwright_driver.Driver() as driver:
        launch = launching.plan(driver.resolve(None), headless=True, timeout=30)
        with tempfile.TemporaryDirectory() as folder:
            profile = profiles.ProfileManager(None, root=Path(folder)).create_profile("quiet")
            context = await driver.open(
                models.WorkerId("quiet"), launch, user_data_dir=profile, downloads=Path(folder) / "downloads"
            )
            try:
                async with context.page() as lease:
                    return await _visits(lease.page, portal, visits)
            finally:
                await context.close()


async def _visits(page: playwright.Page, portal: running_portal.Portal, visits: int) -> tuple[list[float], list[float]]:
    await page.goto(portal.sign_in_url)
    await page.fill("#username", portal.username)
    await page.fill("#password", portal.password)
    await page.press("#password", "Enter")
    await page.wait_for_url(f"{portal.origin}/")
    url = portal.order_url(portal.orders[0].po_number)
    loads: list[float] = []
    quiets: list[float] = []
    for _ in range(visits):
        with page_watch.Watch(page) as watch:
            loaded: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            page.once("load", functools.partial(_note, loaded))
            began = time.monotonic()
            await page.goto(url, wait_until="commit")
            became = await watch.quiet(deadline=began + 30)
            quiets.append(time.monotonic() - began)
            if became.how is not quiet.How.PROVED:
                msg = f"the page is {became}"
                raise SystemExit(msg)
            loads.append(await loaded - began)
    return loads, quiets


def _note(loaded: asyncio.Future[float], _: playwright.Page) -> None:
    loaded.set_result(time.monotonic())


def main() -> None:
    """Prints medians, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--visits", type=int, default=50)
    arguments = parser.parse_args()
    loads, quiets = asyncio.run(measure(arguments.visits))
    more = [quiet_after - load for load, quiet_after in zip(loads, quiets, strict=True)]
    load, after = statistics.median(loads), statistics.median(quiets)
    print(f"load {load * 1000:.0f} ms, quiet {after * 1000:.0f} ms: {after / load:.2f} times")
    print(f"median of the difference {statistics.median(more) * 1000:.0f} ms (limit {LIMIT * 1000:.0f} ms)")


if __name__ == "__main__":
    main()
