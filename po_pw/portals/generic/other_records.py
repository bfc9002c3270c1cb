"""Finds rows of other records in a list on an order's page. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw.portals.generic import label_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw.portals.generic import page_items


def rows(
    candidates: Sequence[page_items.Candidate], areas: Sequence[page_items.Area], page_url: str
) -> set[tuple[int, int]]:
    """The rows of other records, as pairs of area and row, in a table of records that has a column of files.

    Such a row has a link to its record, whose address differs from the page's in one part, and shows that part. In a
    list of attachments such a link only says where a file came from.
    """
    found: set[tuple[int, int]] = set()
    records: set[str] = set()
    columns = {at for at, area in enumerate(areas) if area.is_column}
    areas_by_row = {one.row: one.area for one in candidates if one.area in columns and one.row >= 0}
    for one in candidates:
        if one.row in areas_by_row and (part := differing_part(one.control.address, page_url)):
            shown = re.sub(r"\W", "", one.control.label).casefold()
            if re.sub(r"\W", "", part).casefold() in shown and not label_words.file_name(one.control.label):
                found.add((areas_by_row[one.row], one.row))
                records.add(part)
    return found if len(records) > 1 else set()


def differing_part(address: str, page_url: str) -> str:
    """The only part in which an address differs from the page's, if both have a digit; else `""`."""
    one, page = urlsplit(address), urlsplit(page_url)
    if one[:2] != page[:2] or one.path.count("/") != page.path.count("/"):
        return ""
    parts = [
        [unquote(part) for part in parsed.path.split("/")] + [value for _, value in parse_qsl(parsed.query)]
        for parsed in (one, page)
    ]
    differing = [(mine, its) for mine, its in zip(*parts, strict=False) if mine != its]
    if len(parts[0]) != len(parts[1]) or len(differing) != 1:
        return ""
    return differing[0][0] if all(re.search(r"\d", part) for part in differing[0]) else ""
