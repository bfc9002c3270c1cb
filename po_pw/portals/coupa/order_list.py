"""Reads Coupa's list of orders: its rows, the address of its search, and the controls that show more of it."""

from __future__ import annotations

import dataclasses
import importlib.resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urlencode, urlsplit, urlunsplit

from po_pw import hostnames, models
from po_pw.browser import controls
from po_pw.portals.coupa import page_kind
from po_pw.portals.generic import control_policy, label_words, list_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright import async_api as playwright

_SOURCE: Final = (importlib.resources.files("po_pw.portals.coupa") / "order_list.js").read_text("utf-8")
_LOOK: Final = f"() => ({_SOURCE.rstrip()})({controls.SCRIPT})"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """An order in the list."""

    number: str
    """Normalised by `page_kind.bare`."""
    address: str
    """Address of the order's page, absolute."""


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """A form that searches the list with GET."""

    action: str
    field: str
    rest: tuple[tuple[str, str], ...]
    """Names and values of the other fields."""

    def address(self, number: str) -> str:
        """The address that searches for a number."""
        parts = urlsplit(self.action)
        query = urlencode([*self.rest, (self.field, number)])
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """A control outside the rows."""

    control: models.Control
    is_in_pager: bool
    is_next: bool
    """It is marked as leading to the next page, whatever its label says."""
    is_current: bool
    is_off: bool


@dataclasses.dataclass(frozen=True, slots=True)
class OrderList:
    """One page of the list."""

    url: str
    rows: tuple[Row, ...]
    search: Search | None
    """None if the list cannot be searched by address."""
    turns: tuple[Turn, ...]
    counts: tuple[tuple[str, bool], ...]
    """Short texts with numbers, and whether each is in the list's paging."""

    def next(self, page: int) -> Turn | None:
        """The control that leads from page number `page` to the next, if it may be pressed; None if there is none."""
        for turn in self.turns:
            label = turn.control.label
            is_number = turn.is_in_pager and label_words.page_number(label) == page + 1
            leads_on = turn.is_next or label_words.is_next_label(label) or label_words.is_more_label(label)
            if turn.is_off or turn.is_current or not (leads_on or is_number):
                continue
            origin = hostnames.origin_of(self.url)
            if control_policy.decide(turn.control, origin=origin).action is control_policy.Action.TURN:
                return turn
        return None

    def address_of(self, turn: Turn) -> str:
        """The address of the list's page that a control leads to; `""` if the control must be pressed."""
        address = turn.control.address
        is_list = (
            hostnames.origin_of(address) == hostnames.origin_of(self.url) and page_kind.ORDERS in urlsplit(address).path
        )
        return address if is_list and urldefrag(address)[0] != urldefrag(self.url)[0] else ""

    def has_more(self, page: int) -> bool:
        """Whether there are signs of orders after page number `page`."""
        if self.next(page) is not None or any(turn.is_next and not turn.is_off for turn in self.turns):
            return True
        for text, in_pager in self.counts:
            shown, pages = list_counts.shown_of(text), list_counts.pages_of(text, in_paging=in_pager)
            if (shown is not None and shown[0] < shown[1]) or (pages is not None and pages > page):
                return True
        # The first page has nothing before it, so every control of its paging leads to more.
        return page == 1 and any(
            turn.is_in_pager
            and not (turn.is_off or turn.is_current)
            and label_words.page_number(turn.control.label) is None
            for turn in self.turns
        )


def address(url: str) -> str:
    """The address of the list, for the portal of an order's address."""
    return f"{hostnames.origin_of(url)}/{page_kind.ORDERS}"


async def look(page: playwright.Page) -> OrderList:
    """Looks at the list.

    Raises:
        playwright.Error: the page is gone.
    """
    return parse(await page.evaluate(_LOOK))


def parse(raw: Mapping[str, Any]) -> OrderList:
    """Reads the script's report. Pure."""
    origin = hostnames.origin_of(raw["url"])
    rows: dict[Row, None] = {}
    for one in raw["orders"]:
        record = page_kind.record_of(one["url"])
        if record and hostnames.origin_of(one["url"]) == origin:
            at = f"{address(raw['url'])}/{record}"
            rows.update(dict.fromkeys(Row(page_kind.bare(said), at) for said in page_kind.shown_numbers([one["text"]])))
    return OrderList(
        url=raw["url"],
        rows=tuple(rows),
        search=next((found for one in raw["searches"] if (found := _search(one, origin)) is not None), None),
        turns=tuple(
            Turn(controls.parse(one["is"]), one["pager"], one["next"], one["current"], one["off"])
            for one in raw["turns"]
        ),
        counts=tuple((one["text"], one["pager"]) for one in raw["counts"]),
    )


def _search(raw: Mapping[str, Any], origin: str) -> Search | None:
    is_list = hostnames.origin_of(raw["action"]) == origin and page_kind.ORDERS in urlsplit(raw["action"]).path
    rest = tuple((str(name), str(value)) for name, value in raw["rest"])
    return Search(raw["action"], raw["field"], rest) if is_list else None
