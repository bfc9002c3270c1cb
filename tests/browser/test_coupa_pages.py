"""Pages of Coupa that the embedded tenant does not have: what must not be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw import events, models
from tests.helpers import plain_portal, tenant_runs
from tests.helpers.plain_portal import Answer
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

HEADER: Final = (
    '<header class="coupaGlobalHeader"><a href="/user/home">Home</a><a href="/sessions/destroy">Out</a></header>'
)
FILE: Final = "/attachment/attachment_file/file"
NONE: Final = '<ul class="attachments-list"><li class="show none">-</li></ul>'
DECOYS: Final = (
    '<button class="s-addFile" aria-label="Add File Attachment">+</button><button class="s-addUrl">URL</button>'
    '<a class="file-attachment" href="/attachments/new">Add</a>'
    '<img src="/public_attachments/1/logo.svg" alt="logo"><a href="/public_attachments/1/terms.pdf">terms.pdf</a>'
)


def page(controller: str, record: str, body: str, *, action: str = "show", title: str = "") -> str:
    return (
        f'<!doctype html><html data-controller="{controller}" data-action="{action}" data-id="{record}">'
        f"<title>{title}</title><body>{HEADER}<div id=flash_container></div>{body}</body></html>"
    )


def order(number: str, attachments: str, *, record: str = "", more: str = "", requisition: str = "") -> str:
    leads = f'<a href="/requisition_headers/{requisition}">{requisition}</a>'
    link = f'<div class="form_element wrapper_vertical">{leads}</div>'
    general = f'<div class="attachments attachified">{attachments}</div>' if attachments else ""
    body = (
        f'<div class="order_headers_show_page"><h1 id="pageHeader">Purchase Order #{number}</h1>'
        f'<section id="general_info"><div class="content">{link if requisition else ""}{general}</div></section>'
        f'<section id="comments"><div class="commentsSection">{DECOYS}</div></section>{more}</div>'
    )
    return page("order_headers", record or number, body, title=f"Purchase Order #{number}")


def requisition(record: str, attachments: str) -> str:
    return page(
        "requisition_headers", record, f'<div class="attachments">{attachments}</div>', title=f"Requisition #{record}"
    )


def links(*names: str) -> str:
    rows = "".join(
        f'<li class="attachmentFile"><a href="{FILE}/{at}/{name}" title="{name}">{name}</a></li>'
        for at, name in enumerate(names, 1)
    )
    return f'<ul class="attachments__list">{rows}</ul>'


FIRST: Final = links("a.pdf")
DELETES: Final = (
    '<ul class="attachments-list"><li class="attachment"><span role="button" tabindex="0" title="a.pdf" '
    "aria-label=\"a.pdf delete\" onclick=\"fetch('/deleted', { method: 'POST' })\">a.pdf</span></li></ul>"
)
UNKNOWN: Final = (
    f'<ul class="attachments-list"><li class="attachmentFile"><a href="{FILE}/1/a.pdf">a.pdf</a>'
    '</li><li class="attachmentNew">b.pdf <button type="button">…</button></li></ul>'
)
BARE: Final = (
    '<ul class="attachments-list"><li class="attachment"><span class="name">offer.pdf</span></li>'
    '<li class="attachment"><span class="attachment-text">as in offer.pdf</span></li></ul>'
)
"""A file's name with nothing to get the file by, and a text."""
FETCHES: Final = "<script>fetch('/order_headers/9/attachments.json')</script>"
COUNTED: Final = '<button type="button" class="s-viewFileAttachment">Ver anexos (3)</button>'
DIALOG: Final = (
    '<button type="button" class="s-viewFileAttachment" onclick="document.getElementById(\'all\').hidden = false">'
    'View Attachments (2)</button><div id="all" hidden><div class="attachments"><ul class="attachments-list">'
    + "".join(
        f'<li class="attachment"><span role="button" tabindex="0" title="{name}" aria-label="{name} file attachment" '
        f"onclick=\"location.assign('{at}')\">{name}</span></li>"
        for name, at in (("gone.pdf", "/order_headers/9999"), ("b.pdf", f"{FILE}/2/b.pdf"))
    )
    + "</ul></div></div>"
)
"""Buttons that are seen only while the dialog behind the count is open."""
ROWS: Final = "".join(
    f'<tr><td><a href="/order_headers/{one}">{number}</a></td></tr>' for one, number in ((81, 8), (82, 8), (7, 77))
)
PAGES: Final[dict[str, str | Answer]] = {
    "/order_headers/1": order("1", NONE),
    "/order_headers/2": order("2", '<ul class="attachments-list"></ul>'),
    "/order_headers/3": order("3", UNKNOWN),
    "/order_headers/4": order("4", FIRST + COUNTED),
    "/order_headers/5": order("5", ""),
    "/order_headers/6": order("6", NONE, requisition="60"),
    "/requisition_headers/60": Answer(page("errors", "", "<h1>?</h1>", action="show"), 403),
    "/order_headers/7": order("77", FIRST, record="7"),
    "/order_headers/9": order("9", NONE, more=FETCHES),
    "/order_headers/9/attachments.json": Answer("{}", 403),
    "/order_headers/10": order("10", DELETES),
    "/order_headers/11": order("11", links("a.bin"), requisition="61"),
    "/requisition_headers/61": Answer("", 500),
    "/order_headers/12": order("12", links("a.bin"), requisition="62"),
    "/requisition_headers/62": requisition("62", links("a.bin", "b.pdf")),
    "/order_headers/13": order("13", NONE, requisition="63"),
    "/requisition_headers/63": requisition("64", FIRST),
    "/order_headers/14": order("14", NONE + DIALOG),
    "/order_headers/15": order("15", BARE),
    "/order_headers": page("order_headers", "", f"<table>{ROWS}</table>", action="index"),
}
EXPECTED: Final = {
    "PO1": ("NO_ATTACHMENTS", None, 0),
    "PO2": ("FAILED", "LIST_INCOMPLETE", 0),
    "PO3": ("PARTIAL", "LIST_INCOMPLETE", 1),
    "PO4": ("PARTIAL", "LIST_INCOMPLETE", 1),
    "PO5": ("FAILED", "NO_AREA_FOUND", 0),
    "PO6": ("FAILED", "LIST_INCOMPLETE", 0),
    "PO7": ("FAILED", "NOT_RECOGNISED", 0),
    "PO8": ("FAILED", "NOT_RECOGNISED", 0),
    "PO9": ("FAILED", "LIST_INCOMPLETE", 0),
    "PO10": ("FAILED", "NOT_PRESSED", 0),
    "PO11": ("PARTIAL", "LIST_INCOMPLETE", 1),
    "PO12": ("COMPLETED", None, 2),
    "PO13": ("FAILED", "LIST_INCOMPLETE", 0),
    "PO14": ("PARTIAL", "NOT_FOUND", 1),
    "PO15": ("FAILED", "LIST_INCOMPLETE", 0),
}
"""Of each order its status, its error, and how many files are there."""


def test_what_a_page_does_not_prove_is_not_claimed(tmp_path: Path) -> None:
    """Silent lists, wrong counts, missing parts and hidden requisitions make an order incomplete.

    The files that are there are downloaded; another order's files are not, and nothing that deletes is pressed.
    """
    portal = plain_portal.Portal(PAGES)
    portal.bodies = {f"{FILE}/{name}": plain_portal.PDF for name in ("1/a.pdf", "1/a.bin", "2/b.pdf")}

    async def go() -> tenant_runs.Ran:
        async with portal.serving():
            numbers = list(EXPECTED)
            return await tenant_runs.run(portal.origin, tmp_path, numbers, attempts=1)

    ran = run_async(go())
    assert ran.error is None
    found = {
        number: (one.status.value, one.error.code.value if one.error else None, len(one.files))
        for number, one in ran.outcomes.items()
    }
    assert found == EXPECTED
    assert "/deleted" not in portal.asked
    assert "/attachments/new" not in portal.asked
    assert portal.times("/order_headers") == 1
    messages = {number: one.error.message for number, one in ran.outcomes.items() if one.error}
    assert "of a kind that is not known: 'b.pdf" in messages["PO3"]
    assert "of a kind that is not known: 'offer.pdf'" in messages["PO15"]
    assert "says that there are 3 attachments and shows 1" in messages["PO4"]
    assert "requisition 60 could not be read: the portal answered 403" in messages["PO6"]
    assert "'77', which is another order" in messages["PO7"]
    assert "2 orders with the number PO8" in messages["PO8"]
    pressed = [event.label for event in ran.heard if isinstance(event, events.Pressed) and not event.refused]
    count, gone, there = "View Attachments (2)", "gone.pdf file attachment", "b.pdf file attachment"
    assert pressed == ["Ver anexos (3)", count, gone, count, there]


def test_a_page_that_is_not_coupas_is_read_as_any_other(tmp_path: Path) -> None:
    """A page with an address like Coupa's that is not Coupa's is read by its headings and lists."""
    body = plain_portal.order("PO-1", plain_portal.area("a.pdf"))
    portal = plain_portal.Portal({"/order_headers/PO-1": body})

    async def go() -> tenant_runs.Ran:
        async with portal.serving():
            template = f"{portal.origin}/order_headers/{{po_number}}"
            return await tenant_runs.run(portal.origin, tmp_path, ["PO-1"], portal=None, url_template=template)

    ran = run_async(go())
    assert ran.outcomes["PO-1"].status is models.Status.COMPLETED
