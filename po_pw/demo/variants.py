"""The ways in which an order's page shows its attachments, and what each should come to."""

from __future__ import annotations

import enum
from typing import Final


class Variant(enum.StrEnum):
    """What is special about an order."""

    LINKS = "LINKS"
    LATE = "LATE"
    APPENDED = "APPENDED"
    VERY_LATE = "VERY_LATE"
    CHAINED = "CHAINED"
    LATE_SCRIPT = "LATE_SCRIPT"
    IFRAME = "IFRAME"
    EXPANDER = "EXPANDER"
    PAGED = "PAGED"
    INLINE = "INLINE"
    REDIRECT = "REDIRECT"
    FORM_POST = "FORM_POST"
    FORM_INLINE = "FORM_INLINE"
    BLOB = "BLOB"
    SAME_NAME = "SAME_NAME"
    AWKWARD = "AWKWARD"
    EMPTY = "EMPTY"
    LARGE = "LARGE"
    CHUNKED = "CHUNKED"
    NO_ATTACHMENTS = "NO_ATTACHMENTS"
    WITH_ADDRESS = "WITH_ADDRESS"
    ADDRESS_ONLY = "ADDRESS_ONLY"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    SLOW = "SLOW"
    FLAKY_PAGE = "FLAKY_PAGE"
    FLAKY_FILE = "FLAKY_FILE"
    TRUNCATED_ONCE = "TRUNCATED_ONCE"
    HTML_INSTEAD = "HTML_INSTEAD"

    @property
    def about(self) -> str:
        """One line for people."""
        return _ABOUT[self]

    @property
    def outcome(self) -> tuple[str, str | None]:
        """The expected status and error code."""
        return _OUTCOMES.get(self, ("COMPLETED", None))

    @property
    def late(self) -> tuple[str, float]:
        """In which of `LIST_WAYS` its list comes late, and after how many seconds; `""`: it does not."""
        return _LATE.get(self, ("", 0.0))

    @property
    def fails_once(self) -> bool:
        """Whether the page itself is unavailable the first time."""
        return self is Variant.FLAKY_PAGE


_ABOUT: Final = {
    Variant.LINKS: "plain links",
    Variant.LATE: "the list is asked for by a script, after the page has loaded",
    Variant.APPENDED: "a timer puts the list into the page",
    Variant.VERY_LATE: "the list is asked for by a script, and nothing says that it is still to come",
    Variant.CHAINED: "a chain of timers puts the list into the page",
    Variant.LATE_SCRIPT: "a script that comes late puts the list into the page",
    Variant.IFRAME: "the list is a page of its own, in a frame",
    Variant.EXPANDER: 'the list comes when "Show attachments" is pressed',
    Variant.PAGED: 'the list has several pages, with a "Next" button and no addresses',
    Variant.INLINE: "files are shown in the browser instead of being sent as attachments",
    Variant.REDIRECT: "links lead to another origin, with a signature that is soon worth nothing",
    Variant.FORM_POST: "each file is the answer to a form",
    Variant.FORM_INLINE: "the answer to a form is shown in the browser",
    Variant.BLOB: "a script makes the file when its button is pressed",
    Variant.SAME_NAME: "three files of one name, but for its case",
    Variant.AWKWARD: "names that no file system likes, and none at all",
    Variant.EMPTY: "one of the files has no bytes",
    Variant.LARGE: "one of the files is large",
    Variant.CHUNKED: "files come without their length",
    Variant.NO_ATTACHMENTS: "there are no attachments",
    Variant.WITH_ADDRESS: "one of the attachments is only an address elsewhere",
    Variant.ADDRESS_ONLY: "all attachments are only addresses elsewhere: there is nothing to fetch",
    Variant.NOT_FOUND: "the portal has no such order",
    Variant.FORBIDDEN: "this user may not see the order",
    Variant.SLOW: "the page takes its time",
    Variant.FLAKY_PAGE: "the page is unavailable once, then works",
    Variant.FLAKY_FILE: "files break off or fail once, then work",
    Variant.TRUNCATED_ONCE: "a file is cut short once, then comes whole",
    Variant.HTML_INSTEAD: "the portal sends a page instead of the file",
}

_OUTCOMES: Final = {
    Variant.NO_ATTACHMENTS: ("NO_ATTACHMENTS", None),
    Variant.ADDRESS_ONLY: ("NO_ATTACHMENTS", None),
    Variant.NOT_FOUND: ("FAILED", "NOT_FOUND"),
    Variant.FORBIDDEN: ("FAILED", "FORBIDDEN"),
    Variant.HTML_INSTEAD: ("PARTIAL", "NOT_A_FILE"),
}

_LATE: Final = {
    Variant.VERY_LATE: ("fetch", 1.5),
    Variant.CHAINED: ("chain", 1.2),
    Variant.LATE_SCRIPT: ("script", 1.0),
}

LIST_WAYS: Final = (
    "fetch",
    "xhr",
    "timer",
    "chain",
    "script",
    "import",
    "frame",
    "worker",
    "poll",
    "websocket",
    "events",
)
"""How a list can come late: asked for by a script, from a timer, with a script, in a frame, sent by the portal."""

SCHEDULE: Final = (
    Variant.LINKS,
    Variant.LATE,
    Variant.IFRAME,
    Variant.EXPANDER,
    Variant.PAGED,
    Variant.LINKS,
    Variant.INLINE,
    Variant.REDIRECT,
    Variant.FORM_POST,
    Variant.LINKS,
    Variant.AWKWARD,
    Variant.NO_ATTACHMENTS,
    Variant.LARGE,
    Variant.LATE_SCRIPT,
    Variant.APPENDED,
    Variant.SAME_NAME,
    Variant.BLOB,
    Variant.NOT_FOUND,
    Variant.LINKS,
    Variant.FORM_INLINE,
    Variant.FLAKY_PAGE,
    Variant.EMPTY,
    Variant.VERY_LATE,
    Variant.WITH_ADDRESS,
    Variant.FORBIDDEN,
    Variant.LINKS,
    Variant.FLAKY_FILE,
    Variant.CHUNKED,
    Variant.SLOW,
    Variant.IFRAME,
    Variant.HTML_INSTEAD,
    Variant.LINKS,
    Variant.ADDRESS_ONLY,
    Variant.TRUNCATED_ONCE,
    Variant.EXPANDER,
    Variant.PAGED,
    Variant.LINKS,
    Variant.REDIRECT,
    Variant.CHAINED,
    Variant.LINKS,
)
"""The variants of 40 orders; each is there, the common ones several times."""
