"""The generic portal reads what pages show, in a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp import web

from po_pw import errors, events, models, sessions, settings
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.dispatch import portal_knowledge
from po_pw.lanes import browser
from po_pw.portals import memory
from po_pw.portals.generic import generic_portal
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.helpers.loop_thread import LoopThread

PAGES: Final = Path(__file__).parents[2] / "fixtures" / "pages"
SHOWN: Final = tuple(sorted(file.stem for file in PAGES.glob("*.html")))
SUPPLIERS: Final = ("Acme", "Bolt and Nut", "Cobalt Works")
NAV: Final = '<nav><a href="/">Home</a> <a href="/orders">Orders</a> <a href="/out">Sign out</a></nav>'


def _body(path: str, inner: str) -> str:
    return f"<!doctype html><title>Order {path}</title>{NAV}<main><h1>Order {path}</h1>{inner}</main>"


class Portal:
    """Serves the fixtures' pages and orders with any status, and records other requests."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        """What was sent to it that changes something."""

    async def start(self) -> None:
        app = web.Application()
        for name in SHOWN:
            app.router.add_get(f"/{name}", self._page)
        app.router.add_get("/slow-list", self._slow_list)
        app.router.add_get("/keep-alive", self._keep_alive)
        app.router.add_get("/status/{code}", self._status)
        app.router.add_get("/moved/{to:.*}", self._moved)
        app.router.add_get("/login", self._login)
        app.router.add_get("/orders/{number}", self._order)
        app.router.add_route("*", "/changed/{what}", self._changed)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=(PAGES / f"{request.path[1:]}.html").read_text("utf-8"), content_type="text/html")

    async def _slow_list(self, _: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text='<a href="/files/8">late-1.pdf</a><a href="/files/9">late-2.pdf</a>')

    async def _keep_alive(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _status(self, request: web.Request) -> web.Response:
        code = int(request.match_info["code"])
        text = _body(request.path, '<p>No such order here.</p><a href="/login">Sign in</a>')
        return web.Response(status=code, text=text, content_type="text/html")

    async def _moved(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/{request.match_info['to']}")

    async def _login(self, _: web.Request) -> web.Response:
        form = "<form method=post><input name=user><input type=password name=password><button>Log in</button></form>"
        return web.Response(text=f"<!doctype html><title>Log in</title>{form}", content_type="text/html")

    async def _order(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        links = f'<p><a href="/f/{number}.pdf">Drawing.pdf</a> <a href="/f/terms.pdf">Terms.pdf</a></p>'
        links = f"<p>Supplier: {SUPPLIERS[int(number[-1])]}</p>{links}"
        if number.startswith("PO-8"):
            links = f"<section><h2>Attachments</h2>{links}</section>"
        return web.Response(text=_body(number, links), content_type="text/html")

    async def _changed(self, request: web.Request) -> web.Response:
        self.changed.append(f"{request.method} {request.path}")
        return web.Response(text="done")


class Opened:
    """One context, whose lane knows nothing of the portal at each visit."""

    def __init__(self) -> None:
        self.portal = Portal()
        self.options = settings.Settings(navigation_timeout=20, listing_timeout=20)

    async def open(self) -> None:
        await self.portal.start()
        self._driver = await playwright_driver.Driver().__aenter__()
        root = self._driver.run_dir.path
        manager = profiles.ProfileManager(None, root=root / "profiles")
        launch = launching.plan(self._driver.resolve(None), headless=True, timeout=IN_TIME)
        worker = models.WorkerId("w1")
        self._context = await self._driver.open(
            worker, launch, user_data_dir=manager.create_profile("w1"), downloads=root / "downloads"
        )
        self._home = sessions.Sessions(root / "home")

    async def close(self) -> None:
        await self._context.close()
        await self._driver.__aexit__(None, None, None)
        await self.portal.close()

    @contextlib.asynccontextmanager
    async def visit(self, path: str) -> AsyncIterator[models.Listing]:
        """The listing of the page at a path."""
        hub = events.Hub()
        knowledge = portal_knowledge.PortalKnowledge(self._home, hub, lambda _: None)
        lane = browser.BrowserLane(
            self._context, self.options, lambda _: generic_portal.GenericPortal(), knowledge, hub
        )
        async with lane.visit(self.order(path)) as visit:
            yield visit.listing

    def order(self, path: str) -> models.PurchaseOrder:
        number = path.rpartition("/")[2]
        return models.PurchaseOrder(models.order_key(number), number, f"{self.portal.origin}/{path}")

    async def read(self, path: str) -> models.Listing:
        """The same, after the page was left."""
        async with self.visit(path) as listing:
            return listing


@pytest.fixture(scope="module")
def opened(loop: LoopThread) -> Iterator[Opened]:
    it = Opened()
    loop.run(it.open())
    yield it
    loop.run(it.close())


@pytest.fixture(scope="module")
def listings(loop: LoopThread, opened: Opened) -> dict[str, models.Listing]:
    """Every page of the fixtures, read one after another."""

    async def read_all() -> dict[str, models.Listing]:
        return {name: await opened.read(name) for name in SHOWN}

    return loop.run(read_all())


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
        ("details", ["angebot.pdf", "zeichnung.dwg"]),
        ("paged", [f"file-{n}.pdf" for n in range(1, 6)]),
        ("more", [f"file-{n}.pdf" for n in range(1, 7)]),
        ("poll", ["here.pdf", "late-1.pdf", "late-2.pdf"]),
        ("shadow", ["in-a-shadow-root.pdf"]),
        ("same-name", ["invoice.pdf", "invoice.pdf"]),
        ("none", []),
    ],
)
def test_lists_that_take_patience_are_read_whole(
    listings: dict[str, models.Listing], shown: str, names: list[str]
) -> None:
    """However a page loads its list, all of it is found, and the page counts as complete."""
    listing = listings[shown]
    assert _names(listing) == names
    assert (listing.complete, listing.why) == (True, "")
    assert listing.area is (models.AreaState.FILLED if names else models.AreaState.EMPTY)


def test_controls_without_an_address_become_clicks(listings: dict[str, models.Listing]) -> None:
    """Form buttons, script buttons and Coupa's header widget become attachments that need a click."""
    listing = listings["clicks"]
    assert _names(listing) == ["invoice.pdf", "note.txt", "scan.png"]
    assert all(isinstance(attachment.source, models.Click) for attachment in listing.attachments)


def test_controls_that_change_something_are_left_alone(
    loop: LoopThread, opened: Opened, listings: dict[str, models.Listing]
) -> None:
    """Approve, delete, replace, archive and a "next" that sends a form are not pressed."""
    assert _names(listings["harm"]) == ["order signed.pdf", "design.pdf"]
    assert listings["harm"].complete
    loop.run(opened.read("harm"))
    assert opened.portal.changed == []


def test_a_page_that_claims_more_than_it_shows_is_not_complete(listings: dict[str, models.Listing]) -> None:
    """If files never appear, the page is incomplete, and the reason has both numbers."""
    listing = listings["too-few"]
    assert not listing.complete
    assert listing.claimed == 4
    assert "4" in listing.why
    assert "1" in listing.why


def test_a_sentence_may_head_the_files(listings: dict[str, models.Listing]) -> None:
    """Files under a sentence are found; a page's name beside it and the site's footer are not files."""
    found = {attachment.name: attachment.is_certain for attachment in listings["no-section"].attachments}
    assert found == {"Contract": True}


def test_links_without_an_area_are_held_back(loop: LoopThread, opened: Opened) -> None:
    """Links without an attachments area wait until other orders show whose they are."""
    listing = loop.run(opened.read("orders/PO-7001"))
    assert _names(listing) == []
    assert [loose.name for loose in listing.loose] == ["Drawing.pdf", "Terms.pdf"]
    assert listing.area is models.AreaState.NONE


def test_ids_are_stable_and_unique(loop: LoopThread, opened: Opened, listings: dict[str, models.Listing]) -> None:
    """An attachment has the same id on every visit, and no two on one page share one."""
    for page, listing in listings.items():
        ids = [attachment.id for attachment in listing.attachments]
        assert len(set(ids)) == len(ids)
        assert [attachment.id for attachment in loop.run(opened.read(page)).attachments] == ids


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("links", models.PageKind.ORDER),
        ("moved/links", models.PageKind.ORDER),
        ("sign-in", models.PageKind.SIGNED_OUT),
        ("moved/login", models.PageKind.SIGNED_OUT),
        ("status/404", models.PageKind.NOT_FOUND),
        ("status/410", models.PageKind.NOT_FOUND),
        ("status/401", models.PageKind.SIGNED_OUT),
    ],
)
def test_pages_are_told_apart_by_status_and_structure(
    loop: LoopThread, opened: Opened, path: str, kind: models.PageKind
) -> None:
    """Not found and signed out are different outcomes; only an order's page has attachments."""
    listing = loop.run(opened.read(path))
    assert listing.page is kind
    assert bool(listing.attachments) is (kind is models.PageKind.ORDER)


def test_a_portal_that_cannot_just_now_is_asked_again(loop: LoopThread, opened: Opened) -> None:
    """A temporary status of the server is retried, and says nothing about the order."""
    with pytest.raises(errors.TransientError) as raised:
        loop.run(opened.read("status/503"))
    assert raised.value.code is models.ErrorCode.PORTAL_ERROR


# --- with what is known of the portal ---------------------------------------------------------------------------------


def _conclude(
    opened: Opened, listing: models.Listing, path: str, known: memory.PortalMemory, *, last: bool = False
) -> models.Listing | None:
    return generic_portal.GenericPortal().conclude(
        listing, opened.order(path), known, last=last, is_other_order=lambda _: False
    )


def test_links_that_other_orders_share_are_the_sites(loop: LoopThread, opened: Opened) -> None:
    """Without an area, an order's own file counts, and a link that all orders show does not."""
    known = memory.PortalMemory()
    paths = [f"orders/PO-70{n}" for n in range(3)]
    read = {path: loop.run(opened.read(path)) for path in paths}
    first = [_conclude(opened, listing, path, known) for path, listing in read.items()]
    assert first[:2] == [None, None]
    for path, listing in read.items():
        concluded = _conclude(opened, listing, path, known)
        assert concluded is not None
        sources = [found.source for found in concluded.attachments]
        assert [way.url for way in sources if isinstance(way, models.Link)] == [
            f"{opened.portal.origin}/f/{path.partition('/')[2]}.pdf"
        ]


def test_an_order_without_an_area_waits_until_one_was_seen(loop: LoopThread, opened: Opened) -> None:
    """An order without an area has no attachments if other orders have an area; otherwise that is unknown."""
    bare = dataclasses.replace(loop.run(opened.read("orders/PO-7001")), loose=())
    known = memory.PortalMemory()
    assert _conclude(opened, bare, "orders/PO-7001", known) is None
    unknown = _conclude(opened, bare, "orders/PO-7001", known, last=True)
    assert unknown is not None
    assert unknown.page is models.PageKind.NO_AREA
    shown = loop.run(opened.read("orders/PO-8001"))
    assert _conclude(opened, shown, "orders/PO-8001", known) == dataclasses.replace(shown, certain=True)
    evaluated = _conclude(opened, bare, "orders/PO-7001", known)
    assert evaluated is not None
    assert (evaluated.page, evaluated.attachments) == (models.PageKind.ORDER, ())


def test_a_person_may_say_that_orders_have_no_area(loop: LoopThread, opened: Opened) -> None:
    """After `portal inspect --accept`, orders without an area have no attachments."""
    bare = dataclasses.replace(loop.run(opened.read("orders/PO-7001")), loose=())
    known = memory.PortalMemory()
    known.accepted_without_area = True
    evaluated = _conclude(opened, bare, "orders/PO-7001", known, last=True)
    assert evaluated is not None
    assert evaluated.page is models.PageKind.ORDER
