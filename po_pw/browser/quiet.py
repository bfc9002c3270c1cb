"""Decides whether a page has finished loading, by counting its pending work.

A script in every frame counts (`quiet.js` and its parts), the browser's events cover what the script cannot see, and
`decide` combines both.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import importlib.resources
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, Self

from playwright import async_api as playwright

from po_pw.browser import activity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

_NAME: Final = secrets.token_hex(16)
_FOLDER: Final = importlib.resources.files("po_pw.browser")
_PARTS: Final = "".join((_FOLDER / name).read_text("utf-8") for name in ("quiet_work.js", "quiet_document.js"))
SCRIPT: Final = (_FOLDER / "quiet.js").read_text("utf-8").replace("//%PARTS%", _PARTS).replace("%NAME%", _NAME)
"""For `context.add_init_script`: runs in every frame before the page's own scripts."""

CALM: Final = 1.5
"""Seconds without a change or a new kind of request before recurring work counts as idle."""
RUNS: Final = 3
"""Minimum runs of recurring work in that time."""
_OWED: Final = 3.0
"""Seconds to wait for a message from a worker that was sent none."""
_SLICE: Final = 0.25
"""Seconds that a frame waits for its work to end, before everything is checked again."""
_PAINTS_WITHIN: Final = 1.0
"""Seconds for an animation frame callback: later it may never come."""
_ANSWERS_WITHIN: Final = 1.0
"""Seconds after which a frame that does not respond no longer delays the others."""
_REPEATED: Final = "repeated "
_FOUND: Final = 302
LOST: Final = 0
"""Stands for the status of a request that was not answered: the connection failed, or the browser forbade it."""
_REFUSALS: Final = frozenset({_FOUND, 401, 403, 419})
_ABORTED: Final = "ERR_ABORTED"
"""In the reason for a failed request: the page itself cancelled it, or we stopped it."""
_ABSENCES: Final = frozenset({404, 410})
"""Statuses by which an API may say that an order has no files."""
_COUNTED_TYPES: Final = frozenset({"document", "script", "stylesheet", "fetch", "xhr"})

_SETTLED: Final = f"""(limit) => {{
  const it = window[Symbol.for('{_NAME}')];
  return it ? it.settled(limit) : null;
}}"""


class How(enum.StrEnum):
    """How it was determined that a page is quiet."""

    PROVED = "proved"
    """Nothing is pending, and nothing can start by itself."""
    IDLE = "idle"
    """Only recurring work is pending, which has changed nothing lately."""
    PATIENCE = "patience"
    """Nothing changed for the configured time."""
    DEADLINE = "deadline"
    """The page did not become quiet in time."""


@dataclasses.dataclass(frozen=True, slots=True)
class Quiet:
    """Result of waiting for a page to become quiet.

    The descriptions are short and the same on every order of a portal, so they can be stored.
    """

    how: How
    seconds: float
    """Seconds waited."""
    finite: tuple[str, ...] = ()
    """Pending work that will end; empty with `PROVED`."""
    recurring: tuple[str, ...] = ()
    """Recurring work."""
    uncountable: tuple[str, ...] = ()
    """Sources that may change the page at any time without notice."""
    changes: int = 0
    """Number of DOM changes in all frames so far: the same number means that nothing changed in between.

    Repeated changes of the same shape in one element (a clock, a progress bar) do not count.
    """


def decide(
    seen: activity.Activity,
    *,
    patience: float,
    trusted: Callable[[str], bool],
    waited: float | None = None,
) -> How | None:
    """Decides how quiet a page is; None: not yet.

    Args:
        seen: its activity.
        patience: seconds without a change that suffice if quiet cannot be proved.
        trusted: whether a source, by its description, is known to change nothing.
        waited: seconds since it was last called quiet without proof; None: it never was. The same evidence must not
            suffice twice.
    """
    if seen.finite:
        return None
    recurring = [source for source in seen.recurring if not trusted(source.label)]
    uncountable = [label for label in seen.uncountable if not trusted(label)]
    if not recurring and not uncountable:
        return How.PROVED
    calm = seen.calm if waited is None else min(seen.calm, waited)
    if not uncountable and all(_is_idle(source, calm, again=waited is not None) for source in recurring):
        return How.IDLE
    return How.PATIENCE if calm >= patience else None


def _is_idle(source: activity.Recurring, calm: float, *, again: bool) -> bool:
    if source.period > activity.HORIZON:
        return not again
    return source.runs >= RUNS and calm >= CALM and (not again or calm >= RUNS * source.period)


# --- one request, one document --------------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class _Request:
    """A request of the page, as reported by the browser."""

    kind: str
    url: str
    method: str
    frame: playwright.Frame | None
    began: float
    answered: float | None = None
    is_stream: bool = False


@dataclasses.dataclass(slots=True)
class _Document:
    """A document's last report."""

    changes: int = 0


class Watch:
    """Tracks a page's activity, from before navigation until it is left. A context manager, one per visit.

    Args:
        page: of a context that has `SCRIPT` as an init script.
    """

    def __init__(self, page: playwright.Page) -> None:
        self._page = page
        self._requests: dict[playwright.Request, _Request] = {}
        self._scripts: dict[str, float | None] = {}
        """By address: when a script arrived; None if not yet."""
        self._sockets: set[playwright.WebSocket] = set()
        self._kinds: set[str] = set()
        """Kinds of requests seen so far."""
        self._documents: dict[str, _Document] = {}
        self._asks: dict[playwright.Frame, tuple[float, asyncio.Task[Any]]] = {}
        self._inert: dict[playwright.Frame, bool] = {}
        self._stirred = asyncio.Event()
        self._events = 0
        self._newest = 0.0
        self._unproved: float | None = None
        self._is_crashed = False
        self._failures: dict[str, int] = {}
        self._refusals: dict[str, int] = {}
        self._answered: set[str] = set()

    def __enter__(self) -> Self:
        self._newest = time.monotonic()
        for name, handle in self._handlers:
            self._page.on(name, handle)  # type: ignore[call-overload]
        return self

    def __exit__(self, *_: object) -> None:
        for name, handle in self._handlers:
            self._page.remove_listener(name, handle)
        for _began, task in self._asks.values():
            task.cancel()

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

    # --- what the browser tells

    def _stir(self) -> None:
        self._events += 1
        self._stirred.set()

    def _on_any(self, _: object) -> None:
        self._stir()

    def _on_crash(self, _: object) -> None:
        self._is_crashed = True
        self._stir()

    def _on_request(self, request: playwright.Request) -> None:
        kind = request.resource_type
        if kind not in _COUNTED_TYPES or not request.url.startswith(("http:", "https:")):
            return
        try:
            frame: playwright.Frame | None = request.frame
        except playwright.Error:  # the frame does not exist yet
            frame = None
        self._requests[request] = _Request(kind, request.url, request.method, frame, time.monotonic())
        if kind == "script":
            self._scripts[request.url] = None
        label = activity.describe(kind, request.url, self._page.url, request.method)
        if label not in self._kinds:
            self._kinds.add(label)
            self._newest = time.monotonic()
        self._stir()

    def _on_response(self, response: playwright.Response) -> None:
        known = self._requests.get(response.request)
        if known is not None:
            known.answered = time.monotonic()
            kind = response.headers.get("content-type", "")
            known.is_stream = "event-stream" in kind or "x-mixed-replace" in kind
            is_led_to_page = response.request.redirected_from is not None and kind.startswith("text/html")
            is_redirect = 300 <= response.status < 400
            self._note_answer(response.request, known, _FOUND if is_led_to_page or is_redirect else response.status)
            self._stir()

    def _note_answer(self, request: playwright.Request, known: _Request, status: int) -> None:
        """Notes what a request for data came to: what comes after redirects is the answer to what the page asked."""
        page = self._page.url
        while request.redirected_from is not None:
            request = request.redirected_from
        if known.kind not in {"fetch", "xhr"} or activity.is_elsewhere(request.url, page):
            return
        label = activity.describe(known.kind, request.url, page, request.method)
        self._refusals.pop(label, None)
        if status in _REFUSALS:
            self._refusals[label] = status
        if status in _REFUSALS or status == LOST or (status >= 400 and status not in _ABSENCES):
            self._failures[label] = status
        else:
            self._failures.pop(label, None)
            self._answered.add(label)

    @property
    def failures(self) -> Mapping[str, int]:
        """The page's requests for data that brought none, by description, with the HTTP status.

        302: they led to a page; `LOST`: they were not answered. Not 404 and 410, by which an API may say that there is
        nothing, and not those that later succeeded.
        """
        return self._failures

    @property
    def refusals(self) -> Mapping[str, int]:
        """The same of those that its server refused to this user: 401, 403, 419, or a redirect to a page (302)."""
        return self._refusals

    @property
    def answered(self) -> Set[str]:
        """The page's own requests for data that were answered, by description."""
        return self._answered

    def _on_end(self, request: playwright.Request) -> None:
        known = self._requests.pop(request, None)
        if known is not None:
            if known.kind == "script":
                self._scripts[known.url] = time.monotonic()
            if request.failure is not None and _ABORTED not in request.failure:
                self._note_answer(request, known, _FOUND if request.redirected_from is not None else LOST)
            self._stir()

    def _on_socket(self, socket: playwright.WebSocket) -> None:
        self._sockets.add(socket)
        socket.on("close", self._on_socket_closed)
        self._stir()

    def _on_socket_closed(self, socket: playwright.WebSocket) -> None:
        self._sockets.discard(socket)
        self._stir()

    def _on_navigated(self, frame: playwright.Frame) -> None:
        # Requests of its last document are obsolete, even if the browser does not report their end.
        began = max(
            (known.began for known in self._requests.values() if known.frame == frame and known.kind == "document"),
            default=None,
        )
        for request, known in list(self._requests.items()):
            if began is not None and known.frame == frame and known.kind != "document" and known.began < began:
                del self._requests[request]
        self._inert.pop(frame, None)
        self._newest = time.monotonic()
        self._stir()

    # --- what the frames tell

    async def _ask(self, frame: playwright.Frame, limit: float) -> Any:
        """A frame's report once its work has ended, or after `limit` seconds.

        `"uncounted"`: our script is not in it; `"inert"`: no script can run in it.
        """
        if await self._is_inert(frame):
            return "inert"
        told = await frame.evaluate(_SETTLED, limit * 1000)
        return "uncounted" if told is None else told

    async def _is_inert(self, frame: playwright.Frame) -> bool:
        """Whether no script can run in a frame: most such frames never respond (Chromium 156)."""
        if frame.parent_frame is None:
            return False
        if frame not in self._inert:
            sandbox = await (await frame.frame_element()).get_attribute("sandbox")
            self._inert[frame] = sandbox is not None and "allow-scripts" not in sandbox.lower().split()
        return self._inert[frame]

    async def _look(self, limit: float) -> dict[playwright.Frame, Any]:
        """Each frame's report; `"gone"`: it is being replaced; `"silent"`: no response yet."""
        now = time.monotonic()
        for frame in self._page.frames:
            if frame not in self._asks:
                self._asks[frame] = now, asyncio.ensure_future(self._ask(frame, limit))
        tasks = [task for began, task in self._asks.values() if now - began < _ANSWERS_WITHIN]
        if tasks:
            await asyncio.wait(tasks, timeout=limit + _ANSWERS_WITHIN)
        told: dict[playwright.Frame, Any] = {}
        for frame, (began, task) in list(self._asks.items()):
            if frame.is_detached():
                task.cancel()
                del self._asks[frame]
                continue
            if not task.done():
                told[frame] = "silent" if time.monotonic() - began < activity.HORIZON else "uncounted"
                continue
            del self._asks[frame]
            error = task.exception()
            if error is None:
                told[frame] = task.result()
            elif isinstance(error, playwright.Error) and not self._page.is_closed() and not self._is_crashed:
                told[frame] = "gone"
            else:
                raise error
        return told

    def _add_up(self, told: Mapping[playwright.Frame, Any], trusted: Callable[[str], bool]) -> activity.Activity:
        now, page = time.monotonic(), self._page.url
        finite: list[str] = []
        recurring: list[activity.Recurring] = []
        uncountable: list[str] = []
        calm = now - self._newest
        covered: set[str] = set()
        # A frame added meanwhile has not been asked yet.
        finite += [activity.describe("frame", frame.url, page) for frame in self._page.frames if frame not in told]
        for frame, raw in told.items():
            if raw in ("gone", "silent") or (raw == "uncounted" and frame == self._page.main_frame):
                finite.append(activity.describe("frame", frame.url, page))
            elif isinstance(raw, str):
                if raw != "inert" and not self._is_bare(frame):
                    uncountable.append(activity.describe("frame", frame.url, page))
            else:
                self._documents.setdefault(raw["id"], _Document()).changes = raw["changes"]
                calm = min(calm, raw["calm"])
                self._add_frame(frame, raw, now, page, finite, recurring, uncountable, trusted)
                # Chromium never reports the response to a shared worker's script.
                covered |= {activity.describe("script", sender["url"], page) for sender in raw["sending"]}
        covered |= {source.label.removeprefix(_REPEATED) for source in recurring}
        self._add_requests(now, page, covered, trusted, finite, uncountable)
        uncountable += [activity.describe("web socket", socket.url, page) for socket in self._sockets]
        uncountable += [activity.describe("worker", worker.url, page) for worker in self._page.workers]
        return activity.Activity(
            activity.unique(finite),
            activity.merged(recurring),
            activity.unique(uncountable),
            calm,
            self._changes(),
        )

    def _is_bare(self, frame: playwright.Frame) -> bool:
        """Whether a frame has no document of its own: its content comes from its parent's work."""
        return frame.parent_frame is not None and frame.url in {"", "about:blank"}

    def _add_frame(
        self,
        frame: playwright.Frame,
        raw: Mapping[str, Any],
        now: float,
        page: str,
        finite: list[str],
        recurring: list[activity.Recurring],
        uncountable: list[str],
        trusted: Callable[[str], bool],
    ) -> None:
        if raw["state"] != "complete":
            under_way = any(known.frame == frame and known.kind == "document" for known in self._requests.values())
            is_late = raw["calm"] > activity.HORIZON and raw["age"] > activity.HORIZON and not under_way
            (uncountable if is_late else finite).append(activity.describe("document", frame.url, page))
        for token in raw["told"]:
            label = activity.describe(token["kind"], token["url"], page, token["method"])
            match self._standing(token, now, label, trusted):
                case "finite":
                    finite.append(label)
                case "recurring":
                    recurring.append(activity.Recurring(f"{_REPEATED}{label}", token["repeats"], 0.0))
                case "uncountable":
                    uncountable.append(label)
            if token["kind"] == "worker":  # a worker with a pending reply may send other messages, too
                uncountable.append(label)
        recurring += [activity.recurring(source, page) for source in raw["recurring"]]
        uncountable += [activity.describe(sender["kind"], sender["url"], page) for sender in raw["sending"]]

    def _standing(self, token: Mapping[str, Any], now: float, label: str, trusted: Callable[[str], bool]) -> str:
        """How a pending item counts: `finite`, `recurring`, `uncountable`, or `""` for not at all."""
        kind, age = token["kind"], token["age"]
        if kind == "worker":
            limit = activity.HORIZON if token["sent"] else _OWED
            is_awaited = token["owed"] and age < limit and not trusted(label)
            return "finite" if is_awaited else ""
        if kind == "script":
            # A script inserted as HTML never runs, without any event: only requested ones are awaited.
            came = self._scripts.get(token["url"], 0.0)
            return "finite" if age < _SLICE or came is None or now - came < CALM else ""
        if token["repeats"]:
            return "recurring"
        if token["doubt"]:
            return ""
        if token["stream"] or (kind == "frame callback" and age > _PAINTS_WITHIN):
            return "uncountable"
        if age <= activity.HORIZON:
            return "finite"
        if (
            kind in {"fetch", "xhr"}
            and not token["answered"]
            and not activity.is_elsewhere(token["url"], self._page.url)
        ):
            return "" if trusted(label) else "finite"
        return "uncountable"

    def _add_requests(
        self,
        now: float,
        page: str,
        covered: set[str],
        trusted: Callable[[str], bool],
        finite: list[str],
        uncountable: list[str],
    ) -> None:
        for known in self._requests.values():
            label = activity.describe(known.kind, known.url, page, known.method)
            if label in covered or (now - known.began > activity.HORIZON and trusted(label)):
                continue
            hangs = now - known.began > activity.HORIZON and activity.is_elsewhere(known.url, page)
            if known.is_stream or hangs or (known.answered is not None and now - known.answered > activity.HORIZON):
                uncountable.append(label)
            else:
                finite.append(label)

    def _changes(self) -> int:
        return len(self._documents) + sum(document.changes for document in self._documents.values())

    # --- what is asked of it

    async def quiet(
        self,
        *,
        deadline: float,
        patience: float = 3.0,
        trusted: Callable[[str], bool] = lambda _: False,
    ) -> Quiet:
        """Waits until the page is quiet, and returns how that was determined.

        Another call after any result but `PROVED` waits the full time again.

        Args:
            deadline: on `time.monotonic()`.
            patience: seconds without a change that suffice if quiet cannot be proved.
            trusted: whether a source, by its description, is known to change nothing; used for recurring and
                uncountable sources, and for requests pending longer than `activity.HORIZON`.

        Raises:
            playwright.Error: the page was closed or crashed.
        """
        began = time.monotonic()
        confirmed: tuple[int, int] | None = None
        unsure_since: float | None = None
        while True:
            self._stirred.clear()
            left = deadline - time.monotonic()
            told = await self._look(max(0.0, min(_SLICE, left)))
            seen = self._add_up(told, trusted)
            waited = None if self._unproved is None else time.monotonic() - self._unproved
            how = decide(seen, patience=patience, trusted=trusted, waited=waited)
            if how is How.PROVED and len(told) > 1:
                # Frames respond one after another: they were all quiet at once only if nothing happened since.
                mark = self._events, sum(raw["activity"] for raw in told.values() if isinstance(raw, dict))
                if mark != confirmed:
                    confirmed, how = mark, None
                    unsure_since = unsure_since or time.monotonic()
                    if time.monotonic() - unsure_since > CALM:
                        how = How.IDLE
                    elif time.monotonic() < deadline:
                        continue
            else:
                confirmed, unsure_since = None, None
            if how is None and time.monotonic() >= deadline:
                how = How.DEADLINE
            if how is not None:
                self._unproved = None if how is How.PROVED else time.monotonic()
                return Quiet(
                    how,
                    time.monotonic() - began,
                    seen.finite,
                    tuple(source.label for source in seen.recurring),
                    seen.uncountable,
                    seen.changes,
                )
            await self._stir_or(max(0.0, min(_pause(seen, patience), deadline - time.monotonic())))

    async def changed(self, since: int, timeout: float) -> bool:
        """Waits until `changes` differs from `since`.

        Args:
            since: `Quiet.changes`.
            timeout: seconds.
        """
        until = time.monotonic() + timeout
        while True:
            self._stirred.clear()
            self._add_up(await self._look(0), lambda _: False)
            if self._changes() != since:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            await self._stir_or(min(0.05, left))

    async def _stir_or(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._stirred.wait()
        except TimeoutError:
            return


def _pause(seen: activity.Activity, patience: float) -> float:
    """Seconds until the next check, if no event comes before."""
    if seen.finite:
        return 0.05
    return max(0.02, min(_SLICE, patience - seen.calm, abs(CALM - seen.calm)))
