"""Signs in again during a run, without a window, in a separate browser, in the same way as last time."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, known_secrets, sessions, settings
from po_pw.auth import attempt, codes, credentials, forms, page_opening
from po_pw.auth import trust as trusts

if TYPE_CHECKING:
    from po_pw.browser import launching, playwright_driver


async def renew(
    options: settings.Settings, origin: str, driver: playwright_driver.Driver, launch: launching.Launch
) -> None:
    """Signs in to a portal again without asking anybody, and saves the sign-in.

    It opens a separate headless browser with an empty profile and the cookies of the last sign-in: an identity provider
    that still knows the user, or this computer, then asks for less. No other context is affected.

    Args:
        options: where sign-ins are saved, for which account, and the source of one-time codes.
        origin: of the portal.
        driver: of the run.
        launch: how the run's browsers are launched.

    Raises:
        LoginRequiredError: a person is needed; the message names the command.
        PortalUnreachableError: the portal does not answer.
        MachineError: the browser does not start, or the sign-in cannot be saved.
        BrowserLostError: the browser crashed.
    """
    kept = sessions.Sessions(settings.home(options), options.account)
    last = await asyncio.to_thread(kept.read, origin)
    if last is None:
        raise errors.LoginRequiredError(_person_needed(kept, origin, "nobody has signed in to it"))
    url = last.proof_url or last.method.start_url or origin
    unseen = dataclasses.replace(launch, headless=True)
    async with attempt.opened(driver, unseen, "sign-in", last.cookies) as context:
        with page_opening.map_errors(f"the sign-in to {origin}"):
            async with context.page() as lease:
                signed_out_pages = attempt.SignedOutPages(driver, unseen, options.navigation_timeout)
                trying = attempt.Attempt(
                    lease.page, url, signed_out_pages, options.navigation_timeout, is_proved=bool(last.proof_url)
                )
                is_signed_in = await trying.begin()
                if not is_signed_in:
                    await _fill(options, kept, last, trying)
                proof = await trying.prove()
                if is_signed_in and not proof.url:
                    raise errors.LoginRequiredError(_person_needed(kept, origin, f"{url} shows no sign-in form"))
        state = await context.save_storage_state()
    known_secrets.remember_cookies(state["cookies"])
    await asyncio.to_thread(kept.save, origin, state, proof.url or last.proof_url, last.method)


async def _fill(
    options: settings.Settings, kept: sessions.Sessions, last: sessions.SignIn, trying: attempt.Attempt
) -> None:
    found = await asyncio.to_thread(credentials.find, options, last.origin)
    if found is None:
        why = "the portal refused the password the last time" if last.method.refused else "no password is saved for it"
        raise errors.LoginRequiredError(_person_needed(kept, last.origin, why))
    trust = trusts.Trust(last.method.hosts)
    answers = forms.Answers(found.username, found.password, codes.from_command(options.totp_command))
    try:
        await trying.fill(answers, trust)
    except errors.CredentialsRefusedError as error:
        said = str(error)
        try:
            await asyncio.to_thread(kept.note_refused, last.origin)
        except errors.MachineError as unsaved:  # a second attempt would send the password once more
            said = f"{said} {unsaved}"
        raise errors.CredentialsRefusedError(_person_needed(kept, last.origin, said)) from error
    except errors.LoginRequiredError as error:
        raise errors.LoginRequiredError(_person_needed(kept, last.origin, str(error))) from error


def _person_needed(kept: sessions.Sessions, origin: str, why: str) -> str:
    return (
        f"{origin} asks you to sign in: {why.rstrip('.')}. Run: {kept.login_command(origin)}\n"
        "then run the same command again: it continues where this one stopped."
    )
