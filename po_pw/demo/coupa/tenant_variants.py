"""The variants of the tenant's orders, and their expected results."""

from __future__ import annotations

import enum
from typing import Final


class Variant(enum.StrEnum):
    """What is special about an order."""

    HEADER_CLICK = "HEADER_CLICK"
    HEADER_DATA = "HEADER_DATA"
    HEADER_TAB = "HEADER_TAB"
    HEADER_INLINE = "HEADER_INLINE"
    COMMENTS = "COMMENTS"
    BOTH_WIDGETS = "BOTH_WIDGETS"
    CLICK_AND_LINK = "CLICK_AND_LINK"
    SAME_NAME = "SAME_NAME"
    ATTACHED_TWICE = "ATTACHED_TWICE"
    AWKWARD = "AWKWARD"
    LINES = "LINES"
    LINES_FOLDED = "LINES_FOLDED"
    PAGED_LINES = "PAGED_LINES"
    PAGED_LINES_JSON = "PAGED_LINES_JSON"
    LINES_LATE = "LINES_LATE"
    EVERYWHERE = "EVERYWHERE"
    LATE = "LATE"
    REDRAWN = "REDRAWN"
    URL_AND_TEXT = "URL_AND_TEXT"
    ONLY_URL = "ONLY_URL"
    FLOATING_BAR = "FLOATING_BAR"
    NOTICE = "NOTICE"
    REQUISITION = "REQUISITION"
    REQUISITION_ADDED = "REQUISITION_ADDED"
    REQUISITION_UNASKED = "REQUISITION_UNASKED"
    REQUISITION_EMPTY = "REQUISITION_EMPTY"
    NOTHING = "NOTHING"
    OTHER_ID = "OTHER_ID"
    OTHER_ID_TAKEN = "OTHER_ID_TAKEN"
    IN_PORTUGUESE = "IN_PORTUGUESE"
    IN_GERMAN = "IN_GERMAN"
    CUSTOM_VIEW = "CUSTOM_VIEW"
    CLAIMS_MORE = "CLAIMS_MORE"
    STALE_ADDRESS = "STALE_ADDRESS"
    UNAVAILABLE_ONCE = "UNAVAILABLE_ONCE"
    FILE_GONE = "FILE_GONE"
    NOT_FOUND = "NOT_FOUND"
    NOT_FOUND_200 = "NOT_FOUND_200"
    NOT_FOUND_PORTUGUESE = "NOT_FOUND_PORTUGUESE"
    NOT_FOUND_GERMAN_200 = "NOT_FOUND_GERMAN_200"
    FORBIDDEN = "FORBIDDEN"
    FORBIDDEN_HOME = "FORBIDDEN_HOME"
    FORBIDDEN_PORTUGUESE_200 = "FORBIDDEN_PORTUGUESE_200"
    FORBIDDEN_GERMAN = "FORBIDDEN_GERMAN"
    ERROR_200 = "ERROR_200"

    @property
    def about(self) -> str:
        """One line for people."""
        return _ABOUT[self]

    @property
    def language(self) -> str:
        """Of its pages: `en`, `pt` or `de`."""
        if self in _IN_PORTUGUESE:
            return "pt"
        return "de" if self in _IN_GERMAN else "en"

    @property
    def outcome(self) -> tuple[str, str | None]:
        """The expected status and error code."""
        if self in NOT_FOUND:
            return "FAILED", "NOT_FOUND"
        if self in FORBIDDEN:
            return "FAILED", "FORBIDDEN"
        return _OUTCOMES.get(self, ("COMPLETED", None))


NOT_FOUND: Final = frozenset(
    {Variant.NOT_FOUND, Variant.NOT_FOUND_200, Variant.NOT_FOUND_PORTUGUESE, Variant.NOT_FOUND_GERMAN_200}
)
"""The tenant has no such order."""
FORBIDDEN: Final = frozenset(
    {Variant.FORBIDDEN, Variant.FORBIDDEN_HOME, Variant.FORBIDDEN_PORTUGUESE_200, Variant.FORBIDDEN_GERMAN}
)
"""This user may not see it."""
UNSEEN: Final = NOT_FOUND | FORBIDDEN | {Variant.ERROR_200}
"""Orders whose page cannot be opened."""
ANSWERS_200: Final = frozenset(
    {Variant.NOT_FOUND_200, Variant.NOT_FOUND_GERMAN_200, Variant.FORBIDDEN_PORTUGUESE_200, Variant.ERROR_200}
)
"""Those of them whose error page has status 200."""
OTHER_IDS: Final = frozenset({Variant.OTHER_ID, Variant.OTHER_ID_TAKEN})
"""Orders whose number is not the id of their page."""
_IN_PORTUGUESE: Final = frozenset(
    {Variant.IN_PORTUGUESE, Variant.NOT_FOUND_PORTUGUESE, Variant.FORBIDDEN_PORTUGUESE_200}
)
_IN_GERMAN: Final = frozenset({Variant.IN_GERMAN, Variant.NOT_FOUND_GERMAN_200, Variant.FORBIDDEN_GERMAN})

_ABOUT: Final = {
    Variant.HEADER_CLICK: "attachments of the header have no address: a click starts the download",
    Variant.HEADER_DATA: "attachments of the header have their address in data-url",
    Variant.HEADER_TAB: "a click on an attachment of the header opens it in another tab",
    Variant.HEADER_INLINE: "the files are shown in the browser instead of being sent as attachments",
    Variant.COMMENTS: "attachments in comments, which appear late and are drawn twice",
    Variant.BOTH_WIDGETS: "one attachment is in the header and in a comment, under two addresses",
    Variant.CLICK_AND_LINK: "one attachment is in the header without an address, and a link in a comment",
    Variant.SAME_NAME: "two different attachments have one name, one in the header and one in a comment",
    Variant.ATTACHED_TWICE: "files were attached twice under one name, in one place or in two",
    Variant.AWKWARD: "names with (1), parentheses, __ and two extensions; all kinds of files",
    Variant.LINES: "attachments of the order's lines",
    Variant.LINES_FOLDED: "attachments of lines that appear when View Attachments is pressed",
    Variant.PAGED_LINES: "the lines have several pages, fetched as HTML",
    Variant.PAGED_LINES_JSON: "the lines have several pages, fetched as JSON",
    Variant.LINES_LATE: "the lines, with their attachments, appear late",
    Variant.EVERYWHERE: "attachments in the header, in comments and on lines",
    Variant.LATE: "both lists come late",
    Variant.REDRAWN: "the list in the comments is first drawn without its last items",
    Variant.URL_AND_TEXT: "one file; the other attachments are an address and a text",
    Variant.ONLY_URL: "the only attachments are an address and a text: there is nothing to fetch",
    Variant.FLOATING_BAR: "a floating bar lies over the attachment that must be clicked",
    Variant.NOTICE: "a notice on the page that is no error",
    Variant.REQUISITION: "the order has nothing, its requisition has the files",
    Variant.REQUISITION_ADDED: "the order has no PDF, its requisition adds one",
    Variant.REQUISITION_UNASKED: "the order has its PDF; the requisition's files are not wanted",
    Variant.REQUISITION_EMPTY: "neither the order nor its requisition has attachments",
    Variant.NOTHING: "there are no attachments, and no requisition",
    Variant.OTHER_ID: "the number is not the page's id, and no page has the number as its id",
    Variant.OTHER_ID_TAKEN: "the number is not the page's id, and another order has the number as its id",
    Variant.IN_PORTUGUESE: "the page is in Portuguese",
    Variant.IN_GERMAN: "the page is in German",
    Variant.CUSTOM_VIEW: "the address leads on to a view that the company has made its own",
    Variant.CLAIMS_MORE: "the page says that there is one attachment more than it shows",
    Variant.STALE_ADDRESS: "the storage's signed address has expired the first time",
    Variant.UNAVAILABLE_ONCE: "the page is unavailable once, then works",
    Variant.FILE_GONE: "the portal leads back to the order instead of to one of the files",
    Variant.NOT_FOUND: "no such order: English, 404",
    Variant.NOT_FOUND_200: "no such order: English, with status 200",
    Variant.NOT_FOUND_PORTUGUESE: "no such order: Portuguese, 404",
    Variant.NOT_FOUND_GERMAN_200: "no such order: German, with status 200",
    Variant.FORBIDDEN: "not authorised: English, 403",
    Variant.FORBIDDEN_HOME: "not authorised: leads to the home page, which says so in English",
    Variant.FORBIDDEN_PORTUGUESE_200: "not authorised: Portuguese, with status 200",
    Variant.FORBIDDEN_GERMAN: "not authorised: German, 403",
    Variant.ERROR_200: "an error of the portal's own, with status 200",
}

_OUTCOMES: Final = {
    Variant.ONLY_URL: ("NO_ATTACHMENTS", None),
    Variant.REQUISITION_EMPTY: ("NO_ATTACHMENTS", None),
    Variant.NOTHING: ("NO_ATTACHMENTS", None),
    Variant.CLAIMS_MORE: ("PARTIAL", "LIST_INCOMPLETE"),
    Variant.FILE_GONE: ("PARTIAL", "NOT_A_FILE"),
    Variant.ERROR_200: ("FAILED", "PORTAL_ERROR"),
}

SCHEDULE: Final = tuple(Variant)
"""The variants of the first orders, each once."""
EASY: Final = (Variant.HEADER_CLICK, Variant.HEADER_DATA, Variant.COMMENTS, Variant.LINES, Variant.NOTHING)
"""The variants of a `plain` tenant: normal orders."""
