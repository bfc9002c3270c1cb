"""`po-pw login` says "signed in" only if a page that needs the sign-in opens afterwards."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web

from po_pw import errors, sessions, settings
from po_pw.auth import login, trust
from tests.helpers.loop_thread import LoopThread
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDER: Final = (
    "<title>Order PO-7001</title><a href='/out'>Sign out</a><main><h1>Order PO-7001</h1>"
    "<dl><dt>Supplier<dd>Acme<dt>Total<dd>12.50</dl></main>"
)
PUBLIC: Final = (
    "<title>Portal</title><header><nav><a href='/a'>News</a> {way}</nav></header><main><h1>Welcome</h1>"
    "<p>We buy from the best. Read how to become a supplier.</p></main>"
)


class Portal:
    """A portal whose pages need a cookie in different ways; its user is `anna` with `right`."""

    def __enter__(self) -> Portal:
        self.typed: list[tuple[str, str]] = []
        """Host and password of every sign-in form that came in."""
        self.loop = LoopThread().__enter__()
        self.loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run(self._runner.cleanup())
        self.loop.__exit__()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{where:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        where, is_in = request.match_info["where"], request.cookies.get("sid") == "anna"
        if where.startswith("enter"):
            return await self._enter(request)
        if where == "orders/7001":  # redirects to the form
            if not is_in:
                raise web.HTTPFound("/enter?next=/orders/7001")
            return _page(ORDER)
        if where == "inplace/7001":  # shows the form at the same address
            return _page(ORDER if is_in else _form("/enter?next=/inplace/7001"))
        if where == "forgets/7001":  # accepts the password, and asks again all the same
            raise web.HTTPFound("/enter?next=/home")
        if where == "script/7001":  # a script finds out, late
            late = "<div id=d>Loading</div><script>fetch('/me').then(r => r.status == 401 ? location.replace('/enter?next=/script/7001') : document.querySelector('#d').innerHTML = {ok})</script>"  # noqa: E501
            return _page(late.replace("{ok}", repr("<h1>Order PO-7001</h1>")))
        if where == "me":
            return web.Response(status=200 if is_in else 401)
        if where == "elsewhere/7001":
            if not is_in:
                raise web.HTTPFound(f"http://localhost:{self.port}/enter?next=/elsewhere/7001")
            return _page(ORDER)
        if where == "linked":  # public, with a link to the form; says more to those who are in
            return _page(PUBLIC.format(way="<a href='/enter?next=/home'>Sign in</a>") if not is_in else ORDER)
        if where == "home":
            if not is_in:
                raise web.HTTPFound("/enter?next=/home")
            return _page("<title>Home</title><a href='/out'>Sign out</a><h1>My orders</h1><p>You have 2 orders.</p>")
        if where == "missing/9":
            if not is_in:
                raise web.HTTPFound("/enter?next=/missing/9")
            return _page("<h1>Not found</h1>", 404)
        if where == "broken":
            return _page("<h1>Internal Server Error</h1>", 500)
        if where == "public/7001":
            return _page(PUBLIC.format(way=""))
        if where == "walled":
            return _page(PUBLIC.format(way="<a href='/enter?next=/walled'>Sign in</a>"))
        return _page("<h1>Nothing here</h1>", 404)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        target = request.query.get("next", "/home")
        if request.method == "GET":
            return _page(_form(str(request.rel_url)))
        data = await request.post()
        self.typed.append((str(request.url.host), str(data["password"])))
        if data["password"] != "right":
            return _page(_form(str(request.rel_url), "<p role=alert>Wrong.</p>"))
        answer = web.HTTPFound(target)
        answer.set_cookie("sid", "anna", httponly=True)
        raise answer


def _form(action: str, said: str = "") -> str:
    return (
        f"<title>Sign in</title><h1>Sign in</h1>{said}<form method=post action='{html.escape(action)}'>"
        "<input name=user><input type=password name=password><button>Sign in</button></form>"
    )


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"<!doctype html><body>{text}", content_type="text/html", status=status)


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    with Portal() as running:
        yield running


def sign_in(portal: Portal, home: Path, where: str, **more: Any) -> login.SignedIn:
    options = settings.load(home=home)
    wanted = {"username": "anna", "password": "right", "patience": 30, **more}
    return run_async(login.login(options, f"{portal.origin}{where}", **wanted))


@pytest.mark.parametrize("where", ["/orders/7001", "/inplace/7001", "/script/7001"])
def test_an_orders_address_is_the_proof(portal: Portal, tmp_path: Path, where: str) -> None:
    """The sign-in is checked at the order's address, which is saved for later runs."""
    done = sign_in(portal, tmp_path, where)
    assert done.proof.url == portal.origin + where
    assert not done.proof.doubt
    assert sessions.Sessions(tmp_path).proof_url(portal.origin) == portal.origin + where
    assert not sessions.Sessions(tmp_path).proof_url("https://other.example")


def test_signed_in_already_is_proved_by_a_stranger(portal: Portal, tmp_path: Path) -> None:
    """If the profile is signed in already, a browser without cookies shows that the page needs it."""
    state = sessions.Sessions(tmp_path)
    sign_in(portal, tmp_path, "/orders/7001")
    typed = len(portal.typed)
    # Session cookies do not outlive a browser: this one asks again.
    assert sign_in(portal, tmp_path, "/orders/7001").proof.url
    assert len(portal.typed) == typed + 1
    assert state.proof_url(portal.origin)


def test_a_sign_in_page_is_proved_on_the_page_behind_it(portal: Portal, tmp_path: Path) -> None:
    """Given the form's own address, the sign-in is checked on the page after it."""
    assert sign_in(portal, tmp_path, "/enter").proof.url == f"{portal.origin}/home"


def test_a_public_page_with_a_link_to_the_form(portal: Portal, tmp_path: Path) -> None:
    """The link to the form is followed, and a page that only signed-in users see is the proof."""
    assert sign_in(portal, tmp_path, "/linked").proof.url == f"{portal.origin}/linked"


@pytest.mark.parametrize("where", ["/public/7001"])
def test_a_page_that_opens_for_everybody_proves_nothing(portal: Portal, tmp_path: Path, where: str) -> None:
    """That is reported; the state is saved anyway."""
    done = sign_in(portal, tmp_path, where)
    assert not done.proof.url
    assert "opens without a sign-in too" in done.proof.doubt
    assert done.file.exists()


def test_a_portal_that_asks_again_is_no_sign_in(portal: Portal, tmp_path: Path) -> None:
    """If an order's address still asks for a sign-in, that is an error, and nothing is saved."""
    with pytest.raises(errors.LoginRequiredError, match="asked for a sign-in"):
        sign_in(portal, tmp_path, "/forgets/7001")
    assert not sessions.Sessions(tmp_path).proof_url(portal.origin)


def test_an_address_that_is_gone_is_said_though_the_sign_in_holds(portal: Portal, tmp_path: Path) -> None:
    """A 404 after signing in is reported as the reason why nothing is proved."""
    done = sign_in(portal, tmp_path, "/missing/9")
    assert not done.proof.url
    assert "answers HTTP 404" in done.proof.doubt


def test_a_portal_with_an_error_is_no_sign_in(portal: Portal, tmp_path: Path) -> None:
    """Nothing asks for a password, and nothing is saved that would count as a sign-in."""
    with pytest.raises(errors.PortalUnreachableError, match=r"/broken answers HTTP 500: .* Nothing was saved"):
        sign_in(portal, tmp_path, "/broken")
    assert not sessions.Sessions(tmp_path).origins()


def test_the_password_goes_to_no_other_host_unasked(portal: Portal, tmp_path: Path) -> None:
    """Nothing is typed on another host's form, unless the person confirms it."""
    typed = len(portal.typed)
    with pytest.raises(errors.LoginRequiredError, match="--sign-in-host localhost"):
        sign_in(portal, tmp_path, "/elsewhere/7001")
    assert len(portal.typed) == typed
    asked: list[str] = []

    def refuse(host: str) -> bool:
        asked.append(host)
        return False

    with pytest.raises(errors.LoginRequiredError, match="another host, localhost"):
        sign_in(portal, tmp_path, "/elsewhere/7001", trust=trust.Trust(confirm=refuse))
    assert asked == ["localhost"]
    assert len(portal.typed) == typed


TARGETS: Final = [
    # document's origin, form's action, asked for, trust, refused with
    ("https://p.example", "https://p.example/in", "https://p.example", trust.Trust(), ""),
    ("https://p.example", "https://p.example/in", "http://p.example", trust.Trust(), ""),
    ("https://p.example:444", "https://p.example:444/in", "https://p.example", trust.Trust(), "another host"),
    ("https://evil.example", "https://evil.example/in", "https://p.example", trust.Trust(), "another host"),
    ("https://p.example", "https://evil.example/in", "https://p.example", trust.Trust(), "another host"),
    ("https://p.example.evil.example", "https://p.example/in", "https://p.example", trust.Trust(), "another host"),
    ("https://sso.example", "https://sso.example/in", "https://p.example", trust.Trust(("SSO.example",)), ""),
    ("https://sso.example", "https://sso.example/", "https://p.example", trust.Trust(confirm=lambda _: True), ""),
    (
        "https://sso.example",
        "https://sso.example/",
        "https://p.example",
        trust.Trust(confirm=lambda _: False),
        "another",
    ),
    ("http://p.example", "http://p.example/in", "http://p.example", trust.Trust(), "without encryption"),
    ("http://p.example", "http://p.example/in", "http://p.example", trust.Trust(("p.example",)), "without encryption"),
    ("https://p.example", "http://p.example/in", "https://p.example", trust.Trust(), "without encryption"),
    ("http://192.168.1.5", "http://192.168.1.5/", "http://192.168.1.5", trust.Trust(), "without encryption"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", "http://127.0.0.1:8080", trust.Trust(), ""),
    ("http://localhost", "http://localhost/x", "http://localhost", trust.Trust(), ""),
    ("http://[::1]:9", "http://[::1]:9/x", "http://[::1]:9", trust.Trust(), ""),
    ("https://p.example", "javascript:void(0)", "https://p.example", trust.Trust(), "not a web address"),
]


@pytest.mark.parametrize(("origin", "action", "asked", "allowed", "refused"), TARGETS)
def test_where_a_password_may_go(origin: str, action: str, asked: str, allowed: trust.Trust, refused: str) -> None:
    """A password may go to the given origin and to named or confirmed hosts, never unencrypted over a network."""
    checking = trust.check_target(trust.Target(origin, action), asked, allowed)
    if refused:
        with pytest.raises(errors.LoginRequiredError, match=refused) as caught:
            run_async(checking)
        assert "nothing was typed" in str(caught.value)
    else:
        run_async(checking)
