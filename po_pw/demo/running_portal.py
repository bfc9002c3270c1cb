"""The generic portal while it runs: its orders, and what was asked of it."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw.demo import accounts, catalogue, faults, portal_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COLUMNS: Final = ("po_number", "supplier", "url", "amount")


class Portal:
    """A running portal: its addresses, its orders, and the requests it received.

    Everything but `expire_sessions` may be used from any thread.

    Attributes:
        orders: all orders, with their expected results.
        origin: scheme, host and port, e.g. `http://127.0.0.1:40123`.
        other_origin: the same of the server that hands files out for a signature, without a sign-in.
        counts: `pages`, `fragments` (what pages ask for), `files`, `sign_ins`, `refused_sign_ins`, `sent_to_sign_in`,
            `faults`, `broken_off` (by the client), and `bytes` of files.
        paths: requests by path, as it was sent (names in it quoted).
        pages_now: pages being answered at this moment.
        peak_pages: the most there were at once.
        gather: orders' pages wait for a while until `peak_pages` reaches this number, for tests that need overlap.
        waits_for_pages: by an order's path, the number of pages of all orders that must have been requested before its
            page is sent, at least for a while.
        faults: failures still to come, by path; more can be added.
    """

    def __init__(self, settings: catalogue.PortalSettings, before: Portal | None = None) -> None:
        self.settings = settings
        self.username = settings.username
        self.password = settings.password
        self.orders = catalogue.catalogue(settings)
        self.by_number = {order.po_number: order for order in self.orders}
        self.files = {file.number: file for order in self.orders for file in order.shown}
        self.origin = ""
        self.other_origin = ""
        self.counts: collections.Counter[str] = collections.Counter()
        self.paths: collections.Counter[str] = collections.Counter()
        self.pages_now = 0
        self.peak_pages = 0
        self.gather = 0
        self.waits_for_pages: dict[str, int] = {}
        self.accounts = accounts.Accounts(settings.username, settings.password)
        self.faults = faults.Faults()
        for order in self.orders:
            if order.variant.fails_once:
                self.faults.add(order.path, faults.Fault.UNAVAILABLE)
            for file in order.shown:
                if file.fault is not None:
                    self.faults.add(portal_pages.address(file), file.fault)
        if before is not None:
            self.accounts, self.faults = before.accounts, before.faults
            self.counts, self.paths = before.counts, before.paths

    def __repr__(self) -> str:
        counted = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return f"<Portal {self.origin}, {len(self.orders)} orders: {counted or 'nothing asked yet'}>"

    @property
    def sign_in_url(self) -> str:
        """The page with the sign-in form."""
        return f"{self.origin}/login"

    def order_url(self, po_number: str) -> str:
        """The address of an order's page, even if the portal does not have that order."""
        return f"{self.origin}/orders/{po_number}"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A user's table of orders: `po_number,supplier,url,amount`, then each order."""
        yield COLUMNS
        for order in self.orders:
            yield order.po_number, order.supplier, self.order_url(order.po_number), order.amount

    def show(self, po_number: str, files: Sequence[catalogue.ExpectedFile]) -> None:
        """Changes the files on an order's page, as in a later month."""
        order = dataclasses.replace(self.by_number[po_number], shown=tuple(files))
        self.by_number[po_number] = order
        self.orders = tuple(order if known.po_number == po_number else known for known in self.orders)
        self.files |= {file.number: file for file in files}

    def sign_everybody_out(self) -> None:
        """Ends all sessions on the server; browsers keep their cookies, which are no longer valid."""
        self.accounts.sign_everybody_out()

    async def expire_sessions(self) -> None:
        """The same, for callers in a running loop."""
        self.sign_everybody_out()
