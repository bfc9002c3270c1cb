"""What the portal answers, by path."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.resources
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from po_pw.demo import catalogue, documents, faults, portal_pages, sending
from po_pw.demo.catalogue import Delivery
from po_pw.demo.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from po_pw.demo import running_portal

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN: Final = ("/login", "/static/", "/api/")
"""Paths that ask for no sign-in."""
_STATIC: Final = {
    "portal.css": "text/css",
    "portal.js": "text/javascript",
    "portal-worker.js": "text/javascript",
    "logo.svg": "image/svg+xml",
}
_TERMS: Final = documents.Document(documents.Kind.PDF, "Terms of use", 4_000, 7)
_STREAM_FOR: Final = 60.0
"""Seconds that a stream of events stays open."""
_SLOWER: Final = 8
_GATHERS_FOR: Final = 40.0
"""How many times longer a `SLOW` page takes, at least a second."""


class Site:
    """The handlers of one portal, on both its origins."""

    def __init__(self, portal: running_portal.Portal) -> None:
        self._portal = portal
        self._accounts = portal.accounts
        folder = importlib.resources.files("po_pw.demo")
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def application(self) -> web.Application:
        """The portal itself."""
        application = web.Application(middlewares=[self._gate])
        application.add_routes(
            [
                web.get("/login", self._sign_in_form),
                web.post("/login", self._sign_in),
                web.get("/logout", self._sign_out),
                web.get("/", self._home),
                web.get("/orders/{po_number}", self._order),
                web.get("/orders/{po_number}/print", self._print_view),
                web.get("/orders/{po_number}/attachments-frame", self._frame),
                web.get("/orders/{po_number}/attachments.json", self._list),
                web.get("/orders/{po_number}/attachments.js", self._list_script),
                web.get("/orders/{po_number}/attachments-events", self._list_events),
                web.get("/orders/{po_number}/attachments-socket", self._list_socket),
                web.get("/files/{number}", self._file),
                web.get("/files/{number}/data.json", self._data),
                web.get("/files/{number}/{name}", self._file),
                web.post("/files/{number}/{name}", self._posted_file),
                web.get("/static/terms.pdf", self._terms),
                web.get("/static/{name}", self._static_file),
                web.get("/api/expected.json", self._expected),
                web.get("/api/counts.json", self._counts),
            ]
        )
        return application

    def other_application(self) -> web.Application:
        """The other origin: asks for a signature, not for a sign-in."""
        application = web.Application()
        application.router.add_get("/objects/{number}", self._object)
        return application

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts a request, and redirects to the form if it is not signed in."""
        self._portal.paths[request.rel_url.raw_path] += 1
        if not request.path.startswith(_OPEN) and not self._accounts.is_signed_in(self._accounts.token(request)):
            self._portal.counts["sent_to_sign_in"] += 1
            target = request.path_qs
            if request.method == "POST":  # what was posted is lost: back to the page it was posted from
                target = urlsplit(request.headers.get("Referer", "/")).path
            raise web.HTTPFound(f"/login?next={quote(target, safe='/')}")
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return self._message(404, "Page not found", "There is nothing at this address.")

    # --- signing in -------------------------------------------------------------------------------------------------

    async def _sign_in_form(self, request: web.Request) -> web.Response:
        target = _local(request.query.get("next", "/"))
        if self._accounts.is_signed_in(self._accounts.token(request)):
            raise web.HTTPFound(target)
        return self._form(request, target)

    def _form(
        self, request: web.Request, target: str, complaint: str = "", username: str = "", status: int = 200
    ) -> web.Response:
        answer = web.Response(status=status, content_type="text/html", headers={"Cache-Control": "no-store"})
        token = self._accounts.token(request) or self._accounts.open(answer)
        answer.text = portal_pages.sign_in(self._accounts.csrf(token), target, complaint, username)
        return answer

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        target, username = _local(form.get("next", "/")), form.get("username", "")
        if not self._accounts.is_csrf_valid(self._accounts.token(request), form.get("csrf", "")):
            self._portal.counts["refused_sign_ins"] += 1
            return self._form(request, target, "This form is too old. Please try again.", username, 403)
        if not self._accounts.check(username, form.get("password", "")):
            self._portal.counts["refused_sign_ins"] += 1
            return self._form(request, target, "User name or password is wrong.", username, 401)
        self._portal.counts["sign_ins"] += 1
        answer = web.Response(status=303, headers={"Location": target})
        self._accounts.sign_in(answer)
        return answer

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        self._accounts.sign_out(self._accounts.token(request))
        raise web.HTTPFound("/login")

    # --- pages ------------------------------------------------------------------------------------------------------

    async def _home(self, request: web.Request) -> web.StreamResponse:
        with self._page():
            await asyncio.sleep(self._portal.settings.latency)
            page = request.query.get("page", "1")
            number = int(page) if page.isascii() and page.isdigit() else 1
            return _html(portal_pages.home(self._portal.orders, number, self._portal.username))

    async def _order(self, request: web.Request) -> web.StreamResponse:
        with self._page():
            order = self._portal.by_number.get(request.match_info["po_number"])
            latency = self._portal.settings.latency
            slow = order is not None and order.variant is Variant.SLOW
            await self._gathered(request.path)
            await asyncio.sleep(max(1.0, _SLOWER * latency) if slow else latency)
            if (fault := self._fault(request)) is not None:
                return self._failure(fault)
            if order is None or order.variant is Variant.NOT_FOUND:
                return self._message(404, "Order not found", "There is no purchase order with this number.")
            if order.variant is Variant.FORBIDDEN:
                return self._message(403, "No access", "You are not allowed to see this purchase order.")
            return _html(portal_pages.order(order, self._csrf(request), self._portal.username))

    async def _print_view(self, request: web.Request) -> web.StreamResponse:
        with self._page():
            order = self._visible(request)
            return _html(portal_pages.order(order, self._csrf(request), self._portal.username, printed=True))

    async def _frame(self, request: web.Request) -> web.StreamResponse:
        order = await self._fragment(request)
        return _html(portal_pages.frame(order, self._csrf(request)))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        order = await self._fragment(request)
        asked = request.query.get("page", "1")
        answer: dict[str, Any] = {"total": len(order.shown) + len(order.addresses), "page": 1, "pages": 1}
        page = None
        if order.variant is Variant.PAGED:
            count = portal_pages.pages_of(order)
            page = min(max(int(asked) if asked.isascii() and asked.isdigit() else 1, 1), count)
            answer |= {"page": page, "pages": count}
        answer["html"] = portal_pages.file_list(order, self._csrf(request), page)
        return web.json_response(answer)

    async def _list_script(self, request: web.Request) -> web.Response:
        """The list as a script that hands it to the page, or as a module that gives it."""
        order = await self._fragment(request)
        items = json.dumps(self._whole_list(request, order))
        text = f"export default {items};" if "module" in request.query else f"showAttachments({items});"
        return web.Response(text=text, content_type="text/javascript", headers={"Cache-Control": "no-store"})

    async def _list_events(self, request: web.Request) -> web.StreamResponse:
        """The list as the only event of a stream that stays open."""
        order = self._visible(request)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(order.list_delay)
            await answer.write(f"data: {json.dumps(self._whole_list(request, order))}\n\n".encode())
            await asyncio.sleep(_STREAM_FOR)
        return answer

    async def _list_socket(self, request: web.Request) -> web.WebSocketResponse:
        """The list as the only message of a socket that stays open."""
        order = self._visible(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(order.list_delay)
            await socket.send_json(self._whole_list(request, order))
            await socket.receive()
        return socket

    def _whole_list(self, request: web.Request, order: catalogue.DemoOrder) -> dict[str, Any]:
        return {
            "html": portal_pages.file_list(order, self._csrf(request)),
            "total": len(order.shown) + len(order.addresses),
        }

    async def _fragment(self, request: web.Request) -> catalogue.DemoOrder:
        """What a page asks for after it has loaded."""
        self._portal.counts["fragments"] += 1
        order = self._visible(request)
        await asyncio.sleep(order.list_delay if "late" in request.query else self._portal.settings.latency)
        return order

    def _visible(self, request: web.Request) -> catalogue.DemoOrder:
        order = self._portal.by_number.get(request.match_info["po_number"])
        if order is None or order.variant in {Variant.NOT_FOUND, Variant.FORBIDDEN}:
            raise web.HTTPNotFound
        return order

    @contextlib.contextmanager
    def _page(self) -> Iterator[None]:
        """Counts a page, and how many are being answered at once."""
        portal = self._portal
        portal.counts["pages"] += 1
        portal.pages_now += 1
        portal.peak_pages = max(portal.peak_pages, portal.pages_now)
        try:
            yield
        finally:
            portal.pages_now -= 1

    async def _gathered(self, path: str) -> None:
        """Waits for what `Portal.gather` and `Portal.waits_for_pages` want, but not for ever."""
        portal, loop = self._portal, asyncio.get_running_loop()
        deadline = loop.time() + _GATHERS_FOR

        def is_due() -> bool:
            return portal.peak_pages >= portal.gather and portal.counts["pages"] >= portal.waits_for_pages.get(path, 0)

        while not is_due() and loop.time() < deadline:  # noqa: ASYNC110 - set from other threads
            await asyncio.sleep(0.02)

    # --- files ------------------------------------------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = self._asked(request)
        if file.delivery.posted or file.delivery is Delivery.SCRIPT:
            raise web.HTTPNotFound
        if file.delivery is Delivery.ELSEWHERE:
            path = f"/objects/{file.number}"
            raise web.HTTPFound(f"{self._portal.other_origin}{path}?{self._accounts.signer.sign(path)}")
        return await self._send(request, file)

    async def _posted_file(self, request: web.Request) -> web.StreamResponse:
        file = self._asked(request)
        if not file.delivery.posted:
            raise web.HTTPNotFound
        brought = (await request.post()).get("csrf", "")
        if not isinstance(brought, str) or not self._accounts.is_csrf_valid(self._accounts.token(request), brought):
            return self._message(403, "Form refused", "This form is not one of yours. Please reload the order.")
        return await self._send(request, file)

    async def _object(self, request: web.Request) -> web.StreamResponse:
        self._portal.paths[request.rel_url.raw_path] += 1
        file = self._asked(request)
        query = request.query
        if not self._accounts.signer.is_valid(request.path, query.get("X-Expires", ""), query.get("X-Signature", "")):
            refusal = (
                "<Error><Code>AccessDenied</Code><Message>The signature is missing, wrong or old</Message></Error>"
            )
            return web.Response(status=403, text=refusal, content_type="application/xml")
        return await self._send(request, file)

    async def _data(self, request: web.Request) -> web.StreamResponse:
        """A file as data for the script that makes it."""
        file = self._asked(request)
        if file.delivery is not Delivery.SCRIPT:
            raise web.HTTPNotFound
        self._portal.counts["files"] += 1
        await asyncio.sleep(self._portal.settings.file_latency)
        whole = b"".join(documents.blocks(file.document))
        self._portal.counts["bytes"] += len(whole)
        return web.json_response(
            {"name": file.name, "type": file.media_type, "data": base64.b64encode(whole).decode("ascii")}
        )

    async def _send(self, request: web.Request, file: catalogue.ExpectedFile) -> web.StreamResponse:
        self._portal.counts["files"] += 1
        await asyncio.sleep(self._portal.settings.file_latency)
        if file.delivery is Delivery.PAGE_INSTEAD:
            return _html(portal_pages.being_scanned(self._portal.username))
        fault = self._fault(request)
        if fault in faults.STATUS:
            return self._failure(fault)
        return await sending.send(request, file, self._portal.counts, fault)

    def _asked(self, request: web.Request) -> catalogue.ExpectedFile:
        number = request.match_info["number"]
        file = self._portal.files.get(int(number)) if number.isascii() and number.isdigit() else None
        if file is None:
            raise web.HTTPNotFound
        return file

    # --- the rest ---------------------------------------------------------------------------------------------------

    def _csrf(self, request: web.Request) -> str:
        return self._accounts.csrf(self._accounts.token(request))

    def _fault(self, request: web.Request) -> faults.Fault | None:
        fault = self._portal.faults.take(request.rel_url.raw_path)
        if fault is not None:
            self._portal.counts["faults"] += 1
        return fault

    def _failure(self, fault: faults.Fault) -> web.Response:
        status = faults.STATUS.get(fault, 500)
        answer = self._message(status, "Not available", "The portal cannot answer just now. Please try again.")
        if status != 500:
            answer.headers["Retry-After"] = "1"
        return answer

    def _message(self, status: int, title: str, words: str) -> web.Response:
        return _html(portal_pages.message(status, title, words, self._portal.username), status)

    async def _static_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._static:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=3600"}
        return web.Response(body=self._static[name], content_type=_STATIC[name], headers=headers)

    async def _terms(self, _: web.Request) -> web.Response:
        return web.Response(body=b"".join(documents.blocks(_TERMS)), content_type="application/pdf")

    async def _expected(self, _: web.Request) -> web.Response:
        # Hashing a large file takes a while: not in the loop.
        return web.json_response(await asyncio.to_thread(self._expectations))

    def _expectations(self) -> list[dict[str, Any]]:
        return [
            {
                "po_number": order.po_number,
                "supplier": order.supplier,
                "amount": order.amount,
                "url": self._portal.order_url(order.po_number),
                "variant": order.variant,
                "about": order.about,
                "expected_status": order.expected_status,
                "expected_error": order.expected_error,
                "files": [
                    {"name": file.name, "size": file.size, "sha256": file.sha256, "media_type": file.media_type}
                    for file in order.files
                ],
            }
            for order in self._portal.orders
        ]

    async def _counts(self, _: web.Request) -> web.Response:
        portal = self._portal
        return web.json_response(
            {
                "counts": dict(portal.counts),
                "paths": dict(portal.paths),
                "pages_now": portal.pages_now,
                "peak_pages": portal.peak_pages,
            }
        )


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def _local(target: str) -> str:
    """Where to go after signing in: only ever a path of this portal."""
    parts = urlsplit(target)
    local = not parts.scheme and not parts.netloc and target.startswith("/") and target.isascii()
    return target if local and target.isprintable() and "\\" not in target else "/"
