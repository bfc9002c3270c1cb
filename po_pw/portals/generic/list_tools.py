"""Which links in a list of attachments are no entries but do something with one, with the list or with the order. Pure.

A list may show titles without file names ("Frame contract"), so a link in it counts although nothing says "file". A
link that says neither file nor download may also be a command with an unknown word ("Take over"), and requesting its
address would execute it. The word does not distinguish them. But entries of a list are alike, each in its own row with
its own name; a command is outside the rows or recurs in each, and its address continues that of its object.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw.portals.generic import (
    address_policy,
    control_policy,
    file_names,
    icon_words,
    identifiers,
    label_words,
    tokenizer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw.portals.generic import page_items


def tools(taken: Sequence[page_items.Candidate], page_url: str) -> set[int]:
    """The `id()` of each candidate that is a command and no entry.

    Args:
        taken: the candidates of a look that may lead to files.
        page_url: address of the page.
    """
    return {id(one) for one in taken if _is_unsure(one) and _is_tool(one, taken, page_url)}


def _is_unsure(one: page_items.Candidate) -> bool:
    """Whether a candidate is a link with words of which none says file or download."""
    control = one.control
    if one.decision.action is not control_policy.Action.FETCH or one.decision.certain or one.area < 0:
        return False
    texts = (control.label, control.title, control.text, one.filename)
    return (
        bool(tokenizer.words(control.label))
        and not any(label_words.file_name(text) or label_words.is_download_label(text) for text in texts)
        and not address_policy.is_plain_file_address(control.address)
        and not icon_words.icon_of_download(control.icons, control.label)
    )


def _is_tool(one: page_items.Candidate, taken: Sequence[page_items.Candidate], page_url: str) -> bool:
    others = [other for other in taken if other.area == one.area and other is not one]
    in_row = [other for other in others if other.row == one.row >= 0]
    if one.row < 0 and any(other.row >= 0 for other in others):
        return True
    if any(_continues(one.control.address, other.control.address) for other in in_row):
        return True
    if _continues(one.control.address, page_url) and (
        one.row < 0 or any(not _continues(other.control.address, page_url) for other in taken if other.area >= 0)
    ):
        return True
    recurs = _recurs(one, others)
    if any(file_names.is_file_name(piece) for piece in one.pieces):
        return recurs or _is_unlike(one, others)
    return recurs and any(not _recurs(other, others) for other in in_row)


def _recurs(one: page_items.Candidate, others: Sequence[page_items.Candidate]) -> bool:
    """Whether another row has a link with the same label: entries have names of their own."""
    label = one.control.label.casefold()
    return any(other.row != one.row and other.control.label.casefold() == label for other in others)


def _is_unlike(one: page_items.Candidate, others: Sequence[page_items.Candidate]) -> bool:
    """Whether the list's certain files have addresses, and all of them another form than this one."""
    forms = {_form(other.control.address) for other in others if other.control.address and not _is_unsure(other)}
    return bool(forms) and _form(one.control.address) not in forms


def _form(address: str) -> tuple[str, ...]:
    """An address without its ids: path segments and names of parameters."""
    parts = urlsplit(address)
    said = ["#" if _is_id(segment) else segment.casefold() for segment in parts.path.split("/")]
    return (*said, "?", *sorted(key.casefold() for key, _ in parse_qsl(parts.query, keep_blank_values=True)))


def _is_id(segment: str) -> bool:
    said = unquote(segment)
    return bool(re.search(r"\d", said)) or identifiers.is_opaque(said) or file_names.is_file_name(said)


def _continues(address: str, base: str) -> bool:
    """Whether an address is another one and only words more, no id: `/doc/5/done` of `/doc/5`."""
    one, other = urlsplit(address), urlsplit(base)
    path = other.path.rstrip("/")
    if not path or one[:2] != other[:2] or address == base:
        return False
    if one.path.rstrip("/") == path:
        more = one.query.removeprefix(other.query)
        return bool(other.query) and more != one.query and not any(_is_id(value) for _, value in parse_qsl(more))
    more = one.path.removeprefix(f"{path}/")
    return more != one.path and not any(_is_id(segment) for segment in more.strip("/").split("/"))
