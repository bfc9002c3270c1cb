"""How a browser is to be launched (which one, window, sandbox, environment), and messages for failed launches."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw.browser import display, locate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright import async_api as playwright

    from po_pw import client_certificates, errors, models


@dataclasses.dataclass(frozen=True, slots=True)
class Launch:
    """Launch options of contexts."""

    browser: models.BrowserInfo
    headless: bool
    timeout: float
    """Seconds for a launch."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Additional environment variables, e.g. for the display."""
    certificate: client_certificates.ClientCertificate | None = None
    """Client certificate; None for none."""
    no_sandbox_why: str = ""
    """Why the sandbox is off; `""` if it is on."""

    @property
    def sandbox(self) -> bool:
        """Whether Chromium isolates its pages from the system."""
        return not self.no_sandbox_why


def plan(
    browser: models.BrowserInfo,
    *,
    headless: bool,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    certificate: client_certificates.ClientCertificate | None = None,
) -> Launch:
    """Launch options with the sandbox, unless it is known beforehand that it cannot work here.

    Args:
        browser: to launch.
        headless: whether without a window.
        timeout: seconds for a launch.
        environment: additional environment variables.
        certificate: client certificate; None for none.
    """
    return Launch(browser, headless, timeout, environment or {}, certificate, locate.sandbox_hindrance())


def without_sandbox(launch: Launch, error: errors.MachineError) -> Launch | None:
    """Launch options after a failed launch: without the sandbox if that failed; None if something else did.

    Only a launch can tell, because kernels and containers differ.
    """
    if not launch.sandbox or "sandbox" not in str(error):
        return None
    return dataclasses.replace(launch, no_sandbox_why="this computer does not allow it")


def message(launch: Launch, error: playwright.Error | TimeoutError) -> str:
    """Message that explains why a browser does not start."""
    text = str(error)
    if isinstance(error, TimeoutError):
        text = f"no answer within {launch.timeout:.0f} s"
        error = TimeoutError(text)
    reason = first_line(error).removeprefix("BrowserType.launch_persistent_context: ")
    if "Target page, context or browser has been closed" in reason:
        reason = "it ended at once. Is it a browser? If not, use --browser msedge, chrome or chromium."
    if "No usable sandbox" in text:
        reason = "its sandbox does not work on this computer"
    if "Missing X server" in text or "without having a XServer" in text:
        reason = display.LOST
    for line in text.splitlines():
        if "error while loading shared libraries" in line:
            reason = line.strip()
    return f"{launch.browser.executable or launch.browser.name} does not start: {reason}"


def first_line(error: BaseException) -> str:
    """A Playwright error's first line, without the call log."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
