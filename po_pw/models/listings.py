"""What is on an order's page: its kind, and the attachments with the ways to fetch them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Final, TypeAlias

from po_pw.models import page_controls


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A file with its own address, fetched by HTTP."""

    url: str
    referer: str


@dataclasses.dataclass(frozen=True, slots=True)
class External:
    """An attachment that is only a link to another site: recorded, never fetched."""

    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """An attachment that is only a text: recorded, there is nothing to fetch."""

    text: str


PAGE_COPY: Final = "order-page"
"""Id of the order's own page, printed as PDF; it is saved with the attachments and is none of them."""

FileSource: TypeAlias = Link | page_controls.Click | External | Text

RECORDED: Final = (External, Text)
"""Kinds of attachments of which there is no file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """One file listed on the order's page."""

    id: str
    """Stable across visits."""
    name: str
    """As shown on the page; may be empty."""
    source: FileSource
    """The likeliest way to fetch it."""
    section: str = ""
    """Heading of its section on the page, e.g. `Comments`."""
    claimed_bytes: int | None = None
    others: tuple[FileSource, ...] = ()
    """Other ways to fetch it, likeliest first: its icon, its name, a page about it."""
    is_certain: bool = True
    """False if only the response shows whether it is a file: a page is then not a failure."""
    record: str = ""
    """The portal's own number of it: two with different numbers are two, whatever their names and content."""


class PageKind(enum.StrEnum):
    """Kind of the page at the order's address."""

    ORDER = "ORDER"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SIGNED_OUT = "SIGNED_OUT"
    ERROR = "ERROR"
    CHALLENGE = "CHALLENGE"
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """It could not be recognised as this order's page."""
    NOT_LOCATED = "NOT_LOCATED"
    """It is not this order's, and it is unknown whether the portal has the order at another address."""
    NO_AREA = "NO_AREA"
    """It seems to be the order's, but no page of this portal has shown an attachment area."""


@dataclasses.dataclass(frozen=True, slots=True)
class Considered:
    """A control or link that was examined when an order's page was read."""

    control: page_controls.Control
    section: str
    """Heading of its area; `""` if it is in none."""
    taken: bool
    action: str
    """The permitted action: `FETCH`, `PRESS`, `OPEN`, `TURN`, `RECORD`, `LEAVE`."""
    why: str


class AreaState(enum.StrEnum):
    """State of the attachment area of an order's page."""

    NONE = "NONE"
    """There is none."""
    EMPTY = "EMPTY"
    """There is one, and it is empty."""
    FILLED = "FILLED"


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """Result of reading an order's page."""

    page: PageKind
    attachments: tuple[Attachment, ...]
    claimed: int | None
    """Number of attachments stated by the page; None if it states none."""
    complete: bool
    """False if the page was still loading at the timeout, or showed fewer attachments than it states."""
    supplier: str
    """From the page; `""` if not shown."""
    url: str
    """Final address, after redirects."""
    elsewhere: tuple[str, ...] = ()
    """Addresses of other pages that may have more of this order's files (a requisition)."""
    area: AreaState = AreaState.FILLED
    section: str = ""
    """Headings of the attachment areas, joined by `; `."""
    loose: tuple[Attachment, ...] = ()
    """File-like links of a page without an area: the order's only if other orders do not show them, too."""
    certain: bool = True
    """False if more must be known about the portal to decide whether this is the order's page."""
    why: str = ""
    """Why the page has this kind, or is incomplete."""
    evidence: tuple[str, ...] = ()
    """Evidence that it is the order's page."""
    quiet: str = ""
    """How it was determined that the page had finished loading."""
    facts: str = ""
    """What was seen of the page, for a later decision (JSON, `portals.generic.page_facts`)."""
    by_data: bool = False
    """Signed out by what a request for the page's data was answered with, not by the page itself."""
    considered: tuple[Considered, ...] = ()
