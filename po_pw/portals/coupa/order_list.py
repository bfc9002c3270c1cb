"""Finding an order by its number in Coupa's own list of orders, where its address does not follow from the number."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from po_pw import hostnames
from po_pw.browser import controls
from po_pw.portals.coupa import page_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playwright import async_api as playwright

_SOURCE: Final = (importlib.resources.files("po_pw.portals.coupa") / "order_list.js").read_text("utf-8")
_LOOK: Final = f"() => ({_SOURCE.rstrip()})({controls.SCRIPT})"


def address(url: str) -> str:
    """The address of the list at the portal of an order's address."""
    return f"{hostnames.origin_of(url)}/{page_kind.ORDERS}"


async def look(page: playwright.Page) -> Mapping[str, Any]:
    """What the list shows: `orders` with `url` and `text`, `searches` with `action`, `field` and `rest`.

    Raises:
        playwright.Error: the page is gone.
    """
    found: Mapping[str, Any] = await page.evaluate(_LOOK)
    return found


def of_number(shown: Mapping[str, Any], po_number: str, list_url: str) -> tuple[str, ...]:
    """The addresses of the orders with exactly this number, each once. Pure.

    Args:
        shown: from `look`.
        po_number: of the order.
        list_url: address of the list.
    """
    wanted = page_kind.bare(po_number)
    found: dict[str, None] = {}
    for one in shown["orders"]:
        record = page_kind.record_of(one["url"])
        is_own = hostnames.origin_of(one["url"]) == hostnames.origin_of(list_url)
        if record and is_own and any(page_kind.bare(said) == wanted for said in page_kind.shown_numbers([one["text"]])):
            found[f"{address(list_url)}/{record}"] = None
    return tuple(found)


def search(shown: Mapping[str, Any], po_number: str, list_url: str) -> str:
    """The address that searches the list for a number; `""` where the list has no search that only reads. Pure.

    Args:
        shown: from `look`.
        po_number: of the order.
        list_url: address of the list.
    """
    searches: Sequence[Mapping[str, Any]] = shown["searches"]
    for one in searches:
        parts = urlsplit(str(one["action"]))
        if hostnames.origin_of(one["action"]) == hostnames.origin_of(list_url) and page_kind.ORDERS in parts.path:
            query = urlencode([*map(tuple, one["rest"]), (one["field"], page_kind.address_part(po_number))])
            return str(urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")))
    return ""
