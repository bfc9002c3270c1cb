"""How cells of the workbook look, by their content. Colours differ in lightness, too, so that they print in grey."""

from __future__ import annotations

import enum
from typing import Any, Final

from po_pw import models


class Kind(enum.Enum):
    """Kind of content of a column."""

    TEXT = enum.auto()
    WRAPPED = enum.auto()
    """Text over several lines."""
    COUNT = enum.auto()
    SIZE = enum.auto()
    """Bytes, shown as kB, MB or GB."""
    SECONDS = enum.auto()
    MOMENT = enum.auto()
    """Local date and time."""
    AMOUNT = enum.auto()


STATUS_COLOURS: Final = {
    models.Status.COMPLETED: ("#E2F0D9", "#1E4D2B"),
    models.Status.NO_ATTACHMENTS: ("#F2F2F2", "#404040"),
    models.Status.PARTIAL: ("#FFC94D", "#000000"),
    models.Status.FAILED: ("#9C1C1C", "#FFFFFF"),
    models.Status.PENDING: ("#CFDFF3", "#1F3864"),
    models.Status.DUPLICATE: ("#FFFFFF", "#595959"),
}
"""Background and text."""
HEADER: Final = ("#3B3B3B", "#FFFFFF")
"""Of the list's own columns."""
ADDED_HEADER: Final = ("#1F4E79", "#FFFFFF")
"""Of the columns that po-pw adds."""
LINK: Final = "#0B5394"
WIDEST: Final = 50
"""Maximum width of a column in characters."""
_LINE: Final = "#C8C8C8"
SIZE_FORMAT: Final = '[<1000]0" B";[<999500]#,##0," kB";#,##0.0,," MB"'
"""Of files and orders; a number format has three forms at most."""
TOTAL_SIZE_FORMAT: Final = '[<999500]#,##0," kB";[<999500000]#,##0.0,," MB";#,##0.00,,," GB"'
AMOUNT_FORMAT: Final = "#,##0.00####"
MOMENT_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"
_BOLD: Final = frozenset({models.Status.PARTIAL, models.Status.FAILED})
_NUMBERS: Final = {
    Kind.COUNT: "#,##0",
    Kind.SIZE: SIZE_FORMAT,
    Kind.SECONDS: "#,##0.0",
    Kind.MOMENT: MOMENT_FORMAT,
    Kind.AMOUNT: AMOUNT_FORMAT,
}


class Styles:
    """The formats of one workbook.

    Args:
        book: XlsxWriter's workbook.
    """

    def __init__(self, book: Any) -> None:
        def plain(**properties: object) -> Any:
            return book.add_format({"valign": "top", **properties})

        def made(**properties: object) -> Any:
            return plain(border=1, border_color=_LINE, **properties)

        self.plain = plain
        self.by_kind = {kind: made(num_format=number, align="right", indent=1) for kind, number in _NUMBERS.items()}
        self.unread_amount = made(align="right", indent=1)
        self.by_kind |= {Kind.TEXT: made(), Kind.WRAPPED: made(text_wrap=True)}
        self.link = made(font_color=LINK, underline=1)
        self.status = {
            status: made(
                bg_color=background,
                font_color=text,
                bold=status in _BOLD,
                italic=status is models.Status.DUPLICATE,
            )
            for status, (background, text) in STATUS_COLOURS.items()
        }
        self.header, self.added_header = (
            made(bold=True, text_wrap=True, bg_color=background, font_color=text)
            for background, text in (HEADER, ADDED_HEADER)
        )
