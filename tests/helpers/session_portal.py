"""A portal whose sessions end after a number of requests: pages with a cookie, or an app whose data needs a token."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tests.helpers import plain_portal, support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USER: Final = "anna"
PASSWORD: Final = "right"
_APP: Final = """<!doctype html><html lang=en><title>Order {number}</title><body>{nav}<main><h1>Order {number}</h1>
<p>PO number {number}</p><section><h2>Attachments</h2><ul id=list></ul></section></main><script>
fetch('/api/orders/{number}/files', {{headers: {{'x-token': localStorage.getItem('token') || ''}}}})
  .then((answer) => answer.ok ? answer.json() : [])
  .then((names) => {{
    document.getElementById('list').innerHTML =
      names.map((name) => `<li><a href="/files/${{name}}">${{name}}</a></li>`).join('') || '<li>No attachments</li>';
  }});
</script></html>"""
_SIGNED_IN: Final = (
    "<!doctype html><title>Welcome</title><script>localStorage.setItem('token', '{token}');"
    "location.replace('{back}');</script>"
)


_PERSON: Final = f"""<script>
if (!navigator.userAgent.includes('Headless')) fetch('/person').then(() => {{
  const [form] = document.forms;
  form.user.value = '{USER}';
  form.password.value = '{PASSWORD}';
  form.submit();
}});
</script>"""
"""Signs in as a person does who sees the form in a window, as soon as the portal says so."""


class SessionPortal:
    """Orders `PO-1` to `PO-N`, each with two files.

    Args:
        orders: how many.
        most: requests that a session lasts for; None: for ever.
        app: the pages are the same for everybody; only their data, and the files, need a session.
    """

    def __init__(self, orders: int, *, most: int | None = None, app: bool = False) -> None:
        self.orders = orders
        self.most = most
        self.app = app
        self.sign_ins = 0
        self.endings = 0
        self.refused: set[str] = set()
        """Orders whose pages ask for a sign-in, whoever is signed in."""
        self.ends_at = ""
        """A file whose request ends all sessions, after the last order was read, which waits for that request."""
        self.ends_after: set[int] = set()
        """Numbers of orders after whose files all sessions end, as the next order is asked for."""
        self.opened: set[str] = set()
        """Orders whose pages were sent."""
        self._ending = asyncio.Lock()
        self.is_asked = asyncio.Event()
        self.is_last_sent = asyncio.Event()
        self.served: list[str] = []
        """Files that were sent, in turn."""
        self.origin = ""
        self.windows = 0
        """Sign-in forms that were shown in a window."""
        self.person = asyncio.Event()
        """Set: whoever sees a sign-in form in a window signs in there."""
        self._left: dict[str, int] = {}

    def url(self, number: int) -> str:
        """Of an order."""
        return f"{self.origin}/orders/PO-{number}"

    def end_sessions(self) -> None:
        """Ends all sessions."""
        self.endings += len(self._left)
        self._left.clear()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[SessionPortal]:
        """Serves on a port of its own."""
        app = web.Application()
        app.router.add_get("/login", self._form)
        app.router.add_post("/login", self._sign_in)
        app.router.add_get("/person", self._person)
        app.router.add_get("/", self._home)
        app.router.add_get("/orders/{number}", self._order)
        app.router.add_get("/api/orders/{number}/files", self._data)
        app.router.add_get("/files/{name}", self._file)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _is_in(self, token: str) -> bool:
        """Counts one request of a session; returns whether the session is still valid."""
        left = self._left.get(token)
        if left is None:
            return False
        if left == 0:
            del self._left[token]
            self.endings += 1
            return False
        self._left[token] = left - 1
        return True

    def _check(self, request: web.Request) -> None:
        if not self._is_in(request.cookies.get("session", "")):
            raise web.HTTPFound(f"/login?back={request.path}")

    async def _form(self, request: web.Request) -> web.Response:
        back = request.query.get("back", "/")
        self.windows += "Headless" not in request.headers["User-Agent"]
        form = plain_portal.SIGN_IN.replace("action=/login", f"action=/login?back={back}")
        return web.Response(text=form + _PERSON, content_type="text/html")

    async def _person(self, _: web.Request) -> web.Response:
        await self.person.wait()
        return web.Response()

    async def _sign_in(self, request: web.Request) -> web.Response:
        given = await request.post()
        if (given.get("user"), given.get("password")) != (USER, PASSWORD):
            return web.Response(text=plain_portal.SIGN_IN, content_type="text/html")
        self.sign_ins += 1
        token = secrets.token_hex(12)
        self._left[token] = self.most if self.most is not None else 1_000_000
        text = _SIGNED_IN.format(token=token, back=request.query.get("back", "/"))
        answer = web.Response(text=text, content_type="text/html")
        answer.set_cookie("session", token, path="/")
        return answer

    async def _home(self, request: web.Request) -> web.Response:
        self._check(request)
        return web.Response(text=plain_portal.page("Home", "<h1>Orders</h1>"), content_type="text/html")

    async def _order(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if self.app:
            return web.Response(text=_APP.format(number=number, nav=plain_portal.NAV), content_type="text/html")
        if number not in self.opened and len(self.opened) in self.ends_after:
            await self._end_after_files()
        self._check(request)
        if number in self.refused:
            raise web.HTTPFound(f"/login?back={request.path}")
        self.opened.add(number)
        area = plain_portal.area(*self._names(number))
        return web.Response(text=plain_portal.order(number, area), content_type="text/html")

    async def _end_after_files(self) -> None:
        """Ends all sessions once the files of all opened orders were sent."""
        async with self._ending:
            if len(self.opened) not in self.ends_after:  # another order was asked for at the same time
                return
            due = [name for number in self.opened for name in self._names(number)]
            await support.until(lambda: set(due) <= set(self.served))
            self.ends_after.remove(len(self.opened))
            self.person.clear()
            self.end_sessions()

    async def _data(self, request: web.Request) -> web.Response:
        if not self._is_in(request.headers.get("x-token", "")):
            return web.json_response({"error": "signed out"}, status=401)
        if self.ends_at and request.match_info["number"] == f"PO-{self.orders}":
            await self.is_asked.wait()
        return web.json_response(self._names(request.match_info["number"]))

    async def _file(self, request: web.Request) -> web.Response:
        if request.match_info["name"] == self.ends_at:
            self.is_asked.set()
            await self.is_last_sent.wait()
            self.ends_at = ""
            self.end_sessions()
        self._check(request)
        self.served.append(request.match_info["name"])
        if request.match_info["name"].startswith(f"PO-{self.orders}-"):
            self.is_last_sent.set()
        return web.Response(body=plain_portal.PDF, content_type="application/pdf")

    @staticmethod
    def _names(number: str) -> tuple[str, ...]:
        return f"{number}-order.pdf", f"{number}-terms.pdf"
