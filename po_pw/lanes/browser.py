"""The browser lane: reads orders and downloads files on pages of a persistent context."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from po_pw import events, models
from po_pw.browser import capture, contexts, document_answers
from po_pw.evidence import console
from po_pw.lanes import file_checks, navigation, order_visit, visit_recording
from po_pw.portals.generic import page_facts, record_address, sign_in_signs
from po_pw.transport import addresses, allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from po_pw import settings
    from po_pw.evidence import traces
    from po_pw.lanes import base
    from po_pw.portals import base as portals


class BrowserLane:
    """Reads orders on the pages of one context."""

    name = "browser"

    def __init__(
        self,
        context: contexts.Context,
        options: settings.Settings,
        portal_for: Callable[[str], portals.Portal],
        knowledge: base.Knowledge,
        hub: events.Hub,
        traced: traces.Traces | None = None,
    ) -> None:
        self._context = context
        self._options = options
        self._portal_for = portal_for
        self._knowledge = knowledge
        self._hub = hub
        self._traces = traced

    @property
    def user_agent(self) -> str:
        """The browser's user agent."""
        return self._context.user_agent

    @property
    def language(self) -> str:
        """The browser's `Accept-Language`."""
        return self._context.language

    def is_lost(self) -> bool:
        """Whether the browser is gone."""
        return self._context.lost.is_set()

    @property
    def why_lost(self) -> str:
        """Why the browser is gone."""
        return self._context.why_lost

    async def cookies(self) -> Sequence[models.Cookie]:
        """The cookies of the context.

        Raises:
            BrowserLostError: the context crashed.
        """
        return await self._context.cookies()

    @contextlib.asynccontextmanager
    async def visit(
        self, order: models.PurchaseOrder, on_failure: base.OnFailure | None = None
    ) -> AsyncIterator[base.Visit]:
        """Opens the order's page and reads it."""
        portal = self._portal_for(order.url)
        async with self._context.page() as lease:
            with console.listening(lease.page) as console_errors:
                recorded = visit_recording.VisitRecording(order, lease, self._context.recording, self._traces)
                visit = order_visit.OrderVisit(
                    self._context,
                    lease,
                    self._options,
                    portal,
                    order,
                    self._knowledge,
                    self._hub,
                    console_errors,
                    recorded,
                )
                async with recorded.record():
                    try:
                        await visit.open()
                        yield visit
                    except BaseException as error:
                        if on_failure is not None:
                            await on_failure(visit, error)
                        raise

    def host_policy(self, order: models.PurchaseOrder, page_url: str) -> allowed_hosts.HostPolicy:
        """Which hosts the files of an order may come from."""
        return file_checks.host_policy(self._portal_for(order.url), self._options, order.url, page_url)

    async def opens(self, url: str) -> bool:
        """Whether a page that needs the sign-in still opens."""
        async with self._context.page() as lease:
            with navigation.map_page_errors(url), navigation.document_responses(lease.page) as answers:
                status = await navigation.go(lease, url, self._options, answers)
                facts = await page_facts.look(lease.page, asked=url, status=status)
        kept = record_address.keeps_record(facts.url, record_address.record_part(url, ""))
        reason = sign_in_signs.sign_in_reason(
            facts, kept=kept or record_address.same_address(url, facts.url), strong=False, has_area=False
        )
        return not reason

    def _audit(self, event: events.Event) -> None:
        if isinstance(event, events.Pressed | events.RequestDecided):
            event = dataclasses.replace(event, worker=self._context.worker)
        self._hub.emit(event)

    async def download(self, link: models.Link, policy: allowed_hosts.HostPolicy) -> base.Captured:
        """Downloads a file by its address on a free page of the context.

        Raises:
            TransientError: nothing started in time, or the connection failed.
            PermanentError: the host refuses the browser as well.
            NotAFileError: a page came instead of a file.
            SessionExpiredError: a sign-in page came instead of a file.
            BrowserLostError: the context crashed.
        """
        referer = addresses.referer(link.referer, addresses.parse(link.url))
        timeout = self._options.navigation_timeout
        async with self._context.page() as lease:
            try:
                got = await capture.download(
                    self._context, lease, link.url, referer, timeout, policy, on_audit=self._audit
                )
            except document_answers.PageOpenedError as error:
                await file_checks.raise_if_signed_out(lease.page, link.url, error)
                raise
        await file_checks.refuse_if_too_large(got, self._options.max_file_bytes)
        return got
