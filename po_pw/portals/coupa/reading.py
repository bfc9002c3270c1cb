"""Reads one order of Coupa: its page, found by number if the address is another's, and its requisition."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.browser import controls
from po_pw.portals import list_stability
from po_pw.portals.coupa import attachments, order_search, page_kind
from po_pw.portals.coupa import look as looks
from po_pw.portals.generic import page_facts, page_reading

if TYPE_CHECKING:
    from po_pw.portals import base

_MOST_PAGES: Final = 200
_MOST_OPENED: Final = 24
"""Maximum buttons to press on one page that show attachments."""
_MOST_REQUISITIONS: Final = 5
_PARTS: Final = ("attachment", "comment", "line", "requisition", "order_header")
"""Words in the addresses of requests that may bring attachments."""

_PUT_BAR_ASIDE: Final = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('.floatingSectionOnTop { visibility: hidden !important }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
"""Hides the bar that floats over the page: it would catch clicks meant for the controls below."""


class NotCoupaError(Exception):
    """The page has none of Coupa's own structure."""


@dataclasses.dataclass(slots=True)
class _Page:
    """One page, as it was read."""

    look: looks.Look
    page: attachments.Page
    settled: bool
    problems: list[str] = dataclasses.field(default_factory=list)
    """Why it may have more attachments than were found."""


class Reading:
    """Reads one order.

    Args:
        opened: its page.
        order_list: what is known of the portal's list of orders.
        is_sure: every page of the portal is Coupa's; if not, `read` refuses a page without Coupa's structure.
    """

    def __init__(self, opened: base.OpenPage, order_list: order_search.KnownList, *, is_sure: bool) -> None:
        self._opened = opened
        self._order_list = order_list
        self._is_sure = is_sure
        self._found = attachments.Found()
        self._stable_looks = list_stability.StableLooks(
            opened,
            lambda: looks.look(opened.page),
            is_same=lambda one, other: one.keys == other.keys and one.says_none == other.says_none,
            expects_more=self._expects_more,
            brings_nothing=lambda label: page_kind.KEPT_ALIVE_BY in label,
        )
        self._evidence: list[str] = []
        self._pressed: set[models.Control] = set()

    async def read(self) -> models.Listing:
        """Reads the order's page and, if needed, its requisition.

        Raises:
            NotCoupaError: the page is not one of Coupa's.
        """
        opened, order = self._opened, self._opened.order
        look, settled = await self._stable_looks.settle()
        facts = await self._facts(order.url)
        if not self._is_sure and not look.is_coupa:
            raise NotCoupaError
        verdict, at = page_kind.of_order(look, facts, order), ""
        if verdict.may_be_elsewhere:
            at, problem = await self._elsewhere(verdict)
            if problem is not None:
                return self._instead(problem, by_data=bool(self._session_ended()))
            if at:
                await self._go(at)
                look, settled = await self._stable_looks.settle()
                facts = await self._facts(at)
                verdict = page_kind.of_order(look, facts, order)
                self._evidence.append(f"found by its number in the portal's list of orders: {at}")
        self._evidence[:0] = verdict.evidence
        if verdict.kind is not models.PageKind.ORDER:
            return self._instead(verdict)
        own = await self._all_of(look, settled, attachments.Page(opened.page.url, at=at))
        if why := self._session_ended():
            return self._instead(page_kind.Verdict(models.PageKind.SIGNED_OUT, why, (why,)), by_data=True)
        listing = self._listed(own)
        problems = list(own.problems)
        if not self._found.attachments or not self._found.has_pdf:
            for address in own.look.requisitions[:_MOST_REQUISITIONS]:
                instead = await self._requisition(address, problems)
                if instead is not None:
                    return instead
        shown = self._found.attachments
        return dataclasses.replace(
            listing,
            attachments=shown,
            area=models.AreaState.FILLED if shown else listing.area,
            section="; ".join(dict.fromkeys(one.section for one in shown)) or listing.section,
            elsewhere=own.look.requisitions[:_MOST_REQUISITIONS],
            complete=not problems,
            why="; ".join(dict.fromkeys(problems)),
            evidence=tuple(dict.fromkeys(self._evidence)),
            considered=tuple(self._found.considered),
        )

    async def turn_to(self, click: models.Click) -> None:
        """Shows a control that `read` found again: turns the lists, or opens what hides it."""
        look, _ = await self._stable_looks.settle()
        await self._prepare()
        look = await self._open_counted(look)
        for _ in range(click.page):
            turned = await self._turn(look)
            if turned is None:
                return
            look = await self._open_counted(turned[0])
        for claim in look.claims:
            if claim.is_whole and not claim.is_open and not await self._is_there(click):
                look = await self._open(claim, look)

    async def _is_there(self, click: models.Click) -> bool:
        try:
            await controls.find(self._opened.page, click)
        except errors.TransientError:
            return False
        return True

    # --- pages --------------------------------------------------------------------------------------------------------

    async def _facts(self, asked: str) -> page_facts.PageFacts:
        opened = self._opened
        return await page_facts.look(
            opened.page,
            asked=asked,
            status=opened.status(),
            po_number=opened.order.po_number,
            words=page_reading.WORDS,
        )

    async def _go(self, url: str) -> None:
        await self._opened.go(url)
        self._stable_looks.begin_again()
        self._pressed.clear()

    async def _prepare(self) -> None:
        await self._opened.page.evaluate(_PUT_BAR_ASIDE)

    @staticmethod
    def _expects_more(look: looks.Look, is_proved: bool) -> bool:
        """Whether a look cannot be the last: the page is busy or, without proof of quiet, shows too few attachments."""
        is_silent = not look.entries and not look.says_none
        is_short = not look.turns and any(claim.count > len(look.entries) for claim in look.claims if claim.is_whole)
        is_record = look.controller in {page_kind.ORDERS, page_kind.REQUISITIONS}
        return look.is_busy or (is_record and not is_proved and (is_silent or is_short))

    def _instead(self, verdict: page_kind.Verdict, *, by_data: bool = False) -> models.Listing:
        return models.Listing(
            verdict.kind,
            (),
            None,
            complete=True,
            supplier="",
            url=self._opened.page.url,
            why=verdict.why,
            evidence=tuple(dict.fromkeys(self._evidence or verdict.evidence)),
            quiet=self._stable_looks.told(),
            by_data=by_data,
        )

    def _listed(self, page: _Page) -> models.Listing:
        look = page.look
        whole = [claim.count for claim in look.claims if claim.is_whole]
        state = models.AreaState.EMPTY if look.says_none or look.has_list else models.AreaState.NONE
        return models.Listing(
            models.PageKind.ORDER,
            self._found.attachments,
            max(whole, default=None),
            complete=True,
            supplier=look.supplier,
            url=page.page.url,
            area=models.AreaState.FILLED if self._found.attachments else state,
            section=page.page.heading("header") if look.has_list else "",
            quiet=self._stable_looks.told(),
        )

    def _session_ended(self) -> str:
        """Why a request for part of the page shows that the session has ended; `""` if none does."""
        return page_kind.session_ended(self._opened.watch.answers.refusals)

    # --- the list of orders -------------------------------------------------------------------------------------------

    async def _elsewhere(self, verdict: page_kind.Verdict) -> tuple[str, page_kind.Verdict | None]:
        """Searches the portal's list for the order.

        Args:
            verdict: on the page at the order's address.

        Returns:
            The order's address; `""` if the list certainly has no other one. And the verdict that replaces the one on
            the page, or None.
        """
        order = self._opened.order
        located = await order_search.OrderSearch(self._opened, self._order_list).find()
        if located.instead is not None:
            return "", located.instead
        if len(located.addresses) > 1:
            why = (
                f"the portal's list has {len(located.addresses)} orders with the number {order.po_number}: give the url"
            )
            return "", page_kind.Verdict(models.PageKind.NOT_RECOGNISED, why, (why,))
        if located.why_unsure:
            why = f"the page at its address is not its own ({verdict.why}), and {located.why_unsure}"
            return "", page_kind.Verdict(models.PageKind.NOT_LOCATED, why, (*verdict.evidence, located.why_unsure))
        at = "".join(located.addresses)
        return ("" if page_kind.record_of(at) == page_kind.record_of(order.url) else at), None

    # --- attachments --------------------------------------------------------------------------------------------------

    async def _all_of(self, look: looks.Look, settled: bool, page: attachments.Page) -> _Page:
        """Reads all attachments of a page: behind its buttons, and on all pages of its lists."""
        first = look
        await self._prepare()
        look = await self._open_counted(look)
        self._found.add(look.entries, page)
        turned = 0
        problems: list[str] = []
        while settled and turned < _MOST_PAGES:
            more = await self._turn(look)
            if more is None:
                break
            turned += 1
            look, settled = more
            look = await self._open_counted(look)
            self._found.add(look.entries, page, turned)
        if settled:
            look = await self._open_whole(look, page, turned)
        last = max((turn.page for turn in (*first.turns, *look.turns)), default=0)
        if last > turned + 1:
            problems.append(f"{page.label or 'the page'} has lists of {last} pages and showed {turned + 1}")
        elif any(turn.is_next and not turn.is_off for turn in look.turns):
            problems.append(f"{page.label or 'the page'} has a further page of its lines that could not be opened")
        self._note_left(first, page)
        problems += self._problems(first, look, page, settled)
        return _Page(first, page, settled, problems)

    def _note_left(self, look: looks.Look, page: attachments.Page) -> None:
        for section, control in dict.fromkeys(look.left):
            self._found.considered.append(
                models.Considered(control, page.heading(section), False, "LEAVE", "it adds an attachment")
            )

    def _problems(self, first: looks.Look, last: looks.Look, page: attachments.Page, settled: bool) -> list[str]:
        """Why a page may have more attachments than were found."""
        what = page.label or "the page"
        found = self._count(page)
        said = [f"{what} shows an attachment of a kind that is not known: {text!r}" for text in self._found.unknown]
        for claim in last.claims:
            have = found if claim.is_whole else claim.entries
            if have < claim.count:
                count = "is 1 attachment" if claim.count == 1 else f"are {claim.count} attachments"
                said.append(f"{what} says that there {count} and shows {have}")
        if not settled:
            said.append(f"{what} was still loading after {self._opened.timeout:.0f} s")
        failures = {
            label: status
            for label, status in self._opened.watch.answers.failures.items()
            if page_kind.KEPT_ALIVE_BY not in label and (not found or any(part in label.lower() for part in _PARTS))
        }
        refused = {} if found else dict(self._opened.watch.answers.refusals)
        for label, status in {**failures, **refused}.items():
            said.append(f"{what} could not load a part of itself: {label} was answered with {status}")
        if not found and first.has_list and not first.says_none and not first.entries:
            said.append(f"{what} has a list of attachments that neither shows one nor says that it is empty")
        return said

    async def _open_counted(self, look: looks.Look) -> looks.Look:
        """Presses buttons in comments and lines that count more attachments than are shown there."""
        for _ in range(_MOST_OPENED):
            short = [
                claim
                for claim in look.claims
                if claim.control not in self._pressed
                and not claim.is_open
                and not claim.is_whole
                and claim.count > claim.entries
            ]
            if not short:
                break
            self._pressed.add(short[0].control)
            look = await self._open(short[0], look)
        return look

    async def _open_whole(self, look: looks.Look, page: attachments.Page, turned: int) -> looks.Look:
        """Presses the whole page's button if it counts more than was found, or reveals invisible buttons."""
        for claim in look.claims:
            is_all_in_reach = claim.count <= self._count(page) and not attachments.out_of_reach(look.entries)
            if not claim.is_whole or claim.is_open or is_all_in_reach:
                continue
            look = await self._open(claim, look)
            self._found.add(look.entries, page, turned)
        return look

    async def _open(self, claim: looks.Claim, look: looks.Look) -> looks.Look:
        """Presses a button that counts attachments; returns a new look, or the same if it could not be pressed."""
        alike = sum(one.control == claim.control for one in look.claims)
        pressed = await self._opened.press(models.Click(claim.control, 0, max(1, alike)), models.Purpose.OPEN)
        return (await self._stable_looks.settle())[0] if pressed.done else look

    def _count(self, page: attachments.Page) -> int:
        """Number of attachments found on a page."""
        return sum(one.section.startswith(page.label) for one in self._found.attachments)

    async def _turn(self, look: looks.Look) -> tuple[looks.Look, bool] | None:
        """Turns one of the page's lists; None if none can be turned."""
        for section in dict.fromkeys(turn.section for turn in look.turns):
            own = [turn for turn in look.turns if turn.section == section]
            current = max((turn.page for turn in own if turn.is_current), default=1)
            likely = [turn for turn in own if turn.is_next] + [turn for turn in own if turn.page == current + 1]
            for turn in likely:
                if turn.is_off or turn.is_current or turn.control is None:
                    continue
                controls = [one.control for one in own]
                click = models.Click(turn.control, 0, controls.count(turn.control))
                pressed = await self._opened.press(click, models.Purpose.TURN)
                if not pressed.done:
                    continue
                before = look
                look, settled = await self._stable_looks.settle()
                if look.turns == before.turns and look.keys == before.keys:
                    continue
                return look, settled
        return None

    # --- the requisition ----------------------------------------------------------------------------------------------

    async def _requisition(self, address: str, problems: list[str]) -> models.Listing | None:
        """Adds the attachments of the order's requisition; returns a listing if the session has ended."""
        record = page_kind.record_of(address)
        page = attachments.Page(address, f"Requisition {record}", address)
        self._found.unknown.clear()
        try:
            await self._go(address)
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:  # The order's own attachments are kept.
            problems.append(f"requisition {record} was not read: {error}")
            return None
        look, settled = await self._stable_looks.settle()
        verdict = page_kind.of_requisition(look, await self._facts(address))
        if verdict.kind in {models.PageKind.SIGNED_OUT, models.PageKind.CHALLENGE}:
            return self._instead(verdict)
        if verdict.kind is not models.PageKind.ORDER:
            problems.append(f"the order's requisition {record} could not be read: {verdict.why}")
            return None
        read = await self._all_of(look, settled, page)
        if why := self._session_ended():
            return self._instead(page_kind.Verdict(models.PageKind.SIGNED_OUT, why, (why,)), by_data=True)
        self._evidence.append(f"its requisition {record} was read, too")
        problems += read.problems
        return None
