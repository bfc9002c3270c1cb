"""Signing in by a person in a window."""

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
"""Seconds between two looks at a page that somebody is signing in on."""


async def wait(
    page: playwright.Page,
    *,
    signed_in: Callable[[playwright.Page, int], Awaitable[bool]],
    timeout: float,
) -> None:
    """Waits until the person has signed in on the open page, however many pages that takes.

    Args:
        page: open in a window.
        signed_in: tells from a page and its HTTP status whether the portal lets the person in.
        timeout: seconds.

    Raises:
        LoginRequiredError: the window was closed, or the time ran out.
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
            # Twice: a page on the way may look like the portal for a moment.
            in_a_row = in_a_row + 1 if there else 0
            if in_a_row >= 2:
                return
            await asyncio.sleep(_LOOK_EVERY)
    msg = f"nobody signed in within {humanize.duration(timeout)}. Nothing was saved: sign in again."
    raise errors.LoginRequiredError(msg)


def closed() -> errors.LoginRequiredError:
    """The error for a window that was closed too early; closing the last one ends its browser."""
    return errors.LoginRequiredError(
        "the sign-in window was closed before the sign-in was complete. Nothing was saved: sign in again."
    )
