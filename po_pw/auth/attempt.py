"""One sign-in on one page, and its check: a page that opens with the sign-in and not without it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import errors, hostnames, models
from po_pw.auth import forms, page_opening
from po_pw.auth import trust as trusts
from po_pw.browser import contexts, playwright_driver
from po_pw.portals.generic import page_facts, recognition, record_address, sign_in_signs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

    from po_pw.browser import launching

    # Playwright's own types are for the modules that use them.
    Page = Any

_UNLIKE: Final = 0.4
"""Two pages at one address that share less than this count as different pages."""


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """The evidence that a sign-in works."""

    url: str = ""
    """A page that needs the sign-in, and opened with it; `""` if none was found."""
    doubt: str = ""
    """Why there is no evidence, in words; `""` if there is."""
    notice: str = ""
    """What the user should know in spite of the evidence, e.g. that the address given answered 404."""


@contextlib.asynccontextmanager
async def opened(
    driver: playwright_driver.Driver, launch: launching.Launch, name: str, cookies: Sequence[models.Cookie] = ()
) -> AsyncIterator[contexts.Context]:
    """Opens a context with an empty profile and these cookies; removes everything after the block.

    Args:
        driver: of the run.
        launch: how to launch the browser.
        name: of the context, for messages.
        cookies: as Playwright takes them.

    Raises:
        MachineError: the browser does not start.
    """
    with playwright_driver.map_temp_errors():
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"{name}-", dir=driver.run_dir.path))
    try:
        with playwright_driver.map_temp_errors():
            context = await driver.open(
                models.WorkerId(name),
                launch,
                user_data_dir=folder / "profile",
                downloads=folder / "downloads",
                cookies=cookies,
            )
        try:
            yield context
        finally:
            await context.close()
    finally:
        # What cannot be removed is removed with the run's folder.
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class SignedOutPages:
    """Opens addresses in a browser that is not signed in."""

    def __init__(self, driver: playwright_driver.Driver, launch: launching.Launch, timeout: float) -> None:
        self._driver = driver
        self._launch = launch
        self._timeout = timeout
        self._known: dict[str, page_facts.PageFacts] = {}
        self.named = launch.certificate.hosts if launch.certificate is not None else ()
        """Hosts that get the client certificate."""

    async def look(self, url: str) -> page_facts.PageFacts:
        """What a browser without cookies gets at an address."""
        if url not in self._known:
            async with opened(self._driver, self._launch, "stranger") as context, context.page() as lease:
                self._known[url] = await _open(lease.page, url, self._timeout, self.named)
        return self._known[url]


class Attempt:
    """One sign-in on one page.

    Args:
        page: of the context to sign in.
        url: any page of the portal that needs a sign-in.
        signed_out_pages: shows how pages look without a sign-in.
        timeout: seconds for a page to open.
        is_proved: the page is known to open only with a sign-in: if it opens, somebody is signed in.
    """

    def __init__(
        self, page: Page, url: str, signed_out_pages: SignedOutPages, timeout: float, *, is_proved: bool = False
    ) -> None:
        self._page = page
        self._url = url
        self._origin = hostnames.origin_of(url)
        self._signed_out_pages = signed_out_pages
        self._timeout = timeout
        self._is_proved = is_proved
        self._asked = False
        """Whether the portal has asked for a sign-in during this attempt."""
        self._first: page_facts.PageFacts | None = None

    async def begin(self) -> bool:
        """Opens the address; True if nothing is left to do: already signed in, or a public page with no sign-in.

        Raises:
            PortalUnreachableError: the portal answers with an error, and shows no way to sign in.
        """
        self._first = first = await self._open_page(self._url)
        if asks_for_sign_in(first) or first.challenge:
            self._asked = True
            return False
        if self._is_proved and not was_redirected(first) and first.status < 400:
            return True
        if needs_sign_in(first, await self._signed_out_pages.look(self._url)):
            return True
        if first.ways_in or any(form.asks_who or form.asks_secret for form in first.forms):
            return False
        # Not `http_statuses.is_temporary`: after 408, 425 or 429 `prove` looks again, and says what answers.
        if first.status >= 500:
            msg = f"{self._url} answers HTTP {first.status}: the portal has a problem. Nothing was saved."
            raise errors.PortalUnreachableError(f"{msg} Try again later.")
        return True

    async def is_signed_in(self, page: Page, status: int) -> bool:
        """Whether the portal asked for a sign-in and now shows a page of its own."""
        facts = await page_facts.look(page, asked=self._url, status=status)
        asks = asks_for_sign_in(facts) or any(form.asks_secret for form in facts.forms) or facts.challenge
        is_here = _is_same_site(facts.url, self._origin)
        self._asked = self._asked or asks or not is_here
        # If the address is public, a page with a sign-out link shows that somebody is signed in.
        return is_here and not asks and status < 500 and (self._asked or facts.signs_out)

    async def fill(self, answers: forms.Answers, trust: trusts.Trust) -> None:
        """Fills in the form on this page, or behind a link that leads to it.

        Raises:
            LoginRequiredError: there is no form, it must not be filled in, or a person is needed.
            CredentialsRefusedError: the portal did not accept user name and password.
        """

        async def may_type(target: trusts.Target) -> None:
            await trusts.check_target(target, self._origin, trust)

        first = self._first
        # A lone e-mail field may be a newsletter's: the link that says "Sign in" comes before it. A page that refuses
        # may have no form at all, only that link.
        if (
            first is not None
            and not (asks_for_sign_in(first) and any(form.asks_who for form in first.forms))
            and not any(form.asks_secret or {"username", "name"} & set(form.kinds) for form in first.forms)
        ):
            links = [way.address for way in first.ways_in if way.address.startswith(("http://", "https://"))]
            if links:
                await page_opening.open_page(self._page, links[0], self._timeout, self._signed_out_pages.named)
        self._asked = True
        await forms.fill(self._page, answers, signed_in=self.is_signed_in, may_type=may_type, timeout=self._timeout)

    async def prove(self) -> Proof:
        """Opens the address again, and if that shows nothing, the page after the sign-in: does one need the sign-in?

        Raises:
            LoginRequiredError: the portal still asks for a sign-in at an order's address.
        """
        landed = self._page.url
        here = await self._open_page(self._url)
        reason = sign_in_reason(here) if self._first else ""
        notice = ""
        if reason and record_address.names_record(self._url):
            msg = f"the sign-in did not last: when opened again, {self._url} asked for a sign-in ({reason})"
            raise errors.LoginRequiredError(msg)
        if self._is_proved and not reason and not was_redirected(here) and here.status < 400:
            return Proof(url=self._url)
        if not reason and here.status >= 400:
            notice = f"{self._url} answers HTTP {here.status}, signed in or not"
        for candidate in self._candidates(here, reason, landed):
            facts = here if record_address.same_address(candidate, here.url) else await self._open_page(candidate)
            if facts.status >= 400 or asks_for_sign_in(facts):
                continue
            if needs_sign_in(facts, await self._signed_out_pages.look(candidate)):
                return Proof(url=candidate, notice=notice)
        if reason:
            msg = f"the sign-in did not work: {self._url} still asks for one ({reason})"
            raise errors.LoginRequiredError(msg)
        doubt = notice or f"{self._url} opens without a sign-in too, so po-pw cannot tell whether you are signed in"
        return Proof(doubt=doubt)

    def _candidates(self, here: page_facts.PageFacts, reason: str, landed: str) -> Sequence[str]:
        found = [] if reason else [here.url]
        if not reason and not was_redirected(here):
            found.insert(0, self._url)
        return [one for one in dict.fromkeys([*found, landed]) if _is_same_site(one, self._origin)]

    async def _open_page(self, url: str) -> page_facts.PageFacts:
        return await _open(self._page, url, self._timeout, self._signed_out_pages.named)


async def _open(page: Page, url: str, timeout: float, named: Sequence[str]) -> page_facts.PageFacts:
    status = await page_opening.open_page(page, url, timeout, named)
    return await page_facts.look(page, asked=url, status=status)


def sign_in_reason(facts: page_facts.PageFacts) -> str:
    """Why a page counts as a sign-in: its structure, or because it is on another site; `""` if it does not. Pure."""
    if reason := sign_in_signs.sign_in_reason(facts, kept=not was_redirected(facts)):
        return reason
    if _is_same_site(facts.url, hostnames.origin_of(facts.asked)):
        return ""
    return f"it led to {urlsplit(facts.url).hostname}"


def asks_for_sign_in(facts: page_facts.PageFacts) -> bool:
    """Whether a page is a sign-in. Pure."""
    return bool(sign_in_reason(facts))


def needs_sign_in(signed_in: page_facts.PageFacts, stranger: page_facts.PageFacts) -> bool:
    """Whether a page would not have opened without the sign-in. Pure.

    Args:
        signed_in: the page as opened with the sign-in.
        stranger: the page at the same address without cookies.
    """
    if asks_for_sign_in(stranger) or stranger.challenge or (stranger.status >= 400 and signed_in.status < 400):
        return True
    if record_address.same_address(signed_in.url, stranger.url):
        return signed_in.signs_out and not stranger.signs_out and not recognition.alike(signed_in, stranger, _UNLIKE)
    return bool(stranger.ways_in or stranger.forms)


def was_redirected(facts: page_facts.PageFacts) -> bool:
    """Whether another page opened than the one requested. Pure."""
    part = record_address.record_part(facts.asked, "")
    return not record_address.same_address(facts.asked, facts.url) and not record_address.keeps_record(facts.url, part)


def _is_same_site(url: str, origin: str) -> bool:
    """Whether an address belongs to the portal: the same host, ignoring http or https and `www.`."""
    here, there = urlsplit(url), urlsplit(origin)
    same_port = here.port == there.port or (here.port is None and there.scheme == "http" and there.port is None)
    hosts = [hostnames.ascii_host(one.hostname or "").removeprefix("www.") for one in (here, there)]
    return hosts[0] == hosts[1] and same_port
