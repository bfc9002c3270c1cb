"""Signing in once, for all runs to come; and proving it on a page that needs it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING

from po_pw import errors, hostnames, models, redact, sessions, settings
from po_pw.auth import attempt, forms
from po_pw.auth import trust as trusts
from po_pw.browser import contexts, display, locate

if TYPE_CHECKING:
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
        by_environment: the password is that of `PO_PW_PASSWORD`.
        patience: seconds for the person to sign in.
        trust: where the password may go; by default to the address's own origin alone.

    Raises:
        LoginRequiredError: it did not come to a sign-in, or the portal asks again afterwards.
        PortalUnreachableError: the portal does not answer.
        MachineError: no browser, or no display for the window.
    """
    check_address(url)
    answers = forms.Answers(username, password or "") if username is not None else None
    if answers is None and not display.can_show_windows():
        msg = (
            "there is no display for a sign-in window here. Use --username where the portal has a plain form, or run "
            "`po-pw login` on a machine with a display and copy its state folder (PO_PW_HOME)."
        )
        raise errors.MachineError(msg)
    trust = trust or trusts.Trust()
    kept = sessions.Sessions(settings.home(options), options.account)
    origin = hostnames.origin_of(url)
    folder = kept.private_folder(kept.profile(origin))
    headed = answers is None or options.headed
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
            strangers = attempt.Strangers(
                driver, dataclasses.replace(launch, headless=True), options.navigation_timeout
            )
            async with context.page() as hold:
                trying = attempt.Attempt(hold.page, url, strangers, options.navigation_timeout)
                if not await trying.begin():
                    if answers is None:
                        await forms.by_window(hold.page, signed_in=trying.is_in, timeout=patience)
                    else:
                        await trying.fill(answers, trust)
                proof = await trying.prove()
            state = await context.save_storage_state()
            redact.remember_cookies(state["cookies"])
            method = sessions.SignInMethod(url, username or "", trust.allowed(), trust.insecure, by_environment)
            file = await asyncio.to_thread(kept.save, origin, state, proof.url, method)
        finally:
            await context.close()
        browser = dataclasses.replace(browser, version=context.version)
    return SignedIn(origin, browser, file, len(state["cookies"]), proof)
