"""Asks portals whether saved sign-ins are still valid."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from typing import TYPE_CHECKING

from po_pw import client_certificates, errors, models, sessions, settings
from po_pw.auth import attempt, page_opening
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.portals.generic import page_facts

if TYPE_CHECKING:
    from collections.abc import Sequence


class State(enum.Enum):
    """State of a sign-in, by the portal's answer."""

    VALID = "valid"
    ENDED = "has ended"
    UNKNOWN = "unknown"
    UNREACHABLE = "portal not reachable"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one sign-in, and why."""

    sign_in: sessions.SignIn
    state: State
    why: str


async def check(options: settings.Settings, sign_ins: Sequence[sessions.SignIn]) -> list[Verdict]:
    """For each sign-in, opens the page it was checked with, in one browser after another, on a copy of its profile.

    Args:
        options: which browser, and how long a page may take.
        sign_ins: saved ones.

    Raises:
        MachineError: no browser, or a profile is in use.
    """
    certificate = await asyncio.to_thread(client_certificates.read, options)
    async with playwright_driver.Driver() as driver:
        browser = driver.resolve(options.browser)
        launch = launching.plan(browser, headless=True, timeout=options.launch_timeout, certificate=certificate)
        return [await check_one(options, driver, launch, one) for one in sign_ins]


async def check_one(
    options: settings.Settings, driver: playwright_driver.Driver, launch: launching.Launch, sign_in: sessions.SignIn
) -> Verdict:
    """Opens the page this sign-in was checked with, on a copy of its profile.

    Args:
        options: where profiles are kept, and how long a page may take.
        driver: opens the browser.
        launch: how to launch it.
        sign_in: a saved one.

    Raises:
        MachineError: the browser does not start, or the profile is in use.
    """
    url = sign_in.proof_url or sign_in.method.start_url or sign_in.origin
    folder = driver.run_dir.path / "check"
    base = sessions.Sessions(settings.home(options), sign_in.account).profile(sign_in.origin)
    manager = profiles.ProfileManager(base if base.is_dir() else None, root=folder)
    context = await driver.open(
        models.WorkerId("check"),
        launch,
        user_data_dir=await asyncio.to_thread(manager.create_profile, "check"),
        downloads=folder / "downloads",
        cookies=sign_in.cookies,
    )
    try:
        with page_opening.map_errors(f"opening {url}"):
            async with context.page() as lease:
                status = await page_opening.open_page(
                    lease.page, url, options.navigation_timeout, options.client_certificate_hosts
                )
                facts = await page_facts.look(lease.page, asked=url, status=status)
    except errors.PortalUnreachableError as error:
        return Verdict(sign_in, State.UNREACHABLE, str(error))
    except errors.BrowserLostError as error:
        return Verdict(sign_in, State.UNKNOWN, str(error))
    finally:
        await context.close()
        await asyncio.to_thread(manager.cleanup_all)
    if reason := attempt.sign_in_reason(facts):
        return Verdict(sign_in, State.ENDED, f"the portal asks you to sign in: {reason}")
    if facts.challenge:
        return Verdict(sign_in, State.UNKNOWN, "the portal asks whether you are a person")
    if facts.status >= 400:
        return Verdict(sign_in, State.UNKNOWN, f"the page used for the check now answers HTTP {facts.status}")
    if attempt.was_redirected(facts):
        return Verdict(sign_in, State.UNKNOWN, "the portal shows another page than after the sign-in")
    if not sign_in.proof_url:
        return Verdict(sign_in, State.UNKNOWN, "no page is known that needs a sign-in. Give the address of an order")
    return Verdict(sign_in, State.VALID, "a page that needs a sign-in opens")
