"""What a real browser finds on pages of every kind, and how they are recognised."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web

from po_pw import models
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.models import PageKind
from po_pw.portals import memory as memories
from po_pw.portals.generic import page_facts, recognition
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.helpers.loop_thread import LoopThread

NAV: Final = "<header><nav><a href='/'>Home</a> <a href='/orders'>Orders</a> <a href='/help'>Help</a>{}</nav></header>"
IN: Final = NAV.format("<a href='/out'>Sign out</a>")
OUT: Final = NAV.format("<a href='/in'>Sign in</a>")
LAYER: Final = "<div style='position:fixed;inset:0;background:white'>"
FOOT: Final = (
    "<footer><p>Copyright Meridian 2026. <a href='/terms'>Terms</a> <a href='/privacy'>Privacy</a></p></footer>"
)
DETAILS: Final = "<dl><dt>Supplier</dt><dd>Acme</dd><dt>Total</dt><dd>12.50 EUR</dd></dl>"
LONG: Final = "<p>" + "We deliver to all plants on working days between eight and four. " * 20 + "</p>"
CHALLENGE: Final = "<iframe src='/captcha-frame' title='reCAPTCHA' width={} height={} {}></iframe>"


def _html(body: str, title: str = "Portal") -> str:
    return f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"


def _order(body: str = DETAILS, *, nav: str = IN) -> str:
    return _html(f"{nav}<main><h1>Order PO-7001</h1>{body}</main>{FOOT}", "Order PO-7001")


PAGES: Final[dict[str, tuple[str, int, PageKind]]] = {
    # --- orders
    "order": (_order(), 200, PageKind.ORDER),
    "order-read-by-everybody": (_order(nav=OUT), 200, PageKind.ORDER),
    "order-with-a-login-box-in-its-bar": (
        _order(
            nav="<nav><form action=/in><input name=user><input type=password name=p>"
            "<button>Log in</button></form></nav>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-with-a-pin": (
        _order(
            DETAILS + "<form><label>PIN <input type=password inputmode=numeric maxlength=4></label>"
            "<button>OK</button></form>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-signed-electronically": (
        _order("<form action=/sign><label>Your password <input type=password></label><button>Sign</button></form>"),
        200,
        PageKind.ORDER,
    ),
    "order-with-a-badge": (
        _order(
            DETAILS + "<div class=grecaptcha-badge"
            " style='width:256px;height:60px;position:fixed;bottom:14px;right:-186px'>"
            + CHALLENGE.format(256, 60, "")
            + "</div>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-with-an-invisible-captcha": (
        _order(
            DETAILS + "<div class=g-recaptcha data-size=invisible>"
            "</div>" + CHALLENGE.format(300, 150, "style='visibility:hidden'")
        ),
        200,
        PageKind.ORDER,
    ),
    "order-with-a-captcha-on-its-comment-form": (
        _order(DETAILS + LONG + "<form><textarea></textarea>" + CHALLENGE.format(304, 78, "") + "</form>"),
        200,
        PageKind.ORDER,
    ),
    "order-in-a-frameset": (
        (
            "<html><head><title>ERP</title></head><frameset cols='20%,80%'><frame src='/menu'>"
            "<frame src='/plain-order'></frameset></html>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-in-a-frame": (
        _html(f"{IN}<iframe src='/plain-order' style='width:100%;height:90vh'></iframe>"),
        200,
        PageKind.ORDER,
    ),
    "order-in-a-shadow-root": (
        _html(
            "<x-app></x-app><script>document.querySelector('x-app').attachShadow({mode:'open'}).innerHTML ="
            f'"<h1>Order PO-7001</h1>{DETAILS}"</script>'
        ),
        200,
        PageKind.ORDER,
    ),
    "order-in-a-form": (
        _html(
            f"{IN}<form action=/save><label>Order number <input name=no value='PO-7001'></label>"
            "<label>Supplier <input name=supplier value=Acme></label><button>Save</button></form>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-in-a-table": (
        _html(f"{IN}<table><tr><th>PO number</th><td>0007001</td></tr><tr><th>Supplier</th><td>Acme</td></tr></table>"),
        200,
        PageKind.ORDER,
    ),
    "order-in-lines": (_html(f"{IN}<div><p>PO number: PO-7001</p><p>Supplier: Acme</p></div>"), 200, PageKind.ORDER),
    "order-in-pairs": (
        _html(
            f"{IN}<div class=row><span>Order</span><span>PO-7001</span></div>"
            "<div class=row><span>Supplier</span><span>Acme</span></div>"
        ),
        200,
        PageKind.ORDER,
    ),
    "order-with-a-hidden-dialog-to-sign-in": (
        _order(
            DETAILS + "<div role=dialog style='display:none'><form><input name=user><input type=password></form></div>"
        ),
        200,
        PageKind.ORDER,
    ),
    # --- signed out
    "sign-in": (
        _html(
            f"{NAV.format('')}<main><h1>Welcome</h1><form method=post><input name=u autocomplete=username>"
            f"<input type=password><button>Go</button></form></main>{FOOT}"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-by-button": (
        _html("<main><h1>Supplier portal</h1><button onclick='go()'>Anmelden mit Firmenkonto</button></main>"),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-by-openid": (
        _html(
            "<main><h1>Supplier portal</h1><a href='https://id.example/authorize?client_id=1&redirect_uri=x'>"
            "Microsoft</a></main>"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-user-first": (
        _html(
            "<main><h1>Hello</h1><form><label>Account <input name=identifier></label>"
            "<button>Next</button></form></main>"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-by-mail": (
        _html(
            "<main><h1>Hello</h1><form><input type=email placeholder='you@company.example'>"
            "<button>Send me a link</button></form></main>"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-by-code": (
        _html(
            "<main><h1>One more step</h1><form><input autocomplete=one-time-code><button>Verify</button></form></main>"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-on-its-way": (
        _html(
            "<form method=post action='https://id.example/sso'><input type=hidden name=SAMLRequest value=abc>"
            "<input type=hidden name=RelayState value=/orders/55><noscript><button>Continue</button>"
            "</noscript></form>"
        ),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-over-the-page": (
        _order(LONG)
        .replace("PO-7001", "")
        .replace(
            "</main>",
            "</main><div role=dialog style='position:fixed;inset:0;background:white'>"
            "<form><input name=user><input type=password><button>Log in</button></form></div>",
        )
        .replace(IN, OUT),
        200,
        PageKind.SIGNED_OUT,
    ),
    "sign-in-in-a-frame": (
        _html("<iframe src='/login-frame' style='width:100%;height:90vh'></iframe>"),
        200,
        PageKind.SIGNED_OUT,
    ),
    "expired-with-a-link": (
        _html("<main><p>Your session has expired.</p><a href='/x'>Log in again</a></main>"),
        200,
        PageKind.SIGNED_OUT,
    ),
    "unauthorised": (_html("<h1>Hm</h1>"), 401, PageKind.SIGNED_OUT),
    "please-sign-in": (
        _html(f"{OUT}<main><p>You have no right to view this page.</p></main>"),
        403,
        PageKind.SIGNED_OUT,
    ),
    # --- by status
    "forbidden": (_html(f"{IN}<main><p>You have no right to view this page.</p></main>"), 403, PageKind.FORBIDDEN),
    "gone": (_html(f"{OUT}<main><h1>Not found</h1></main>"), 404, PageKind.NOT_FOUND),
    "broken": (_html("<h1>Oops</h1>"), 502, PageKind.ERROR),
    # --- challenges
    "challenge": (
        _html("<h1>One moment</h1><form id=challenge-form>" + CHALLENGE.format(304, 78, "") + "</form>"),
        200,
        PageKind.CHALLENGE,
    ),
    "challenge-over-the-page": (
        _html(LONG + LAYER + CHALLENGE.format("100%", "100%", "") + "</div>"),
        200,
        PageKind.CHALLENGE,
    ),
    # --- others
    "empty": (_html("<div id=root></div>"), 200, PageKind.NOT_RECOGNISED),
    "error-code": (
        _html(f"{IN}<main><h1>404</h1><p>The page you look for does not exist.</p></main>"),
        200,
        PageKind.NOT_RECOGNISED,
    ),
    "alert": (
        _html(f"{IN}<main><div role=alert>Something went wrong. Please try again later.</div></main>", "PO-7001"),
        200,
        PageKind.NOT_RECOGNISED,
    ),
}
_INNER: Final = {
    "menu": "<ul><li><a href='/a'>Orders</a></li></ul>",
    "plain-order": f"<h1>Order PO-7001</h1>{DETAILS}",
    "login-frame": "<form><input name=user><input type=password><button>Log in</button></form>",
    "captcha-frame": "<p>I am not a robot</p>",
}


class Gallery:
    """A browser, and a server with the pages; `look` returns the facts of a page."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/orders/55/{name}", self._page)
        app.router.add_get("/{name}", self._inner)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        driver = await self._stack.enter_async_context(playwright_driver.Driver())
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        self._context = await driver.open(
            models.WorkerId("w1"),
            launch,
            user_data_dir=manager.create_profile("w1"),
            downloads=driver.run_dir.path / "downloads",
        )
        self._stack.push_async_callback(self._context.close)

    async def _page(self, request: web.Request) -> web.Response:
        text, status, _ = PAGES[request.match_info["name"]]
        return web.Response(text=text, status=status, content_type="text/html")

    async def _inner(self, request: web.Request) -> web.Response:
        return web.Response(text=_html(_INNER.get(request.match_info["name"], "")), content_type="text/html")

    def look(self, name: str) -> page_facts.PageFacts:
        """The facts of a page."""
        return self._loop.run(self._look(f"{self.origin}/orders/55/{name}"))

    def look_at(self, text: str) -> page_facts.PageFacts:
        """The facts of a page given as HTML."""
        PAGES["own"] = (text, 200, PageKind.ORDER)
        return self.look("own")

    async def _look(self, url: str) -> page_facts.PageFacts:
        async with self._context.page() as lease:
            answer = await lease.page.goto(url)
            status = answer.status if answer else 0
            return await page_facts.look(lease.page, asked=url, status=status, po_number="PO-7001")

    def close(self) -> None:
        """Ends browser and server."""
        self._loop.run(self._stack.aclose())


@pytest.fixture(scope="module")
def gallery(loop: LoopThread) -> Iterator[Gallery]:
    running = Gallery(loop)
    loop.run(running.start())
    yield running
    running.close()


def evaluate(found: page_facts.PageFacts, **given: Any) -> recognition.Recognition:
    order = models.PurchaseOrder(models.order_key("PO-7001"), "PO-7001", found.asked)
    return recognition.recognize(found, order, memories.PortalMemory(), other_orders=lambda _: False, **given)


@pytest.mark.parametrize("name", [*PAGES])
def test_each_page_is_taken_for_what_it_is(gallery: Gallery, name: str) -> None:
    """Each page is recognised without knowledge of the portal, also after its facts were saved."""
    found = gallery.look(name)
    verdict = evaluate(found)
    assert verdict.kind is PAGES[name][2], (verdict, found)
    assert page_facts.from_json(found.to_json()) == found


def test_the_sites_frame_is_no_content(gallery: Gallery) -> None:
    """Header, navigation and footer are in no text, heading, field or signature."""
    order, error = gallery.look("order"), gallery.look("error-code")
    assert order.headings == ((1, "Order PO-7001"),)
    assert order.fields == (("Supplier", "Acme"), ("Total", "12.50 EUR"))
    assert "Copyright" not in order.opening
    assert order.signs_out
    assert memories.similarity(order.signature, error.signature) < 0.2


def test_likeness_over_real_pages(gallery: Gallery) -> None:
    """A second order without a number is similar to the first; a friendly error page is not."""
    known = memories.PortalMemory()
    first = gallery.look_at(_order(DETAILS + "<section class=files><h2>Attachments</h2><ul class=list></ul></section>"))
    order = models.PurchaseOrder(models.order_key("PO-7001"), "PO-7001", first.asked)
    verdict = recognition.recognize(first, order, known, other_orders=lambda _: False, has_area=True)
    recognition.learn(known, first, order, verdict, has_area=True)
    other = models.PurchaseOrder(models.order_key("PO-7002"), "PO-7002", first.asked)
    plain = gallery.look_at(_html(f"{IN}<main><h1>Order</h1>{DETAILS}<h2>Lines</h2></main>{FOOT}", "Portal"))
    assert recognition.recognize(plain, other, known, other_orders=lambda _: False).kind is PageKind.ORDER
    sorry = gallery.look_at(
        _html(f"{IN}<main><h1>Sorry</h1><p>We could not show what you asked for just now. {LONG}</main>{FOOT}")
    )
    assert recognition.recognize(sorry, other, known, other_orders=lambda _: False).kind is PageKind.NOT_RECOGNISED


def test_the_text_is_compared_without_digits_and_number(gallery: Gallery) -> None:
    """Two orders that differ only in their numbers have the same text."""
    one = gallery.look_at(_html("<p>Order PO-7001 is not available (code 17).</p>"))
    two = gallery.look_at(_html("<p>Order PO-7001 is not available (code 4).</p>"))
    assert one.text_hash == two.text_hash != ""
    assert gallery.look_at(_html("<p>Order PO-7001 is here.</p>")).text_hash != one.text_hash


def test_a_canonical_address_keeps_the_record(gallery: Gallery) -> None:
    """A canonical address of the portal identifies the same record."""
    found = gallery.look_at("<head><title>x</title><link rel=canonical href='/orders/55'></head><h1>Order</h1>")
    assert found.canonical == f"{gallery.origin}/orders/55"


def test_a_page_of_thousands_of_elements_is_bounded(gallery: Gallery) -> None:
    """Fields, signature and text have limits, however large the page."""
    rows = "".join(f"<tr class='r c{'abcdefghij'[n % 10]}'><th>Label {n}</th><td>{n}</td></tr>" for n in range(4000))
    found = gallery.look_at(_html(f"<h1>Order PO-7001</h1><table>{rows}</table>"))
    assert len(found.fields) == 100
    assert len(found.signature) <= 240
    assert len(found.to_json()) < 40_000
    assert evaluate(found).strong
