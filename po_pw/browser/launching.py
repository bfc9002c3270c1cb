"""Launch options of browsers, and messages for failed launches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw.browser import display

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright import async_api as playwright

    from po_pw import models


@dataclasses.dataclass(frozen=True, slots=True)
class Launch:
    """Launch options of contexts."""

    browser: models.BrowserInfo
    headless: bool
    sandbox: bool
    timeout: float
    """Seconds for a launch."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Additional environment variables, e.g. for the display."""


def message(launch: Launch, error: playwright.Error | TimeoutError) -> str:
    """Message that explains why a browser does not start."""
    text = str(error)
    if isinstance(error, TimeoutError):
        text = f"it does not answer within {launch.timeout:.0f} s"
        error = TimeoutError(text)
    reason = first_line(error).removeprefix("BrowserType.launch_persistent_context: ")
    if "Target page, context or browser has been closed" in reason:
        reason = "it ended at once. If it is no browser, use --browser msedge, chrome or chromium."
    if "No usable sandbox" in text:
        reason = "its sandbox cannot work on this machine"
    if "Missing X server" in text or "without having a XServer" in text:
        reason = display.LOST
    for line in text.splitlines():
        if "error while loading shared libraries" in line:
            reason = line.strip()
    return f"{launch.browser.executable or launch.browser.name} does not start: {reason}"


def first_line(error: BaseException) -> str:
    """A Playwright error's first line, without the call log."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
