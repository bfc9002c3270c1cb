"""The tenant while it runs: its addresses, its orders, its accounts, and the requests it received."""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from po_pw.demo import faults, signing
from po_pw.demo.coupa import orders, tenant_accounts, tenant_catalogue, totp
from po_pw.demo.coupa.tenant_variants import Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OTHER_HOST: Final = "localhost"
"""Host name of storage and identity provider; the tenant uses 127.0.0.1."""


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    host: str
    """Its target: `tenant`, `storage` or `provider`."""
    method: str
    path: str
    """As sent, percent-encoded, without the query."""
    query: str
    session: str
    """`s1`, `s2`, … in the order of the sign-ins; `""`: not signed in."""


class Tenant:
    """A running tenant: its addresses, its orders, and the requests it received.

    Everything may be used from any thread.

    Attributes:
        orders: the orders in users' lists, with their expected results.
        all_orders: those, and others to which a search or a wrong id leads.
        by_number: the orders in people's lists, by `po_number`.
        origin: scheme, host and port, e.g. `http://127.0.0.1:40123`.
        storage_origin: the same of the storage, on another host name.
        provider_origin: the same of the identity provider, on another host name.
        cookie: the name of the cookie that holds a session; other portals on 127.0.0.1 have other ones.
        log: every request to the three, in its order.
        harm: requests that changed something, or would have.
        counts: `pages` (of orders and requisitions), `searches`, `files` (asked of the tenant), `sent` (by the
            storage), `bytes`, `refused_by_storage`, `sign_ins`, `passwords_typed`, `handed_over` (by the identity
            provider), `refused_sign_ins`, `sign_outs`, `sent_to_sign_in`, `endings`, `displaced`, `faults`,
            `broken_off`.
        faults: failures still to come, by path as it is sent; more can be added. Of the tenant they are answers with
            an error's status; the storage's bodies fail as the fault says.
    """

    def __init__(self, settings: tenant_catalogue.TenantSettings) -> None:
        self.settings = settings
        self.username = settings.username
        self.password = settings.password
        self.all_orders = orders.all_orders(settings)
        self.orders = tuple(order for order in self.all_orders if order.listed)
        self.by_number = {order.po_number: order for order in self.orders}
        self.origin = ""
        self.storage_origin = ""
        self.provider_origin = ""
        self.cookie = "_tenant_session"
        self.log: list[Request] = []
        self.harm: list[Request] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self.signer = signing.Signer(settings.signed_for)
        self.accounts = tenant_accounts.Accounts(settings, self.counts)
        self.faults = faults.Faults()
        for order in self.orders:
            if order.variant is Variant.UNAVAILABLE_ONCE:
                self.faults.add(order.path, faults.Fault.UNAVAILABLE)

    def __repr__(self) -> str:
        counted = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return f"<Tenant {self.origin}, {len(self.orders)} orders: {counted or 'nothing asked yet'}>"

    @property
    def sign_in_url(self) -> str:
        """A page that needs the sign-in and redirects to it."""
        return f"{self.origin}/user/home"

    @property
    def sign_in_host(self) -> str:
        """The identity provider's host, which asks for the password; `""` if the tenant itself asks."""
        single = self.settings.sign_in is tenant_catalogue.SignIn.SINGLE_SIGN_ON
        return OTHER_HOST if single else ""

    def order_url(self, po_number: str) -> str:
        """The address made from a PO number; not every order has its page there."""
        return f"{self.origin}/order_headers/{po_number.lstrip('POMpom')}"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A user's list: `po_number,url`, then each order. The supplier is only on the pages."""
        yield "po_number", "url"
        for order in self.orders:
            yield order.po_number, self.order_url(order.po_number)

    def code(self) -> str:
        """The one-time code that the user's authenticator app shows now."""
        return totp.code(self.settings.totp_secret, time.time())

    def sign_everybody_out(self) -> None:
        """Ends all sessions on the server; browsers keep their cookies, which are no longer valid."""
        self.accounts.sign_everybody_out()

    def record(self, host: str, request: web.Request, session: tenant_accounts.Session | None = None) -> Request:
        """Notes a request."""
        url = request.rel_url
        entry = Request(host, request.method, url.raw_path, url.raw_query_string, session.name if session else "")
        self.log.append(entry)
        return entry
