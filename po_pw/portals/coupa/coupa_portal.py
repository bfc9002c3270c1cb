"""Coupa: which addresses are its own, where its orders are, and what their pages hold."""

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
"""Where Coupa keeps files: any bucket, so only what a tenant's own file address redirects to is taken from there."""
_HOME: Final = "/user/home"
_EVERY: Final = 1800.0
"""Seconds. A session ends 7,200 s after it was last used."""
_SURE: Final = 0.9
_LIKELY: Final = 0.5


class CoupaPortal:
    """Coupa at its own hosts, at a company's own host name, and wherever its pages are served.

    Args:
        base_url: of the tenant, from which the addresses of orders follow; None where every row has its own.
        is_sure: all its pages are Coupa's; else one without Coupa's structure, at a host that is not Coupa's, is read
            as any page.
    """

    name = "coupa"

    def __init__(self, base_url: str | None = None, *, is_sure: bool = False) -> None:
        self._base = hostnames.origin_of(base_url) if base_url is not None else ""
        self._is_sure = is_sure
        self._order_lists: dict[str, order_search.KnownList] = {}
        self._generic = generic_portal.GenericPortal()

    def claims(self, url: str) -> float:
        """Sure of Coupa's own hosts; elsewhere it takes what has the form of an order's address of Coupa."""
        if self._is_own(url):
            return _SURE
        return _LIKELY if _ORDER.search(page_kind.path_of(url)) else 0.0

    def order_url(self, po_number: str) -> str | None:
        """The address whose id is the number, without a leading PO or PM; `read` finds those that have another id."""
        part = page_kind.address_part(po_number)
        return f"{self._base}/{page_kind.ORDERS}/{quote(part, safe='')}" if self._base and part else None

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """The storage that file addresses redirect to; of a tenant on this machine, this machine's other name."""
        return (*_STORAGE, "localhost") if _is_loopback(_host_of(url)) else _STORAGE

    def leads_to_files(self, url: str) -> bool:
        """Only an attachment's own address may redirect to storage; no page links there."""
        return attachments.is_file_address(url)

    def hands_out(self, control: models.Control) -> bool:
        """A button whose label is its title, a file's name, with words around it in whatever language.

        What adds attachments has no name of a file as its title.
        """
        is_button = control.role == "button" or control.tag == "button"
        return is_button and bool(control.title) and control.title in control.label and not control.address

    def keep_alive(self, url: str) -> base.KeepAlive | None:
        """The home page: a session ends after two hours without use, and what pages poll by themselves is no use."""
        origin = hostnames.origin_of(url)
        return base.KeepAlive(f"{origin}{_HOME}", _EVERY) if origin else None

    async def read(self, opened: base.OpenPage) -> models.Listing:
        """The attachments of the order, and of its requisition where it has none, or none that is a PDF."""
        is_sure = self._is_sure or self._is_own(opened.order.url)
        try:
            return await self._reading(opened, is_sure=is_sure).read()
        except reading.NotCoupaError:
            return await self._generic.read(opened)

    async def turn_to(self, opened: base.OpenPage, click: models.Click) -> None:
        """Opens the page that the control is on, and turns its lists as far as `read` did."""
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
        """As it was read, but for an order without attachments and without any place for them: that is no proof."""
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
    """Whether a host is this machine by its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
