"""Reads one order's page as a run would, with the reason for everything that was taken or left."""

from __future__ import annotations

import asyncio
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
        msg = f"a secret part of the address is missing where it says {redact.REDACTED}: give it whole"
        raise errors.InputError(msg)
    part = record_address.record_part(url, "")
    number = po_number or (part if part in redact.address(url) else "this order")
    order = models.PurchaseOrder(models.order_key(number), number, url)
    hub, heard = events.Hub(), list[events.Event]()
    hub.listen(heard.append)
    home = sessions.Sessions(settings.home(options), options.account)
    knowledge = portal_knowledge.PortalKnowledge(home, hub, lambda _: None)
    knowledge.expect([order])
    portal = registry.Registry(options).for_url(url)
    certificate = await asyncio.to_thread(client_certificates.read, options)
    with tempfile.TemporaryDirectory(prefix="po-pw-inspect-") as folder:
        async with context_pool.Pool(options, home, hub, Path(folder), certificate) as browsers:
            await browsers.sign_in([hostnames.origin_of(url)])
            context = await browsers.open(_WORKER)
            lane = browser_lane.BrowserLane(context, options, lambda _: portal, knowledge, hub)
            async with lane.visit(order) as visit:
                found = visit.listing
                known = knowledge.memory(url)
                if accept and found.page is models.PageKind.ORDER:
                    known.accepted_without_area = True
                concluded = portal.conclude(found, order, known, last=True, is_other_order=lambda _: False) or found
                drawn = await _numbered(visit, found, screenshot)
    knowledge.save()
    presses = tuple(event for event in heard if isinstance(event, events.Pressed | events.RequestJudged))
    return Inspection(
        order, concluded, str(screenshot) if drawn else "", presses, known.area_seen, known.accepted_without_area
    )


async def _numbered(visit: lanes.Visit, found: models.Listing, path: Path) -> bool:
    return await visit.number([one.control for one in found.considered if one.taken], path)
