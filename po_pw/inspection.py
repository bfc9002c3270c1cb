"""Reads orders' pages as a run would, and fetches nothing: one with the reasons for everything, or the first few."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from po_pw import client_certificates, context_pool, errors, events, hostnames, models, redact, sessions, settings
from po_pw.auth import login
from po_pw.dispatch import portal_knowledge
from po_pw.lanes import browser as browser_lane
from po_pw.portals import registry
from po_pw.portals.generic import record_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from po_pw.lanes import base as lanes

_WORKER = models.WorkerId("inspect")


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """Result of an inspection."""

    order: models.PurchaseOrder
    listing: models.Listing
    """As in a run in which this is the portal's only order."""
    screenshot: str
    """Path of the PNG; `""` if there is none."""
    presses: tuple[events.Event, ...]
    """Presses and the requests after them."""
    has_seen_area: bool
    """Orders of this portal have shown an attachment area."""
    accepted: bool
    """Orders of this portal may have no attachment area."""


async def inspect(
    options: settings.Settings, url: str, *, po_number: str = "", screenshot: Path, accept: bool = False
) -> Inspection:
    """Reads the page of one order; fetches nothing.

    Args:
        options: for browser and sign-ins.
        url: of the order.
        po_number: its number; `""` takes it from the address.
        screenshot: where to save it, with the items numbered.
        accept: from now on orders of this portal without an attachment area count as having no attachments.

    Raises:
        InputError: the address is invalid.
        LoginRequiredError: the page asks for a sign-in.
        MachineError: no browser.
        OrderError: the portal or the network failed.
    """
    login.check_address(url)
    if redact.is_incomplete(url):
        msg = f"a secret part of the address was removed where it says {redact.REDACTED}: give it whole"
        raise errors.InputError(msg)
    part = record_address.record_part(url, "")
    number = po_number or (part if part in redact.address(url) else "this order")
    order = models.PurchaseOrder(models.order_key(number), number, url)
    hub, heard = events.Hub(), list[events.Event]()
    hub.listen(heard.append)
    portals = registry.Registry(options)
    async with _opened(options, [order], portals, hub) as (lane, knowledge), lane.visit(order) as visit:
        found = visit.listing
        known = knowledge.memory(url)
        if accept and found.page is models.PageKind.ORDER:
            known.accepted_without_area = True
        concluded = _concluded(found, order, portals, knowledge)
        drawn = await _numbered(visit, found, screenshot)
    knowledge.save()
    presses = tuple(event for event in heard if isinstance(event, events.Pressed | events.RequestDecided))
    return Inspection(
        order, concluded, str(screenshot) if drawn else "", presses, known.area_seen, known.accepted_without_area
    )


@dataclasses.dataclass(frozen=True, slots=True)
class FirstRead:
    """An order whose page was read, or why it could not be."""

    order: models.PurchaseOrder
    listing: models.Listing | None
    error: errors.OrderError | None = None


async def read_first(options: settings.Settings, orders: Sequence[models.PurchaseOrder]) -> list[FirstRead]:
    """Reads the pages of a few orders, one after another; fetches nothing, and keeps nothing that it learns.

    Args:
        options: for browser and sign-ins.
        orders: to read.

    Raises:
        LoginRequiredError: a portal asks for a sign-in before any order is opened.
        MachineError: no browser.
        BrowserLostError: the browser crashed.
    """
    hub, portals = events.Hub(), registry.Registry(options)
    found: list[FirstRead] = []
    async with _opened(options, orders, portals, hub) as (lane, knowledge):
        for order in orders:
            try:
                async with asyncio.timeout(options.order_timeout), lane.visit(order) as visit:
                    found.append(FirstRead(order, _concluded(visit.listing, order, portals, knowledge)))
            except errors.BrowserLostError:
                raise
            except errors.OrderError as error:
                found.append(FirstRead(order, None, error))
            except TimeoutError:
                msg = f"the order's page was not read within {options.order_timeout:.0f} s"
                found.append(FirstRead(order, None, errors.TransientError(msg, models.ErrorCode.TIMEOUT)))
    return found


@contextlib.asynccontextmanager
async def _opened(
    options: settings.Settings, orders: Sequence[models.PurchaseOrder], portals: registry.Registry, hub: events.Hub
) -> AsyncIterator[tuple[browser_lane.BrowserLane, portal_knowledge.PortalKnowledge]]:
    """A lane of one browser, signed in to the orders' portals."""
    home = sessions.Sessions(settings.home(options), options.account)
    knowledge = portal_knowledge.PortalKnowledge(home, hub, lambda _: None)
    knowledge.expect(orders)
    certificate = await asyncio.to_thread(client_certificates.read, options)
    with tempfile.TemporaryDirectory(prefix="po-pw-inspect-") as folder:
        async with context_pool.Pool(options, home, hub, Path(folder), certificate) as browsers:
            await browsers.sign_in(sorted({hostnames.origin_of(order.url) for order in orders}))
            context = await browsers.open(_WORKER)
            yield browser_lane.BrowserLane(context, options, portals.for_url, knowledge, hub), knowledge


def _concluded(
    found: models.Listing,
    order: models.PurchaseOrder,
    portals: registry.Registry,
    knowledge: portal_knowledge.PortalKnowledge,
) -> models.Listing:
    """What a run would make of a listing if no other order could tell more."""
    portal, known = portals.for_url(order.url), knowledge.memory(order.url)
    return portal.conclude(found, order, known, last=True, is_other_order=lambda _: False) or found


async def _numbered(visit: lanes.Visit, found: models.Listing, path: Path) -> bool:
    return await visit.number([one.control for one in found.considered if one.taken], path)
