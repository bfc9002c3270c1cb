"""The tenant's pages as HTML. Pure."""

from __future__ import annotations

import dataclasses
import json
from html import escape
from typing import TYPE_CHECKING, Any, Final

from po_pw.demo.coupa import tenant_catalogue, widgets
from po_pw.demo.coupa.tenant_catalogue import Source
from po_pw.demo.coupa.tenant_texts import TEXTS, Texts
from po_pw.demo.coupa.tenant_variants import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS_A_PAGE: Final = 20
"""Rows per page of the list of orders."""
_CHECKS_EVERY: Final = 60
"""Seconds between two requests of a page for the remaining session time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """The viewer of a page."""

    username: str
    csrf: str
    late: float
    """Seconds after which late widgets appear."""


def _document(title: str, body: str, *, language: str = "en", marks: str = "", head: str = "") -> str:
    return (
        f'<!doctype html>\n<html lang="{language}"{marks}>\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n{head}"
        '<link rel="icon" href="/public_attachments/7/logo.svg">\n'
        '<link rel="stylesheet" href="/assets/tenant.css">\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _signed_in(
    title: str, main: str, viewer: Viewer, *, language: str = "en", controller: str, record: int = 0, flash: str = ""
) -> str:
    """Renders a page of the tenant.

    Args:
        title: of the page.
        main: its own part.
        viewer: who looks at it.
        language: of its words.
        controller: what it is of and what it does, e.g. `order_headers/show`.
        record: the id of what it shows; 0 where it shows nothing in particular.
        flash: an error to tell first.
    """
    texts = TEXTS[language]
    name, _, action = controller.partition("/")
    marks = f' data-controller="{name}" data-action="{action}"' + (f' data-id="{record}"' if record else "")
    told = f'<div class="esErrorFlashMessages"><p>{escape(flash)}</p></div>' if flash else ""
    return _document(
        title,
        '<header class="coupaGlobalHeader"><a class="logo" href="/user/home">'
        '<img src="/public_attachments/7/logo.svg" alt="Company logo"></a>'
        f'<nav><a href="/order_headers">{texts.orders}</a><a href="/requisition_headers">{texts.requisitions}</a>'
        f'<a href="/invoices">{texts.invoices}</a></nav><span class="user">{escape(viewer.username)}</span>'
        f'<a class="signOut" href="/sessions/destroy">{texts.sign_out}</a></header>\n'
        f'<div id="flash_container">{told}</div>\n<main id="pageContent">\n{main}\n</main>',
        language=language,
        marks=marks,
        head=(
            f'<meta name="csrf-param" content="authenticity_token">\n<meta name="csrf-token" content="{viewer.csrf}">\n'
            '<script src="/assets/AttachmentUploader.js" defer></script>\n'
            '<script src="/assets/tenant.js"></script>\n'
        ),
    )


def sign_in(target: str, complaint: str = "", username: str = "") -> str:
    """The tenant's sign-in form."""
    told = f'<div class="esErrorFlashMessages" role="alert"><p>{escape(complaint)}</p></div>' if complaint else ""
    return _document(
        "Sign In",
        f'<div id="flash_container">{told}</div><main class="signIn"><h1>Sign In</h1>'
        '<form method="post" action="/sessions">'
        f'<input type="hidden" name="return_to" value="{escape(target)}">'
        '<label for="user_login">Username</label>'
        f'<input id="user_login" name="user[login]" type="text" autocomplete="username" value="{escape(username)}">'
        '<label for="user_password">Password</label>'
        '<input id="user_password" name="user[password]" type="password" autocomplete="current-password">'
        '<button type="submit">Sign In</button></form></main>',
        marks=' data-controller="sessions" data-action="new"',
    )


def home(viewer: Viewer, language: str = "en", error: str = "") -> str:
    """The home page, with an error if another page could not be shown."""
    flash = ". ".join(TEXTS[language].errors[error]) if error in TEXTS[language].errors else ""
    return _signed_in(
        "Home",
        '<h1 id="pageHeader">Home</h1><section class="card"><h2>Recent activity</h2><ul>'
        '<li><a href="/order_headers">Orders</a></li><li><a href="/requisition_headers">Requisitions</a></li></ul>'
        "</section>",
        viewer,
        language=language,
        controller="user/home",
        flash=flash,
    )


def problem(error: str, language: str, viewer: Viewer) -> str:
    """An error page: `not_found`, `forbidden` or `error`."""
    heading, words = TEXTS[language].errors[error]
    return _signed_in(
        heading,
        f'<div class="errorPage"><h1>{escape(heading)}</h1><p>{escape(words)}</p>'
        '<p><a href="/user/home">Home</a></p></div>',
        viewer,
        language=language,
        controller="errors/show",
        flash=f"{heading}. {words}",
    )


def plain(title: str, viewer: Viewer, controller: str) -> str:
    """A page without content of interest."""
    return _signed_in(title, f'<h1 id="pageHeader">{escape(title)}</h1>', viewer, controller=controller)


def order_list(orders: Sequence[tenant_catalogue.TenantOrder], search: str, page: int, viewer: Viewer) -> str:
    """The list of orders, or of those whose number contains the search text; `page` counts from 1."""
    pages = max(1, -(-len(orders) // ROWS_A_PAGE))
    page = min(max(page, 1), pages)
    rows = "".join(
        f'<tr><td><a href="{order.path}">{order.number}</a></td><td>{escape(order.supplier)}</td>'
        f"<td>{order.date:%d/%m/%y}</td><td>Issued</td><td>{order.amount}</td>"
        f'<td><a href="{order.path}/cancel">Cancel</a></td></tr>\n'
        for order in orders[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE]
    )
    rows = rows or '<tr class="empty"><td colspan="6">No rows match.</td></tr>'
    query = f"&amp;search={escape(search)}" if search else ""
    following = f'<a rel="next" href="/order_headers?page={page + 1}{query}">Next</a>' if page < pages else ""
    return _signed_in(
        "Purchase Orders",
        '<h1 id="pageHeader">Purchase Orders</h1><form class="search" method="get" action="/order_headers">'
        f'<input type="search" id="order_header_search" name="search" value="{escape(search)}" placeholder="Search">'
        '<button type="submit">Search</button></form>'
        '<table id="order_header_table"><thead><tr><th>PO Number</th><th>Supplier</th><th>Order Date</th>'
        f"<th>Status</th><th>Total</th><th>Actions</th></tr></thead><tbody>{rows}</tbody></table>"
        f'<div class="pagination"><span>{page} / {pages}</span> {following}</div>',
        viewer,
        controller="order_headers/index",
    )


# --- records --------------------------------------------------------------------------------------------------------


def order(shown: tenant_catalogue.TenantOrder, viewer: Viewer, *, error: str = "", printed: bool = False) -> str:
    """The page of an order, or its print view, which has no attachments."""
    texts = TEXTS[shown.language]
    title = texts.order.format(shown.number)
    facts = [(texts.status, texts.issued), (texts.date, f"{shown.date:%d/%m/%y}"), (texts.requester, "J. Lind")]
    general = "".join(_fact(label, escape(value)) for label, value in facts)
    if shown.requisition is not None:
        link = f'<a href="/requisition_headers/{shown.requisition.id}">{shown.requisition.id}</a>'
        general += _fact(texts.requisition_number, link)
    supplier = (
        f'<section id="supplier" class="card"><h2>{texts.supplier}</h2><div class="supplier_name_wrapper">'
        f'<span class="supplier-name">{escape(shown.supplier)}</span></div></section>'
    )
    if printed:
        facts_only = f'<section class="card"><div class="content">{general}</div></section>'
        body = f'<h1 id="pageHeader">{title}</h1>{facts_only}{supplier}'
        return _signed_in(title, body, viewer, language=shown.language, controller="order_headers/print_view")
    lines = "" if shown.variant is Variant.LINES_LATE else widgets.lines_page(shown, 1, texts)
    claim = texts.view.format(shown.claimed)
    count = f'<button type="button" class="s-viewFileAttachment" data-to="comments">{claim}</button>'
    notice = f'<div class="notice">{texts.notice}</div>' if shown.variant is Variant.NOTICE else ""
    body = (
        f'<div class="order_headers_show_page">{notice}{_bar(shown, texts)}'
        f'<h1 id="pageHeader">{title}</h1>'
        f'<section id="general_info" class="card"><h2>{texts.general}</h2><div class="content">{general}'
        f"{_header(shown.items, shown.variant, texts)}{count if shown.claimed else ''}</div></section>{supplier}"
        f'<section id="order_line_table_section" class="card"><h2>{texts.lines}</h2>'
        f'<div class="lines">{lines}</div></section>'
        f"{_comments(texts)}</div>"
        f"{_script(shown.path, shown.items, shown.variant, viewer)}"
    )
    flash = ". ".join(texts.errors[error]) if error in texts.errors else ""
    return _signed_in(
        title,
        body,
        viewer,
        language=shown.language,
        controller="order_headers/show",
        record=shown.header_id,
        flash=flash,
    )


def requisition(shown: tenant_catalogue.Requisition, viewer: Viewer) -> str:
    """The page of a requisition."""
    texts = TEXTS["en"]
    title = texts.requisition.format(shown.id)
    return _signed_in(
        title,
        f'<div class="requisition_headers_show_page"><h1 id="pageHeader">{title}</h1>'
        f'<section id="general_info" class="card"><h2>{texts.general}</h2><div class="content">'
        f"{_fact(texts.status, 'Ordered')}{_header(shown.items, Variant.HEADER_CLICK, texts)}</div></section>"
        f"{_comments(texts)}</div>"
        f"{_script(f'/requisition_headers/{shown.id}', shown.items, Variant.COMMENTS, viewer)}",
        viewer,
        controller="requisition_headers/show",
        record=shown.id,
    )


def _fact(label: str, value: str) -> str:
    named = f'<span class="group_label label_readonly">{label}</span>'
    return f'<div class="form_element wrapper_vertical">{named} {value}</div>'


def _in_header(item: tenant_catalogue.Item) -> bool:
    """Whether an attachment is in the list of the header; for a requisition, the first is."""
    if item.source is Source.REQUISITION:
        return item.way is not tenant_catalogue.Way.LINK
    return item.source is Source.ORDER


def header_items(items: Sequence[tenant_catalogue.Item]) -> list[tenant_catalogue.Item]:
    """The attachments in the list of the header."""
    return [item for item in items if _in_header(item)]


def comment_items(items: Sequence[tenant_catalogue.Item]) -> list[tenant_catalogue.Item]:
    """The attachments in the comments."""
    return [item for item in items if item.source is not Source.LINE and not _in_header(item)]


def _header(items: Sequence[tenant_catalogue.Item], variant: Variant, texts: Texts) -> str:
    listed = widgets.header_list([] if variant is Variant.LATE else header_items(items), texts)
    return _fact(texts.attachments, f'<div class="attachments attachified">{listed}</div>{widgets.add_controls(texts)}')


def _comments(texts: Texts) -> str:
    return (
        f'<section id="comments" class="card"><h2>{texts.comments}</h2><div class="commentsSection"></div>'
        f'<div class="newComment"><textarea aria-label="{texts.comments}"></textarea>{widgets.add_controls(texts)}'
        '<button type="button" data-change="comments">OK</button></div></section>'
    )


def _bar(shown: tenant_catalogue.TenantOrder, texts: Texts) -> str:
    """The bar of buttons; on one order it floats over the attachment."""
    floats = " orderHeaderShowFloatingSection floatingSectionOnTop" if shown.variant is Variant.FLOATING_BAR else ""
    return (
        f'<div class="page_buttons_right{floats}">'
        f'<a href="/order_headers/print_view?id={shown.header_id}&amp;version=1">{texts.print_view}</a>'
        f'<a class="button" href="{shown.path}/cancel">{texts.cancel}</a></div>'
    )


def _script(path: str, items: Sequence[tenant_catalogue.Item], variant: Variant, viewer: Viewer) -> str:
    late = round(viewer.late * 1000)
    config: dict[str, Any] = {
        "path": path,
        "presses": widgets.presses(header_items(items)),
        "lateHeader": late if variant is Variant.LATE else None,
        "lateLines": late if variant is Variant.LINES_LATE else None,
        "comments": late * (2 if variant is Variant.LATE else 1),
        "again": late,
        "partly": variant is Variant.REDRAWN,
        "checks": _CHECKS_EVERY * 1000,
        "json": variant is Variant.PAGED_LINES_JSON,
    }
    return f"<script>tenant.start({json.dumps(config)})</script>"
