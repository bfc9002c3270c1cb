"""The portal for sites that po-pw does not know: finds attachments by headings, lists, links and controls."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from po_pw import models
from po_pw.portals.generic import finder, page_facts, page_reading, recognition, record_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from po_pw.portals import base, memory


class GenericPortal:
    """Reads any page that lists its attachments so that people recognise them.

    Args:
        url_template: address of an order with `{po_number}`; None if every row has its own.
    """

    name = "generic"

    def __init__(self, url_template: str | None = None) -> None:
        self._url_template = url_template
        self._finders: dict[str, finder.Finder] = {}

    def recognises(self, url: str) -> float:
        """A low probability for any address, so that specific portals come first."""
        return 0.1 if url.startswith(("http://", "https://")) else 0.0

    def order_url(self, po_number: str) -> str | None:
        """The address from the template; None without one."""
        return self._url_template.replace("{po_number}", quote(po_number, safe="")) if self._url_template else None

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """None are known."""
        del url
        return ()

    def leads_to_files(self, url: str) -> bool:
        """False: there are no `file_hosts`."""
        del url
        return False

    def returns_file(self, control: models.Control) -> bool:
        """False: a label must show it."""
        del control
        return False

    def keep_alive(self, url: str) -> base.KeepAlive | None:
        """None: nothing is known to keep a session alive."""
        del url
        return None

    async def read(self, opened: base.OpenPage) -> models.Listing:
        """The attachments on the open page, in all its frames, behind its controls and on its further pages."""
        return await page_reading.PageReading(self._finder(opened.order.url), opened).read()

    async def turn_to(self, opened: base.OpenPage, click: models.Click) -> None:
        """Opens and turns as many parts of the list as `read` did to find the control."""
        await page_reading.PageReading(self._finder(opened.order.url), opened).turn_to(click.page)

    def conclude(
        self,
        listing: models.Listing,
        order: models.PurchaseOrder,
        known: memory.PortalMemory,
        *,
        last: bool,
        is_other_order: Callable[[str], bool],
    ) -> models.Listing | None:
        """Evaluates a listing with what is known about the portal now, and adds to it what the page shows."""
        if not listing.facts:
            return listing
        facts = page_facts.from_json(listing.facts)
        has_area = listing.area is not models.AreaState.NONE
        found = recognition.recognize(facts, order, known, other_orders=is_other_order, has_area=has_area)
        if listing.page is models.PageKind.ORDER or not found.certain:
            recognition.learn(known, facts, order, found, has_area=has_area)
        if listing.page is not models.PageKind.ORDER:
            return listing
        known.note_links(order.key, [_address(one) for one in listing.loose])
        if found.kind is not models.PageKind.ORDER:
            return dataclasses.replace(listing, page=found.kind, why=found.why, evidence=found.evidence)
        if not found.certain and not last and not listing.attachments:
            return None
        listing = dataclasses.replace(listing, certain=found.certain, evidence=found.evidence)
        if listing.loose:
            own = [known.is_sites_own(_address(one), order.key) for one in listing.loose]
            if None in own and not last:
                return None
            record = record_address.record_part(order.url, order.po_number)
            taken = tuple(
                one
                for one, is_sites in zip(listing.loose, own, strict=True)
                if is_sites is False or (is_sites is None and record_address.keeps_record(_address(one), record))
            )
            listing = dataclasses.replace(listing, attachments=(*listing.attachments, *taken), loose=())
        if listing.attachments or has_area or not listing.complete:
            return listing
        if (listing.certain or found.strong) and (known.area_seen or known.accepted_without_area):
            return listing  # without other orders to compare with, the number in title or heading must suffice
        return dataclasses.replace(listing, page=models.PageKind.NO_AREA) if last else None

    def _finder(self, url: str) -> finder.Finder:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self._finders.setdefault(origin, finder.Finder(origin))


def _address(attachment: models.Attachment) -> str:
    return attachment.source.url if isinstance(attachment.source, models.Link) else ""
