"""What a run knows about its portals, shared by all workers and saved between runs; and orders that wait for more."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import events, hostnames, models, net_errors, private_files
from po_pw.downloads import known_addresses
from po_pw.portals import memory
from po_pw.portals.generic import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from po_pw import sessions

_VERDICTS: Final = "verdicts.json"
_SIBLINGS: Final = 8
"""Number of order addresses of a portal that is enough to find the part with the order's id."""


@dataclasses.dataclass(slots=True)
class _Portal:
    memory: memory.PortalMemory
    siblings: list[str] = dataclasses.field(default_factory=list)
    waiting: set[models.OrderKey] = dataclasses.field(default_factory=set)
    """Orders that were read but not evaluated yet."""
    refused: set[tuple[str, ...]] = dataclasses.field(default_factory=set)
    """Kinds of controls whose press led to no file: not pressed again in this run."""
    trusted: set[tuple[str, ...]] = dataclasses.field(default_factory=set)
    """Kinds of controls whose press led to a file in this run."""
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    is_signed_out: bool = False
    level: tuple[bool, int, bool] = (False, 0, False)
    """What was known when the waiting orders were last evaluated; see `PortalKnowledge.learned`."""
    is_explained: bool = False
    """Whether a notice said what was read as the attachments; see `PortalKnowledge.explain`."""


class PortalKnowledge:
    """What is known about each portal of a run. Use only from the event loop.

    Args:
        home: folder of sign-ins and portal knowledge.
        hub: receives notices.
        unpark: returns waiting orders to the queue.
    """

    def __init__(
        self, home: sessions.Sessions, hub: events.Hub, unpark: Callable[[Iterable[models.OrderKey]], None]
    ) -> None:
        self._home = home
        self._hub = hub
        self._unpark = unpark
        self._portals: dict[str, _Portal] = {}
        self._numbers: collections.Counter[str] = collections.Counter()
        self._last: set[models.OrderKey] = set()
        self.known_addresses = _load_addresses(home.shared_file(_VERDICTS))
        """What addresses of all portals led to; of earlier runs only the shapes of addresses are known."""
        self.to_read_again: set[models.OrderKey] = set()
        """Orders to read again: they did not wait for a source of data that has since led to attachments."""

    def expect(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """Announces the orders in the list, whose numbers and addresses distinguish their pages."""
        for order in orders:
            self._numbers[numbers.core(order.po_number)] += 1
            siblings = self._of(order.url).siblings
            if len(siblings) < _SIBLINGS:
                siblings.append(order.url)

    def has_answered(self, host: str) -> bool:
        """Whether a portal answered in this run or an earlier one; `host` as from `net_errors.authority_of`."""
        origin = host if "://" in host else f"https://{host}"
        found = self._portals.get(origin)  # the host may be on no list: it is not added
        return (memory.load(self._file(origin)) if found is None else found.memory).has_answered

    def note_answer(self, host: str) -> None:
        """Records that a host answered."""
        for origin, portal in self._portals.items():
            if net_errors.authority_of(origin) == host:
                portal.memory.has_answered = True

    def memory(self, url: str) -> memory.PortalMemory:
        """The knowledge about the portal of an address."""
        return self._of(url).memory

    def siblings(self, url: str) -> tuple[str, ...]:
        """Addresses of a few other orders of the same portal."""
        return tuple(one for one in self._of(url).siblings if one != url)

    def is_other_order(self, order: models.PurchaseOrder, number: str) -> bool:
        """Whether a number, as from `numbers.core`, belongs to another order of the list."""
        own = numbers.core(order.po_number)
        return bool(number) and number != own and self._numbers[number] > 0

    # --- orders that wait until more is known -----------------------------------------------------------------------

    def wait(self, order: models.PurchaseOrder) -> None:
        """Parks an order until more is known about its portal."""
        self._of(order.url).waiting.add(order.key)

    def stop_waiting(self, order: models.PurchaseOrder) -> None:
        """Records that an order no longer waits."""
        self._of(order.url).waiting.discard(order.key)
        self._last.discard(order.key)

    def is_last(self, order: models.PurchaseOrder) -> bool:
        """Whether this order must be evaluated now, because nothing more will be learned."""
        return order.key in self._last

    def learned(self, url: str) -> None:
        """Unparks waiting orders if enough was learned from another order."""
        portal = self._of(url)
        known = portal.memory
        level = (known.area_seen or known.accepted_without_area, min(3, known.link_orders), known.orders_known > 0)
        if level != portal.level:
            portal.level = level
            if portal.waiting:
                self._unpark(list(portal.waiting))

    def only_parked(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """Lets all waiting orders be evaluated, because no others are left to learn from."""
        self._last.update(order.key for order in orders)

    def read_again(self, keys: Iterable[str]) -> None:
        """Marks orders to be read again: a source of data that was ignored has now led to attachments."""
        self.to_read_again.update(models.OrderKey(key) for key in keys)

    # --- presses ----------------------------------------------------------------------------------------------------

    def refuse_press(self, url: str, control: models.Control, *, is_fault: bool) -> None:
        """Records that a control led to no file, so that no control of its kind is pressed again in this run.

        Args:
            url: of the order.
            control: the pressed one.
            is_fault: the portal failed (HTTP 500). If others of the kind have led to files, they are still pressed.
        """
        portal = self._of(url)
        if not is_fault or _kind(control) not in portal.trusted:
            portal.refused.add(_kind(control))

    def trust_press(self, url: str, control: models.Control) -> None:
        """Records that a control led to a file."""
        self._of(url).trusted.add(_kind(control))

    def is_press_refused(self, url: str, control: models.Control) -> bool:
        """Whether a control of this kind was pressed in this run and led to no file."""
        return _kind(control) in self._of(url).refused

    # --- sign-in ----------------------------------------------------------------------------------------------------

    def proof_url(self, url: str) -> str:
        """A page that opened with this sign-in, to check the session; preferably not `url`. `""` if none is known.

        Prefers the page that is proved to need the sign-in: an order's page may open without one, and then lack data.
        """
        known = (self._home.proof_url(hostnames.origin_of(url)), self._of(url).memory.proof_url)
        found = [one for one in known if one]
        return next((one for one in found if one != url), found[0] if found else "")

    def sign_in_lock(self, url: str) -> asyncio.Lock:
        """Lock for checking a portal's session, so that one worker does it for all."""
        return self._of(url).lock

    def is_signed_out(self, url: str) -> bool:
        """Whether this portal's session was found to have ended."""
        return self._of(url).is_signed_out

    def note_signed_out(self, url: str) -> None:
        """Records that this portal's session has ended."""
        self._of(url).is_signed_out = True

    def note_signed_in(self, url: str) -> None:
        """Records that this portal's sign-in was renewed."""
        self._of(url).is_signed_out = False

    # --- explaining -------------------------------------------------------------------------------------------------

    def explain(self, order: models.PurchaseOrder, listing: models.Listing) -> None:
        """Tells the user once per run what was read as the attachments of an unknown portal, and how to check."""
        portal = self._of(order.url)
        if (
            portal.is_explained
            or not listing.facts
            or not (listing.attachments or listing.area is not models.AreaState.NONE)
        ):
            return
        portal.is_explained = True
        host = hostnames.origin_of(order.url).partition("://")[2]
        where = f'under "{listing.section}"' if listing.section else "on its page"
        count = len(listing.attachments)
        found = f"{count} {'file' if count == 1 else 'files'}" if count else "no files"
        text = (
            f"po-pw does not know {host} yet and looks for attachments by headings and lists. For {order.po_number} it "
            f"found {found} {where}. To check: po-pw portal inspect {order.url}"
        )
        self._hub.emit(events.Notice("info", text))

    # --- saving -----------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Saves the knowledge in each portal's folder.

        Raises:
            OSError: it cannot be written.
        """
        self._home.private_folder(self._home.shared_file(_VERDICTS).parent)
        private_files.write(self._home.shared_file(_VERDICTS), self.known_addresses.to_json())
        for origin, portal in self._portals.items():
            folder = self._home.private_folder(self._home.folder(origin))
            portal.memory.save(folder / memory.FILE)

    def _of(self, url: str) -> _Portal:
        origin = hostnames.origin_of(url)
        found = self._portals.get(origin)
        if found is None:
            found = self._portals[origin] = _Portal(memory.load(self._file(origin)))
        return found

    def _file(self, origin: str) -> Path:
        return self._home.folder(origin) / memory.FILE


def _load_addresses(path: Path) -> known_addresses.KnownAddresses:
    """Loads what earlier runs learned about addresses; empty if missing or unreadable."""
    try:
        return known_addresses.KnownAddresses.from_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return known_addresses.KnownAddresses()


def _kind(control: models.Control) -> tuple[str, ...]:
    """Key that is the same for controls that differ only in their file."""
    attributes = dict(control.attributes)
    words = "".join(char for char in control.label if not char.isdigit()).split()
    return control.tag, control.kind, attributes.get("class", ""), attributes.get("name", ""), words[0] if words else ""
