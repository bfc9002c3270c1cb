"""The Coupa tenant: its files and pages over real HTTP, and its scripts in a real browser."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from po_pw.demo import faults
from po_pw.demo.catalogue import Delivery
from po_pw.demo.coupa import demo_tenant, tenant_catalogue, tenant_server, widgets
from po_pw.demo.coupa.tenant_catalogue import Source, Way
from po_pw.demo.coupa.tenant_variants import UNSEEN, Variant
from tests.helpers.demo_visits import client
from tests.helpers.tenant_visits import QUICK, first, get, visit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page


@pytest.fixture(scope="session")
def base_url() -> None:
    """Replaces pytest-playwright's fixture, about which pytest 9.2 warns."""


# --- files ----------------------------------------------------------------------------------------------------------


def test_every_file_comes_from_the_storage() -> None:
    """Each file can be downloaded by both addresses, through a signed address of another host."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        for order in tenant.orders:
            for place, (_, file) in enumerate(order.wanted):
                if order.variant is Variant.STALE_ADDRESS:
                    continue
                address = widgets.file_address(file, Way.DATA if place % 2 else Way.LINK)
                async with session.get(tenant.origin + address, allow_redirects=False) as answer:
                    signed = answer.headers["Location"]
                assert signed.startswith(f"{tenant.storage_origin}/")
                async with client() as nobody, nobody.get(URL(signed, encoded=True)) as answer:
                    assert hashlib.sha256(await answer.read()).hexdigest() == file.sha256, file.name
                    sent = answer.content_disposition
                    assert (sent and sent.filename) == (None if file.delivery is Delivery.INLINE else file.name)

    tenant = visit(act)
    assert tenant.counts["refused_by_storage"] == 0


def test_signed_addresses() -> None:
    """Unsigned, changed and expired addresses are refused; one order's first is expired, and the next is valid."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        file = first(tenant, Variant.STALE_ADDRESS).files[0]
        stale, good = [await get(session, tenant.origin + widgets.file_address(file)) for _ in range(2)]
        assert "AccessDenied" in stale[1]
        assert "AccessDenied" not in good[1][:200]
        for wrong in (str(good[0]).partition("?")[0], str(good[0]) + "0"):
            assert "AccessDenied" in (await get(session, wrong))[1]

    tenant = visit(act)
    assert tenant.counts["refused_by_storage"] == 3


def test_a_file_that_is_gone_leads_back_to_the_order() -> None:
    """A missing file leads to the order's page with an error and status 200."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.FILE_GONE)
        gone = next(item.attachment for item in order.items if item.attachment.number in order.gone)
        assert tenant_catalogue.is_file(gone)
        url, text = await get(session, tenant.origin + widgets.file_address(gone))
        assert url.path == order.path
        assert 'class="esErrorFlashMessages"' in text
        assert (await get(session, f"{tenant.origin}/attachments/{gone.number}"))[0].path == order.path

    visit(act)


# --- pages ----------------------------------------------------------------------------------------------------------


def test_failures_can_be_set() -> None:
    """Errors can be set for a response or a file's body; the next request works."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.HEADER_DATA)
        tenant.faults.add(order.path, faults.Fault.TOO_MANY)
        tenant.faults.add(quote(widgets.storage_path(order.files[0])), faults.Fault.SHORT)
        answers = [(await session.get(tenant.origin + order.path)).status for _ in range(2)]
        assert answers == [429, 200]
        with pytest.raises(aiohttp.ClientPayloadError):
            await get(session, tenant.origin + widgets.file_address(order.files[0]))
        await get(session, tenant.origin + widgets.file_address(order.files[0]))

    visit(act)


def test_an_order_says_which_it_is() -> None:
    """Marks, title and supplier identify an order; its print view is the same order's."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.OTHER_ID)
        custom = f"/order_headers/show_custom/{order.header_id}?version=1"
        for path in (order.path, f"{order.path}?translate=1", custom):
            _, text = await get(session, tenant.origin + path)
            assert f'data-controller="order_headers" data-action="show" data-id="{order.header_id}"' in text
            assert f"<title>Purchase Order #{order.number}</title>" in text
            assert f'<span class="supplier-name">{escape(order.supplier)}</span>' in text
            assert 'meta name="csrf-token"' in text
        _, text = await get(session, f"{tenant.origin}/order_headers/print_view?id={order.header_id}&version=1")
        assert order.number in text
        assert "attachments-list" not in text

    visit(act)


@pytest.mark.parametrize(
    ("variant", "status", "path", "words"),
    [
        (Variant.NOT_FOUND, 404, None, "Oops! We couldn&#x27;t find what you wanted"),
        (Variant.NOT_FOUND_200, 200, None, "Oops!"),
        (Variant.NOT_FOUND_PORTUGUESE, 404, None, "Desculpe, não encontramos"),
        (Variant.NOT_FOUND_GERMAN_200, 200, None, "leider nicht gefunden"),
        (Variant.FORBIDDEN, 403, None, "You are not authorized"),
        (Variant.FORBIDDEN_HOME, 200, "/user/home", "You are not authorized"),
        (Variant.FORBIDDEN_PORTUGUESE_200, 200, None, "não tem autorização"),
        (Variant.FORBIDDEN_GERMAN, 403, None, "nicht berechtigt"),
        (Variant.ERROR_200, 200, None, "Something went wrong"),
    ],
)
def test_pages_that_are_no_order(variant: Variant, status: int, path: str | None, words: str) -> None:
    """Each error page says so in its language, and has no mark of an order."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, variant)
        async with session.get(tenant.origin + order.path) as answer:
            assert (answer.status, answer.url.path) == (status, path or order.path)
            text = await answer.text()
        assert words in text
        assert re.search('<div id="flash_container"><div class="esErrorFlashMessages">', text)
        assert 'data-controller="order_headers"' not in text
        assert f'lang="{order.language if path is None else "en"}"' in text

    visit(act)


def test_the_list_of_orders() -> None:
    """A search is a GET that finds all orders with the number, except forbidden ones."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        def found(text: str) -> list[tuple[str, str]]:
            return re.findall(r'<td><a href="(/order_headers/\d+)">(\d+)</a></td>', text)

        for variant in (Variant.OTHER_ID, Variant.OTHER_ID_TAKEN):
            order = first(tenant, variant)
            _, text = await get(session, f"{tenant.origin}/order_headers?search={order.number}")
            assert (order.path, order.number) in found(text)
            assert len(found(text)) == 2
        for variant in UNSEEN:
            number = first(tenant, variant).number
            assert not found((await get(session, f"{tenant.origin}/order_headers?search={number}"))[1])
        everything: list[tuple[str, str]] = []
        page = f"{tenant.origin}/order_headers"
        while page:
            _, text = await get(session, page)
            everything += found(text)
            following = re.search(r'rel="next" href="([^"]*)"', text)
            page = tenant.origin + following[1] if following else ""
        assert len(everything) == len(set(everything)) == len(tenant.all_orders) - len(UNSEEN)

    assert not visit(act).harm


def test_the_tenant_remembers_who_did_harm() -> None:
    """POSTs other than sign-ins, and requests that cancel, are recorded as harm."""

    async def act(tenant: demo_tenant.Tenant, session: aiohttp.ClientSession) -> None:
        order = first(tenant, Variant.NOTHING)
        await session.post(f"{tenant.origin}{order.path}/attachments")
        await session.delete(f"{tenant.origin}/attachments/10001")
        await get(session, f"{tenant.origin}{order.path}/cancel")
        await get(session, tenant.origin + order.path)

    tenant = visit(act)
    assert [entry.method for entry in tenant.harm] == ["POST", "DELETE", "GET"]
    assert {entry.session for entry in tenant.harm} == {"s1"}


# --- in a browser: `test_coupa_orders.py` shows that po-pw gets every file of every variant ---------------------------


@pytest.mark.long
def test_a_person_finds_what_the_catalogue_says(page: Page) -> None:
    """Signs in once by typing, opens every order, sees each attachment, and changes nothing."""
    with tenant_server.serve_in_thread(dataclasses.replace(QUICK, late=0.05)) as tenant:
        _sign_in_by_hand(page, tenant)
        tenant.faults.remaining.clear()
        for order in tenant.orders:
            if order.variant in UNSEEN:
                continue
            page.goto(tenant.origin + order.path)
            _see_order(page, order)
            if order.requisition is not None:
                link = page.locator(".content > div.form_element.wrapper_vertical > a[href^='/requisition_headers/']")
                link.click()
                page.wait_for_url(f"**/requisition_headers/{order.requisition.id}")
                _see_header_and_comments(page, order.requisition.items)
        assert not tenant.harm
        assert tenant.counts["sign_ins"] == 1
        assert tenant.counts["files"] == 0
        posts = [entry for entry in tenant.log if entry.method != "GET"]
        assert [entry.host for entry in posts] == ["provider"] * 4 + ["tenant"]


def _sign_in_by_hand(page: Page, tenant: demo_tenant.Tenant) -> None:
    page.goto(tenant.sign_in_url)
    for field, words in (("identifier", tenant.username), ("secret", tenant.password), ("otp", tenant.code())):
        page.fill(f"#{field}", words)
        page.press(f"#{field}", "Enter")
    page.click("button[value=no]")
    page.wait_for_selector(".coupaGlobalHeader")


def _see_order(page: Page, order: tenant_catalogue.TenantOrder) -> None:
    _see_header_and_comments(page, order.items)
    claims = page.locator("#general_info .s-viewFileAttachment")
    assert claims.count() == (1 if order.claimed else 0)
    if order.claimed:
        assert claims.inner_text().endswith(f"({order.claimed})")
    names: list[str] = []
    for number in range(1, order.lines + 1):
        line = page.locator(f"tr[data-line-num='{number}']")
        if number > 1 and not line.count():
            page.locator(".pagination .next_page, .pagination .next").click()
        line.wait_for()
        if (folded := line.locator(".s-viewFileAttachment")).count():
            folded.click()
            line.locator("li").first.wait_for()
        names += line.locator(".lineAttachments :is(.attachment-file, .attachment-link)").all_inner_texts()
    assert names == [item.attachment.name for item in order.items if item.source is Source.LINE]


def _see_header_and_comments(page: Page, items: tuple[tenant_catalogue.Item, ...]) -> None:
    """Checks that each attachment is once in its list, as it should be shown."""
    in_header = [item for item in items if item.source is Source.ORDER or item.way is Way.CLICK]
    in_comments = [item for item in items if item not in in_header and item.source is not Source.LINE]
    _wait(page.locator(".attachments li.attachment"), len(in_header))
    _wait(page.locator(".commentAttachments li"), len(in_comments))
    assert page.locator(".attachments li.none").count() == (0 if in_header else 1)
    for item in in_header:
        if tenant_catalogue.is_file(item.attachment):
            address = widgets.file_address(item.attachment, Way.DATA)
            kind = f'[data-url="{address}"]' if item.way is Way.DATA else "[role=button][aria-label]:not([href])"
            assert page.locator(f'.attachments span{kind}[title="{item.attachment.name}"]').count() == 1
    for item in in_comments:
        if tenant_catalogue.is_file(item.attachment):
            link = page.locator(f'.commentAttachments a[target=_blank][href="{widgets.file_address(item.attachment)}"]')
            assert link.get_attribute("title") == item.attachment.name


def _wait(found: Locator, count: int) -> None:
    if count:
        found.nth(count - 1).wait_for(state="attached")
    assert found.count() == count


@pytest.mark.long
def test_items_without_an_address_are_downloads(page: Page, tmp_path: Path) -> None:
    """A click or Enter starts the download, here or in another tab; on one order a bar covers the item."""
    with tenant_server.serve_in_thread(QUICK) as tenant:
        _sign_in_by_hand(page, tenant)
        for variant in (Variant.IN_PORTUGUESE, Variant.HEADER_TAB, Variant.FLOATING_BAR):
            order = first(tenant, variant)
            page.goto(tenant.origin + order.path)
            item = page.locator(".attachments span[role=button]").first
            assert item.get_attribute("href") is None
            if variant is Variant.FLOATING_BAR:
                over = item.evaluate(
                    "(one) => { const {x, y, width, height} = one.getBoundingClientRect();"
                    "return document.elementFromPoint(x + width / 2, y + height / 2).className }"
                )
                assert "floatingSectionOnTop" in over
            with page.context.expect_event("download") as download:
                item.press("Enter")
            download.value.save_as(tmp_path / variant)
            assert hashlib.sha256((tmp_path / variant).read_bytes()).hexdigest() == order.files[0].sha256
            assert download.value.suggested_filename == order.files[0].name


@pytest.mark.long
def test_the_comments_are_drawn_twice(page: Page) -> None:
    """The first drawing's nodes are replaced; on one order the first drawing lacks the last comment."""
    with tenant_server.serve_in_thread(dataclasses.replace(QUICK, late=0.3)) as tenant:
        _sign_in_by_hand(page, tenant)
        page.add_init_script(
            "window.drawn = []; addEventListener('DOMContentLoaded', () => new MutationObserver(() => {"
            "drawn.push([...document.querySelectorAll('.commentAttachments a')]) })"
            ".observe(document.querySelector('.commentsSection'), {childList: true}))"
        )
        for variant, before in ((Variant.COMMENTS, 3), (Variant.REDRAWN, 2)):
            page.goto(tenant.origin + first(tenant, variant).path)
            page.wait_for_function("drawn.length === 2")
            assert page.evaluate("drawn.map((links) => links.length)") == [before, 3]
            assert page.evaluate("drawn.map((links) => links.every((link) => link.isConnected))") == [False, True]
