"""A small portal with pages of orders, files and a sign-in; and runs of the engine on it."""

from __future__ import annotations

import contextlib
import dataclasses
import types
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

from po_pw import events, models, sessions, settings
from po_pw.engine import run as engine
from po_pw.orders import read

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

PDF: Final = b"%PDF-1.7\n" + b"0" * 300 + b"\n%%EOF\n"
SUPPLIERS: Final = ("Acme", "Bolt and Nut", "Cobalt Works", "Dynamo", "Elbe Steel", "Fjord Paper")
NAV: Final = '<header><nav><a href="/">Home</a> <a href="/orders">Orders</a> <a href="/out">Sign out</a></nav></header>'
SIGN_IN: Final = (
    "<!doctype html><title>Log in</title><h1>Log in</h1><form method=post action=/login>"
    "<input name=user autocomplete=username><input type=password name=password><button>Log in</button></form>"
)


def page(title: str, body: str) -> str:
    """A page of the portal."""
    return f"<!doctype html><html lang=en><title>{title}</title><body>{NAV}<main>{body}</main></body></html>"


def order(number: str, body: str = "") -> str:
    """An order's page: number, supplier, and what is given."""
    supplier = SUPPLIERS[int(number[-1]) % len(SUPPLIERS)]
    return page(f"Order {number}", f"<h1>Order {number}</h1><dl><dt>Supplier</dt><dd>{supplier}</dd></dl>{body}")


def area(*names: str) -> str:
    """An attachments area with links."""
    links = "".join(f'<li><a href="/files/{name}">{name}</a></li>' for name in names)
    return f"<section><h2>Attachments</h2><ul>{links}</ul></section>"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The portal's response for an address."""

    text: str = ""
    status: int = 200
    to: str = ""
    """Where it redirects to."""


class Portal:
    """Answers what it was given; everything else of `/files/` is a small PDF.

    Args:
        pages: of each path.
        needs_sign_in: a cookie `session=on` is asked for everywhere.
    """

    def __init__(self, pages: Mapping[str, str | Answer], *, needs_sign_in: bool = False) -> None:
        self.pages = dict(pages)
        self.needs_sign_in = needs_sign_in
        self.is_signed_out = False
        """Whether the session has ended, whatever the cookie."""
        self.bodies: dict[str, bytes] = {}
        """Files at other paths than those of `/files/`."""
        self.gates: dict[str, asyncio.Event] = {}
        """Paths that respond only when their event is set."""
        self.asked: list[str] = []
        self.origin = ""

    def times(self, path: str) -> int:
        """Number of requests for a path."""
        return self.asked.count(path)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Portal]:
        """Serves on a port of its own."""
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked.append(path)
        if path in self.gates:
            await self.gates[path].wait()
        signed_in = not self.is_signed_out and request.cookies.get("session") == "on"
        if path == "/login":
            return web.Response(text=SIGN_IN, content_type="text/html")
        if self.needs_sign_in and not signed_in:
            raise web.HTTPFound("/login")
        given = self.pages.get(path)
        if given is None:
            if path in self.bodies or path.startswith("/files/"):
                return web.Response(body=self.bodies.get(path, PDF), content_type="application/pdf")
            return web.Response(status=404, text=page("Not found", "<h1>Not found</h1>"), content_type="text/html")
        answer = given if isinstance(given, Answer) else Answer(given)
        if answer.to:
            raise web.HTTPFound(answer.to)
        return web.Response(status=answer.status, text=answer.text, content_type="text/html")

    def keep_sign_in(self, home: Path, proof: str = "") -> None:
        """Saves a sign-in as `po-pw login` does; `proof`: path of the page it was checked with."""
        cookie = {
            "name": "session",
            "value": "on",
            "domain": "127.0.0.1",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Lax",
        }
        state = {"cookies": [cookie], "origins": []}
        sessions.Sessions(home).save(self.origin, state, f"{self.origin}{proof}" if proof else "")


@dataclasses.dataclass
class Ran:
    """The results of a run."""

    out: Path
    outcomes: dict[str, models.Outcome]
    heard: list[events.Event]
    error: Exception | None

    def code(self, number: str) -> models.ErrorCode | None:
        """Of the order's failure."""
        failure = self.outcomes[number].error
        return failure.code if failure else None

    def files(self, number: str) -> list[str]:
        """The order's files, in the order of their names."""
        return sorted(file.path for file in self.outcomes[number].files)

    def leases(self, number: str) -> int:
        """How often its page was said to be read."""
        steps = [event for event in self.heard if isinstance(event, events.OrderStep)]
        return sum(event.po_number == number and event.step == "reading" for event in steps)


class HasOrigin(Protocol):
    """Any portal with orders at `/orders/NUMBER`."""

    origin: str


async def run(
    portal: HasOrigin,
    folder: Path,
    numbers: Sequence[str],
    *,
    hear: Callable[[engine.Run, events.Event], None] | None = None,
    resume: models.Resume | None = None,
    origins: Mapping[str, str] = types.MappingProxyType({}),
    **more: object,
) -> Ran:
    """One run over these orders, each at `/orders/NUMBER`; an error that ends it is kept.

    Args:
        portal: whose orders they are.
        folder: where list, output and state go.
        numbers: of the orders.
        hear: told of each event, with the run.
        origins: of orders that are another portal's.
        more: settings.
    """
    folder.mkdir(exist_ok=True)
    table = folder / "pos.csv"
    rows = [f"{number},{origins.get(number, portal.origin)}/orders/{number}" for number in numbers]
    table.write_text("\n".join(["po_number,url", *rows]), "utf-8")
    orders = read.open_table(table)
    given = {"workers": 1, "out": folder / "out", "home": folder / "home", "backoff_base": 0.05, "attempts": 1}
    options = settings.load(**{**given, **more})
    heard: list[events.Event] = []
    hub = events.Hub()
    hub.listen(heard.append)
    outcomes: dict[str, models.Outcome] = {}
    error: Exception | None = None
    async with engine.Run(options, hub) as one:
        if hear is not None:
            hub.listen(lambda event: hear(one, event))
        try:
            async for outcome in one.process(
                orders.rows(), name=table.name, columns=orders.columns, resume=resume or models.Resume()
            ):
                outcomes[outcome.po_number] = outcome
        except Exception as problem:  # noqa: BLE001 - kept for the test to look at
            error = problem
        await one.write_results()
    return Ran(folder / "out", outcomes, heard, error)
