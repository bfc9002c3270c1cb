"""One look at a page of Coupa, as values: what page it is, and every attachment on it."""

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
    """One attachment as a list shows it."""

    kind: str
    """`file` (it has the file's address), `press` (a button without one), `url`, `text`, `unknown`."""
    shape: str
    """What it is made of, for people."""
    section: str
    """`header`, `comments` or `lines`."""
    shown: bool
    name: str
    text: str
    ways: tuple[str, ...]
    """Addresses, absolute."""
    control: models.Control
    """What is pressed, or stands for it."""
    press: models.Control | None
    """A button beside the address."""
    is_marked: bool = True
    """The page itself says that it is of this kind; else it only looks like it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A button that counts attachments."""

    count: int
    control: models.Control
    section: str
    entries: int
    """How many stand where the button does, without those that must be pressed and are not seen."""
    is_whole: bool
    """It counts those of the whole page."""
    is_open: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """A part of a list's paging."""

    control: models.Control | None
    """None for the page that is shown, where it is no control."""
    section: str
    is_next: bool
    page: int
    """The page that it shows; 0: it does not say."""
    is_current: bool
    is_off: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a page shows."""

    url: str
    title: str
    controller: str
    """`order_headers`, `requisition_headers`, …; `""`: the page does not say."""
    action: str
    record: str
    """The portal's own id of what is shown."""
    has_wrapper: bool
    """It has the body of an order's page."""
    has_header: bool
    """It has the header of signed-in users."""
    signs_out: bool
    asks: bool
    """It asks for a user name or a password."""
    flash: tuple[str, ...]
    """Errors that the portal shows above a page."""
    heading: str
    headings: tuple[str, ...]
    length: int
    """Characters of text, up to 4000."""
    supplier: str
    requisitions: tuple[str, ...]
    entries: tuple[Entry, ...]
    left: tuple[tuple[str, models.Control], ...]
    """What adds attachments, each with its section: never pressed."""
    has_list: bool
    """A place for attachments is on the page."""
    says_none: bool
    """The header's list is there, and says that it is empty."""
    has_comments: bool
    is_busy: bool
    claims: tuple[Claim, ...]
    turns: tuple[Turn, ...]

    @property
    def is_signed_in(self) -> bool:
        """Whether it is a page for signed-in users; by COUPA's own header, not by its address."""
        return self.has_header and self.signs_out

    @property
    def is_coupa(self) -> bool:
        """Whether the page has anything of Coupa's own structure."""
        return self.has_header or self.has_wrapper or bool(self.controller and self.action)

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """What tells a list from what it becomes."""
        return tuple((one.kind, one.section, one.name, *one.ways) for one in self.entries)


async def look(page: playwright.Page) -> Look:
    """One look at the page.

    Raises:
        playwright.Error: the page is gone, or does not stop being replaced.
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
    """A look from what the script gives. Pure."""
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
