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
        user_field = page.locator(_USER).first
        await user_field.or_(password_field).first.wait_for()
        if await user_field.count():
            await user_field.fill(username)
            if not await password_field.count():
                await user_field.press("Enter")
                await password_field.wait_for()
        await password_field.fill(password)
        async with page.expect_navigation(wait_until="domcontentloaded") as navigation:
            await password_field.press("Enter")
        if await signed_in(page, (await navigation.value).status):
            return
        complaint = page.locator(_COMPLAINT).first
        said = " ".join((await complaint.inner_text()).split())[:200] if await complaint.count() else ""
    except playwright.Error as error:
        msg = (
            f"the sign-in form could not be filled ({contexts.first_line(error)}). "
            f"If this portal signs in through another page, use a window: po-pw login {url}"
        )
        raise errors.LoginRequiredError(msg) from error
    says = f' It says: "{said}".' if said else ""
    msg = f"the portal did not accept this user name and password.{says}"
    raise errors.LoginRequiredError(msg)


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
            await asyncio.sleep(0.7)
    except playwright.Error as error:
        if page.is_closed():
            msg = "the window was closed before the sign-in was complete. Nothing was saved; start it again."
        else:
            msg = f"{url} cannot be opened ({contexts.first_line(error)})"
        raise errors.LoginRequiredError(msg) from error
    msg = f"nobody signed in within {timeout / 60:.0f} minutes. Nothing was saved; start it again."
    raise errors.LoginRequiredError(msg)
