"""What the browser's events report about a page: its pending requests, scripts, web sockets, and crashes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING, Any, Final, Self

from playwright import async_api as playwright

from po_pw.browser import activity, data_answers

if TYPE_CHECKING:
    from collections.abc import Callable

_ABORTED: Final = "ERR_ABORTED"
"""In the reason for a failed request: the page itself cancelled it, or we stopped it."""
_COUNTED_TYPES: Final = frozenset({"document", "script", "stylesheet", "fetch", "xhr"})


@dataclasses.dataclass(slots=True)
class Request:
    """A pending request of the page."""

    kind: str
    """Playwright's resource type, e.g. `fetch`."""
    url: str
    method: str
    frame: playwright.Frame | None
    """None if the frame does not exist yet."""
    began: float
    """On `time.monotonic()`."""
    answered: float | None = None
    """When the response's headers came; None if not yet."""
    is_stream: bool = False


class PageEvents:
    """Records a page's events, from before navigation until it is left. A context manager."""

    def __init__(self, page: playwright.Page) -> None:
        self.requests: dict[playwright.Request, Request] = {}
        """Those that have not ended."""
        self.scripts: dict[str, float | None] = {}
        """By address: when a script arrived; None if not yet."""
        self.sockets: set[playwright.WebSocket] = set()
        """Those that are open."""
        self.answers = data_answers.DataAnswers()
        self.newest = 0.0
        """When the page last navigated or sent a new kind of request, on `time.monotonic()`."""
        self.count = 0
        """Number of events so far."""
        self.is_crashed = False
        self._page = page
        self._kinds: set[str] = set()
        """Kinds of requests seen so far."""
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self.newest = time.monotonic()
        for name, handle in self._handlers:
            self._page.on(name, handle)  # type: ignore[call-overload]
        return self

    def __exit__(self, *_: object) -> None:
        for name, handle in self._handlers:
            self._page.remove_listener(name, handle)

    @property
    def _handlers(self) -> tuple[tuple[str, Callable[[Any], None]], ...]:
        return (
            ("request", self._on_request),
            ("response", self._on_response),
            ("requestfinished", self._on_end),
            ("requestfailed", self._on_end),
            ("websocket", self._on_socket),
            ("crash", self._on_crash),
            ("worker", self._on_any),
            ("frameattached", self._on_any),
            ("framedetached", self._on_any),
            ("framenavigated", self._on_navigated),
        )

    def expect(self) -> None:
        """Makes `wait` return only for events from now on."""
        self._news.clear()

    async def wait(self, timeout: float) -> None:
        """Waits for an event after the last `expect`, for at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return

    def _stir(self) -> None:
        self.count += 1
        self._news.set()

    def _on_any(self, _: object) -> None:
        self._stir()

    def _on_crash(self, _: object) -> None:
        self.is_crashed = True
        self._stir()

    def _on_request(self, request: playwright.Request) -> None:
        kind = request.resource_type
        if kind not in _COUNTED_TYPES or not request.url.startswith(("http:", "https:")):
            return
        try:
            frame: playwright.Frame | None = request.frame
        except playwright.Error:  # the frame does not exist yet
            frame = None
        self.requests[request] = Request(kind, request.url, request.method, frame, time.monotonic())
        if kind == "script":
            self.scripts[request.url] = None
        label = activity.describe(kind, request.url, self._page.url, request.method)
        if label not in self._kinds:
            self._kinds.add(label)
            self.newest = time.monotonic()
        self._stir()

    def _on_response(self, response: playwright.Response) -> None:
        known = self.requests.get(response.request)
        if known is not None:
            known.answered = time.monotonic()
            kind = response.headers.get("content-type", "")
            known.is_stream = "event-stream" in kind or "x-mixed-replace" in kind
            is_led_to_page = response.request.redirected_from is not None and kind.startswith("text/html")
            is_redirect = 300 <= response.status < 400
            status = data_answers.FOUND if is_led_to_page or is_redirect else response.status
            self.answers.note(response.request, self._page.url, status)
            self._stir()

    def _on_end(self, request: playwright.Request) -> None:
        known = self.requests.pop(request, None)
        if known is not None:
            if known.kind == "script":
                self.scripts[known.url] = time.monotonic()
            if request.failure is not None and _ABORTED not in request.failure:
                status = data_answers.FOUND if request.redirected_from is not None else data_answers.LOST
                self.answers.note(request, self._page.url, status)
            self._stir()

    def _on_socket(self, socket: playwright.WebSocket) -> None:
        self.sockets.add(socket)
        socket.on("close", self._on_socket_closed)
        self._stir()

    def _on_socket_closed(self, socket: playwright.WebSocket) -> None:
        self.sockets.discard(socket)
        self._stir()

    def _on_navigated(self, frame: playwright.Frame) -> None:
        # Requests of its last document are obsolete, even if the browser does not report their end.
        began = max(
            (known.began for known in self.requests.values() if known.frame == frame and known.kind == "document"),
            default=None,
        )
        for request, known in list(self.requests.items()):
            if began is not None and known.frame == frame and known.kind != "document" and known.began < began:
                del self.requests[request]
        self.newest = time.monotonic()
        self._stir()
