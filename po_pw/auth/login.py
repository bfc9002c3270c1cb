"""Signs in for later runs, and checks the sign-in on a page that needs it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import shutil
from typing import TYPE_CHECKING

from po_pw import client_certificates, errors, hostnames, known_secrets, models, sessions, settings
from po_pw.auth import attempt, forms, page_opening, window
from po_pw.auth import trust as trusts
from po_pw.browser import contexts, display, launching, playwright_driver

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
    """Refuses a text that is not a web address.

    Raises:
        InputError: it is not one.
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
    """Signs in to the portal of this address and saves profile and storage state, readable only by the owner.

    Args:
        options: which browser, where the state is saved, and for which account.
        url: any page of the portal that needs a sign-in; ideally an order's, to check the sign-in there.
        username: fills in forms without a window; None opens a window for the user (single sign-on, MFA).
        password: for the form.
        code: returns the one-time code that a form asks for.
        by_environment: the password comes from `PO_PW_PASSWORD`.
        patience: seconds for the user to sign in.
        trust: where the password may go; by default only to the origin of the address.

    Raises:
        LoginRequiredError: the sign-in failed, or the portal asks for it again afterwards.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser, or no display for the window.
    """
    check_address(url)
    if username is None and not display.can_show_windows():
        msg = (
            "there is no display for a sign-in window here. Use --username where the portal has a form, or "
            "--import-cookies with cookies of your own browser; or run po-pw login on a computer with a display, and "
            "copy its state folder (PO_PW_HOME)."
        )
        raise errors.MachineError(msg)
    trust = trust or trusts.Trust()
    kept = sessions.Sessions(settings.home(options), options.account)
    known_secrets.remember(password or "")
    async with _browser(options, headed=username is None or options.headed) as (driver, launch):
        if username is None:
            method = sessions.SignInMethod(url, "", trust.allowed())
            return await by_window(options, url, driver, launch, patience=patience, method=method)
        async with _opened(kept, url, driver, launch) as context:
            with page_opening.map_errors(f"the sign-in to {hostnames.origin_of(url)}"):
                async with context.page() as lease:
                    trying = _attempt(options, driver, launch, lease.page, url)
                    try:
                        if not await trying.begin():
                            await trying.fill(forms.Answers(username, password or "", code), trust)
                    except (errors.CredentialsRefusedError, errors.CodeRefusedError) as error:
                        msg = f"{error} Nothing was saved. To try again, run the same command."
                        raise type(error)(msg) from error
                    proof = await trying.prove()
            # Only now are the hosts known that the user confirmed.
            method = sessions.SignInMethod(url, username, trust.allowed(), by_environment)
            return await _save(kept, url, context, launch, proof, method)


async def by_window(
    options: settings.Settings,
    url: str,
    driver: playwright_driver.Driver,
    launch: launching.Launch,
    *,
    patience: float,
    method: sessions.SignInMethod | None = None,
) -> SignedIn:
    """Lets the user sign in in a window, on the profile of the portal and account, and saves the sign-in.

    Args:
        options: where the state is saved, and for which account.
        url: a page that needs the sign-in; it is opened in the window.
        driver: opens the browser.
        launch: how to launch it, with a window.
        patience: seconds for the user to sign in.
        method: how the sign-in can be repeated; None keeps the method of the last sign-in.

    Raises:
        LoginRequiredError: the window was closed or crashed, time ran out, or the portal asks for a sign-in afterwards.
        PortalUnreachableError: the portal does not answer.
        MachineError: the browser does not start, or nothing can be saved.
    """
    kept = sessions.Sessions(settings.home(options), options.account)
    if method is None:
        last = await asyncio.to_thread(kept.read, hostnames.origin_of(url))
        method = last.method if last is not None else sessions.SignInMethod(url)
    async with _opened(kept, url, driver, launch) as context:
        try:
            with page_opening.map_errors("the sign-in window"):
                async with context.page() as lease:
                    lease.is_persons = True
                    trying = _attempt(options, driver, launch, lease.page, url)
                    if not await trying.begin():
                        await window.wait(lease.page, signed_in=trying.is_signed_in, timeout=patience)
                    proof = await trying.prove()
            return await _save(kept, url, context, launch, proof, method)
        except errors.BrowserLostError as error:
            raise window.closed() from error


@contextlib.asynccontextmanager
async def _opened(
    kept: sessions.Sessions, url: str, driver: playwright_driver.Driver, launch: launching.Launch
) -> AsyncIterator[contexts.Context]:
    """Opens a context on the portal's profile.

    Raises:
        MachineError: the browser does not start, or the profile is in use.
    """
    profile = kept.profile(hostnames.origin_of(url))
    try:
        folder = await asyncio.to_thread(kept.private_folder, profile)
        context = await driver.open(
            models.WorkerId("login"), launch, user_data_dir=folder, downloads=driver.run_dir.path / "downloads"
        )
    except OSError as error:
        msg = f"the browser profile {profile} cannot be written ({error.strerror or error}). Free some space there."
        raise errors.MachineError(msg) from error
    try:
        yield context
    finally:
        await context.close()


async def import_cookies(options: settings.Settings, url: str, cookies: Sequence[models.Cookie]) -> SignedIn:
    """Signs in with cookies from another browser, checks the sign-in, and saves it in place of an earlier one.

    Args:
        options: which browser, where state is kept, and for which account.
        url: any page of the portal that needs a sign-in.
        cookies: in the form that Playwright takes.

    Raises:
        LoginRequiredError: the portal still asks for a sign-in; nothing was saved.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser.
    """
    check_address(url)
    known_secrets.remember_cookies(cookies)
    kept = sessions.Sessions(settings.home(options), options.account)
    origin = hostnames.origin_of(url)
    async with (
        _browser(options, headed=options.headed) as (driver, launch),
        attempt.opened(driver, launch, "login", cookies) as context,
    ):
        with page_opening.map_errors(f"the sign-in to {origin}"):
            async with context.page() as lease:
                trying = _attempt(options, driver, launch, lease.page, url)
                is_signed_in = await trying.begin()
                proof = await trying.prove() if is_signed_in else attempt.Proof()
        if not is_signed_in:
            msg = (
                f"the imported cookies do not sign in to {origin}: it asks for a sign-in. Nothing was saved. "
                "Sign in with your browser, and export the cookies while you are signed in."
            )
            raise errors.LoginRequiredError(msg)
        done = await _save(kept, url, context, launch, proof, sessions.SignInMethod(url))
    # Runs start from the profile, which contains an earlier sign-in, perhaps of another user.
    if kept.profile(origin).is_dir():
        await asyncio.to_thread(shutil.rmtree, kept.profile(origin))
    return done


@contextlib.asynccontextmanager
async def _browser(
    options: settings.Settings, *, headed: bool
) -> AsyncIterator[tuple[playwright_driver.Driver, launching.Launch]]:
    """A driver, and how to launch the browser in the settings."""
    certificate = await asyncio.to_thread(client_certificates.read, options)
    async with playwright_driver.Driver() as driver, display.shown(headed=headed, run_dir=driver.run_dir) as view:
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
    options: settings.Settings, driver: playwright_driver.Driver, launch: launching.Launch, page: attempt.Page, url: str
) -> attempt.Attempt:
    signed_out_pages = attempt.SignedOutPages(
        driver, dataclasses.replace(launch, headless=True), options.navigation_timeout
    )
    return attempt.Attempt(page, url, signed_out_pages, options.navigation_timeout)


async def _save(
    kept: sessions.Sessions,
    url: str,
    context: contexts.Context,
    launch: launching.Launch,
    proof: attempt.Proof,
    method: sessions.SignInMethod,
) -> SignedIn:
    origin = hostnames.origin_of(url)
    state = await context.save_storage_state()
    known_secrets.remember_cookies(state["cookies"])
    file = await asyncio.to_thread(kept.save, origin, state, proof.url, method)
    browser = dataclasses.replace(launch.browser, version=context.version)
    return SignedIn(origin, browser, file, len(state["cookies"]), proof)
