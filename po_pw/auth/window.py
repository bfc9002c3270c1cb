"""Waits while the user signs in in a window."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, humanize
from po_pw.auth import page_opening

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOOK_EVERY: Final = 0.3
"""Seconds between two looks at the page while the user signs in."""


async def wait(
    page: playwright.Page,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> None:
    """Waits until the user has signed in, over any number of pages.

    Args:
        page: open in a window.
        signed_in: whether the user is signed in, from a page and its HTTP status.
        timeout: seconds.

    Raises:
        LoginRequiredError: the window was closed, or time ran out.
    """
    deadline = time.monotonic() + timeout
    in_a_row = 0
    with page_opening.statuses(page) as counted:
        while time.monotonic() < deadline:
            try:
                there = await signed_in(page, counted.last)
            except playwright.Error as error:
                if page.is_closed():
                    raise closed() from error
                there = False  # between two pages
            # Checked twice: a page in between may look like the portal for a moment.
            in_a_row = in_a_row + 1 if there else 0
            if in_a_row >= 2:
                return
            await asyncio.sleep(_LOOK_EVERY)
    msg = f"nobody signed in within {humanize.duration(timeout)}. Nothing was saved: sign in again."
    raise errors.LoginRequiredError(msg)


def closed() -> errors.LoginRequiredError:
    """The error for a window that was closed too early. Closing the last window ends its browser."""
    return errors.LoginRequiredError(
        "the sign-in window was closed before the sign-in was complete. Nothing was saved: sign in again."
    )
