"""Reads the attachments of one page: opens, scrolls and turns its list, and says whether the list is complete."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.browser import data_answers
from po_pw.portals import list_stability
from po_pw.portals.generic import (
    control_policy,
    finder,
    label_words,
    page_facts,
    page_items,
    recognition,
    record_address,
    scrolling,
    topics,
)

if TYPE_CHECKING:
    from po_pw.portals import base

_MOST_PAGES: Final = 200
_MOST_OPENED: Final = 24
"""Maximum closed parts of a list to open."""
_MOST_SCROLLS: Final = 100
_SCROLL_ROUNDS: Final = 2
"""Number of scrolls in a row without anything new after which a list is at its end."""
WORDS: Final = page_facts.Words(
    signs_in=lambda label: page_facts.says_sign_in(label) or label_words.is_sign_in_label(label),
    is_error=lambda text: bool(topics.trouble(text)),
)
_FIRST_ERROR: Final = 400
_SIGN_INS: Final = frozenset({401, 419, data_answers.FOUND})
"""Statuses of requests for data by which a session has ended, see `data_answers.DataAnswers.failures`."""


@dataclasses.dataclass(slots=True)
class _Found:
    """What was found so far, on all pages and in all parts of the list."""

    attachments: dict[str, models.Attachment] = dataclasses.field(default_factory=dict)
    turned: int = 0
    """Number of times "next" or "more" was pressed."""
    at: str = ""
    """Address of the page that is read, if it is another one of the order; else `""`."""

    def begin_page(self, address: str) -> None:
        """Goes on with another page of the order."""
        self.turned, self.at = 0, address

    def add(self, look: finder.Look, *, replaced: bool = False) -> bool:
        """Adds what a look shows; returns whether anything is new.

        Args:
            look: the latest.
            replaced: another page replaced the one before: an attachment that looks the same and has no address is
                another one.
        """
        before = len(self.attachments)
        for attachment in look.attachments:
            one = self._on_page(attachment)
            known = self.attachments.get(one.id)
            if known is None:
                self.attachments[one.id] = one
            elif replaced and isinstance(one.source, models.Click):
                again = dataclasses.replace(one, id=f"{one.id}-p{self.turned}")
                self.attachments.setdefault(again.id, again)
            else:
                merged = tuple(way for way in (one.source, *one.others) if way not in (known.source, *known.others))
                links = tuple(way for way in merged if not isinstance(way, models.Click))
                self.attachments[one.id] = dataclasses.replace(known, others=(*known.others, *links))
        return len(self.attachments) > before

    def _on_page(self, attachment: models.Attachment) -> models.Attachment:
        if not self.turned and not self.at:
            return attachment
        ways = [
            dataclasses.replace(way, page=self.turned, at=self.at) if isinstance(way, models.Click) else way
            for way in (attachment.source, *attachment.others)
        ]
        return dataclasses.replace(attachment, source=ways[0], others=tuple(ways[1:]))


class PageReading:
    """One reading of one page."""

    def __init__(self, looks: finder.Finder, opened: base.OpenPage) -> None:
        self._finder = looks
        self._opened = opened
        self._stable_looks = list_stability.StableLooks(
            opened,
            lambda: looks.look(opened.page, opened.order.po_number),
            is_same=lambda one, other: one.keys == other.keys and one.says_none == other.says_none,
            expects_more=self._expects_more,
        )
        self._found = _Found()
        self._pressed: set[models.Control] = set()
        self._said: list[str] = []
        self._unopened: list[str] = []
        """Labels of controls that would have opened more of the list."""
        self._unturned: list[str] = []
        """Labels of controls that would have turned to more of the list."""
        self._claimed: int | None = None
        order = opened.order
        self._record = record_address.record_part(order.url, order.po_number, opened.siblings)

    async def read(self) -> models.Listing:
        """Reads the whole list."""
        opened = self._opened
        look, settled = await self._settle()
        order = opened.order
        facts = await page_facts.look(
            opened.page, asked=order.url, status=opened.status(), po_number=order.po_number, words=WORDS
        )
        known = recognition.recognize(
            facts,
            opened.order,
            opened.memory,
            other_orders=opened.is_other_order,
            sibling_urls=opened.siblings,
            has_area=bool(look.attachments) or look.says_none or look.has_failed,
        )
        if known.kind is not models.PageKind.ORDER:
            return models.Listing(
                known.kind,
                (),
                None,
                complete=True,
                supplier="",
                url=opened.page.url,
                why=known.why,
                evidence=known.evidence,
                quiet=self._stable_looks.told(),
                facts=facts.to_json(),
                considered=look.considered,
            )
        first, complete, why = await self._read_list(look, settled)
        for url, label, count in self._own_pages(first):
            there = await self._read_own_page(url)
            if there is not None:
                first, complete, why = there
            if complete and len(self._found.attachments) < count:
                complete, why = (
                    False,
                    f"{label!r} says that there are {count}, but they are not on the page it leads to",
                )
        attachments = tuple(self._found.attachments.values())
        if not attachments and (signed_out := self._unauthorized()):
            return models.Listing(
                models.PageKind.SIGNED_OUT,
                (),
                None,
                complete=True,
                supplier="",
                url=opened.page.url,
                why=signed_out,
                by_data=True,
                quiet=self._stable_looks.told(),
                considered=first.considered,
            )
        self._finder.answered.update(opened.watch.answers.answered)
        filled = models.AreaState.FILLED if attachments else models.AreaState.EMPTY
        return models.Listing(
            models.PageKind.ORDER,
            attachments,
            self._claimed,
            complete=complete,
            supplier=first.supplier,
            url=opened.page.url,
            area=filled if first.areas and not first.is_weak else models.AreaState.NONE,
            section="; ".join(dict.fromkeys(area.label for area in first.areas if area.label)),
            loose=first.loose if not attachments else (),
            certain=known.certain or bool(attachments),
            why=why,
            evidence=known.evidence,
            quiet=self._stable_looks.told(),
            facts=facts.to_json(),
            considered=first.considered,
        )

    async def _read_list(self, look: finder.Look, settled: bool) -> tuple[finder.Look, bool, str]:
        """Reads the list on the page that is open; gives its first page, and whether it is complete, else why not."""
        self._found.add(look)
        look, settled = await self._open_all(look, settled)
        look, settled = await self._bring_into_view(look, settled)
        first = look
        look, settled = await self._scroll(look, settled)
        look, settled = await self._turn_all(look, settled)
        first = look if not first.areas else first
        return first, *self._completeness(first, look, settled)

    def _own_pages(self, look: finder.Look) -> list[tuple[str, str, int]]:
        """Address, label and count of the order's other page that lists more attachments than were found.

        A link that says how many must say more than were found; one that does not counts where nothing was found.
        """
        found = len(self._found.attachments)
        wanted = [one for one in look.elsewhere if one[2] > found or (one[2] < 0 and not found)]
        return [one for one in wanted if self._is_own(one[0])][:1]

    async def _read_own_page(self, url: str) -> tuple[finder.Look, bool, str] | None:
        """Reads another page of the order, with all that was found before; None if it has no list of attachments."""
        opened = self._opened
        try:
            status = await opened.go(url)
        except errors.PermanentError:
            return None
        self._stable_looks.begin_again()
        look, settled = await self._settle()
        is_there = record_address.keeps_record(opened.page.url, self._record) and status < _FIRST_ERROR
        if not is_there or not (look.areas or look.openers):
            return None
        self._found.begin_page(url)
        return await self._read_list(look, settled)

    async def turn_to(self, page: int) -> None:
        """Turns to the list's page that shows a control; 0: the first page."""
        look, settled = await self._settle()
        self._found.add(look)
        look, settled = await self._open_all(look, settled)
        for _ in range(page):
            turned = await self._turn(look)
            if turned is None:
                return
            look, settled = turned

    async def _settle(self) -> tuple[finder.Look, bool]:
        """Looks until nothing more is expected; False if the time was up before."""
        return await self._stable_looks.settle()

    @staticmethod
    def _expects_more(look: finder.Look, is_proved: bool) -> bool:
        """Whether a look cannot be the last: the list is busy or, without proof of quiet, empty or too short."""
        short = look.claimed is not None and len(look.attachments) < look.claimed and not look.turns
        return look.busy or not look.parsed or (not is_proved and (look.is_silent or short or look.empty))

    # --- opening, scrolling, turning --------------------------------------------------------------------------------

    async def _open_all(self, look: finder.Look, settled: bool) -> tuple[finder.Look, bool]:
        """Opens closed parts of the list, one after another."""
        while settled and len(self._pressed) < _MOST_OPENED:
            closed = [one for one in look.openers if one.control not in self._pressed]
            if not closed:
                break
            one = closed[0]
            self._pressed.add(one.control)
            pressed = await self._opened.press(look.clicks[id(one)], models.Purpose.OPEN)
            if not pressed.done:
                self._said.append(pressed.why)
                self._unopened.append(one.control.label)
                continue
            look, settled = await self._settle()
            self._note_stopped(one.control, pressed, self._unopened)
            self._found.add(look)
        return look, settled

    async def _bring_into_view(self, look: finder.Look, settled: bool) -> tuple[finder.Look, bool]:
        """Shows what lies below the window once: a list may be asked for only when it comes into view."""
        if not settled or not any(area.shown and area.scrolls and not area.items for area in look.areas):
            return look, settled
        for frame in self._opened.page.frames:
            if frame == self._opened.page.main_frame or any(area.frame == frame.url for area in look.areas):
                await scrolling.sweep(frame)
        look, settled = await self._settle()
        self._found.add(look)
        return look, settled

    async def _scroll(self, look: finder.Look, settled: bool) -> tuple[finder.Look, bool]:
        """Scrolls lists that load more when scrolled, until nothing new comes."""
        idle = 0
        for _ in range(_MOST_SCROLLS):
            short = look.claimed is not None and len(self._found.attachments) < look.claimed and not look.turns
            if not settled or idle >= _SCROLL_ROUNDS or not (look.attachments or short):
                break
            if not (short or any(area.scrolls and area.items for area in look.areas)):
                break
            moved = False
            for frame in self._opened.page.frames:
                if frame == self._opened.page.main_frame or any(area.frame == frame.url for area in look.areas):
                    moved = await scrolling.scroll(frame) or moved
            look, settled = await self._settle()
            new = self._found.add(look)
            idle = 0 if new else idle + 1
            if not moved and not new:
                break
        return look, settled

    async def _turn_all(self, look: finder.Look, settled: bool) -> tuple[finder.Look, bool]:
        """Turns the list's pages, or presses "more", until there is no more."""
        while settled and self._found.turned < _MOST_PAGES:
            turned = await self._turn(look)
            if turned is None:
                break
            look, settled = turned
        return look, settled

    async def _turn(self, look: finder.Look) -> tuple[finder.Look, bool] | None:
        """Turns to the next page of the list; None if there is none or it does not come."""
        clicks = look.clicks
        for one in self._next_of(look):
            key = dataclasses.replace(one.control, row="")
            pressed = await self._opened.press(clicks[id(one)], models.Purpose.TURN)
            if not pressed.done:
                self._said.append(pressed.why)
                continue
            before = look
            look, settled = await self._settle()
            if look.keys == before.keys and look.considered == before.considered:
                self._note_stopped(one.control, pressed, self._unturned)
                self._pressed.add(key)
                continue
            self._found.turned += 1
            new = self._found.add(look, replaced=not set(before.keys) <= set(look.keys))
            if not new:
                self._pressed.add(key)
            return look, settled
        return None

    def _note_stopped(self, control: models.Control, pressed: base.Pressed, left: list[str]) -> None:
        """Records what was stopped after a press, and that the control therefore showed less than it has."""
        stopped = pressed.stopped()
        label = control.label or control.title or "a button without a label"
        self._said += [f"pressing {label!r} would send {text}" for text in stopped]
        if stopped:
            left.append(label)

    def _is_short(self, look: finder.Look) -> bool:
        return look.claimed is not None and len(self._found.attachments) < look.claimed

    def _next_of(self, look: finder.Look) -> list[page_items.Candidate]:
        """Controls that may show the next page, likeliest first."""
        page = self._found.turned + 2
        result = []
        for one in look.turns:
            if dataclasses.replace(one.control, row="") in self._pressed or one.current:
                continue
            shows_all = one.decision.action is not control_policy.Action.TURN  # a link to all of them, not "more"
            if shows_all and label_words.is_expander_label(one.control.label) and not self._is_short(look):
                continue
            number = label_words.page_number(one.control.label)
            if number is None or number == page:
                result.append(one)
        return result

    # --- what it comes to -------------------------------------------------------------------------------------------

    def _completeness(self, look: finder.Look, last: finder.Look, settled: bool) -> tuple[bool, str]:
        found = len(self._found.attachments)
        if look.claimed is not None:
            self._claimed = look.claimed
        if self._claimed is not None and found < self._claimed:
            said = f" ({'; '.join(dict.fromkeys(self._said))})" if self._said else ""
            return False, f"the page says it has {self._claimed} attachments but shows {found}{said}"
        if more := self._more(look, last, found):
            said = f" ({'; '.join(dict.fromkeys(self._said))})" if self._said else ""
            return False, f"{more}{said}"
        if self._unopened and (self._claimed is None or found < self._claimed) and not found:
            said = f" ({'; '.join(dict.fromkeys(self._said))})" if self._said else ""
            return False, f"{self._unopened[0]!r} could not be opened{said}"
        if look.has_failed and not found:
            return False, "the page shows an error message instead of its attachments"
        if failed := self._failed(found):
            return False, failed
        if look.is_unread and not found:
            return False, "the page shows something instead of its attachments that po-pw cannot read"
        if not settled:
            return False, f"the page was still loading after {self._opened.timeout:.0f} s"
        return True, ""

    def _more(self, look: finder.Look, last: finder.Look, found: int) -> str:
        """Why there must be more attachments than were found; `""` if nothing says so.

        Args:
            look: the first page of the list, with everything opened.
            last: the latest.
            found: how many were found.
        """
        if self._claimed is not None and found >= self._claimed > 0:
            return ""
        if look.mentioned > found:
            return f"the page says that there are {look.mentioned}, but shows {found or 'none'}"
        if look.in_rows > found:
            return f"buttons in rows of the page hold {look.in_rows}, but {found or 'none'} could be listed"
        stated = max((area.stated for area in look.areas if area.shown), default=0)
        if stated and not found:
            return f"the page says that there are {stated}, but shows none"
        if self._unturned:
            return f"{self._unturned[0]!r} would show more of the list"
        if look.unreached:
            return f"the page shows the file {look.unreached[0]!r} without a link or button to download it"
        if look.unclear:
            return f"its list shows {look.unclear[0]!r}, whose link was not followed: it may do something else"
        if look.closed:
            return f"{look.closed[0]!r} could not be opened"
        unshown = max((area.unshown for area in last.areas if area.shown), default=0)
        if unshown:
            return f"the page says it has {unshown} more"
        clipped = max((area.clipped for area in last.areas if area.shown and not area.items), default=0)
        if clipped:
            return f"the page shows a paperclip with {clipped}, but no link to the files"
        pages = max((area.pages for area in last.areas if area.shown), default=1)
        if pages > self._found.turned + 1:
            return f"the attachment list has {pages} pages, but only {self._found.turned + 1} could be opened"
        return ""

    def _is_own(self, url: str) -> bool:
        """Whether an address still names this order's record, and is not the page itself."""
        is_here = record_address.same_address(url, self._opened.page.url)
        return not is_here and record_address.keeps_record(url, self._record)

    def _unauthorized(self) -> str:
        """Describes a data request that asks for a sign-in and succeeded on other orders' pages; `""` if none.

        It was answered with 401 or 419, or led to a page. Then the session has ended, although the page needs none.
        """
        for label, status in self._opened.watch.answers.failures.items():
            if status in _SIGN_INS and label in self._finder.answered:
                return f"the page's own request ({label}) {_came_to(status)}"
        return ""

    def _failed(self, found: int) -> str:
        """Describes a failed request that may be why nothing is shown; `""` if there is none.

        A request that also failed on an order whose files were found does not matter.
        """
        failures = self._opened.watch.answers.failures
        if found:
            self._finder.harmless_failures.update(failures)
            return ""
        for label, status in failures.items():
            if label not in self._finder.harmless_failures:
                return f"a part of the page did not load: {label} {_came_to(status)}"
        return ""


def _came_to(status: int) -> str:
    """What a request for data came to, in words; see `data_answers.DataAnswers.failures`."""
    if status == data_answers.LOST:
        return "was not answered"
    return "led to another page" if status == data_answers.FOUND else f"was answered with {status}"
