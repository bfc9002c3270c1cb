"""A portal nobody has described: attachments are found by what sections, links and buttons usually look like."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import importlib.resources
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from playwright import async_api as playwright

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCAN: Final = (importlib.resources.files("po_pw.portals") / "generic.js").read_text("utf-8")

_LOOK: Final = """() => ({
  title: document.title,
  passwords: [...document.querySelectorAll('input[type=password]')].filter(e => e.getClientRects().length).length,
  challenge: Boolean(document.querySelector(
    'iframe[src*="captcha"],iframe[src*="challenges.cloudflare"],#challenge-form,.g-recaptcha,.h-captcha')),
})"""

_CHANGE: Final = """(patience) => new Promise((resolve) => {
  const done = (changed) => { observer.disconnect(); clearTimeout(timer); resolve(changed); };
  const observer = new MutationObserver(() => done(true));
  const timer = setTimeout(() => done(false), patience);
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})"""

_QUIET_SURE: Final = 0.0
"""Seconds without a change after which a page that shows as many attachments as it claims is believed."""
_QUIET_GUESS: Final = 0.6
"""The same for a page that claims no number: links may yet appear."""
_SIGN_IN: Final = ("login", "signin", "sign-in", "sso", "auth", "identity", "saml", "adfs", "okta", "realms")
_MOST_PAGES: Final = 200
_FILE_HOSTS: Final = {
    ".coupahost.com": ("s3.amazonaws.com", "*.s3.amazonaws.com", "s3.*.amazonaws.com", "*.s3.*.amazonaws.com"),
}
_FETCHING: Final = frozenset({"xhr", "fetch", "document", "script"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """One look at all frames of a page."""

    items: tuple[tuple[int, dict[str, Any]], ...]
    """Frame index and what was found there."""
    claimed: int | None
    busy: bool
    expanders: tuple[tuple[int, str], ...]
    next: tuple[int, str] | None
    supplier: str
    sections: int


class GenericPortal:
    """Reads any page that lists its attachments in a way people would recognise.

    Args:
        url_template: address of an order, `{po_number}` in it; None where every row has its own.
    """

    name = "generic"

    def __init__(self, url_template: str | None = None) -> None:
        self._url_template = url_template

    def claims(self, url: str) -> float:
        """Any address, but gladly leaves it to a portal that knows better."""
        return 0.1 if url.startswith(("http://", "https://")) else 0.0

    def order_url(self, po_number: str) -> str | None:
        """From the configured template."""
        from urllib.parse import quote

        return self._url_template.replace("{po_number}", quote(po_number, safe="")) if self._url_template else None

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """Those of a portal that is known to keep files elsewhere."""
        host = (urlsplit(url).hostname or "").lower()
        return tuple(name for portal, names in _FILE_HOSTS.items() if host.endswith(portal) for name in names)

    def classify(self, seen: models.Seen) -> models.PageKind:
        """By HTTP status and structure: a page with a password field is never the order's.

        Where a redirect led to another host whose address speaks of signing in, it is single sign-on (which may ask for
        a user name alone at first).
        """
        if seen.challenge:
            return models.PageKind.CHALLENGE
        if seen.status == 401 or seen.password_fields or _went_to_sign_in(seen):
            return models.PageKind.SIGNED_OUT
        if seen.status in {404, 410}:
            return models.PageKind.NOT_FOUND
        if seen.status == 403:
            return models.PageKind.FORBIDDEN
        if seen.status >= 400:
            return models.PageKind.ERROR
        return models.PageKind.ORDER

    def parse(self, document: str) -> models.Listing | None:
        """Not from the source alone: nothing is known of such a page."""
        del document
        return None

    async def look(self, page: playwright.Page, *, asked: str, status: int) -> models.Seen:
        """Waits for the document to be parsed, then looks."""
        await page.wait_for_load_state("domcontentloaded")
        seen = await page.evaluate(_LOOK)
        return models.Seen(page.url, status, seen["title"], seen["passwords"], asked, seen["challenge"])

    async def read(
        self, page: playwright.Page, order: models.PurchaseOrder, *, status: int, timeout: float
    ) -> models.Listing:
        """The attachments on the open page, in all its frames, behind its controls and on its further pages."""
        kind = self.classify(await self.look(page, asked=order.url, status=status))
        if kind is not models.PageKind.ORDER:
            return models.Listing(kind, (), None, complete=True, supplier="", url=page.url)
        deadline = time.monotonic() + timeout
        collected: dict[str, models.Attachment] = {}
        claimed, supplier, complete, turned = None, "", True, 0
        async with _requests(page) as pending:
            while True:
                look, settled = await _settle(page, pending, deadline, found_before=len(collected))
                for attachment in _attachments(look, page.url, turned):
                    collected.setdefault(attachment.id, attachment)
                claimed = look.claimed if look.claimed is not None else claimed
                supplier = supplier or look.supplier
                complete = complete and settled
                if look.next is None or not settled or turned >= _MOST_PAGES:
                    break
                before = {attachment_id for attachment_id, _ in _identified(look)}
                if not await _turn(page, look.next, before, deadline):
                    complete = False
                    break
                turned += 1
        found = len(collected)
        if claimed is not None and found < claimed:
            complete = False
        return models.Listing(models.PageKind.ORDER, tuple(collected.values()), claimed, complete, supplier, page.url)

    async def turn_to(self, page: playwright.Page, click: models.Click, *, timeout: float) -> None:
        """Opens what must be opened and turns as many pages as `read` did to find the control."""
        deadline = time.monotonic() + timeout
        async with _requests(page) as pending:
            for _ in range(click.page):
                look, settled = await _settle(page, pending, deadline, found_before=0)
                before = {attachment_id for attachment_id, _ in _identified(look)}
                if not settled or look.next is None or not await _turn(page, look.next, before, deadline):
                    return
            await _settle(page, pending, deadline, found_before=0)


def _went_to_sign_in(seen: models.Seen) -> bool:
    asked, came = urlsplit(seen.asked), urlsplit(seen.url)
    if not asked.hostname or asked.hostname == came.hostname:
        return False
    return any(word in f"{came.netloc}{came.path}".lower() for word in _SIGN_IN)


@contextlib.asynccontextmanager
async def _requests(page: playwright.Page) -> Any:
    """The requests of the page that are under way and may bring attachments."""
    pending: set[playwright.Request] = set()

    def began(request: playwright.Request) -> None:
        if request.resource_type in _FETCHING:
            pending.add(request)

    def ended(request: playwright.Request) -> None:
        pending.discard(request)

    page.on("request", began)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    try:
        yield pending
    finally:
        page.remove_listener("request", began)
        page.remove_listener("requestfinished", ended)
        page.remove_listener("requestfailed", ended)


async def _settle(
    page: playwright.Page, pending: set[playwright.Request], deadline: float, *, found_before: int
) -> tuple[_Look, bool]:
    """Looks until nothing more is to be expected; gives the last look and whether the page had settled by then."""
    opened: set[tuple[int, str]] = set()
    changed_at = time.monotonic()
    last: _Look | None = None
    while True:
        look, parsed = await _scan(page)
        now = time.monotonic()
        if last is None or look != last:
            changed_at, last = now, look
        closed = [expander for expander in look.expanders if expander not in opened]
        if closed and parsed:
            for frame, selector in closed:
                opened.add((frame, selector))
                with contextlib.suppress(playwright.Error):  # gone again: the next look will tell
                    await page.frames[frame].locator(selector).first.click(timeout=2_000, no_wait_after=True)
            changed_at = time.monotonic()
            continue
        quiet = now - changed_at
        enough = look.claimed is not None and (found_before + len(look.items) >= look.claimed or look.next is not None)
        patience = _QUIET_SURE if enough else _QUIET_GUESS
        idle = parsed and not look.busy and not pending
        # A page that claims more than it shows is not believed to have settled until patience runs out.
        if idle and quiet >= patience and (enough or look.claimed is None):
            return look, True
        if now >= deadline:
            return look, False
        left = max(0.02, min(deadline - now, 0.1 if not idle or enough else patience - quiet, 0.25))
        try:
            await page.evaluate(_CHANGE, left * 1000)
        except playwright.Error:
            if page.is_closed():
                raise
            await asyncio.sleep(0.02)  # the document was just being replaced


async def _scan(page: playwright.Page) -> tuple[_Look, bool]:
    items: list[tuple[int, dict[str, Any]]] = []
    expanders: list[tuple[int, str]] = []
    claimed: int | None = None
    busy, following, supplier, sections, parsed = False, None, "", 0, True
    for index, frame in enumerate(page.frames):
        if frame.is_detached():
            continue
        topic = f"{frame.url} {frame.name}".lower()
        whole = index > 0 and any(word in topic for word in ("attach", "anexo", "adjunt", "files", "documents"))
        if index > 0 and not whole:
            continue
        try:
            seen = await frame.evaluate(_SCAN, whole)
        except playwright.Error:
            if page.is_closed():
                raise
            parsed = False  # the frame was just being replaced
            continue
        parsed = parsed and (seen["ready"] == "complete" or (index == 0 and seen["ready"] == "interactive"))
        items += [(index, item) for item in seen["items"]]
        expanders += [(index, selector) for selector in seen["expanders"]]
        if seen["claimed"] is not None:
            # A frame repeats what the page around it claims.
            claimed = max(claimed or 0, seen["claimed"])
        busy = busy or seen["busy"]
        following = (index, seen["next"]) if seen["next"] else following
        supplier = supplier or seen["supplier"]
        sections += seen["sections"]
    return _Look(tuple(items), claimed, busy, tuple(expanders), following, supplier, sections), parsed


async def _turn(page: playwright.Page, control: tuple[int, str], before: set[str], deadline: float) -> bool:
    """Presses "next" and waits until other attachments are shown."""
    frame, selector = control
    try:
        await page.frames[frame].locator(selector).first.click(timeout=3_000, no_wait_after=True)
    except playwright.Error:
        if page.is_closed():
            raise
        return False
    while time.monotonic() < deadline:
        look, _ = await _scan(page)
        now_shown = {attachment_id for attachment_id, _ in _identified(look)}
        if now_shown and now_shown != before and not look.busy:
            return True
        with contextlib.suppress(playwright.Error):  # the document is being replaced: look again
            await page.evaluate(_CHANGE, 100)
    return False


def _identified(look: _Look) -> list[tuple[str, tuple[int, dict[str, Any]]]]:
    """Each item with its id: from its path and name; the second of two alike is told apart by its number."""
    met: dict[str, int] = {}
    result = []
    for frame, item in look.items:
        address = urlsplit(item["href"]) if "href" in item else None
        where = address.path if address else f"click {frame}"
        if address and item["kind"] == "link" and not _looks_signed(address.query):
            where += f"?{address.query}"
        stem = hashlib.sha256(f"{where}\n{item['name']}".encode()).hexdigest()[:12]
        met[stem] = met.get(stem, 0) + 1
        result.append((stem if met[stem] == 1 else f"{stem}-{met[stem]}", (frame, item)))
    return result


def _looks_signed(query: str) -> bool:
    """Whether a query changes from visit to visit: a signature, a token, an expiry."""
    lower = query.lower()
    return any(word in lower for word in ("sig", "token", "expires", "x-amz-", "nonce", "csrf"))


def _attachments(look: _Look, referer: str, turned: int) -> Sequence[models.Attachment]:
    found = []
    for attachment_id, (frame, item) in _identified(look):
        source: models.FileSource
        if item["kind"] == "link":
            source = models.Link(item["href"], referer)
        elif item["kind"] == "external":
            source = models.External(item["href"])
        else:
            source = models.Click(item["selector"], frame, turned)
        name = " ".join(item["name"].split())[:300]
        found.append(models.Attachment(attachment_id, name, source, item["place"]))
    return found
