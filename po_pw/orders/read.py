"""Spreadsheets to purchase orders. What is wrong with a row is said of that row; the rest goes on."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from po_pw import errors, models
from po_pw.orders import amounts, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_KNOWN: Final = {
    "po_number": ("ponumber", "po", "po#", "pono", "purchaseorder", "purchaseordernumber", "ordernumber"),
    "url": ("url", "coupaurl", "link", "orderurl", "pourl"),
    "supplier": ("supplier", "suppliername", "vendor", "vendorname"),
    "amount": ("amount", "total", "poamount"),
}
_HEADER_WITHIN: Final = 20
_LONGEST_NUMBER: Final = 200


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-.]+", "", unicodedata.normalize("NFKC", name)).casefold()


@dataclasses.dataclass(frozen=True, slots=True)
class _Places:
    """Which column holds what; -1 where none does."""

    po_number: int
    url: int
    supplier: int
    amount: int

    @classmethod
    def of(cls, header: Sequence[str]) -> _Places:
        plain = [_plain(name) for name in header]
        found = {}
        for field, synonyms in _KNOWN.items():
            found[field] = next((plain.index(word) for word in synonyms if word in plain), -1)
        return cls(**found)


class OrderTable:
    """The rows of one spreadsheet; may be read again and again.

    Attributes:
        source: the file.
        columns: the header, in the file's order; a column without a name is called `column N`, the second of two
            equal ones `NAME (2)`.
    """

    def __init__(self, source: Path, header_row: int, header: list[str], template: str | None, limit: int | None):
        self.source = source
        self.columns = _unique(header)
        self._header_row = header_row
        self._places = _Places.of(header)
        self._template = template
        self._limit = limit

    def rows(self) -> Iterator[models.Row]:
        """Each row after the header that is not blank; streams.

        Raises:
            InputError: the file cannot be read to its end.
        """
        count = 0
        for number, cells in tables.rows(self.source, _is_header):
            if number <= self._header_row:
                continue
            count += 1
            if self._limit is not None and count > self._limit:
                return
            yield self._row(number, cells)

    def _row(self, number: int, cells: list[str]) -> models.Row:
        width = len(self.columns)
        beyond = [cell for cell in cells[width:] if cell.strip()]
        kept = tuple((cells + [""] * width)[:width])
        reader = _RowReader(self.source.name, number, self.columns, self._places, self._template)
        if beyond:
            problem = reader.problem(
                models.ErrorCode.INVALID_ROW, "",
                f"{len(cells)} cells, but the header has {width}: is a separator inside a cell that is not quoted?",
            )  # fmt: skip
            po_number = kept[self._places.po_number].strip()
            return models.Row(number, kept, po_number, None, problem)
        return reader.row(kept)


def open_table(path: Path, *, url_template: str | None = None, limit: int | None = None) -> OrderTable:
    """Opens a spreadsheet and checks that it has purchase orders.

    Headers are matched without regard to case, spaces, underscores and order.

    Args:
        path: `.csv` (comma, semicolon, tab or pipe; UTF-8, UTF-16 or Windows-1252) or a workbook.
        url_template: the address of an order whose row has none; `{po_number}` in it.
        limit: only the first so many rows.

    Raises:
        InputError: it is missing, empty, no spreadsheet, has no PO column or no rows. One clear message.
    """
    seen = 0
    header: tuple[int, list[str]] | None = None
    first: list[str] = []
    for number, cells in tables.rows(path, _is_header):
        if header is not None:
            return OrderTable(path, header[0], header[1], url_template, limit)
        first = first or cells
        if _is_header(cells):
            header = number, _trimmed(cells)
            continue
        seen += 1
        if seen >= _HEADER_WITHIN:
            break
    if header is not None:
        msg = f"{path} has a header but no rows: there is nothing to do."
        raise errors.InputError(msg)
    names = ", ".join(cell.strip() for cell in first if cell.strip())[:200]
    msg = f"{path} has no column po_number. Its first row is: {names}. Name the column with the PO numbers po_number."
    raise errors.InputError(msg)


def row_from_mapping(given: Mapping[str, object], number: int, *, url_template: str | None = None) -> models.Row:
    """A row from a dict with `po_number, supplier, url, amount` and whatever else; the rules of a spreadsheet's row."""
    columns = tuple(str(name) for name in given)
    cells = tuple("" if value is None else str(value) for value in given.values())
    reader = _RowReader("orders", number, columns, _Places.of(columns), url_template)
    return reader.row(cells)


@dataclasses.dataclass(frozen=True, slots=True)
class _RowReader:
    source: str
    number: int
    columns: Sequence[str]
    places: _Places
    template: str | None

    def row(self, cells: tuple[str, ...]) -> models.Row:
        po_number = " ".join(self._at(cells, self.places.po_number).split())
        order = self._order(cells, po_number)
        if isinstance(order, models.Failure):
            return models.Row(self.number, cells, po_number, None, order)
        return models.Row(self.number, cells, po_number, order)

    def _order(self, cells: tuple[str, ...], po_number: str) -> models.PurchaseOrder | models.Failure:
        column = self._name(self.places.po_number, "po_number")
        invalid = models.ErrorCode.INVALID_ROW
        if not po_number:
            return self.problem(invalid, column, "empty: every row needs a PO number")
        if len(po_number) > _LONGEST_NUMBER:
            return self.problem(invalid, column, f"longer than {_LONGEST_NUMBER} characters")
        if any(unicodedata.category(char) in {"Cc", "Cs", "Cn"} for char in po_number):
            return self.problem(invalid, column, "has characters that cannot be printed")
        url = self._at(cells, self.places.url).strip()
        where = self._name(self.places.url, "url")
        if not url and self.template:
            url = self.template.replace("{po_number}", quote(po_number, safe=""))
        if not url:
            said = "empty: give the order's address, or an --url-template"
            return self.problem(models.ErrorCode.INVALID_URL, where, said)
        wrong = _wrong_with(url)
        if wrong:
            return self.problem(models.ErrorCode.INVALID_URL, where, wrong)
        return models.PurchaseOrder(
            models.order_key(po_number), po_number, url, " ".join(self._at(cells, self.places.supplier).split()),
            amounts.parse(self._at(cells, self.places.amount)), self.number,
        )  # fmt: skip

    def problem(self, code: models.ErrorCode, column: str, said: str) -> models.Failure:
        where = f", column {column}" if column else ""
        return models.Failure(code, f"{self.source}, row {self.number}{where}: {said}")

    def _at(self, cells: Sequence[str], place: int) -> str:
        return cells[place] if 0 <= place < len(cells) else ""

    def _name(self, place: int, default: str) -> str:
        return self.columns[place] if place >= 0 else default


def _wrong_with(url: str) -> str:
    """What is wrong with an address; `""` where nothing is."""
    shown = url[:80]
    if any(unicodedata.category(char) == "Cc" or char == " " for char in url):
        return f"{shown!r} has spaces or control characters in it"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{shown!r} is not a web address"
    if parts.scheme.lower() not in {"http", "https"}:
        return f"{shown!r} is not a web address: it must begin with http:// or https://"
    if not host:
        return f"{shown!r} names no host"
    if parts.username or parts.password:
        return "has a user name or password in it: take it out, and use po-pw login"
    return ""


def _is_header(cells: list[str]) -> bool:
    return _Places.of(cells).po_number >= 0


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at its end."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return [cell.strip() for cell in cells[:end]]


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for place, name in enumerate(header, 1):
        wanted = name or f"column {place}"
        candidate, number = wanted, 1
        while candidate in names:
            number += 1
            candidate = f"{wanted} ({number})"
        names.append(candidate)
    return tuple(names)
