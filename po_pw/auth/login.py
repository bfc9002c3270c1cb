"""Signing in once, for all runs to come; and proving it on a page that needs it."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import errors, hostnames, models, redact, sessions, settings
from po_pw.auth import forms
from po_pw.browser import contexts, display, locate
from po_pw.portals.generic import page_facts, recognition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    # Playwright's own types are for the rooms that use them.
    Page = Any

_log = logging.getLogger(__name__)

_UNLIKE: Final = 0.4
"""Two pages at one address that share less than this are two pages."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that was saved."""

    origin: str
    browser: models.BrowserInfo
    file: Path
    cookies: int
    proof_url: str = ""
    """A page that needs the sign-in, and opened with it; `""` where none was found."""
    doubt: str = ""
    """Why nothing proves it, in words; `""` where it is proved."""
    notice: str = ""
    """What the person should know although it is proved, e.g. that the address given answered 404."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """Where the password may be typed, besides the origin that was asked for."""

    hosts: tuple[str, ...] = ()
    """Hosts that the person named (`--sign-in-host`)."""
    confirm: Callable[[str], bool] | None = None
    """Asks the person whether a host is right; blocks. None where nobody can be asked."""
    insecure: bool = False
    """Plain http to another machine is all right (`--insecure`)."""


def check_address(url: str) -> None:
    """Refuses what is not a web address.

    Raises:
        InputError: it is none.
    """
    if not url.lower().startswith(("http://", "https://")):
        msg = f"{url!r} is not a web address. Try https://{url}"
        raise errors.InputError(msg)


async def login(
    options: settings.Settings,
    url: str,
    *,
    username: str | None = None,
    password: str | None = None,
    patience: float,
    trust: Trust | None = None,
) -> SignedIn:
    """Signs in to the portal of this address and saves profile and storage state, owner-readable only.

    Args:
        options: which browser, and where state is kept.
        url: any page of the portal that needs a sign-in; an order's is best, for it is then proved there.
        username: fills a plain form without a window; None opens a window for the person (single sign-on, MFA).
        password: for the form.
        patience: seconds for the person to sign in.
        trust: where the password may go; by default to the address's own origin alone.

    Raises:
        LoginRequiredError: it did not come to a sign-in, or the portal asks again afterwards.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser, or no display for the window.
    """
    check_address(url)
    if username is None and not display.can_show_windows():
        msg = (
            "there is no display for a sign-in window here. Use --username where the portal has a plain form, or run "
            "`po-pw login` on a machine with a display and copy its state folder (PO_PW_HOME)."
        )
        raise errors.MachineError(msg)
    signed_in_state = sessions.Sessions(settings.home(options))
    origin = hostnames.origin_of(url)
    folder = signed_in_state.private_folder(signed_in_state.profile(origin))
    headed = username is None or options.headed
    redact.remember(password or "")
    async with contexts.Driver() as driver, display.shown(headed=headed, run_dir=driver.run_dir) as view:
        if view.warning:
            _log.warning(view.warning)
        browser = driver.resolve(options.browser)
        launch = contexts.Launch(
            browser, view.headless, not locate.sandbox_hindrance(), options.launch_timeout, view.environment
        )
        context = await driver.open(
            models.WorkerId("login"), launch, user_data_dir=folder, downloads=driver.run_dir.path / "downloads"
        )
        try:
            strangers = _Strangers(driver, dataclasses.replace(launch, headless=True), options.navigation_timeout)
            async with context.page() as hold:
                attempt = _Attempt(hold.page, url, strangers, options.navigation_timeout)
                if not await attempt.begin():
                    if username is None:
                        await forms.by_window(hold.page, signed_in=attempt.is_in, timeout=patience)
                    else:
                        await attempt.fill(username, password or "", trust or Trust())
                proof = await attempt.prove()
            state = await context.save_storage_state()
            redact.remember_cookies(state["cookies"])
            file = await asyncio.to_thread(signed_in_state.save, origin, state, proof.url)
        finally:
            await context.close()
        browser = dataclasses.replace(browser, version=context.version)
    return SignedIn(origin, browser, file, len(state["cookies"]), proof.url, proof.doubt, proof.notice)


@dataclasses.dataclass(frozen=True, slots=True)
class _Proof:
    url: str = ""
    doubt: str = ""
    notice: str = ""


class _Strangers:
    """How an address looks to somebody who is not signed in."""

    def __init__(self, driver: contexts.Driver, launch: contexts.Launch, timeout: float) -> None:
        self._driver = driver
        self._launch = launch
        self._timeout = timeout
        self._known: dict[str, page_facts.PageFacts] = {}

    async def see(self, url: str) -> page_facts.PageFacts:
        """The page that a browser without any cookie gets."""
        if url not in self._known:
            place = self._driver.run_dir.path / f"stranger{len(self._known)}"
            await asyncio.to_thread(place.mkdir, mode=0o700)
            context = await self._driver.open(
                models.WorkerId("stranger"),
                self._launch,
                user_data_dir=place / "profile",
                downloads=place / "downloads",
            )
            try:
                async with context.page() as hold:
                    self._known[url] = await _open(hold.page, url, self._timeout)
            finally:
                await context.close()
        return self._known[url]


class _Attempt:
    """One sign-in on one page."""

    def __init__(self, page: Page, url: str, strangers: _Strangers, timeout: float) -> None:
        self._page = page
        self._url = url
        self._origin = hostnames.origin_of(url)
        self._strangers = strangers
        self._timeout = timeout
        self._asked = False
        """The portal has asked for a sign-in since it began."""
        self._first: page_facts.PageFacts | None = None

    async def begin(self) -> bool:
        """Opens the address; whether there is nothing to be done: signed in already, or no way in on a public page."""
        self._first = first = await _open(self._page, self._url, self._timeout)
        if asks_for_sign_in(first) or first.challenge:
            self._asked = True
            return False
        if needs_sign_in(first, await self._strangers.see(self._url)):
            return True
        return not first.ways_in and not any(form.asks_who or form.asks_secret for form in first.forms)

    async def is_in(self, page: Page, status: int) -> bool:
        """Whether the portal, having asked for a sign-in, shows a page of its own now."""
        facts = await page_facts.look(page, asked=self._url, status=status)
        asks = asks_for_sign_in(facts) or any(form.asks_secret for form in facts.forms) or facts.challenge
        is_here = _is_same_site(facts.url, self._origin)
        self._asked = self._asked or asks or not is_here
        # Where the address is public, a page that has a way out says that somebody is in.
        return is_here and not asks and status < 500 and (self._asked or facts.signs_out)

    async def fill(self, username: str, password: str, trust: Trust) -> None:
        """Fills the form, here or behind a link that leads to it."""

        async def may_type(target: forms.Target) -> None:
            await check_target(target, self._origin, trust)

        first = self._first
        if first is not None and not any(form.asks_who or form.asks_secret for form in first.forms):
            links = [way.address for way in first.ways_in if way.address.startswith(("http://", "https://"))]
            if links:
                await forms.open_page(self._page, links[0], self._timeout)
        self._asked = True
        await forms.by_form(
            self._page, username, password, signed_in=self.is_in, may_type=may_type, timeout=self._timeout
        )

    async def prove(self) -> _Proof:
        """Opens the address afresh, and if it says nothing the page the sign-in led to: does one need the sign-in?

        Raises:
            LoginRequiredError: the portal asks for a sign-in at an order's address all the same.
        """
        landed = self._page.url
        here = await _open(self._page, self._url, self._timeout)
        reason = recognition.sign_in_reason(here, kept=not _led_away(here)) if self._first else ""
        notice = ""
        if reason and recognition.names_record(self._url):
            msg = f"the sign-in does not hold: opened again, {self._url} still asks for one ({reason})"
            raise errors.LoginRequiredError(msg)
        if not reason and here.status >= 400:
            notice = f"{self._url} answers {here.status}, signed in or not"
        for candidate in self._candidates(here, reason, landed):
            facts = here if recognition.same_address(candidate, here.url) else await self._reopen(candidate)
            if facts.status >= 400 or asks_for_sign_in(facts):
                continue
            if needs_sign_in(facts, await self._strangers.see(candidate)):
                return _Proof(url=candidate, notice=notice)
        if reason:
            msg = f"the sign-in does not hold: {self._url} still asks for one ({reason})"
            raise errors.LoginRequiredError(msg)
        doubt = notice or f"{self._url} opens without a sign-in too, so nothing here shows whether you are signed in"
        return _Proof(doubt=doubt)

    def _candidates(self, here: page_facts.PageFacts, reason: str, landed: str) -> Sequence[str]:
        found = [] if reason else [here.url]
        if not reason and not _led_away(here):
            found.insert(0, self._url)
        return [one for one in dict.fromkeys([*found, landed]) if _is_same_site(one, self._origin)]

    async def _reopen(self, url: str) -> page_facts.PageFacts:
        return await _open(self._page, url, self._timeout)


async def _open(page: Page, url: str, timeout: float) -> page_facts.PageFacts:
    status = await forms.open_page(page, url, timeout)
    return await page_facts.look(page, asked=url, status=status)


def asks_for_sign_in(facts: page_facts.PageFacts) -> bool:
    """Whether a page is a sign-in, by its structure. Pure."""
    return bool(recognition.sign_in_reason(facts, kept=not _led_away(facts)))


def needs_sign_in(signed_in: page_facts.PageFacts, stranger: page_facts.PageFacts) -> bool:
    """Whether a page that opened would not have opened without the sign-in. Pure.

    Args:
        signed_in: as it came with the sign-in.
        stranger: what the same address gives somebody without cookies.
    """
    if asks_for_sign_in(stranger) or stranger.challenge or (stranger.status >= 400 and signed_in.status < 400):
        return True
    if recognition.same_address(signed_in.url, stranger.url):
        return signed_in.signs_out and not stranger.signs_out and not recognition.alike(signed_in, stranger, _UNLIKE)
    return bool(stranger.ways_in or stranger.forms)


def _led_away(facts: page_facts.PageFacts) -> bool:
    part = recognition.record_part(facts.asked, "")
    return not recognition.same_address(facts.asked, facts.url) and not recognition.keeps_record(facts.url, part)


def _is_same_site(url: str, origin: str) -> bool:
    """Whether an address is of the portal asked for: the same host, whatever it does with http and `www.`."""
    here, there = urlsplit(url), urlsplit(origin)
    same_port = here.port == there.port or (here.port is None and there.scheme == "http" and there.port is None)
    hosts = [hostnames.ascii_host(one.hostname or "").removeprefix("www.") for one in (here, there)]
    return hosts[0] == hosts[1] and same_port


async def check_target(target: forms.Target, origin: str, trust: Trust) -> None:
    """Raises LoginRequiredError where user name and password must not be typed.

    Args:
        target: where they would go.
        origin: that the person asked for.
        trust: what else the person allows.
    """
    for url in dict.fromkeys((target.origin, target.action)):
        parts = urlsplit(url)
        host = hostnames.ascii_host(parts.hostname or "")
        if parts.scheme not in {"http", "https"} or not host:
            msg = f"the sign-in form is sent to {url!r}, which is not a web address: nothing was typed"
            raise errors.LoginRequiredError(msg)
        if parts.scheme == "http" and not trust.insecure and not is_this_machine(host):
            msg = (
                f"the sign-in form on {host} is sent without encryption (http), so anybody on the way could read what "
                "is typed; nothing was typed. Use the portal's https address, or --insecure if you accept that."
            )
            raise errors.LoginRequiredError(msg)
        if _is_asked_for(url, origin) or host in {hostnames.ascii_host(one) for one in trust.hosts}:
            continue
        if trust.confirm is not None and await asyncio.to_thread(trust.confirm, host):
            continue
        msg = (
            f"{origin} leads to a sign-in form on another host, {host}: nothing was typed. If that is the right place "
            f"for your password, add --sign-in-host {host}"
        )
        raise errors.LoginRequiredError(msg)


def _is_asked_for(url: str, origin: str) -> bool:
    here, there = urlsplit(url), urlsplit(origin)
    if hostnames.ascii_host(here.hostname or "") != hostnames.ascii_host(there.hostname or ""):
        return False
    # From http to https of the same host is the portal's own doing; from https to another port is not.
    default = {"http": 80, "https": 443}
    ports = [one.port or default.get(one.scheme, 0) for one in (here, there)]
    return ports[0] == ports[1] or ports == [443, 80]


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, so that what is sent there passes no network. Pure."""
    bare = host.strip("[]").rstrip(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
