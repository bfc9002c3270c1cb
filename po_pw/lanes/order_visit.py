"""One visit to an order's page: reads it, presses its controls, prints it, saves evidence of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from playwright import async_api as playwright

from po_pw import errors, events, hostnames, models, redact
from po_pw.browser import capture, contexts, document_answers, page_lease, page_watch, printing
from po_pw.evidence import console, numbered_screenshot, snapshot
from po_pw.lanes import file_checks, navigation, visit_recording
from po_pw.portals import base as portals
from po_pw.portals.generic import (
    address_policy,
    control_policy,
    control_veto,
    label_words,
    record_address,
    request_policy,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from pathlib import Path

    from po_pw import settings
    from po_pw.lanes import base


class OrderVisit:
    """An order's page while it is leased; implements `base.Visit`. `open` reads it into `listing`."""

    def __init__(
        self,
        context: contexts.Context,
        lease: page_lease.PageLease,
        options: settings.Settings,
        portal: portals.Portal,
        order: models.PurchaseOrder,
        knowledge: base.Knowledge,
        hub: events.Hub,
        console_errors: console.ConsoleErrors,
        recorded: visit_recording.VisitRecording,
    ) -> None:
        self.listing = models.Listing(models.PageKind.ERROR, (), None, complete=False, supplier="", url=order.url)
        self._context = context
        self._lease = lease
        self._options = options
        self._portal = portal
        self._order = order
        self._knowledge = knowledge
        self._hub = hub
        self._console = console_errors
        self._recorded = recorded
        self._record = ""
        """The part of the current page's address that names its record."""
        self._shown: tuple[str, int] | None = None
        """The page that is shown, as `models.Click.at`, and the page number of its list; None: not as it was read."""
        self._at = ""
        """Address of the page that is shown, as `models.Click.at`; `""` for the order's own."""

    async def open(self) -> None:
        """Opens the page and reads it."""
        page = self._lease.page
        with (
            page_watch.Watch(page) as watch,
            navigation.map_page_errors(self._order.url),
            navigation.document_responses(page) as answers,
        ):
            opened = await self._open_page(watch, answers)
            self.listing = await self._portal.read(opened)
        if self.listing.page is models.PageKind.SIGNED_OUT:
            self._recorded.note_sign_in()
        ways = [way for one in self.listing.attachments for way in (one.source, *one.others)]
        pages = [way.page for way in ways if isinstance(way, models.Click) and way.at == self._at]
        self._shown = self._at, max(pages, default=0)

    async def capture(self, click: models.Click) -> base.Captured | models.Link:
        """Clicks the control under the press guard; returns the download or link."""
        if self._options.read_only and click.control.form is not None and click.control.form.method != "get":
            msg = f"{click.control.label!r} was not pressed: it sends a form, which --read-only forbids"
            raise errors.PermanentError(msg, models.ErrorCode.NOT_PRESSED)
        if self._knowledge.is_press_refused(self._order.url, click.control):
            msg = f"{click.control.label!r} was not pressed: another button like it led to no file"
            raise errors.PermanentError(msg, models.ErrorCode.NOT_PRESSED)
        if self._shown != (click.at, click.page):
            page = self._lease.page
            with (
                page_watch.Watch(page) as watch,
                navigation.map_page_errors(self._order.url),
                navigation.document_responses(page) as answers,
            ):
                opened = await self._open_page(watch, answers, click.at)
                await self._portal.turn_to(opened, click)
            self._shown = click.at, click.page
        shown = self._lease.page.url
        policy = file_checks.host_policy(self._portal, self._options, self._order.url, shown)
        try:
            got = await capture.capture(
                self._context,
                self._lease,
                click,
                self._options.navigation_timeout,
                policy,
                allow=self._allow_file,
                decide=lambda held: self._decide(held, models.Purpose.FILE, click.control),
                on_audit=self._audit,
                on_no_file=self._refuse_press,
            )
        except document_answers.PageOpenedError as error:
            self._shown = None
            try:
                await file_checks.raise_if_signed_out(self._lease.page, self._order.url, error)
            except errors.SessionExpiredError:
                self._recorded.note_sign_in()
                raise
            raise
        except errors.OrderError:
            self._shown = None
            raise
        if isinstance(got, capture.Opened):
            self._shown = None
            return models.Link(got.url, shown)
        self._knowledge.trust_press(self._order.url, click.control)
        await file_checks.refuse_if_too_large(got, self._options.max_file_bytes)
        return got

    def _refuse_press(self, control: models.Control, error: errors.OrderError) -> None:
        self._knowledge.refuse_press(self._order.url, control, is_fault=error.code is models.ErrorCode.PORTAL_ERROR)

    async def number(self, found: Sequence[models.Control], path: Path) -> bool:
        """Saves a screenshot with these controls numbered."""
        try:
            await numbered_screenshot.take(self._lease.page, found, path)
        except playwright.Error:
            return False
        return True

    async def print_page(self, path: Path, at: datetime.datetime) -> None:
        """Prints the page as it is shown."""
        timeout, most = self._options.navigation_timeout, self._options.max_file_bytes
        try:
            await printing.to_pdf(self._context, self._lease.page, path, at=at, timeout=timeout, most=most)
        except errors.TransientError as error:
            if self._context.lost.is_set():
                raise errors.BrowserLostError(self._context.why_lost) from error
            raise

    async def keep_evidence(self, folder: Path) -> tuple[str, ...]:
        """Saves the page's screenshot, source and console errors, without secrets."""
        return await snapshot.take(self._lease.page, folder, self._console.text())

    async def _open_page(
        self, watch: page_watch.Watch, answers: list[playwright.Response], at: str = ""
    ) -> portals.OpenPage:
        """Opens the order's page, or another one that belongs to it."""
        order, knowledge = self._order, self._knowledge
        if at:
            status = await self._go(at, answers)
        else:  # the address that the user gave is not checked
            await self._recorded.before_leaving()
            self._at = ""
            self._record = record_address.record_part(order.url, order.po_number, knowledge.siblings(order.url))
            status = await navigation.go(self._lease, order.url, self._options, answers)
        return portals.OpenPage(
            page=self._lease.page,
            order=order,
            status=lambda: answers[-1].status if answers else status,
            timeout=self._options.listing_timeout,
            patience=self._options.patience,
            watch=watch,
            memory=knowledge.memory(order.url),
            press=self._press,
            go=lambda url: self._go(url, answers),
            read_again=knowledge.read_again,
            siblings=knowledge.siblings(order.url),
            is_other_order=lambda number: knowledge.is_other_order(order, number),
        )

    async def _go(self, url: str, answers: list[playwright.Response]) -> int:
        if hostnames.origin_of(url) != hostnames.origin_of(self._order.url):
            msg = f"{redact.bare(url)} is not a page of the portal"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL)
        if word := address_policy.change_in_address(url):
            msg = f'{redact.bare(url)} was not opened: the address says "{word}"'
            raise errors.PermanentError(msg, models.ErrorCode.NOT_PRESSED)
        await self._recorded.before_leaving()
        self._at = url
        self._record = record_address.record_part(url, self._order.po_number, self._knowledge.siblings(self._order.url))
        return await navigation.go(self._lease, url, self._options, answers)

    async def _press(self, click: models.Click, purpose: models.Purpose) -> portals.Pressed:
        try:
            press = await self._context.guards.press(
                self._lease,
                click,
                purpose=purpose,
                allow=_allow_reading,
                decide=lambda held: self._decide(held, purpose, click.control),
                on_audit=self._audit,
            )
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:
            return portals.Pressed(done=False, why=str(error))
        return portals.Pressed(done=True, stopped=lambda: tuple(one.text for one in press.stopped))

    def _decide(
        self, held: models.HeldRequest, purpose: models.Purpose, control: models.Control
    ) -> models.RequestDecision:
        return request_policy.decide(held, purpose, control, read_only=self._options.read_only, record=self._record)

    def _allow_file(self, control: models.Control) -> str | None:
        names = [name for text in (control.row, control.label, control.title) if (name := label_words.file_name(text))]
        if self._portal.returns_file(control):
            return control_veto.veto(control, names=names)
        verdict = control_policy.decide(control, origin=hostnames.origin_of(self._order.url), names=names)
        allowed = verdict.action in {control_policy.Action.PRESS, control_policy.Action.FETCH}
        return None if allowed else verdict.why

    def _audit(self, event: events.Event) -> None:
        if isinstance(event, events.Pressed | events.RequestDecided):
            event = dataclasses.replace(event, worker=self._context.worker, key=self._order.key)
        self._hub.emit(event)


def _allow_reading(control: models.Control) -> str | None:
    return control_veto.veto(control)
