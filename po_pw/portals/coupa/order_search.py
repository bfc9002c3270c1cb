"""Finds an order by its number in Coupa's list of orders, if its address does not follow from the number.

An order counts as missing only if all pages of the list were read without it, or if a search did not find it that is
proved to find orders by number. Nothing is changed: addresses are requested with GET, and only the list's own paging is
pressed, inside the press guard.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import time
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.portals import list_stability
from po_pw.portals.coupa import look as looks
from po_pw.portals.coupa import order_list, page_kind
from po_pw.portals.generic import page_facts, page_reading

if TYPE_CHECKING:
    from po_pw.portals import base

_MOST_PAGES: Final = 50
"""Maximum pages of the list to read."""
_WALKS_FOR: Final = 60.0
"""Seconds after which no further page of the list is opened."""


_SCROLL: Final = """() => {
  for (const node of [document.scrollingElement, ...document.querySelectorAll('*')])
    if (node && node.scrollHeight > node.clientHeight + 4) node.scrollTop = node.scrollHeight;
  return new Promise((resolve) => {
    setTimeout(resolve, 250);
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  });
}"""
"""Scrolls everything on the page to its end."""


class Proof(enum.Enum):
    """Whether the list's search is known to find orders by number."""

    OPEN = enum.auto()
    """Not tried: the list shows too few orders, or need not be searched."""
    PROVED = enum.auto()
    FAILED = enum.auto()
    """It did not find an order that the list shows, or also showed others."""


@dataclasses.dataclass(slots=True)
class KnownList:
    """What is known of a portal's list of orders. Shared by all orders of a run, so that the list is read once."""

    met: dict[str, dict[str, None]] = dataclasses.field(default_factory=dict)
    """Addresses of the orders that the list has shown, by number."""
    search: order_list.Search | None = None
    proof: Proof = Proof.OPEN
    problem: str = ""
    """Why the list cannot be read; `""` if it can."""
    is_begun: bool = False
    is_walked: bool = False
    is_whole: bool = False
    """All its pages were read."""
    pages: int = 0
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    def note(self, shown: order_list.OrderList) -> None:
        """Records the orders on one page of the list."""
        for row in shown.rows:
            self.met.setdefault(row.number, {})[row.address] = None

    def why_unsure(self) -> str:
        """Why an order that was not found may still exist."""
        if self.problem:
            return self.problem
        pages = "the first page was" if self.pages == 1 else f"{self.pages} pages were"
        orders = "1 order" if len(self.met) == 1 else f"{len(self.met):,} orders"
        return f"the portal's list of orders cannot be searched by number, and only {pages} looked at ({orders})"


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """Result of a search for an order."""

    addresses: tuple[str, ...] = ()
    """Addresses of the orders with this number; empty if none was found."""
    why_unsure: str = ""
    """Why an order that was not found may still exist; `""` if it certainly does not, or was found."""
    instead: page_kind.Verdict | None = None
    """The page that came instead of the list, if it ends the reading of the order."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Walked:
    """How much of a list was read."""

    pages: int
    is_whole: bool = False
    """All its pages were read."""
    is_settled: bool = True
    """Each page finished loading and could be turned; if not, another attempt may succeed."""


class _InsteadError(Exception):
    """Another page came instead of the list: a sign-in, or a challenge."""

    def __init__(self, verdict: page_kind.Verdict) -> None:
        super().__init__(verdict.why)
        self.verdict = verdict


class OrderSearch:
    """Searches the list for one order.

    Args:
        opened: the order's page; it navigates to the list.
        known: what is known of the portal's list.
    """

    def __init__(self, opened: base.OpenPage, known: KnownList) -> None:
        self._opened = opened
        self._known = known
        self._list_url = order_list.address(opened.order.url)
        self._looks = list_stability.StableLooks(
            opened,
            lambda: order_list.look(opened.page),
            is_same=lambda one, other: one.rows == other.rows,
            expects_more=lambda one, is_proved: not one.rows and not is_proved,
            brings_nothing=lambda label: page_kind.KEPT_ALIVE_BY in label,
        )

    async def find(self) -> Located:
        """Finds the addresses of the orders with this number.

        Raises:
            OrderError: the list cannot be opened now.
        """
        try:
            return await self._find(page_kind.bare(self._opened.order.po_number))
        except _InsteadError as error:
            return Located(instead=error.verdict)

    async def _find(self, number: str) -> Located:
        known = self._known
        if number in known.met:
            return self._met(number)
        async with known.lock:
            if not known.is_begun:
                await self._begin()
        if number in known.met:
            return self._met(number)
        if known.search is not None and known.proof is not Proof.FAILED and not known.problem:
            walked = await self._search(known.search)
            if number in known.met:
                return self._met(number)
            if not walked.is_settled:
                raise _late()
            if known.proof is Proof.PROVED:
                more = "the search of the portal's list of orders has more results than were looked at"
                return Located(why_unsure="" if walked.is_whole else more)
        if not known.is_whole and not known.problem:
            async with known.lock:
                if not known.is_walked:
                    await self._go(self._list_url)
                    walked = await self._walk()
                    known.pages, known.is_whole, known.is_walked = walked.pages, walked.is_whole, walked.is_settled
        if number in known.met:
            return self._met(number)
        if not (known.is_walked or known.is_whole or known.problem):
            raise _late()
        return Located(why_unsure="" if known.is_whole else known.why_unsure())

    def _met(self, number: str) -> Located:
        return Located(tuple(self._known.met[number]))

    async def _begin(self) -> None:
        """Opens the list and records its first page: the orders, whether they are all, and whether the search works."""
        known = self._known
        await self._go(self._list_url)
        shown, is_settled = await self._settle()
        known.problem = await self._why_unreadable(shown)
        known.search, known.pages = shown.search, 1
        if is_settled and not known.problem and not shown.has_more(1):
            await self._turn(shown, None)
            known.is_whole = (await self._settle())[0].rows == shown.rows
        if shown.search is not None and not known.is_whole and not known.problem:
            known.proof = await self._prove(shown.search, shown)
        known.is_begun = is_settled

    async def _why_unreadable(self, shown: order_list.OrderList) -> str:
        look = await looks.look(self._opened.page)
        status = self._opened.status()
        if status >= 400:
            return f"the portal's list of orders could not be read (HTTP {status})"
        is_list = look.controller == page_kind.ORDERS and not look.action.startswith("show")
        if not shown.rows and look.flash:
            return f"the portal's list of orders could not be read (the portal says {look.flash[0][:120]!r})"
        return "" if is_list or shown.rows else "the portal's list of orders could not be read (another page came)"

    async def _prove(self, search: order_list.Search, shown: order_list.OrderList) -> Proof:
        """Searches for an order that the list shows: the search works if it finds this order and not the others."""
        numbers = [row.number for row in shown.rows]
        for number in numbers:
            others = {other for other in numbers if number not in other}
            if others:
                await self._go(search.address(number))
                found, is_settled = await self._settle()
                left = {row.number for row in found.rows}
                return Proof.PROVED if is_settled and number in left and not others & left else Proof.FAILED
        return Proof.OPEN

    async def _search(self, search: order_list.Search) -> _Walked:
        await self._go(search.address(page_kind.address_part(self._opened.order.po_number)))
        return await self._walk(until=page_kind.bare(self._opened.order.po_number))

    async def _walk(self, until: str = "") -> _Walked:
        """Records the orders from the current page on.

        Args:
            until: stops when this number has been found; `""`: reads all pages.
        """
        ends = time.monotonic() + _WALKS_FOR
        shown, is_settled = await self._settle()
        page, seen = 1, {self._opened.page.url}
        while is_settled and until not in self._known.met:
            turn = shown.next(page)
            is_unreadable = turn is None and shown.has_more(page)
            if is_unreadable or page >= _MOST_PAGES or time.monotonic() >= ends:
                break
            address = "" if turn is None else shown.address_of(turn)
            if address in seen:
                break
            if address:
                seen.add(address)
                await self._go(address)
            elif not await self._turn(shown, turn):
                return _Walked(page, is_settled=False)
            before = shown
            shown, is_settled = await self._settle()
            if is_settled and shown.rows == before.rows:
                return _Walked(page, is_whole=turn is None)
            page += 1
        return _Walked(page, is_settled=is_settled)

    async def _turn(self, shown: order_list.OrderList, turn: order_list.Turn | None) -> bool:
        """Turns to the next page, or scrolls a list without paging to its end; returns whether that was possible."""
        if turn is None:
            await self._opened.page.evaluate(_SCROLL)
            is_done = True
        else:
            is_done = (await self._opened.press(_click(shown, turn), models.Purpose.TURN)).done
        self._looks.begin_again()
        return is_done

    async def _go(self, url: str) -> None:
        await self._opened.go(url)
        self._looks.begin_again()

    async def _settle(self) -> tuple[order_list.OrderList, bool]:
        """Waits until the list has loaded, and records its orders; returns it, and whether it loaded completely.

        Raises:
            _InsteadError: the portal shows a sign-in or a challenge.
        """
        opened = self._opened
        shown, is_settled = await self._looks.settle()
        look = await looks.look(opened.page)
        facts = await page_facts.look(
            opened.page,
            asked=self._list_url,
            status=opened.status(),
            po_number=opened.order.po_number,
            words=page_reading.WORDS,
        )
        if facts.challenge_covers:
            why = "the portal asks whether you are a person"
            raise _InsteadError(page_kind.Verdict(models.PageKind.CHALLENGE, why, (why,)))
        if why := page_kind.signed_out(look, facts) or page_kind.session_ended(opened.watch.answers.refusals):
            raise _InsteadError(page_kind.Verdict(models.PageKind.SIGNED_OUT, why, (why,)))
        self._known.note(shown)
        failed = {**opened.watch.answers.failures, **opened.watch.answers.refusals}
        return shown, is_settled and not (failed and not shown.rows)


def _late() -> errors.TransientError:
    msg = "the portal's list of orders did not show all in time"
    return errors.TransientError(msg, models.ErrorCode.TIMEOUT)


def _click(shown: order_list.OrderList, turn: order_list.Turn) -> models.Click:
    alike = [one for one in shown.turns if one.control == turn.control]
    return models.Click(turn.control, next(nth for nth, one in enumerate(alike) if one is turn), len(alike))
