"""Runs the engine without a browser: pages come from a list. Everything else is real: engine, HTTP, disk, journal."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Self

from po_pw import context_pool, models, settings
from po_pw.engine import run as engine
from po_pw.lanes import browser as browser_lane
from po_pw.machine import capacity, resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from po_pw import events, sessions
    from po_pw.lanes import base as lanes


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """One order, and the content of its page."""

    po_number: str
    url: str
    supplier: str
    files: tuple[tuple[str, str], ...]
    """Name and address of each attachment."""

    def listing(self) -> models.Listing:
        """The listing that a portal would read from the page."""
        found = tuple(
            models.Attachment(f"a{number}", name, models.Link(url, self.url))
            for number, (name, url) in enumerate(self.files)
        )
        return models.Listing(models.PageKind.ORDER, found, len(found), complete=True, supplier="", url=self.url)


class _Context:
    """The parts of a context that a worker needs."""

    user_agent = "paper"
    language = "en"
    why_lost = ""

    def __init__(self, cookies: Sequence[models.Cookie]) -> None:
        self.lost = asyncio.Event()
        self._cookies = list(cookies)

    async def cookies(self) -> list[models.Cookie]:
        return self._cookies


class _Pool:
    """Opens contexts without a browser."""

    browser = None

    def __init__(
        self, options: settings.Settings, signed_in: sessions.Sessions, hub: events.Hub, downloads: Path, *_: object
    ) -> None:
        del options, hub, downloads
        self._sessions = signed_in
        self._cookies: Sequence[models.Cookie] = ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def sign_in(self, origins: Sequence[str]) -> None:
        self._cookies = self._sessions.cookies(origins)

    async def open(self, worker: models.WorkerId) -> Any:
        del worker
        return _Context(self._cookies)

    async def close(self, worker: models.WorkerId) -> None:
        del worker


class _Visit:
    def __init__(self, listing: models.Listing) -> None:
        self.listing = listing

    async def capture(self, click: models.Click) -> lanes.Captured | models.Link:
        raise AssertionError(click)


def spread(sheets: Sequence[Sheet]) -> None:
    """Makes runs of this process read these instead of pages."""
    by_number = {sheet.po_number: sheet.listing() for sheet in sheets}

    class Lane(browser_lane.BrowserLane):
        @contextlib.asynccontextmanager
        async def visit(
            self, order: models.PurchaseOrder, on_failure: lanes.OnFailure | None = None
        ) -> AsyncIterator[Any]:
            yield _Visit(by_number[order.po_number])

    context_pool.Pool = _Pool  # type: ignore[assignment, misc]
    browser_lane.BrowserLane = Lane  # type: ignore[misc]


def rows(sheets: Sequence[Sheet]) -> list[models.Row]:
    """The rows, as from a spreadsheet."""
    orders = [
        models.PurchaseOrder(
            models.order_key(sheet.po_number), sheet.po_number, sheet.url, sheet.supplier, None, number
        )
        for number, sheet in enumerate(sheets, 1)
    ]
    return [models.Row(order.row, (order.po_number,), order.po_number, order, None, None) for order in orders]


def options(out: Path, home: Path) -> settings.Settings:
    """The settings of a run: one order after another, so that the sequence of operations is fixed."""
    return settings.Settings(out=out, home=home, workers=1, backoff_base=0.01, backoff_cap=0.02)


async def run(
    chosen: settings.Settings, reading: resources.Reading, sheets: Sequence[Sheet], resume: models.Resume | None
) -> None:
    """A complete run: start, recovery, work, results.

    Args:
        chosen: as `options` gives them.
        reading: what the machine has; reading it takes a while, and is not what is looked at here.
        sheets: the orders.
        resume: as in `engine.Run.process`.
    """

    def make_governor(wanted: int) -> capacity.Governor:
        return capacity.Governor(wanted, read=lambda: reading, measure=lambda: 0)

    async with engine.Run(chosen, make_governor=make_governor) as one:
        outcomes = one.process(rows(sheets), name="pos.csv", columns=("po_number",), resume=resume)
        async for _ in outcomes:
            pass
        await one.write_results()
