"""Turns a row into an order, or explains what is wrong with it. Pure."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from po_pw import hostnames, models, redact
from po_pw.orders import amounts, headers, tracking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from po_pw.orders import list_layout

_MAX_CHARS: Final = 200
_MAX_URL_CHARS: Final = 65_536
_USER: Final = re.compile(r"(?:https?:[/\\]*|(?:[a-z][a-z0-9+.\-]*:)?[/\\]{2})[^/\\?#]*@", re.IGNORECASE)
NO_RESULT: Final = "#N/A"
"""Shown for a formula without a result."""
_ERRORS: Final = frozenset(
    {
        NO_RESULT,
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
        "#CONNECT!",
        "#BLOCKED!",
        "#UNKNOWN!",
        "#FIELD!",
        "#BUSY!",
    }
)
"""Error values of formulas (Excel's `ERROR.TYPE`)."""
_NO_RESULT_SAID: Final = (
    "the formula in this cell has no result; open the file in Excel, correct the cell, save, then run the same "
    "command again"
)
_HOST_FIRST: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S{0,60})?", re.IGNORECASE)
"""An address without its scheme: `www.portal.example/orders/1`."""
_SHORTENED: Final = re.compile(r"\d([.,]\d+)?E\+\d+", re.ASCII)


AddressRule: TypeAlias = "Callable[[str], str | None]"
"""The address of an order from its PO number; None where it does not follow from it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads the rows of one table.

    Attributes:
        source: the table's name for messages, e.g. `pos.csv`.
        columns: its columns' names.
        columns_by_field: which of them is what.
        address_of: gives the address of a row without one, from its number; None if there is no rule.
        tracked: indexes of the result columns, see `tracking`.
        layout: the user's layout of the folders; None: by the list's folder levels, or by supplier.
    """

    source: str
    columns: Sequence[str]
    columns_by_field: headers.ColumnMap
    address_of: AddressRule | None
    tracked: Mapping[str, int]
    layout: list_layout.ListLayout | None = None

    @property
    def folder_columns(self) -> tuple[int, ...]:
        """The columns whose cells name folders."""
        if self.layout is None:
            return self.columns_by_field.levels
        return tuple(column for column in self.layout.indexes.values() if column >= 0)

    def row(self, number: int, cells: tuple[str, ...], fault: str = "") -> models.Row:
        """Reads a row: an order, or what is wrong with it.

        Args:
            number: as in a spreadsheet, from 1.
            cells: one per column.
            fault: what is wrong with the row as a whole, if already known.
        """
        po_number = _stripped(self._cell(cells, self.columns_by_field.po_number))
        if fault:
            return models.Row(number, cells, po_number, None, self._failure(number, "", fault), is_regular=False)
        problem = _wrong_with_number(po_number)
        if problem:
            return models.Row(number, cells, po_number, None, self._failure(number, "po_number", problem))
        url = _stripped(self._cell(cells, self.columns_by_field.url))
        if not url and self.address_of is not None:
            url = self.address_of(po_number) or ""
        problem = _wrong_with_url(url)
        if not url and not any(map(str.isdigit, po_number)):
            problem = f"{problem}. If the row is no order (a total, a note), delete it"
        if problem:
            return models.Row(number, cells, po_number, None, self._failure(number, "url", problem))
        levels = [(column, _stripped(self._cell(cells, column))) for column in self.folder_columns]
        for column, level in levels:
            if level in _ERRORS:
                return models.Row(number, cells, po_number, None, self._failure(number, column, _NO_RESULT_SAID))
        supplier = " ".join(self._cell(cells, self.columns_by_field.supplier).split())
        amount = amounts.parse(self._cell(cells, self.columns_by_field.amount))
        above, own = tuple(level for _, level in levels if level), ""
        if self.layout is not None:
            *outer, own = self.layout.folders(cells, po_number, supplier)
            above = tuple(outer)
        key, claim = models.order_key(po_number), tracking.claim(cells, self.tracked)
        order = models.PurchaseOrder(key, po_number, url, supplier, amount, number, above, claim, own)
        return models.Row(number, cells, po_number, order)

    def _failure(self, number: int, field: str | int, problem: str) -> models.Failure:
        """The failure of a row; `field` is the known column or the column index at fault, `""` for the whole row."""
        where = f"{self.source}, row {number}"
        if field != "":
            column = getattr(self.columns_by_field, field) if isinstance(field, str) else field
            where += f", column {self.columns[column] if column >= 0 else field}"
        code = models.ErrorCode.INVALID_URL if field == "url" else models.ErrorCode.INVALID_ROW
        return models.Failure(code, redact.text(f"{where}: {problem}"))

    def _cell(self, cells: Sequence[str], column: int) -> str:
        return cells[column] if 0 <= column < len(cells) else ""


def _stripped(cell: str) -> str:
    """Strips white space and invisible characters, as copied from web pages, at both ends."""
    start, end = 0, len(cell)
    while start < end and _is_edge(cell[start]):
        start += 1
    while end > start and _is_edge(cell[end - 1]):
        end -= 1
    return cell[start:end]


def _is_edge(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cf"


def _wrong_with_number(po_number: str) -> str:
    """What is wrong with a PO number; `""` if nothing."""
    if not po_number:
        return "empty; every row needs a PO number"
    if po_number in _ERRORS:
        return _NO_RESULT_SAID
    if len(po_number) > _MAX_CHARS:
        return f"{len(po_number)} characters long; a PO number has at most {_MAX_CHARS}"
    if "\ufffd" in po_number:
        return "has unreadable characters; save the file as CSV UTF-8, then run the same command again"
    if len(po_number.splitlines()) > 1:
        return "has a line break; write the PO number in one line, and nothing else in that cell"
    for char in "" if po_number.isprintable() else po_number:
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            return f"has an invisible character (U+{ord(char):04X}); type the PO number again"
    if _SHORTENED.fullmatch(po_number):
        return f"{po_number} was shortened by Excel; format the column as text and enter the number again"
    return ""


def _wrong_with_url(url: str) -> str:
    """What is wrong with an address; `""` if nothing."""
    if not url:
        return "empty; enter the order's address, or use --base-url or --url-template for all orders"
    if url in _ERRORS:
        return _NO_RESULT_SAID
    if len(url) > _MAX_URL_CHARS:
        return f"{len(url)} characters long; an address has at most {_MAX_URL_CHARS}"
    if _USER.match(url):
        return "contains a user name or password; remove it and sign in with po-pw login"
    if redact.is_incomplete(url):
        return f"has a secret part removed by po-pw ({redact.REDACTED}); use the address from your own list"
    shown = url if len(url) <= 80 else f"{url[:79]}…"
    shown = f"'{shown}'" if shown.isprintable() else repr(shown)
    spaced = len(url.split(maxsplit=1)) > 1
    if spaced or (not url.isprintable() and any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in url)):
        return f"{shown} contains spaces or invisible characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{shown} is not a web address"
    if parts.scheme.lower() not in {"http", "https"}:
        meant = f", as in https://{url}" if _HOST_FIRST.fullmatch(url) else ""
        return f"{shown} is not a web address; it must start with https:// or http://{meant}"
    if not host:
        return f"{shown} has no host name"
    if not hostnames.is_plain(parts.netloc):
        return f"{shown} has an unusual host name; copy the address from your browser"
    return ""
