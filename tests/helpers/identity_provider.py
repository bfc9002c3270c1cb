"""A portal on 127.0.0.1 whose users sign in at an identity provider on `localhost`, page by page, in Hungarian.

Portal and provider are one server; the host name tells them apart. What a sign-in asks for is in the portal's path,
`/t/user-password-code-stay/orders/7001`: its pages, in that order; with `own-` before them the portal itself asks.
`anna` with `right-password-5` and the code 271828 may enter.
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from tests.helpers.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable

USER: Final = "anna"
PASSWORD: Final = "right-password-5"
CODE: Final = "271828"

ORDER: Final = (
    "<title>Order PO-7001</title><a href='/out'>Sign out</a><main><h1>Order PO-7001</h1>"
    "<dl><dt>Supplier<dd>Acme<dt>Total<dd>12.50</dl></main>"
)
_CODES: Final = {
    "code": "<input name=otp autocomplete=one-time-code>",
    "code+numeric": "<input name=f3 inputmode=numeric>",
    "code+short": "<input name=f3 maxlength=6>",
    "code+single": "<input name=f3>",
    "code+hidden": "<input type=password name=f3 inputmode=numeric maxlength=6>",
    "code+boxes": "".join(f"<input name=f3 maxlength=1 size=1 id=b{number}>" for number in range(6)),
    "code+number": "<input type=number name=f3>",
}
_STAY: Final = {
    "stay": "<h1>Bejelentkezve marad?</h1><label><input type=checkbox name=DontShowAgain> Ne kérdezze újra</label>"
    "<input type=submit name=yes value=Igen><input type=button value=Nem>",
    "stay+english": "<h1>Stay signed in?</h1><button name=yes>Yes</button><button name=no>No</button>",
    "terms": "<h1>Feltételek</h1><p>Elfogadom a feltételeket.</p><button name=accept>Elfogadom</button>",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    """What a form sent."""

    host: str
    page: str
    values: dict[str, str]


class Provider:
    """Serves until its block ends."""

    def __enter__(self) -> Self:
        self.typed: list[Typed] = []
        """Every form that came in."""
        self.code = CODE
        self._sessions: set[str] = set()
        self._tickets: set[str] = set()
        self._loop = LoopThread().__enter__()
        self._loop.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._runner.cleanup())
        self._loop.__exit__()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/t/{pages}/{where:.*}", self._portal)
        app.router.add_route("*", "/idp/{pages}/{step}", self._provider)
        app.router.add_get("/out", self._out)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{self.port}"

    def order(self, pages: str) -> str:
        """An order's address on the portal that signs in by these pages, e.g. `user-password-code`."""
        return f"{self.origin}/t/{pages}/orders/7001"

    def end_sessions(self) -> None:
        """Signs everybody out, at portal and provider."""

        async def end() -> None:
            self._sessions.clear()

        self._loop.run(end())

    def passwords(self) -> list[str]:
        """The passwords that came in, one for each time."""
        return [one.values["f2"] for one in self.typed if one.page == "password"]

    async def _out(self, request: web.Request) -> web.StreamResponse:
        self._sessions.discard(request.cookies.get("sid", ""))
        return _page("<h1>Viszlát</h1>")

    async def _portal(self, request: web.Request) -> web.StreamResponse:
        pages, where = request.match_info["pages"], request.match_info["where"]
        if where == "back":
            ticket = request.query.get("ticket", "")
            if ticket not in self._tickets:
                return _page("<h1>400</h1>", 400)
            self._tickets.discard(ticket)
            answer = web.HTTPFound(f"/t/{pages}/orders/7001")
            session = secrets.token_hex(16)
            self._sessions.add(session)
            answer.set_cookie("sid", session, httponly=True)
            raise answer
        if request.cookies.get("sid") in self._sessions:
            return _page(ORDER if where == "orders/7001" else "<h1>Nincs ilyen</h1>", 200)
        if pages.startswith("own-"):
            raise web.HTTPFound(f"{self.origin}/idp/{pages}/1")
        raise web.HTTPFound(f"http://localhost:{self.port}/idp/{pages}/0")

    async def _provider(self, request: web.Request) -> web.StreamResponse:
        pages = request.match_info["pages"].split("-")
        number = int(request.match_info["step"])
        if request.method == "GET":
            return _page(_form(pages[number], number))
        values = {name: "".join(map(str, data.getall(name))) for data in [await request.post()] for name in data}
        self.typed.append(Typed(str(request.url.host), pages[number].partition("+")[0], values))
        if not self._accepts(pages[number].partition("+")[0], values):
            return _page(_form(pages[number], number, "<p role=alert>Hibás adat.</p>"))
        if number + 1 < len(pages):
            raise web.HTTPFound(f"{number + 1}")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        raise web.HTTPFound(f"{self.origin}/t/{request.match_info['pages']}/back?ticket={ticket}")

    def _accepts(self, page: str, values: dict[str, str]) -> bool:
        right: dict[str, Callable[[], bool]] = {
            "password": lambda: values["f2"] == PASSWORD,
            "code": lambda: self.code in values.values(),
            "stay": lambda: "yes" in values or "no" in values,
        }
        return right.get(page, lambda: True)()


def _form(page: str, number: int, said: str = "") -> str:
    if page == "user":
        fields = "<h1>Bejelentkezés</h1><input name=azonosito autofocus>"
    elif page == "password":
        fields = "<h1>Jelszó</h1><input type=password name=f2>"
    elif page in _CODES:
        fields = f"<h1>Ellenőrzés</h1>{_CODES[page]}"
    else:
        fields = _STAY[page]
    button = "" if page in _STAY else "<button>Tovább</button>"
    return f"<title>Azonosítás</title>{said}<form method=post action={number}>{fields}{button}</form>"


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"<!doctype html><body>{text}", content_type="text/html", status=status)
