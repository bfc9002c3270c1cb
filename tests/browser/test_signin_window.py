"""Signing in by window: a task plays the person on the same page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models
from po_pw.auth import attempt, page_opening, window
from po_pw.browser import launching, playwright_driver, profiles
from po_pw.demo import catalogue, server
from po_pw.portals.generic import page_facts
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Page

pytestmark = pytest.mark.whole_browser

SETTINGS = catalogue.PortalSettings(orders=1, latency=0.0, plain=True)


async def _sign_in(person: Callable[[Page], Awaitable[None]]) -> list[models.Cookie]:
    """The window part of `po-pw login` with this person; returns the cookies to be saved."""
    async with server.serve(SETTINGS) as portal, playwright_driver.Driver() as driver:
        url = portal.order_url(portal.orders[0].po_number)

        async def signed_in(page: Page, status: int) -> bool:
            return not attempt.asks_for_sign_in(await page_facts.look(page, asked=url, status=status))

        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        context = await driver.open(
            models.WorkerId("login"),
            launch,
            user_data_dir=manager.create_profile("login"),
            downloads=driver.run_dir.path / "downloads",
        )
        try:
            async with context.page() as lease, asyncio.TaskGroup() as group:
                await page_opening.open_page(lease.page, url, 20)
                group.create_task(_acts(person, lease.page))
                await window.wait(lease.page, signed_in=signed_in, timeout=IN_TIME)
            return await context.cookies()
        finally:
            await context.close()


async def _acts(person: Callable[[Page], Awaitable[None]], page: Page) -> None:
    await page.wait_for_selector("input[type=password]")
    await person(page)


def test_it_waits_until_the_person_is_signed_in() -> None:
    """It waits over a wrong password until the right one; then the session's cookie is there."""

    async def person(page: Page) -> None:
        for password in ("wrong", SETTINGS.password):
            await page.locator("input[type=password]").fill(password)
            await page.locator("input[name=username]").fill(SETTINGS.username)
            async with page.expect_navigation():
                await page.locator("input[type=password]").press("Enter")

    cookies = run_async(_sign_in(person))
    assert len(cookies) == 1


def test_a_closed_window_is_said() -> None:
    """A closed window is one clear error, and nothing is saved."""
    with pytest.raises(ExceptionGroup) as caught:
        run_async(_sign_in(lambda page: page.close()))
    assert isinstance(errors.first_of(caught.value), errors.LoginRequiredError)
    assert "closed" in str(errors.first_of(caught.value))
