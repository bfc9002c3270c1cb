"""The portal for Coupa: its addresses, and reading its orders."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from po_pw import hostnames, models
from po_pw.portals import base
from po_pw.portals.coupa import attachments, order_search, page_kind, reading
from po_pw.portals.generic import generic_portal

if TYPE_CHECKING:
    from collections.abc import Callable

    from po_pw.portals import memory

_OWN: Final = ".coupahost.com"
_ORDER: Final = re.compile(r"/order_headers/(?:show_custom/)?[^/]+/?$")
_STORAGE: Final = ("s3.amazonaws.com", "*.s3.amazonaws.com", "s3.*.amazonaws.com", "*.s3.*.amazonaws.com")
"""Hosts of Coupa's file storage. They serve any bucket, so a file is accepted only if the tenant redirected there."""
_HOME: Final = "/user/home"
_EVERY: Final = 1800.0
"""Seconds. A session ends after 7,200 s without a request."""
_SURE: Final = 0.9
_LIKELY: Final = 0.5


class CoupaPortal:
    """Reads orders of Coupa, on Coupa's own hosts and on a company's own host name.

    Args:
        base_url: address of the tenant, from which the orders' addresses follow; None if every row has its own.
        is_sure: every page is Coupa's; if not, a page on another host without Coupa's structure is read by the
            generic portal.
    """

    name = "coupa"

    def __init__(self, base_url: str | None = None, *, is_sure: bool = False) -> None:
        self._base = hostnames.origin_of(base_url) if base_url is not None else ""
        self._is_sure = is_sure
        self._order_lists: dict[str, order_search.KnownList] = {}
        self._generic = generic_portal.GenericPortal()

    def recognises(self, url: str) -> float:
        """High for Coupa's own hosts; lower for other addresses that look like an order of Coupa."""
        if self._is_own(url):
            return _SURE
        return _LIKELY if _ORDER.search(page_kind.path_of(url)) else 0.0

    def order_url(self, po_number: str) -> str | None:
        """The address with the number as id, without a leading PO or PM; `read` finds orders that have another id."""
        part = page_kind.address_part(po_number)
        return f"{self._base}/{page_kind.ORDERS}/{quote(part, safe='')}" if self._base and part else None

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """Hosts of Coupa's file storage; for a tenant on this computer also `localhost`."""
        return (*_STORAGE, "localhost") if _is_loopback(_host_of(url)) else _STORAGE

    def leads_to_files(self, url: str) -> bool:
        """Whether it is an attachment's own address: only that may redirect to storage."""
        return attachments.is_file_address(url)

    def returns_file(self, control: models.Control) -> bool:
        """Whether it is a button whose label contains its title: there the title is the file's name.

        Buttons that add attachments have no file name as their title.
        """
        is_button = control.role == "button" or control.tag == "button"
        return is_button and bool(control.title) and control.title in control.label and not control.address

    def keep_alive(self, url: str) -> base.KeepAlive | None:
        """A request for the home page: the pages' own polls do not count as use of the session."""
        origin = hostnames.origin_of(url)
        return base.KeepAlive(f"{origin}{_HOME}", _EVERY) if origin else None

    async def read(self, opened: base.OpenPage) -> models.Listing:
        """Reads the order's attachments, and its requisition's if the order has none or no PDF."""
        is_sure = self._is_sure or self._is_own(opened.order.url)
        try:
            return await self._reading(opened, is_sure=is_sure).read()
        except reading.NotCoupaError:
            return await self._generic.read(opened)

    async def turn_to(self, opened: base.OpenPage, click: models.Click) -> None:
        """Opens the page of the control, and turns its lists as far as `read` did."""
        await self._reading(opened, is_sure=True).turn_to(click)

    def conclude(
        self,
        listing: models.Listing,
        order: models.PurchaseOrder,
        known: memory.PortalMemory,
        *,
        last: bool,
        is_other_order: Callable[[str], bool],
    ) -> models.Listing | None:
        """Confirms the listing, except for an order without attachments on a page that has no list of attachments."""
        if listing.facts:
            return self._generic.conclude(listing, order, known, last=last, is_other_order=is_other_order)
        if listing.page is not models.PageKind.ORDER:
            return listing
        if listing.area is models.AreaState.NONE and listing.complete and not known.accepted_without_area:
            why = "the page has no list of attachments, where every order of Coupa has one"
            return dataclasses.replace(listing, page=models.PageKind.NO_AREA, why=why)
        if listing.area is not models.AreaState.NONE:
            known.note_area(listing.url)
        known.note_order(order.key, listing.url, frozenset(), ())
        return listing

    def _reading(self, opened: base.OpenPage, *, is_sure: bool) -> reading.Reading:
        origin = hostnames.origin_of(opened.order.url)
        order_list = self._order_lists.setdefault(origin, order_search.KnownList())
        return reading.Reading(opened, order_list, is_sure=is_sure)

    def _is_own(self, url: str) -> bool:
        return _host_of(url).endswith(_OWN)


def _host_of(url: str) -> str:
    return hostnames.ascii_host(urlsplit(hostnames.origin_of(url)).hostname or "")


def _is_loopback(host: str) -> bool:
    """Whether a host is this computer's loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
