"""Signing in once, for all runs to come; and proving it on a page that needs it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import shutil
from typing import TYPE_CHECKING

from po_pw import client_certificates, errors, hostnames, models, redact, sessions, settings
from po_pw.auth import attempt, forms, window
from po_pw.auth import trust as trusts
from po_pw.browser import contexts, display, launching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that was saved."""

    origin: str
    browser: models.BrowserInfo
    file: Path
    cookies: int
    proof: attempt.Proof


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
    code: forms.AsksForCode | None = None,
    by_environment: bool = False,
    patience: float,
    trust: trusts.Trust | None = None,
) -> SignedIn:
    """Signs in to the portal of this address and saves profile and storage state, owner-readable only.

    Args:
        options: which browser, where state is kept, and for which account.
        url: any page of the portal that needs a sign-in; an order's is best, for it is then proved there.
        username: fills forms without a window; None opens a window for the person (single sign-on, MFA).
        password: for the form.
        code: gives the one-time code that a form asks for.
        by_environment: the password is that of `PO_PW_PASSWORD`.
        patience: seconds for the person to sign in.
        trust: where the password may go; by default to the address's own origin alone.

    Raises:
        LoginRequiredError: it did not come to a sign-in, or the portal asks again afterwards.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser, or no display for the window.
    """
    check_address(url)
    answers = forms.Answers(username, password or "", code) if username is not None else None
    if answers is None and not display.can_show_windows():
        msg = (
            "there is no display for a sign-in window here. Use --username where the portal has a form, or "
            "--import-cookies with cookies of your own browser; or run po-pw login on a computer with a display, and "
            "copy its state folder (PO_PW_HOME)."
        )
        raise errors.MachineError(msg)
    trust = trust or trusts.Trust()
    kept = sessions.Sessions(settings.home(options), options.account)
    origin = hostnames.origin_of(url)
    redact.remember(password or "")
    async with _browser(options, headed=answers is None or options.headed) as (driver, launch):
        folder = await asyncio.to_thread(kept.private_folder, kept.profile(origin))
        context = await driver.open(
            models.WorkerId("login"), launch, user_data_dir=folder, downloads=driver.run_dir.path / "downloads"
        )
        try:
            async with context.page() as hold:
                trying = _attempt(options, driver, launch, hold.page, url)
                if not await trying.begin():
                    if answers is None:
                        await window.wait(hold.page, signed_in=trying.is_in, timeout=patience)
                    else:
                        await trying.fill(answers, trust)
                proof = await trying.prove()
            method = sessions.SignInMethod(
                url, username or "", trust.allowed(), trust.insecure, bool(username) and by_environment
            )
            return await _save(kept, origin, context, launch, proof, method)
        finally:
            await context.close()


async def import_cookies(options: settings.Settings, url: str, cookies: Sequence[models.Cookie]) -> SignedIn:
    """Signs in with cookies from another browser, proves it, and saves it in the place of an earlier sign-in.

    Args:
        options: which browser, where state is kept, and for which account.
        url: any page of the portal that needs a sign-in.
        cookies: as Playwright takes them.

    Raises:
        LoginRequiredError: the portal asks you to sign in all the same; nothing was saved.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser.
    """
    check_address(url)
    redact.remember_cookies(cookies)
    kept = sessions.Sessions(settings.home(options), options.account)
    origin = hostnames.origin_of(url)
    async with (
        _browser(options, headed=options.headed) as (driver, launch),
        attempt.opened(driver, launch, "login", cookies) as context,
    ):
        async with context.page() as hold:
            trying = _attempt(options, driver, launch, hold.page, url)
            if not await trying.begin():
                msg = (
                    f"the imported cookies do not sign in to {origin}: it asks for a sign-in. Nothing was saved. "
                    "Sign in with your browser, and export the cookies while you are signed in."
                )
                raise errors.LoginRequiredError(msg)
            proof = await trying.prove()
        done = await _save(kept, origin, context, launch, proof, sessions.SignInMethod(url))
    # Runs start from the profile: what it holds is of an earlier sign-in, perhaps of somebody else.
    if kept.profile(origin).is_dir():
        await asyncio.to_thread(shutil.rmtree, kept.profile(origin))
    return done


@contextlib.asynccontextmanager
async def _browser(
    options: settings.Settings, *, headed: bool
) -> AsyncIterator[tuple[contexts.Driver, launching.Launch]]:
    """A driver, and how to launch the browser that the settings ask for."""
    certificate = await asyncio.to_thread(client_certificates.read, options)
    async with contexts.Driver() as driver, display.shown(headed=headed, run_dir=driver.run_dir) as view:
        if view.warning:
            _log.warning(view.warning)
        browser = driver.resolve(options.browser)
        yield (
            driver,
            launching.plan(
                browser,
                headless=view.headless,
                timeout=options.launch_timeout,
                environment=view.environment,
                certificate=certificate,
            ),
        )


def _attempt(
    options: settings.Settings, driver: contexts.Driver, launch: launching.Launch, page: attempt.Page, url: str
) -> attempt.Attempt:
    strangers = attempt.Strangers(driver, dataclasses.replace(launch, headless=True), options.navigation_timeout)
    return attempt.Attempt(page, url, strangers, options.navigation_timeout)


async def _save(
    kept: sessions.Sessions,
    origin: str,
    context: contexts.Context,
    launch: launching.Launch,
    proof: attempt.Proof,
    method: sessions.SignInMethod,
) -> SignedIn:
    state = await context.save_storage_state()
    redact.remember_cookies(state["cookies"])
    file = await asyncio.to_thread(kept.save, origin, state, proof.url, method)
    browser = dataclasses.replace(launch.browser, version=context.version)
    return SignedIn(origin, browser, file, len(state["cookies"]), proof)
