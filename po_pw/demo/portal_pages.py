"""The generic portal's pages as HTML. Pure."""

from __future__ import annotations

import random
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from po_pw.demo import catalogue
from po_pw.demo.catalogue import Delivery
from po_pw.demo.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDERS_A_PAGE: Final = 100
LATE_MILLISECONDS: Final = 350
"""How long a script waits before it requests or shows the attachments."""
_FROM_PAGE: Final = frozenset({"timer", "chain"})
"""Kinds of late lists that are hidden in the page from the start."""

_ARTICLES: Final = (
    "Bearing 6204-2RS",
    "Hydraulic hose DN 10",
    "Safety gloves, size 9",
    "Pallet, 1200 x 800 mm",
    "Cable gland M20",
    "Sealing ring NBR 70",
    "Drive belt SPZ 1250",
    "Proximity switch M12",
    "Label roll, 100 x 150 mm",
    "Filter mat G4",
)


def address(file: catalogue.ExpectedFile) -> str:
    """The path at which the portal sends a file."""
    if file.delivery.posted or file.delivery is Delivery.INLINE:
        return f"/files/{file.number}/{quote(file.name, safe='')}"
    return f"/files/{file.number}"


# --- frames of pages ------------------------------------------------------------------------------------------------


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)} · Meridian Procurement</title>\n"
        '<link rel="icon" href="/static/logo.svg">\n<link rel="stylesheet" href="/static/portal.css">\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _signed_in(title: str, main: str, username: str) -> str:
    return _document(
        title,
        '<header class="portal-header"><a class="brand" href="/"><img src="/static/logo.svg" alt="">Meridian</a>'
        '<nav><a class="here" href="/">Orders</a><a href="/#invoices">Invoices</a><a href="/#suppliers">Suppliers</a>'
        f'</nav><span class="who">{escape(username)}</span><a href="/logout">Sign out</a></header>\n'
        f"<main>\n{main}\n</main>\n"
        '<footer class="portal-footer"><span>© 2026 Meridian Procurement (a demonstration)</span>'
        '<a href="/static/terms.pdf">Terms of use (PDF)</a>'
        '<a href="mailto:help@portal.example">help@portal.example</a></footer>',
    )


def sign_in(csrf: str, target: str, complaint: str = "", username: str = "") -> str:
    """The sign-in form."""
    alert = f'<p role="alert">{escape(complaint)}</p>' if complaint else ""
    return _document(
        "Sign in",
        '<main class="sign-in"><div class="brand"><img src="/static/logo.svg" alt="">Meridian Procurement</div>'
        f'<form class="card" method="post" action="/login"><h2>Sign in</h2>{alert}'
        f'<input type="hidden" name="csrf" value="{escape(csrf)}">'
        f'<input type="hidden" name="next" value="{escape(target)}">'
        '<label for="username">User name</label>'
        f'<input id="username" name="username" autocomplete="username" value="{escape(username)}" required>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        '<button class="primary">Sign in</button></form></main>',
    )


def message(code: int, title: str, words: str, username: str) -> str:
    """A page with one message: not found, forbidden, unavailable."""
    return _signed_in(
        title,
        f'<div class="card message"><div class="code">{code}</div><h1>{escape(title)}</h1><p>{escape(words)}</p>'
        '<p><a href="/">Back to the orders</a></p></div>',
        username,
    )


def being_scanned(username: str) -> str:
    """The page that comes instead of a file."""
    return _signed_in(
        "Please wait",
        '<div class="card message"><h1>Your file is being scanned</h1>'
        "<p>It will be available once our virus scanner has looked at it.</p></div>",
        username,
    )


def home(orders: Sequence[catalogue.DemoOrder], page: int, username: str) -> str:
    """The list of orders, `ORDERS_A_PAGE` at a time; `page` counts from 1."""
    known = [order for order in orders if order.variant is not Variant.NOT_FOUND]
    pages = max(1, -(-len(known) // ORDERS_A_PAGE))
    page = min(max(page, 1), pages)
    rows = "".join(
        f'<tr><td><a href="{order.path}">{order.po_number}</a></td><td>{escape(order.supplier)}</td>'
        f'<td>{order.date:%d %b %Y}</td><td><span class="pill">Issued</span></td>'
        f'<td class="number">{escape(order.amount)}</td></tr>\n'
        for order in known[(page - 1) * ORDERS_A_PAGE : page * ORDERS_A_PAGE]
    )
    turning = f'<a href="/?page={page - 1}">Newer</a>' if page > 1 else ""
    turning += f" <span>Page {page} of {pages}</span> "
    turning += f'<a href="/?page={page + 1}">Older</a>' if page < pages else ""
    return _signed_in(
        "Orders",
        f'<div class="title"><h1>Purchase orders</h1><span class="crumbs">{len(known)} in all</span></div>'
        '<div class="card"><table><thead><tr><th>Number</th><th>Supplier</th><th>Date</th><th>Status</th>'
        f'<th class="number">Total</th></tr></thead><tbody>\n{rows}</tbody></table>'
        f'<div class="turning">{turning}</div></div>',
        username,
    )


# --- an order -------------------------------------------------------------------------------------------------------


def order(shown: catalogue.DemoOrder, csrf: str, username: str, *, printed: bool = False) -> str:
    """The page of one purchase order; its print view has no controls and no attachments."""
    facts = (
        ("Supplier", f'<span class="supplier-name">{escape(shown.supplier)}</span>'),
        ("Order date", f"{shown.date:%d %B %Y}"),
        ("Total", f'<span class="order-total">{escape(shown.amount)}</span>'),
        ("Requested by", escape(username)),
        ("Payment terms", "30 days net"),
        ("Ship to", "Plant 2, Dock 7"),
        ("Cost centre", f"CC-{4000 + shown.cents % 97}"),
        ("Contact", '<a href="mailto:purchasing@portal.example">purchasing@portal.example</a>'),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    actions = (
        f'<div class="actions"><a href="{shown.path}/print">Print view</a><button type="button">Edit</button></div>'
    )
    return _signed_in(
        f"Purchase order {shown.po_number}",
        f'<div class="crumbs"><a href="/">Orders</a> / {shown.po_number}</div>'
        f'<div class="title"><h1>Purchase order {shown.po_number}</h1><span class="pill">Issued</span>'
        f"{'' if printed else actions}</div>\n"
        f'<div class="card"><dl class="facts">{listed}</dl></div>\n{_lines(shown)}\n'
        + ("" if printed else _attachments(shown, csrf)),
        username,
    )


def _lines(shown: catalogue.DemoOrder) -> str:
    """The order's lines: a few items that add up to its total."""
    chance = random.Random(shown.po_number)
    rows, left = [], shown.cents
    articles = chance.sample(_ARTICLES, chance.randrange(3, 6))
    for number, article in enumerate(articles, start=1):
        quantity = chance.randrange(1, 60) if number < len(articles) else 1
        price = left * chance.randrange(20, 60) // (100 * quantity) if number < len(articles) else left
        left -= price * quantity
        rows.append(
            f'<tr><td>{number}</td><td>{article}</td><td class="number">{quantity}</td>'
            f'<td class="number">{price / 100:,.2f}</td><td class="number">{price * quantity / 100:,.2f}</td></tr>'
        )
    return (
        '<div class="card"><div class="bar"><h2>Lines</h2></div><table><thead><tr><th>#</th><th>Article</th>'
        '<th class="number">Quantity</th><th class="number">Unit price</th><th class="number">Amount</th></tr></thead>'
        f'<tbody>{"".join(rows)}</tbody><tfoot><tr><td colspan="4">Total</td>'
        f'<td class="number">{shown.cents / 100:,.2f}</td></tr></tfoot></table></div>'
    )


def _attachments(shown: catalogue.DemoOrder, csrf: str) -> str:
    total = len(shown.shown) + len(shown.addresses)
    heading, inside, more, attributes = f"Attachments ({total})", "", "", ""
    loading = '<p class="loading">Loading…</p>'
    late = f' data-delay="{LATE_MILLISECONDS}" aria-busy="true"'
    source = f' data-from="{shown.path}/attachments.json"'
    match shown.variant:
        case _ if shown.list_way:
            heading = "Attachments"
            attributes = f'{source} data-way="{shown.list_way}" data-delay="{shown.list_delay * 1000:.0f}"'
            if shown.list_way in _FROM_PAGE:
                more = f"<template>{file_list(shown, csrf)}</template>"
        case Variant.LATE:
            heading, inside, attributes = "Attachments", loading, source + late
        case Variant.APPENDED:
            heading, inside, attributes = "Attachments", loading, late
            more = f"<template>{file_list(shown, csrf)}</template>"
        case Variant.IFRAME:
            height = 24 + 47 * len(shown.shown)
            inside = f'<iframe src="{shown.path}/attachments-frame" title="Attachments" height="{height}"></iframe>'
        case Variant.EXPANDER:
            attributes = source
        case Variant.PAGED:
            attributes = source
            inside = file_list(shown, csrf, page=1)
            more = (
                '<div class="turning"><button type="button" disabled>Previous</button>'
                f'<span>Page 1 of {pages_of(shown)}</span><button type="button">Next</button></div>'
            )
        case _:
            inside = file_list(shown, csrf)
    control = '<button type="button" aria-expanded="false">Show attachments</button> '
    control = control if shown.variant is Variant.EXPANDER else ""
    return (
        f'<section id="attachments" class="card" data-shows="{shown.variant}"{attributes}>\n'
        f'<div class="bar"><h2>{heading}</h2><div>{control}'
        '<button type="button" aria-label="Add File Attachment">Add file</button></div></div>\n'
        f'<div class="attachments-body">{inside}</div>{more}\n</section>\n<script src="/static/portal.js"></script>'
    )


def pages_of(shown: catalogue.DemoOrder) -> int:
    """Number of pages of a `PAGED` order's attachments."""
    return max(1, -(-len(shown.shown) // catalogue.FILES_A_PAGE))


def file_list(shown: catalogue.DemoOrder, csrf: str, page: int | None = None) -> str:
    """The order's attachments, or one page of them; `page` counts from 1."""
    files = shown.shown
    if page is not None:
        files = files[(page - 1) * catalogue.FILES_A_PAGE : page * catalogue.FILES_A_PAGE]
    items = [_item(file, csrf) for file in files]
    items += [
        f'<li><span class="badge url">WEB</span><span class="name"><a class="attachment-url" rel="external noopener" '
        f'data-kind="url" href="{escape(url)}" target="_blank">{escape(name)}</a></span></li>'
        for name, url in shown.addresses
    ]
    return f'<ul class="file-list">{"".join(items)}</ul>' if items else '<p class="none">No attachments</p>'


def frame(shown: catalogue.DemoOrder, csrf: str) -> str:
    """The page inside the frame of an `IFRAME` order."""
    return _document("Attachments", f'<div class="framed">{file_list(shown, csrf)}</div>').replace(
        "<body>", '<body class="framed">'
    )


def _item(file: catalogue.ExpectedFile, csrf: str) -> str:
    name, kind = escape(file.name), file.document.kind
    match file.delivery:
        case Delivery.FORM | Delivery.FORM_INLINE:
            control = (
                f'<form method="post" action="{escape(address(file))}">'
                f'<input type="hidden" name="csrf" value="{escape(csrf)}"><button>Download {name}</button></form>'
            )
        case Delivery.SCRIPT:
            control = f'<button type="button" data-from="/files/{file.number}/data.json">Download {name}</button>'
        case Delivery.UNNAMED:
            control = f'<a class="icon" href="{address(file)}" aria-label="Open attachment"></a>'
        case _:
            control = f'<a href="{escape(address(file))}">{name}</a>'
    label = "txt" if kind == "empty" else kind.value
    deleted = "" if file.delivery is Delivery.UNNAMED else f" {name}"
    return (
        f'<li><span class="badge {label}">{label.upper()}</span><span class="name">{control}</span>'
        f'<span class="size">{_readable(file.size)}</span>'
        f'<button type="button" class="quiet" aria-label="Delete{deleted}">Delete</button></li>\n'
    )


def _readable(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
