"""The demo portal over real HTTP: sign-in, pages and counts."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest

from po_pw import errors
from po_pw.demo import accounts, catalogue, portal_pages, running_portal, server
from po_pw.demo.variants import Variant
from tests.helpers.demo_visits import QUICK, client, first, hidden, page_of, sign_in, visit
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


def test_signed_out_everything_leads_to_the_form_and_back() -> None:
    """Pages, lists and files redirect to the form, which redirects back to them."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, Variant.LATE)
        file = order.shown[0]
        asked = [
            "/",
            "/?page=2",
            order.path,
            f"{order.path}/attachments.json?page=1",
            f"/files/{file.number}",
            "/nowhere",
        ]
        for path in asked:
            async with session.get(portal.origin + path, allow_redirects=False) as answer:
                assert answer.status == 302
                assert answer.headers["Location"].startswith("/login?next=/")
            async with session.get(portal.origin + path) as answer:
                assert answer.content_type == "text/html"
                assert hidden(await answer.text(), "next") == path
        reached = await sign_in(portal, session, order.path)
        assert (reached.status, reached.url.path) == (200, order.path)
        async with session.get(portal.sign_in_url) as answer:
            assert answer.url.path == "/"

    portal = visit(act, signed_in=False)
    assert portal.counts["sign_ins"] == 1
    assert portal.counts["sent_to_sign_in"] == 13


def test_the_cookie_lives_as_long_as_the_browser() -> None:
    """The cookie is HttpOnly and SameSite=Lax without a lifetime, and is new after signing in."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        async with session.get(portal.sign_in_url) as answer:
            before = answer.cookies[accounts.COOKIE]
            csrf = hidden(await answer.text(), "csrf")
        fields = {"username": "demo", "password": "demo", "csrf": csrf, "next": "/"}
        async with session.post(portal.sign_in_url, data=fields, allow_redirects=False) as answer:
            assert answer.status == 303
            cookie = answer.cookies[accounts.COOKIE]
        for each in (before, cookie):
            assert each["httponly"]
            assert each["samesite"] == "Lax"
            assert each["path"] == "/"
            assert not each["max-age"]
            assert not each["expires"]
        assert cookie.value != before.value

    visit(act, signed_in=False)


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"password": "wrong"}, 401, "wrong"),
        ({"username": "someone"}, 401, "wrong"),
        ({"csrf": "0" * 64}, 403, "too old"),
        ({"csrf": "é"}, 403, "too old"),
    ],
)
def test_a_wrong_form_comes_back_with_a_complaint(changed: dict[str, str], status: int, words: str) -> None:
    """A wrong user, password or CSRF token shows the form again with a message."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        async with session.get(portal.sign_in_url) as answer:
            fields = {"username": "demo", "password": "demo", "csrf": hidden(await answer.text(), "csrf"), "next": "/"}
        async with session.post(portal.sign_in_url, data=fields | changed) as answer:
            assert answer.status == status
            page = await answer.text()
        assert 'role="alert"' in page
        assert words in page
        assert 'type="password"' in page
        async with session.get(portal.origin) as answer:
            assert answer.url.path == "/login"

    portal = visit(act, signed_in=False)
    assert (portal.counts["sign_ins"], portal.counts["refused_sign_ins"]) == (0, 1)


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "x"])
def test_the_way_back_never_leads_elsewhere(target: str) -> None:
    """A target outside the portal becomes the list of orders."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        reached = await sign_in(portal, session, next=target)
        assert str(reached.url) == f"{portal.origin}/"

    visit(act, signed_in=False)


def test_signing_out_and_being_signed_out() -> None:
    """The header's link ends one session; `expire_sessions` ends all; a file is then a page with a form."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        async with session.get(portal.origin) as answer:
            page = await answer.text()
        assert 'class="portal-header"' in page
        assert 'href="/logout"' in page
        async with session.get(f"{portal.origin}/logout") as answer:
            assert answer.url.path == "/login"
        async with session.get(portal.origin) as answer:
            assert answer.url.path == "/login"
        await sign_in(portal, session)
        await portal.expire_sessions()
        file = first(portal, Variant.LINKS).shown[0]
        async with session.get(f"{portal.origin}/files/{file.number}") as answer:
            assert answer.content_type == "text/html"
            assert 'type="password"' in await answer.text()

    visit(act)


def test_pages_show_the_order_and_decoys() -> None:
    """A page has heading, supplier, amount, files, and things that are no attachments."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, Variant.WITH_ADDRESS)
        page = await page_of(portal, session, Variant.WITH_ADDRESS)
        assert f"<h1>Purchase order {order.po_number}</h1>" in page
        assert unescape(page).count(f'<span class="supplier-name">{order.supplier}</span>') == 1
        assert order.amount in page
        section = page[page.index('<section id="attachments"') : page.index("</section>")]
        assert f"Attachments ({len(order.shown) + 1})" in section
        assert re.findall(r'href="(/files/[^"]+)"', section) == [portal_pages.address(file) for file in order.shown]
        assert 'rel="external noopener" data-kind="url" href="https://www.example.com/' in section
        for decoy in ("Print view", "terms.pdf", "mailto:"):
            assert decoy in page
            assert decoy not in section
        assert "Add file" in section
        assert 'aria-label="Delete' in section
        async with session.get(f"{portal.origin}/static/terms.pdf") as answer:
            assert (await answer.read()).startswith(b"%PDF")
        async with session.get(f"{portal.order_url(order.po_number)}/print") as answer:
            assert "/files/" not in await answer.text()

    visit(act)


@pytest.mark.parametrize("variant", [Variant.LATE, Variant.IFRAME, Variant.EXPANDER])
def test_lists_that_are_not_on_the_page_itself(variant: Variant) -> None:
    """The page has no link; the response to its script or frame has all of them."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, variant)
        page = await page_of(portal, session, variant)
        assert "/files/" not in page
        assert ('aria-busy="true"' in page) == (variant is Variant.LATE)
        assert ('aria-expanded="false"' in page) == (variant is Variant.EXPANDER)
        tail = "attachments-frame" if variant is Variant.IFRAME else "attachments.json"
        async with session.get(f"{portal.origin}{order.path}/{tail}") as answer:
            text = await answer.text()
        assert re.findall(r"/files/\d+", text) == [portal_pages.address(file) for file in order.shown]

    assert visit(act).counts["fragments"] == 1


def test_a_list_of_several_pages() -> None:
    """The heading counts all files; each page shows some of them."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        order = first(portal, Variant.PAGED)
        page = await page_of(portal, session, Variant.PAGED)
        assert f"Attachments ({len(order.shown)})" in page
        shown = re.findall(r"/files/\d+", page)
        assert len(shown) == catalogue.FILES_A_PAGE
        for number in range(2, portal_pages.pages_of(order) + 1):
            async with session.get(f"{portal.origin}{order.path}/attachments.json?page={number}") as answer:
                answered = await answer.json()
            assert (answered["page"], answered["pages"]) == (number, portal_pages.pages_of(order))
            shown += re.findall(r"/files/\d+", answered["html"])
        assert shown == [portal_pages.address(file) for file in order.shown]

    visit(act)


@pytest.mark.parametrize(
    ("variant", "status", "words"),
    [
        (Variant.NOT_FOUND, 404, "Order not found"),
        (Variant.FORBIDDEN, 403, "not allowed"),
        (Variant.NO_ATTACHMENTS, 200, "Attachments (0)"),
        (Variant.ADDRESS_ONLY, 200, "Attachments (2)"),
    ],
)
def test_orders_that_have_no_files(variant: Variant, status: int, words: str) -> None:
    """Missing, forbidden and empty orders each have their own status and text."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        async with session.get(portal.order_url(first(portal, variant).po_number)) as answer:
            assert answer.status == status
            page = await answer.text()
        assert words in page
        assert "/files/" not in page

    visit(act)


def test_what_is_not_there_is_said_so() -> None:
    """Unknown orders, files and paths are 404 pages; the list has every existing order."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        for path in ("/orders/PO-9", "/orders/PO-9/attachments.json", "/files/1", "/files/x", "/nowhere", "/static/no"):
            async with session.get(portal.origin + path) as answer:
                assert (answer.status, answer.content_type) == (404, "text/html"), path
        async with session.get(portal.origin) as answer:
            listed = re.findall(r'href="(/orders/[^"]+)"', await answer.text())
        assert listed == [order.path for order in portal.orders if order.variant is not Variant.NOT_FOUND]

    visit(act)


def test_pages_at_once_are_counted() -> None:
    """The portal counts the pages requested at once, which proves overlap."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        orders = [order for order in portal.orders if order.variant is Variant.LINKS][:4]

        async def get(order: catalogue.DemoOrder) -> None:
            async with session.get(portal.order_url(order.po_number)) as answer:
                await answer.read()

        for order in orders:
            await get(order)
        assert portal.peak_pages == 1
        await asyncio.gather(*map(get, orders))
        assert portal.peak_pages == 4
        assert portal.pages_now == 0
        async with session.get(f"{portal.origin}/api/counts.json") as answer:
            counted = await answer.json()
        assert counted["counts"]["pages"] == 1 + 8
        assert counted["paths"][orders[0].path] == 2
        assert counted["peak_pages"] == 4

    visit(act, dataclasses.replace(QUICK, latency=0.2))


def test_a_portal_on_a_thread(tmp_path: Path) -> None:
    """The portal runs beside synchronous code, writes the user's list, and is gone afterwards."""

    async def status(url: str) -> int:
        async with client() as session, session.get(url) as answer:
            return answer.status

    with server.serve_in_thread(QUICK) as portal:
        assert run_async(status(portal.sign_in_url)) == 200
        server.write_csv(portal, tmp_path / "pos.csv")
        server.write_csv(portal, tmp_path / "some.csv", only=["PO-1002", "PO-1001"])
    with pytest.raises(aiohttp.ClientConnectorError):
        run_async(status(portal.sign_in_url))
    with (tmp_path / "pos.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [tuple(row.values()) for row in rows] == [
        (order.po_number, order.supplier, portal.order_url(order.po_number), order.amount) for order in portal.orders
    ]
    assert list(rows[0]) == ["po_number", "supplier", "url", "amount"]
    assert (tmp_path / "some.csv").read_text("utf-8").splitlines()[1:] == (
        (tmp_path / "pos.csv").read_text("utf-8").splitlines()[1:3]
    )


def test_a_port_that_is_taken_is_said_so() -> None:
    """A port in use is an error for the caller, from the thread, too."""
    with server.serve_in_thread(QUICK) as portal:
        port = urlsplit(portal.origin).port
        assert port is not None
        taken = pytest.raises(errors.MachineError, match="another program uses it")
        with taken, server.serve_in_thread(QUICK, port=port):
            pytest.fail("two portals on one port")


def test_the_representation_says_what_was_asked() -> None:
    """A portal's representation in a failing test shows its requests."""

    async def act(portal: running_portal.Portal, session: aiohttp.ClientSession) -> None:
        assert "40 orders" in repr(portal)
        assert "sign_ins 1" in repr(portal)

    visit(act)
