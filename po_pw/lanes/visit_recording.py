"""Records a visit to an order's page, and decides how much of the recording may be kept."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors
from po_pw.evidence import snapshot
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from po_pw import models
    from po_pw.browser import page_lease, recording
    from po_pw.evidence import traces

_BLANK: Final = "about:blank"
_CLEAR_TIMEOUT: Final = 5.0
"""Seconds to leave the previous page."""
_PAINTED: Final = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the page has been painted."""


class VisitRecording:
    """The recording of one visit; does nothing if the run is not traced.

    A visit that reaches a sign-in page leaves no trace. A visit that shows another site (where people may sign in), or
    fields that a screenshot would cover, leaves a trace without screenshots.

    Args:
        order: of the page.
        lease: the leased page.
        inner: records the page's context; None if the run is not traced.
        store: of traces, until it is known whether their order fails; None if the run is not traced.
    """

    def __init__(
        self,
        order: models.PurchaseOrder,
        lease: page_lease.PageLease,
        inner: recording.Recording | None,
        store: traces.Traces | None,
    ) -> None:
        self._order = order
        self._lease = lease
        self._inner = inner
        self._store = store
        self._is_recording = False
        self._is_at_sign_in = False
        self._may_be_pictured = True

    @contextlib.asynccontextmanager
    async def record(self) -> AsyncIterator[None]:
        """Records the page inside the block."""
        inner, store = self._inner, self._store
        # Until now the page shows the previous order, or the sign-in page where that visit ended.
        if inner is None or store is None or not await self._is_cleared():
            yield
            return
        await inner.begin(self._order.po_number)
        self._is_recording = True
        try:
            with self._watching_hosts():
                yield
        except errors.SessionExpiredError:
            self.note_sign_in()
            raise
        finally:
            await self.before_leaving()
            self._is_recording = False
            key = self._order.key
            if await inner.end(None if self._is_at_sign_in else store.path(key)):
                store.add(key, with_pictures=self._may_be_pictured)

    def note_sign_in(self) -> None:
        """Notes that the portal asked for a sign-in instead of showing the order or sending a file."""
        self._is_at_sign_in = True

    async def before_leaving(self) -> None:
        """Checks whether the current page may show secrets. Call it before the page is left."""
        may_change = self._is_recording and self._may_be_pictured and not self._is_at_sign_in
        if may_change and self._lease.page.url != _BLANK:
            self._may_be_pictured = not await snapshot.hides_fields(self._lease.page)

    async def _is_cleared(self) -> bool:
        """Leaves the previous page; False if that fails."""
        try:
            async with asyncio.timeout(_CLEAR_TIMEOUT):
                if self._lease.page.url != _BLANK:
                    await self._lease.end_guard()
                    await self._lease.page.goto(_BLANK)
                await self._lease.page.evaluate(_PAINTED)
        except (playwright.Error, TimeoutError):
            return False
        return True

    @contextlib.contextmanager
    def _watching_hosts(self) -> Iterator[None]:
        """Inside the block, notes whether a page of another host is shown."""
        own = allowed_hosts.host_of(self._order.url)

        def note(frame: playwright.Frame) -> None:
            host = allowed_hosts.host_of(frame.url)
            if frame == page.main_frame and host and host != own:
                self._may_be_pictured = False

        page = self._lease.page
        page.on("framenavigated", note)
        try:
            yield
        finally:
            page.remove_listener("framenavigated", note)
