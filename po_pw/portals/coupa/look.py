"""Looks once at a page of Coupa: which page it is, and all attachments that it shows."""

from __future__ import annotations

import dataclasses
import importlib.resources
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw.browser import controls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from po_pw import models

_SOURCE: Final = (importlib.resources.files("po_pw.portals.coupa") / "look.js").read_text("utf-8")
_LOOK: Final = f"() => ({_SOURCE.rstrip()})({controls.SCRIPT})"
_MOST_TRIES: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One attachment, as a list shows it."""

    kind: str
    """`file` (has the file's address), `press` (a button without an address), `url`, `text`, `unknown`."""
    shape: str
    """Description of its elements, for people."""
    section: str
    """`header`, `comments` or `lines`."""
    shown: bool
    name: str
    text: str
    ways: tuple[str, ...]
    """Absolute addresses."""
    control: models.Control
    """The control to press, or the element that represents the entry."""
    press: models.Control | None
    """A button that it has besides its address."""
    is_marked: bool = True
    """The page states its kind; if False, the kind is a guess."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A button that states a number of attachments."""

    count: int
    control: models.Control
    section: str
    entries: int
    """Number of entries beside the button, without those that only have an invisible button."""
    is_whole: bool
    """It counts the attachments of the whole page."""
    is_open: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """A control of a list's paging."""

    control: models.Control | None
    """None if the current page is shown as plain text."""
    section: str
    is_next: bool
    page: int
    """Number of the page that it leads to; 0 if it does not say."""
    is_current: bool
    is_off: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """All that one look at a page shows."""

    url: str
    title: str
    controller: str
    """`order_headers`, `requisition_headers` and so on; `""` if the page does not say."""
    action: str
    record: str
    """The portal's id of the order or requisition."""
    has_wrapper: bool
    """It has the body of an order's page."""
    has_header: bool
    """It has the header for signed-in users."""
    signs_out: bool
    asks: bool
    """It asks for a user name or a password."""
    flash: tuple[str, ...]
    """Errors that the portal shows at the top of the page."""
    heading: str
    headings: tuple[str, ...]
    length: int
    """Characters of its text, at most 4,000."""
    supplier: str
    requisitions: tuple[str, ...]
    entries: tuple[Entry, ...]
    left: tuple[tuple[str, models.Control], ...]
    """Controls that add attachments, each with its section: they are never pressed."""
    has_list: bool
    """It has a list of attachments, even if that is empty."""
    says_none: bool
    """It has the header's list of attachments, which says that it is empty."""
    has_comments: bool
    is_busy: bool
    claims: tuple[Claim, ...]
    turns: tuple[Turn, ...]

    @property
    def is_signed_in(self) -> bool:
        """Whether it is a page for signed-in users, by Coupa's own header."""
        return self.has_header and self.signs_out

    @property
    def is_coupa(self) -> bool:
        """Whether it has any of Coupa's own structure."""
        return self.has_header or self.has_wrapper or bool(self.controller and self.action)

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Identifies the entries, to notice when the list changes."""
        return tuple((one.kind, one.section, one.name, *one.ways) for one in self.entries)


async def look(page: playwright.Page) -> Look:
    """Looks at the page.

    Raises:
        playwright.Error: the page is gone, or is replaced again and again.
    """
    for turn in range(_MOST_TRIES):
        try:
            await page.wait_for_load_state("domcontentloaded")
            return parse(await page.evaluate(_LOOK))
        except playwright.Error:
            if page.is_closed() or turn == _MOST_TRIES - 1:
                raise  # otherwise: between two documents
    msg = "unreachable"
    raise AssertionError(msg)


def parse(raw: Mapping[str, Any]) -> Look:
    """Reads the script's report. Pure."""
    lists = [one for one in raw["lists"] if one["section"] == "header"]
    return Look(
        url=raw["url"],
        title=raw["title"],
        controller=raw["controller"],
        action=raw["action"],
        record=raw["id"],
        has_wrapper=raw["wrapper"],
        has_header=raw["header"],
        signs_out=raw["signs_out"],
        asks=raw["asks"],
        flash=tuple(raw["flash"]),
        heading=raw["heading"],
        headings=tuple(raw["headings"]),
        length=raw["length"],
        supplier=raw["supplier"],
        requisitions=tuple(raw["requisitions"]),
        entries=tuple(_entry(one) for one in raw["entries"]),
        left=tuple((one["section"], controls.parse(one["is"])) for one in raw["left"]),
        has_list=bool(raw["lists"]),
        says_none=any(one["none"] for one in lists),
        has_comments=raw["comments"],
        is_busy=raw["busy"],
        claims=tuple(_claim(one) for one in raw["claims"]),
        turns=tuple(_turn(one) for one in raw["turns"]),
    )


def _entry(raw: Mapping[str, Any]) -> Entry:
    press = raw.get("press")
    return Entry(
        kind=raw["kind"],
        shape=raw["shape"],
        section=raw["section"],
        shown=raw["shown"],
        name=raw["name"],
        text=raw["text"],
        ways=tuple(raw["ways"]),
        control=controls.parse(raw["is"]),
        press=controls.parse(press) if press else None,
        is_marked=raw.get("marked", True),
    )


def _claim(raw: Mapping[str, Any]) -> Claim:
    return Claim(
        count=int(raw["count"]),
        control=controls.parse(raw["is"]),
        section=raw["section"],
        entries=raw["entries"],
        is_whole=raw["whole"],
        is_open=raw["open"] == "true",
    )


def _turn(raw: Mapping[str, Any]) -> Turn:
    control = controls.parse(raw["is"]) if raw["is"] else None
    page = int(raw["page"]) if raw["page"] else 0
    return Turn(control, raw["section"], raw["next"], page, raw["current"], raw["off"])
