"""The generic portal reads what pages show, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw import models
from po_pw.browser import contexts, locate, profiles
from po_pw.portals import generic
from tests.support import run_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGES = Path(__file__).parent.parent / "fixtures" / "pages"


@contextlib.asynccontextmanager
async def _pages() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text=(PAGES / f"{request.path[1:]}.html").read_text("utf-8"), content_type="text/html")

    async def slow_list(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text='<a href="/files/1">late-1.pdf</a><a href="/files/2">late-2.pdf</a>')

    app = web.Application()
    for file in PAGES.glob("*.html"):
        app.router.add_get(f"/{file.stem}", page)
    app.router.add_get("/slow-list", slow_list)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _read_all() -> dict[str, models.Listing]:
    """Every page of the fixtures, read one after another on one page of one context."""
    portal, listings = generic.GenericPortal(), {}
    async with _pages() as origin, contexts.Driver() as driver:
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        launch = contexts.Launch(driver.resolve(None), True, not locate.sandbox_hindrance(), 30)
        worker = models.WorkerId("w1")
        context = await driver.open(
            worker, launch, user_data_dir=manager.create_profile("w1"), downloads=driver.run_dir.path / "downloads"
        )
        try:
            async with context.page() as hold:
                for file in sorted(PAGES.glob("*.html")):
                    order = models.PurchaseOrder(models.order_key(file.stem), file.stem, f"{origin}/{file.stem}")
                    answer = await hold.page.goto(order.url, wait_until="commit")
                    assert answer is not None
                    listings[file.stem] = await portal.read(hold.page, order, status=answer.status, timeout=4)
        finally:
            await context.close()
    return listings


@pytest.fixture(scope="module")
def listings() -> dict[str, models.Listing]:
    return run_async(_read_all())


def _names(listing: models.Listing) -> list[str]:
    return [attachment.name for attachment in listing.attachments]


def test_links_are_found_and_decoys_are_not(listings: dict[str, models.Listing]) -> None:
    """Navigation, footers, buttons that add or delete and the icon beside a link are no attachments."""
    listing = listings["links"]
    assert _names(listing) == ["order.pdf", "terms.docx", "signed.xlsx", "Specification (web page)"]
    assert isinstance(listing.attachments[3].source, models.External)
    assert listing.complete
    assert listing.claimed == 3


@pytest.mark.parametrize(
    ("shown", "names"),
    [
        ("late", ["late-1.pdf", "late-2.pdf"]),
        ("one-by-one", ["file-1.pdf", "file-2.pdf", "file-3.pdf"]),
        ("iframe", ["in-a-frame.pdf"]),
        ("expander", ["hidden.pdf"]),
        ("paged", [f"file-{n}.pdf" for n in range(1, 6)]),
        ("same-name", ["invoice.pdf", "invoice.pdf"]),
        ("no-section", ["Contract"]),
        ("none", []),
    ],
)
def test_lists_that_take_patience_are_read_whole(
    listings: dict[str, models.Listing], shown: str, names: list[str]
) -> None:
    """Whatever way a page brings its list, all of it is found and the page is believed to be complete."""
    assert _names(listings[shown]) == names
    assert listings[shown].complete


def test_controls_without_an_address_become_clicks(listings: dict[str, models.Listing]) -> None:
    """Form buttons, script buttons and Coupa's header widget are attachments that only a click hands out."""
    listing = listings["clicks"]
    assert _names(listing) == ["invoice.pdf", "note.txt", "scan.png"]
    assert all(isinstance(attachment.source, models.Click) for attachment in listing.attachments)


def test_a_page_that_claims_more_than_it_shows_is_not_complete(listings: dict[str, models.Listing]) -> None:
    """Files that never appeared must not be forgotten silently."""
    assert not listings["too-few"].complete
    assert listings["too-few"].claimed == 4


def test_a_sign_in_page_is_never_an_order(listings: dict[str, models.Listing]) -> None:
    """An expired session must not look like "no attachments"."""
    assert listings["sign-in"].page is models.PageKind.SIGNED_OUT


def test_ids_are_stable_and_unique(listings: dict[str, models.Listing]) -> None:
    """The same attachment has the same id in a later visit; two on one page never share one."""
    again = run_async(_read_all())
    for page, listing in listings.items():
        ids = [attachment.id for attachment in listing.attachments]
        assert len(set(ids)) == len(ids)
        assert [attachment.id for attachment in again[page].attachments] == ids


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (models.Seen("https://a.example/1", 200), models.PageKind.ORDER),
        (models.Seen("https://a.example/1", 404), models.PageKind.NOT_FOUND),
        (models.Seen("https://a.example/1", 410), models.PageKind.NOT_FOUND),
        (models.Seen("https://a.example/1", 403), models.PageKind.FORBIDDEN),
        (models.Seen("https://a.example/1", 401), models.PageKind.SIGNED_OUT),
        (models.Seen("https://a.example/1", 500), models.PageKind.ERROR),
        (models.Seen("https://a.example/1", 200, password_fields=1), models.PageKind.SIGNED_OUT),
        (models.Seen("https://a.example/1", 403, challenge=True), models.PageKind.CHALLENGE),
        (
            models.Seen("https://identity.example/realms/x/auth", 200, asked="https://a.example/1"),
            models.PageKind.SIGNED_OUT,
        ),
        (models.Seen("https://b.example/orders/1", 200, asked="https://a.example/1"), models.PageKind.ORDER),
    ],
)
def test_pages_are_classified_by_status_and_structure(seen: models.Seen, kind: models.PageKind) -> None:
    """Not found, forbidden and signed out are different outcomes, and none is read out of words on the page."""
    assert generic.GenericPortal().classify(seen) is kind
