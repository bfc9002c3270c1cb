"""Signing in to a portal on an open page: by a person in a window, or by filling a plain form."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors
from po_pw.browser import contexts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_USER: Final = (
    "input[type=email]:visible, input[autocomplete=username]:visible, input[type=text]:visible, "
    "input:not([type]):visible"
)
_PASSWORD: Final = "input[type=password]:visible"  # noqa: S105 - a selector
_LOOK_EVERY: Final = 0.3
"""Seconds between two looks at a page that somebody, or a script, is signing in on."""
_COMPLAINT: Final = "[role=alert]:visible, .error:visible, .alert:visible, .flash:visible"


async def by_form(
    page: playwright.Page,
    url: str,
    username: str,
    password: str,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> None:
    """Opens the address, fills the form it leads to, and waits until the portal lets us in.

    Forms that ask for the user name first and the password on a second page are filled in two steps.

    Args:
        page: a page of the context that is to be signed in.
        url: any page of the portal that needs a sign-in.
        username: the user.
        password: its password.
        signed_in: tells from a page and its HTTP status whether the portal lets us in.
        timeout: seconds for each step.

    Raises:
        LoginRequiredError: there is no form, or the portal did not accept it.
    """
    page.set_default_timeout(timeout * 1000)
    try:
        answer = await page.goto(url, wait_until="domcontentloaded")
        if await signed_in(page, answer.status if answer else 200):
            return
        password_field = page.locator(_PASSWORD).first
        await page.locator(_USER).first.or_(password_field).first.wait_for()
        if not await password_field.count():
            user_field = page.locator(_USER).first
            await user_field.fill(username)
            await user_field.press("Enter")
            await password_field.wait_for()
        else:
            # The one beside the password: a page may have a search box above the form.
            form = page.locator("form").filter(has=page.locator(_PASSWORD))
            user_field = (form if await form.count() else page).locator(_USER).first
            if await user_field.count():
                await user_field.fill(username)
        await password_field.fill(password)
        if await _let_in(page, password_field, signed_in, timeout):
            return
        said = await _complaint(page)
    except playwright.Error as error:
        msg = (
            f"the sign-in form could not be filled ({contexts.first_line(error)}). "
            f"If this portal signs in through another page, use a window: po-pw login {url}"
        )
        raise errors.LoginRequiredError(msg) from error
    says = f' It says: "{said}".' if said else ""
    msg = f"the portal did not accept this user name and password.{says}"
    raise errors.LoginRequiredError(msg)


async def _let_in(
    page: playwright.Page,
    password_field: playwright.Locator,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> bool:
    """Sends the form and waits for the portal's word, which may take several pages, or a script and none."""
    statuses: list[int] = []
    opened: list[playwright.Frame] = []

    def on_answer(answer: playwright.Response) -> None:
        if answer.request.is_navigation_request() and answer.frame == page.main_frame:
            statuses.append(answer.status)

    def on_page(frame: playwright.Frame) -> None:
        if frame == page.main_frame and statuses:
            opened.append(frame)

    before = await _complaint(page)
    page.on("response", on_answer)
    page.on("framenavigated", on_page)
    deadline = time.monotonic() + timeout
    try:
        await password_field.press("Enter")
        while time.monotonic() < deadline:
            last = statuses[-1] if statuses else 200
            try:
                if await signed_in(page, last):
                    return True
                said = await _complaint(page)
                # Portals that ask in two steps go back to the first.
                asks_again = await password_field.count() > 0 or (said and await page.locator(_USER).count() > 0)
                new_page = bool(opened)  # until then it is still the form that was sent
                if (new_page and (last >= 400 or asks_again)) or (asks_again and said != before):
                    await page.wait_for_load_state("domcontentloaded")
                    return await signed_in(page, last)
            except playwright.Error:
                if page.is_closed():
                    raise  # otherwise: between two pages
            await asyncio.sleep(_LOOK_EVERY)
        return False
    finally:
        page.remove_listener("response", on_answer)
        page.remove_listener("framenavigated", on_page)


async def _complaint(page: playwright.Page) -> str:
    """What the page says went wrong; `""` where it says nothing."""
    complaint = page.locator(_COMPLAINT).first
    return " ".join((await complaint.inner_text()).split())[:200] if await complaint.count() else ""


async def by_window(
    page: playwright.Page,
    url: str,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> None:
    """Opens the address in a window and waits until the person is signed in, however many pages that takes.

    Raises:
        LoginRequiredError: the window was closed, or the time ran out.
    """
    deadline = time.monotonic() + timeout
    in_a_row = 0
    try:
        await page.goto(url, wait_until="domcontentloaded")
        while time.monotonic() < deadline:
            try:
                there = await signed_in(page, 200)
            except playwright.Error:
                if page.is_closed():
                    raise
                there = False  # between two pages
            # Twice: a page on the way may look like the portal for a moment.
            in_a_row = in_a_row + 1 if there else 0
            if in_a_row >= 2:
                return
            await asyncio.sleep(_LOOK_EVERY)
    except playwright.Error as error:
        if page.is_closed():
            msg = "the window was closed before the sign-in was complete. Nothing was saved; start it again."
        else:
            msg = f"{url} cannot be opened ({contexts.first_line(error)})"
        raise errors.LoginRequiredError(msg) from error
    msg = f"nobody signed in within {timeout / 60:.0f} minutes. Nothing was saved; start it again."
    raise errors.LoginRequiredError(msg)
