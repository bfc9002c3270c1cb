"""Signing in once, for all runs to come."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING

from po_pw import errors, models, sessions, settings
from po_pw.browser import contexts, display, locate, signin
from po_pw.portals import registry

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


async def login(
    options: settings.Settings, url: str, *, username: str | None = None, password: str | None = None, patience: float
) -> SignedIn:
    """Signs in to the portal of this address and saves profile and storage state, owner-readable only.

    Args:
        options: which browser, and where state is kept.
        url: any page of the portal that needs a sign-in; an order's is best.
        username: fills a plain form without a window; None opens a window for the person (single sign-on, MFA).
        password: for the form.
        patience: seconds for the person to sign in.

    Raises:
        LoginRequiredError: it did not come to a sign-in.
        EnvironmentProblem: no browser, or no display for the window.
    """
    if not url.lower().startswith(("http://", "https://")):
        msg = f"{url!r} is no web address: give the portal's, with http:// or https://"
        raise errors.InputError(msg)
    if username is None and not display.can_show_windows():
        msg = (
            "there is no display for a sign-in window here. Use --username where the portal has a plain form, or run "
            "`po-pw login` on a machine with a display and copy its state folder (PO_PW_HOME)."
        )
        raise errors.EnvironmentProblem(msg)
    signed_in_state = sessions.Sessions(settings.home(options))
    origin = sessions.origin_of(url)
    portal = registry.for_url(url, options)

    async def there(page: object, status: int) -> bool:
        seen = await portal.look(page, asked=url, status=status)  # type: ignore[arg-type]
        on_portal = sessions.origin_of(seen.url) == origin
        return on_portal and portal.classify(seen) not in {models.PageKind.SIGNED_OUT, models.PageKind.CHALLENGE}

    folder = signed_in_state.private_folder(signed_in_state.profile(origin))
    headed = username is None or options.headed
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
            async with context.page() as hold:
                if username is None:
                    await signin.by_window(hold.page, url, signed_in=there, timeout=patience)
                else:
                    await signin.by_form(
                        hold.page, url, username, password or "", signed_in=there, timeout=options.navigation_timeout
                    )
            state = await context.save_storage_state()
            file = await asyncio.to_thread(signed_in_state.save, origin, state)
        finally:
            await context.close()
        browser = dataclasses.replace(browser, version=context.version)
    return SignedIn(origin, browser, file, len(state["cookies"]))
