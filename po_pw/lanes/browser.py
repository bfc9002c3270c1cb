"""The browser lane: reads orders on pages of a persistent context."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urljoin

from playwright import async_api as playwright

from po_pw import errors, events, hostnames, http_statuses, models, net_errors, numerals, redact
from po_pw.browser import capture, contexts, launching, page_lease, press_guard, printing, quiet
from po_pw.evidence import console, numbered, snapshot
from po_pw.lanes import visit_recording
from po_pw.portals import base as portals
from po_pw.portals.generic import (
    address_policy,
    control_policy,
    control_veto,
    label_words,
    page_facts,
    record_address,
    request_policy,
    sign_in_signs,
)
from po_pw.transport import addresses, allowed_hosts, certificate_requests, resolving

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from po_pw import settings
    from po_pw.evidence import traces
    from po_pw.lanes import base
    from po_pw.portals import memory

# Parts of Chromium's messages for errors that may not occur again.
_NETWORK: Final = ("net::ERR_", "NS_ERROR", "Navigation failed", "interrupted by another navigation")


_LOOKS_WITHIN: Final = 5.0
"""Seconds to parse a page that came instead of a file; a guarded page may never finish."""


class Knowledge(Protocol):
    """Knowledge about portals; see `engine.portal_knowledge`."""

    def memory(self, url: str) -> memory.PortalMemory:
        """The knowledge about the portal of an address."""
        ...

    def siblings(self, url: str) -> Sequence[str]:
        """Addresses of a few other orders of the same portal."""
        ...

    def is_other_order(self, order: models.PurchaseOrder, number: str) -> bool:
        """Whether a number belongs to another order of the list."""
        ...

    def read_again(self, keys: Iterable[str]) -> None:
        """Marks orders to be read again."""
        ...

    def is_press_refused(self, url: str, control: models.Control) -> bool:
        """Whether such a control has brought no file before."""
        ...

    def refuse_press(self, url: str, control: models.Control, *, is_fault: bool) -> None:
        """Records that such a control brought no file; `is_fault`: because the portal failed."""
        ...

    def trust_press(self, url: str, control: models.Control) -> None:
        """Records that such a control brought a file."""
        ...


class BrowserLane:
    """Reads orders on the pages of one context."""

    name = "browser"

    def __init__(
        self,
        context: contexts.Context,
        options: settings.Settings,
        portal_for: Callable[[str], portals.Portal],
        knowledge: Knowledge,
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
        async with self._context.page() as hold:
            with console.listening(hold.page) as said:
                recorded = visit_recording.VisitRecording(order, hold, self._context.recording, self._traces)
                seen = said, recorded
                visit = _Visit(self._context, hold, self._options, portal, order, self._knowledge, self._hub, seen)
                async with recorded.going_on():
                    try:
                        await visit.open()
                        yield visit
                    except BaseException as error:
                        if on_failure is not None:
                            await on_failure(visit, error)
                        raise

    def host_policy(self, order: models.PurchaseOrder, page_url: str) -> allowed_hosts.HostPolicy:
        """Which hosts the files of an order may come from."""
        return _host_policy(self._portal_for(order.url), self._options, order.url, page_url)

    async def opens(self, url: str) -> bool:
        """Whether a page that needs the sign-in still opens."""
        async with self._context.page() as hold:
            with _translated(url), _answers(hold.page) as answers:
                status = await _go(hold, url, self._options, answers)
                facts = await page_facts.look(hold.page, asked=url, status=status)
        kept = record_address.keeps_record(facts.url, record_address.record_part(url, ""))
        reason = sign_in_signs.sign_in_reason(
            facts, kept=kept or record_address.same_address(url, facts.url), strong=False, has_area=False
        )
        return not reason

    def _audit(self, event: events.Event) -> None:
        if isinstance(event, events.Pressed | events.RequestJudged):
            event = dataclasses.replace(event, worker=self._context.worker)
        self._hub.emit(event)

    async def download(self, link: models.Link, policy: allowed_hosts.HostPolicy) -> base.Captured:
        """Downloads a file by its address on a free page of the context.

        Raises:
            TransientError: nothing started in time, or the connection failed.
            PermanentError: the browser is refused as well.
            NotAFileError: a page came instead.
            SessionExpiredError: a sign-in page came instead.
            BrowserLostError: the context crashed.
        """
        referer = addresses.referer(link.referer, addresses.parse(link.url))
        timeout = self._options.navigation_timeout
        async with self._context.page() as hold:
            try:
                got = await capture.download(
                    self._context, hold, link.url, referer, timeout, policy, on_audit=self._audit
                )
            except capture.PageInsteadError as error:
                await _raise_if_signed_out(hold.page, link.url, error)
                raise
        return await _of_size(got, self._options.max_file_bytes)


class _Visit:
    def __init__(
        self,
        context: contexts.Context,
        hold: page_lease.PageLease,
        options: settings.Settings,
        portal: portals.Portal,
        order: models.PurchaseOrder,
        knowledge: Knowledge,
        hub: events.Hub,
        seen: tuple[console.ConsoleErrors, visit_recording.VisitRecording],
    ) -> None:
        self.listing = models.Listing(models.PageKind.ERROR, (), None, complete=False, supplier="", url=order.url)
        self._context = context
        self._hold = hold
        self._options = options
        self._portal = portal
        self._order = order
        self._knowledge = knowledge
        self._hub = hub
        self._console, self._recorded = seen
        self._record = ""
        """The part of the shown page's address that names its record."""
        self._shown: tuple[str, int] | None = None
        """Which page, as `models.Click.at`, and which page of its list is shown; None: nothing that was read."""
        self._at = ""

    async def open(self) -> None:
        """Opens the page and reads it."""
        page = self._hold.page
        with quiet.Watch(page) as watch, _translated(self._order.url), _answers(page) as answers:
            opened = await self._open_page(watch, answers)
            self.listing = await self._portal.read(opened)
        if self.listing.page is models.PageKind.SIGNED_OUT:
            self._recorded.is_at_sign_in()
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
            page = self._hold.page
            with quiet.Watch(page) as watch, _translated(self._order.url), _answers(page) as answers:
                opened = await self._open_page(watch, answers, click.at)
                await self._portal.turn_to(opened, click)
            self._shown = click.at, click.page
        shown = self._hold.page.url
        policy = _host_policy(self._portal, self._options, self._order.url, shown)
        try:
            got = await capture.capture(
                self._context,
                self._hold,
                click,
                self._options.navigation_timeout,
                policy,
                allow=self._allow_file,
                judge=lambda held: self._judge(held, models.Purpose.FILE, click.control),
                on_audit=self._audit,
                on_no_file=self._refuse_press,
            )
        except capture.PageInsteadError as error:
            self._shown = None
            try:
                await _raise_if_signed_out(self._hold.page, self._order.url, error)
            except errors.SessionExpiredError:
                self._recorded.is_at_sign_in()
                raise
            raise
        except errors.OrderError:
            self._shown = None
            raise
        if isinstance(got, capture.Opened):
            self._shown = None
            return models.Link(got.url, shown)
        self._knowledge.trust_press(self._order.url, click.control)
        return await _of_size(got, self._options.max_file_bytes)

    def _refuse_press(self, control: models.Control, error: errors.OrderError) -> None:
        self._knowledge.refuse_press(self._order.url, control, is_fault=error.code is models.ErrorCode.PORTAL_ERROR)

    async def number(self, found: Sequence[models.Control], path: Path) -> bool:
        """Saves a screenshot with these controls numbered."""
        try:
            await numbered.take(self._hold.page, found, path)
        except playwright.Error:
            return False
        return True

    async def print_page(self, path: Path, at: datetime.datetime) -> None:
        """Prints the page as it is shown."""
        timeout, most = self._options.navigation_timeout, self._options.max_file_bytes
        try:
            await printing.to_pdf(self._context, self._hold.page, path, at=at, timeout=timeout, most=most)
        except errors.TransientError as error:
            if self._context.lost.is_set():
                raise errors.BrowserLostError(self._context.why_lost) from error
            raise

    async def keep_evidence(self, folder: Path) -> tuple[str, ...]:
        """Saves the page's screenshot, source and console errors, without secrets."""
        return await snapshot.take(self._hold.page, folder, self._console.text())

    async def _open_page(
        self, watch: quiet.Watch, answers: list[playwright.Response], at: str = ""
    ) -> portals.OpenPage:
        """Opens the order's page, or another one that belongs to it."""
        order, knowledge = self._order, self._knowledge
        if at:
            status = await self._go(at, answers)
        else:  # the user's own word
            await self._recorded.before_leaving()
            self._at = ""
            self._record = record_address.record_part(order.url, order.po_number, knowledge.siblings(order.url))
            status = await _go(self._hold, order.url, self._options, answers)
        return portals.OpenPage(
            page=self._hold.page,
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
        return await _go(self._hold, url, self._options, answers)

    async def _press(self, click: models.Click, purpose: models.Purpose) -> portals.Pressed:
        try:
            press = await press_guard.read_press(
                self._context,
                self._hold,
                click,
                purpose=purpose,
                allow=_allow_reading,
                judge=lambda held: self._judge(held, purpose, click.control),
                on_audit=self._audit,
            )
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:
            return portals.Pressed(done=False, why=str(error))
        return portals.Pressed(done=True, stopped=lambda: tuple(one.text for one in press.stopped))

    def _judge(self, held: models.HeldRequest, purpose: models.Purpose, control: models.Control) -> models.Judgement:
        return request_policy.decide(held, purpose, control, read_only=self._options.read_only, record=self._record)

    def _allow_file(self, control: models.Control) -> str | None:
        names = [name for text in (control.row, control.label, control.title) if (name := label_words.file_name(text))]
        if self._portal.hands_out(control):
            return control_veto.veto(control, names=names)
        verdict = control_policy.decide(control, origin=hostnames.origin_of(self._order.url), names=names)
        allowed = verdict.action in {control_policy.Action.PRESS, control_policy.Action.FETCH}
        return None if allowed else verdict.why

    def _audit(self, event: events.Event) -> None:
        if isinstance(event, events.Pressed | events.RequestJudged):
            event = dataclasses.replace(event, worker=self._context.worker, key=self._order.key)
        self._hub.emit(event)


def _allow_reading(control: models.Control) -> str | None:
    return control_veto.veto(control)


async def _raise_if_signed_out(page: playwright.Page, asked: str, error: capture.PageInsteadError) -> None:
    facts = await page_facts.look(page, asked=asked, status=error.status, within=_LOOKS_WITHIN)
    kept = record_address.same_address(asked, facts.url)
    if sign_in_signs.sign_in_reason(facts, kept=kept, strong=False, has_area=False):
        msg = "the portal asked for a sign-in instead of sending the file"
        raise errors.SessionExpiredError(msg) from error


@contextlib.contextmanager
def _answers(page: playwright.Page) -> Iterator[list[playwright.Response]]:
    """Collects the responses for the page's own documents inside the block, latest last."""
    answers: list[playwright.Response] = []

    def note(answer: playwright.Response) -> None:
        if answer.request.is_navigation_request() and answer.frame == page.main_frame:
            answers.append(answer)

    page.on("response", note)
    try:
        yield answers
    finally:
        page.remove_listener("response", note)


async def _go(
    hold: page_lease.PageLease, url: str, options: settings.Settings, answers: list[playwright.Response]
) -> int:
    """Opens an address; returns the HTTP status.

    Args:
        hold: of the page; if it was pressed on, it is left first.
        url: to open.
        options: seconds for the first response, and who may see the client certificate.
        answers: from `_answers`.

    Raises:
        TransientError: the portal is temporarily unavailable.
    """
    with _translated(url):
        await hold.end_guard()
        answers.clear()
        try:
            await hold.page.goto(url, wait_until="commit", timeout=options.navigation_timeout * 1000)
        except playwright.Error as error:
            # An error status without a body shows no page; the response tells what happened.
            if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(error) or not answers:
                if (
                    not hold.page.is_closed()
                    and (refused := await _unreachable(url, error, answers, options)) is not None
                ):
                    raise refused from error
                raise
    if not answers:
        return 200
    status = answers[-1].status
    if http_statuses.is_temporary(status):
        said = f"the portal answered HTTP {status} for the order's page"
        raise http_statuses.error_of(status, said, answers[-1].headers.get("retry-after", ""))
    return status


async def _unreachable(
    url: str, error: playwright.Error, answers: Sequence[playwright.Response], options: settings.Settings
) -> errors.HostUnreachableError | None:
    """The host that did not answer: the address's own, or the one that its redirects led to; None: that is not it."""
    said = launching.first_line(error)
    fault = models.NetFault.SILENT if isinstance(error, playwright.TimeoutError) else net_errors.of_chromium(said)
    if fault is None:
        return None
    if answers and (target := answers[-1].headers.get("location", "")):
        url = urljoin(answers[-1].url, target)
    if fault is models.NetFault.NAME and not await resolving.name_server_answers(url):
        fault = models.NetFault.NAME_SERVER
    if fault is models.NetFault.SILENT and await certificate_requests.is_missed(url, options.client_certificate_hosts):
        fault = models.NetFault.CLIENT_CERTIFICATE
    return net_errors.unreachable(url, fault, said)


def _host_policy(
    portal: portals.Portal, options: settings.Settings, order_url: str, page_url: str
) -> allowed_hosts.HostPolicy:
    return allowed_hosts.host_policy(
        order_url,
        page_url,
        declared=portal.file_hosts(order_url),
        allowed=options.allow_hosts,
        is_sign_in=lambda url: sign_in_signs.leads_to_sign_in(url, order_url),
        changes=lambda url: address_policy.change_in_address(url) is not None,
        leads_to_files=portal.leads_to_files,
    )


async def _of_size(got: capture.Captured, most: int | None) -> capture.Captured:
    """The download, unless it says that it is larger than allowed: then it is ended before its bytes come."""
    announced = numerals.parse_int(got.headers.get("content-length", ""))
    if most is not None and announced is not None and announced > most:
        await got.discard()
        msg = f"the file is larger than {most:,} bytes, the limit you set (--max-file-size)"
        raise errors.PermanentError(msg, models.ErrorCode.TOO_LARGE)
    return got


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except playwright.TimeoutError as error:
        msg = "the order's page did not answer in time"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        first = launching.first_line(error)
        if "Download is starting" in first:
            msg = f"the url opens a file, not the order's page: {redact.bare(url)}"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL) from error
        if "Cannot navigate to invalid URL" in first or "ERR_INVALID_URL" in first:
            msg = "the url cannot be opened: correct it in your list"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL) from error
        for name in _NETWORK:
            if name in first:
                at = first.find("net::")
                reason = first[at:].split(" ")[0] if at >= 0 else name
                msg = f"the portal could not be reached ({reason})"
                raise errors.TransientError(msg, models.ErrorCode.NETWORK) from error
        raise
