"""Reads the gallery's pages: the only module of its tests that uses the reader."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from po_pw import errors, events, models, settings
from po_pw.engine import run as engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.helpers.gallery_site import Case, GallerySite

IS_STUB: Final = False
AT_ONCE: Final = 3
"""Number of cases read at once, each by a separate run."""
_LISTING_TIMEOUT: Final = 15.0

_VERDICTS: Final = {
    models.ErrorCode.LIST_INCOMPLETE: "INCOMPLETE",
    models.ErrorCode.NO_AREA_FOUND: "NO_AREA",
    models.ErrorCode.SIGN_IN_NEEDED: "SIGNED_OUT",
    models.ErrorCode.PORTAL_ERROR: "NOT_RECOGNISED",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What was read on one case's page."""

    verdict: str
    """One of `gallery_site.VERDICTS`."""
    names: tuple[str, ...] = ()
    """Of the attachments, in the page's order."""
    addresses: tuple[str, ...] = ()
    """As many as `names`: where each is fetched, absolute; `""` where only a press hands it out."""
    incomplete: bool = False


class _Reader:
    """A run whose browser reads one case after another, each as a portal of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._read: dict[models.OrderKey, models.Listing] = {}

    async def __aenter__(self) -> _Reader:
        options = settings.load(
            workers=1,
            out=self._folder / "out",
            home=self._home,
            attempts=1,
            listing_timeout=_LISTING_TIMEOUT,
            navigation_timeout=20,
        )
        hub = events.Hub()
        hub.listen(self._hear)
        self._run = engine.Run(options, hub)
        await self._run.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._run.__aexit__(None, None, None)

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.PageRead):
            self._read[event.key] = event.listing

    async def outcomes(self, orders: Sequence[tuple[str, str]]) -> dict[str, models.Outcome]:
        """What comes of orders, given as number and address, on a portal of which nothing is known."""
        shutil.rmtree(self._home / "portals", ignore_errors=True)
        shutil.rmtree(self._home / "known", ignore_errors=True)
        for known in self._home.rglob("memory.json"):
            known.unlink()
        rows = [
            models.Row(number, (), po, models.PurchaseOrder(models.order_key(po), po, url))
            for number, (po, url) in enumerate(orders, start=2)
        ]
        return {one.po_number: one async for one in self._run.process(rows)}

    async def read(self, site: GallerySite, case: Case) -> Reading:
        """One case."""
        self._read.clear()
        orders = [(unquote(path.rpartition("/")[2]), site.origin + path) for path in case.neighbours]
        orders.append((case.po, site.url(case)))
        try:
            outcomes = await self.outcomes(orders)
        except errors.LoginRequiredError:
            return Reading("SIGNED_OUT")
        asked = [site.origin + one.path for one in site.log if one.method == "GET"]
        return _reading(outcomes[case.po], self._read.get(models.order_key(case.po)), asked)


def _reading(outcome: models.Outcome, listing: models.Listing | None, asked: Sequence[str]) -> Reading:
    """What came of a case.

    Args:
        outcome: of its order.
        listing: as it was read.
        asked: all addresses that the site was asked for: a press may have led to one of them.
    """
    code = outcome.error.code if outcome.error is not None else None
    saved = {file.attachment_id for file in outcome.files}
    missing = {file.attachment_id for file in outcome.missing}
    shown = [one for one in listing.attachments if one.id in saved | missing] if listing else []
    names = tuple(one.name for one in shown)
    unreached = [file for file in outcome.missing if file.failure and file.failure.code is models.ErrorCode.NOT_PRESSED]
    came_from = {file.attachment_id: file.source for file in outcome.files}
    led_to = list(dict.fromkeys(asked))
    addresses = tuple(_address(one) or _taken(led_to, came_from.get(one.id, "")) for one in shown)
    if unreached:
        left = {file.attachment_id for file in unreached}
        kept = [at for at, one in enumerate(shown) if one.id not in left]
        return Reading(
            "INCOMPLETE", tuple(names[at] for at in kept), tuple(addresses[at] for at in kept), incomplete=True
        )
    if code is models.ErrorCode.LIST_INCOMPLETE:
        return Reading("INCOMPLETE", names, addresses, incomplete=True)
    if outcome.status.succeeded:
        has_area = listing is not None and listing.area is not models.AreaState.NONE
        verdict = "FILES" if shown else "NONE" if has_area else "NO_AREA"
        return Reading(verdict, names, addresses)
    if shown:
        return Reading("FILES", names, addresses)
    return Reading(_VERDICTS.get(code, code.value) if code else "NONE", names, addresses)


def _taken(asked: list[str], bare: str) -> str:
    """The address, with its query, that a press led to: the first of these that has this path."""
    for address in asked:
        if bare and address.partition("?")[0] == bare:
            asked.remove(address)
            return address
    return ""


def _address(attachment: models.Attachment) -> str:
    source = attachment.source
    return source.url if isinstance(source, models.Link | models.External) else ""


async def _each(site: GallerySite, cases: Sequence[Any], one: Any) -> None:
    waiting = list(cases)

    async def work(folder: Path) -> None:
        async with _Reader(folder) as reader:
            while waiting:
                await one(reader, waiting.pop(0))

    with tempfile.TemporaryDirectory(prefix="gallery-") as folder:
        async with asyncio.TaskGroup() as group:
            for number in range(min(AT_ONCE, len(cases))):
                group.create_task(work(Path(folder) / str(number)))


async def read_cases(site: GallerySite, cases: Iterable[Case]) -> Mapping[str, Reading]:
    """Reads each case's page as `process` would; gives the readings by the cases' ids.

    Each case is a portal of its own: what was learnt from one (its areas, what is the site's) must not be used for
    another. The pages of `case.neighbours` are other orders of the *same* portal, to be read as its other orders would
    be, before or after. The order's address is `site.url(case)`, its PO number `case.po`.

    An attachment that is an address elsewhere counts with that address. An attachment that no allowed way hands out
    makes the reading `INCOMPLETE`; so does a list that still loads, or that could not be loaded. An error page, by
    status or by its words, is `NOT_RECOGNISED`, unless it says that the order does not exist or may not be seen.

    Whether files are fetched as well is free; where they are, names are still those of the page, and what turned out
    to be no file is not in the reading.
    """
    readings: dict[str, Reading] = {}

    async def one(reader: _Reader, case: Case) -> None:
        readings[case.id] = await reader.read(site, case)

    await _each(site, list(cases), one)
    return readings


async def use_controls(site: GallerySite, pages: Iterable[str]) -> None:
    """Reads each of these paths as an order's page, and fetches and presses all that it lists, as `process` would.

    What was used is read off the site's log: each control has an address of its own there.
    """

    async def one(reader: _Reader, page: str) -> None:
        await reader.outcomes([(f"PO{page}", site.origin + page)])

    await _each(site, list(pages), one)
