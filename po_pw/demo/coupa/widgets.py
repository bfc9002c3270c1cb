"""The lists of attachments as HTML, and the data that the page's script needs for them. Pure."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from po_pw.demo.catalogue import ExpectedFile
from po_pw.demo.coupa import tenant_catalogue
from po_pw.demo.coupa.tenant_catalogue import NoteKind, Source, Way
from po_pw.demo.coupa.tenant_variants import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw.demo.coupa.tenant_texts import Texts


def file_address(file: ExpectedFile, way: Way = Way.LINK) -> str:
    """The path at which the tenant redirects to a file; items with `data-url` use another path."""
    kind = "type" if way is Way.DATA else "file"
    return f"/attachment/attachment_file/{kind}/{file.number}/{quote(file.name, safe='')}"


def storage_path(file: ExpectedFile) -> str:
    """The path of a file in the storage, without its signature and not percent-encoded."""
    return f"/tenant-files/attachment_files/files/{file.number}/original/{file.name}"


def header_list(items: Sequence[tenant_catalogue.Item], texts: Texts) -> str:
    """The list of the header: items without an address, and items with one in `data-url`."""
    shown = "".join(_header_item(item, place, texts) for place, item in enumerate(items))
    return f'<ul class="attachments-list">{shown or _nothing(texts)}</ul>'


def _nothing(texts: Texts) -> str:
    return f'<li class="show none">{texts.none}</li>'


def _header_item(item: tenant_catalogue.Item, place: int, texts: Texts) -> str:
    attachment = item.attachment
    record = f"/attachments/{attachment.number}"
    delete = (
        f'<a class="delete" href="{record}" data-method="delete" data-confirm="?" rel="nofollow" '
        f'title="{texts.delete}">{texts.delete}</a>'
    )
    if not isinstance(attachment, ExpectedFile):
        return f'<li class="attachment" data-url="{record}">{_note(attachment)} {delete}</li>'
    name = escape(attachment.name)
    label = escape(texts.file.format(attachment.name))
    if item.way is Way.DATA:
        address = escape(file_address(attachment, Way.DATA))
        shown = f'<span class="attachment-file" data-url="{address}" title="{name}">{name}</span>'
    elif item.way is Way.LINK:
        address = escape(file_address(attachment))
        shown = f'<a class="attachment-link" href="{address}" target="_blank" title="{name}">{name}</a>'
    else:
        shown = (
            f'<span class="icon-file" role="button" tabindex="0" data-place="{place}" aria-label="{label}" '
            f'title="{name}">{name}</span>'
        )
    return f'<li class="attachment" data-url="{record}">{shown} {delete}</li>'


def _note(note: tenant_catalogue.Note) -> str:
    name = escape(note.name)
    if note.kind is NoteKind.URL:
        target = escape(note.content)
        return f'<a class="attachment-url" href="{target}" target="_blank" rel="noopener" title="{name}">{name}</a>'
    return f'<span class="attachment-text" title="{name}">{escape(note.content)}</span>'


def presses(items: Sequence[tenant_catalogue.Item]) -> list[list[Any]]:
    """What the page's script does on a click on an item of the header: its place, the address, in another tab."""
    found: list[list[Any]] = []
    for place, item in enumerate(items):
        if isinstance(item.attachment, ExpectedFile) and item.way in {Way.CLICK, Way.TAB}:
            # Must not be readable in the page's source.
            address = base64.b64encode(file_address(item.attachment).encode()).decode()
            found.append([place, address, item.way is Way.TAB])
    return found


def comments(record: int, items: Sequence[tenant_catalogue.Item], texts: Texts) -> dict[str, Any]:
    """The comments, for the page's script to draw.

    Args:
        record: the id of what they are about.
        items: those in comments, two to a comment.
        texts: the page's words.
    """
    elsewhere = [record % 50_000 + 610_000 + step for step in range(3)]  # mentioned, but not an attachment
    mentioned = ", ".join(
        f'<a href="/requisition_headers/{one}">{texts.requisition.format(one)}</a>' for one in elsewhere
    )
    words = (
        f'{record}: {mentioned}. <a href="/order_headers/{record - 1}">{texts.order.format(record - 1)}</a>, '
        '<a href="https://www.example.com/manuals/handbook.pdf" rel="noopener">handbook.pdf</a>'
    )
    first: dict[str, Any] = {"author": "R. Okafor", "html": words, "attachments": []}
    others = [
        {
            "author": ("M. Duarte", "J. Lind")[place // 2 % 2],
            "html": f"{record} ({place // 2 + 1})",
            "attachments": [_comment_attachment(item) for item in items[place : place + 2]],
        }
        for place in range(0, len(items), 2)
    ]
    return {"comments": [first, *others]}


def _comment_attachment(item: tenant_catalogue.Item) -> dict[str, Any]:
    attachment = item.attachment
    if isinstance(attachment, ExpectedFile):
        return {"type": "file", "name": attachment.name, "href": file_address(attachment)}
    return {"type": attachment.kind, "name": attachment.name, "content": attachment.content}


def add_controls(texts: Texts) -> str:
    """Controls that add attachments and must not be pressed."""
    return (
        f'<div class="addAttachments"><button type="button" class="s-addFile" aria-label="{texts.add_file}">+</button>'
        f'<button type="button" class="s-addUrl" aria-label="{texts.add_url}">URL</button>'
        f'<button type="button" class="s-addText" aria-label="{texts.add_text}">T</button>'
        f'<a class="file-attachment" href="#" data-add="file">{texts.add_file}</a></div>'
    )


# --- lines ----------------------------------------------------------------------------------------------------------


def pages_of(order: tenant_catalogue.TenantOrder) -> int:
    """Number of pages of the order's lines."""
    return max(1, -(-order.lines // tenant_catalogue.LINES_A_PAGE))


def lines_page(order: tenant_catalogue.TenantOrder, page: int, texts: Texts) -> str:
    """The table of one page of lines, with a pager if there are several; `page` counts from 1."""
    first = (page - 1) * tenant_catalogue.LINES_A_PAGE + 1
    last = min(order.lines, first + tenant_catalogue.LINES_A_PAGE - 1)
    rows = "".join(_line(order, number, texts) for number in range(first, last + 1))
    return f'<table class="order_lines"><tbody>{rows}</tbody></table>{_pager(order, page, texts)}'


def _line(order: tenant_catalogue.TenantOrder, number: int, texts: Texts) -> str:
    items = [item for item in order.items if item.source is Source.LINE and item.line == number]
    shown = "".join(_header_item(item, 0, texts) for item in items)
    attached = f'<div class="lineAttachments"><ul class="attachments-list">{shown}</ul></div>' if items else ""
    if items and order.variant is Variant.LINES_FOLDED:
        attached = (
            f'<button type="button" class="s-viewFileAttachment" data-line="{number}">'
            f'{texts.view.format(len(items))}</button><div class="lineAttachments"></div>'
        )
    return (
        f'<tr class="order_line" data-line-num="{number}"><td>{number}</td><td>Article {order.number[-3:]}-{number}'
        f"{attached}</td><td>{number * 3}</td>"
        f'<td><a href="#" data-change="lines/{number}/delete">{texts.delete}</a></td></tr>'
    )


def line_attachments(order: tenant_catalogue.TenantOrder, number: int, texts: Texts) -> str:
    """The attachments of one line, as requested by the page's script."""
    items = [item for item in order.items if item.source is Source.LINE and item.line == number]
    return f'<ul class="attachments-list">{"".join(_header_item(item, 0, texts) for item in items)}</ul>'


def _pager(order: tenant_catalogue.TenantOrder, page: int, texts: Texts) -> str:
    count = pages_of(order)
    if count == 1:
        return ""
    if order.variant is Variant.PAGED_LINES_JSON:
        following = f'<button type="button" class="next" data-page="{page + 1}">{texts.following}</button>'
        if page == count:
            following = f'<button type="button" class="next" disabled>{texts.following}</button>'
        return f'<div class="pagination"><span>{page} / {count}</span> {following}</div>'
    address = f"{order.path}/order_lines?page="
    numbers = "".join(
        f'<em class="current">{one}</em> ' if one == page else f'<a href="{address}{one}" data-page="{one}">{one}</a> '
        for one in range(1, count + 1)
    )
    following = (
        f'<a class="next_page" rel="next" href="{address}{page + 1}" data-page="{page + 1}">{texts.following}</a>'
    )
    return f'<div class="pagination">{numbers}{following if page < count else ""}</div>'
