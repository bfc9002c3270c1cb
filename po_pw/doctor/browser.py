"""The doctor's browser checks: everything that a worker does with a browser, once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from importlib import metadata
from typing import TYPE_CHECKING, Final

from po_pw import client_certificates, errors, models, sessions, settings
from po_pw.browser import launching
from po_pw.doctor import checks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from po_pw.browser import contexts, playwright_driver, profiles

REINSTALL: Final = "Reinstall po-pw: pip install --force-reinstall po-pw"

_DRIVER: Final = 30.0
"""Seconds for the driver to start."""
_SHOW: Final = 15.0
"""Seconds for a page or a download that needs no network."""
_FORBIDDEN: Final = 10.0
"""Seconds for a launch that a policy forbids: it hangs instead of failing."""


async def browser(options: settings.Settings, lines: checks.Results, origins: Sequence[str]) -> dict[str, checks.Check]:
    """Checks driver, browser, policies, a context and a download.

    Args:
        options: as for a run.
        lines: receives the results.
        origins: portals that are asked whether their sign-in is still valid.

    Returns:
        The result for each of these portals, by origin; empty if the browser does not start.
    """
    asked: dict[str, checks.Check] = {}
    try:
        # Imported here: a broken Playwright must become a check's result.
        from po_pw.browser import display, playwright_driver, profiles
    except ImportError as error:
        lines.add(checks.problem("playwright", f"cannot be loaded: {error}", REINSTALL))
        return asked
    async with contextlib.AsyncExitStack() as stack:
        driver: playwright_driver.Driver | None = None
        with lines.catching("playwright", REINSTALL):
            async with asyncio.timeout(_DRIVER):
                driver = await stack.enter_async_context(playwright_driver.Driver())
            lines.add(checks.ok("playwright", f"{metadata.version('playwright')}; it starts"))
        chosen: models.BrowserInfo | None = None
        if driver is not None:
            with lines.catching("browser"):
                chosen = driver.resolve(options.browser)
                by = f"started by channel {chosen.channel}" if chosen.channel else "started by its path"
                lines.add(checks.ok("browser", f"{chosen.name}, {chosen.why}: {chosen.executable} ({by})"))
        if driver is None or chosen is None:
            return asked
        view = await stack.enter_async_context(display.shown(headed=options.headed, run_dir=driver.run_dir))
        found = await checks.in_thread("policies", lambda: _policies(chosen.name, headless=view.headless), _DRIVER)
        lines.add(*found)
        forbidden = any(line.state == "problem" for line in found)
        timeout = min(options.launch_timeout, _FORBIDDEN) if forbidden else options.launch_timeout
        certificate: client_certificates.ClientCertificate | None = None
        with contextlib.suppress(errors.InputError):  # the check of the certificate reports it
            certificate = await asyncio.to_thread(client_certificates.read, options)
        launch = launching.plan(
            chosen,
            headless=view.headless,
            timeout=timeout,
            environment=view.environment,
            certificate=certificate,
        )
        remedy = (
            "A policy stops it, see the lines above."
            if forbidden
            else "Try another browser with --browser, or run: po-pw browser install"
        )
        base: Path | None = None
        if options.base_profile is not None:
            with lines.catching("base profile"):
                await asyncio.to_thread(profiles.check_base, options.base_profile)
                base = options.base_profile
        with lines.catching("launch", remedy):
            manager = profiles.ProfileManager(base, root=driver.run_dir.path / "profiles")
            launch = await _launch(driver, launch, manager, lines)
            for origin in origins:
                asked[origin] = await _ask(options, driver, launch, origin)
    return asked


def _policies(browser: str, *, headless: bool) -> list[checks.Check]:
    from po_pw.browser import policies

    sources = policies.read(browser)
    found: list[checks.Check] = []
    for source in sources:
        if source.unreadable:
            remedy = "If the browser does not start, ask your administrator what the policies there say."
            found.append(checks.warning("policies", f"{source.source} cannot be read: {source.unreadable}", remedy))
        for finding in policies.evaluate(source, headless=headless):
            text = f"{finding.name} in {finding.source}: {finding.meaning}"
            if finding.stops:
                remedy = "Ask your administrator to remove it, or use another browser (--browser)."
                found.append(checks.problem("policies", text, remedy))
            else:
                found.append(checks.warning("policies", text, "If something is blocked, ask your administrator."))
    read = f"none of {sum(len(source.values) for source in sources)} is a problem" if sources else "none set"
    return found or [checks.ok("policies", read)]


async def _launch(
    driver: playwright_driver.Driver, launch: launching.Launch, manager: profiles.ProfileManager, lines: checks.Results
) -> launching.Launch:
    """Opens a context and a page, and downloads a file; returns the launch options that worked."""
    from po_pw.doctor import browser_test

    started = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        try:
            context = await stack.enter_async_context(_opened(driver, launch, manager, "doctor"))
        except errors.MachineError as error:
            unsandboxed = launching.without_sandbox(launch, error)
            if unsandboxed is None:
                raise
            launch = unsandboxed
            context = await stack.enter_async_context(_opened(driver, launch, manager, "doctor-again"))
        await browser_test.page(context, _SHOW)
        seconds = time.monotonic() - started
        how = "without a window" if launch.headless else "in a window"
        text = f"version {context.version} opened a page in {seconds:.1f} s, {how}"
        if launch.sandbox:
            lines.add(checks.ok("launch", text))
        else:
            remedy = "Run po-pw as an ordinary user, on a system that allows user namespaces."
            lines.add(checks.warning("launch", f"{text}, without its sandbox ({launch.no_sandbox_why})", remedy))
        with lines.catching("download", "Attachments that need a click will fail. Ask your administrator."):
            await browser_test.download(context, _SHOW)
            lines.add(checks.ok("download", "a click downloads a file"))
    return launch


@contextlib.asynccontextmanager
async def _opened(
    driver: playwright_driver.Driver,
    launch: launching.Launch,
    manager: profiles.ProfileManager,
    name: str,
) -> AsyncIterator[contexts.Context]:
    folder = await asyncio.to_thread(manager.create_profile, name)
    downloads = driver.run_dir.path / "downloads" / name
    worker = models.WorkerId(name)
    context = await driver.open(worker, launch, user_data_dir=folder, downloads=downloads)
    try:
        yield context
    finally:
        await asyncio.shield(context.close())


async def _ask(
    options: settings.Settings, driver: playwright_driver.Driver, launch: launching.Launch, origin: str
) -> checks.Check:
    """Asks a portal whether the account's sign-in is still valid, as `po-pw login --check` does."""
    from po_pw.auth import checking

    saved = sessions.Sessions(settings.home(options), options.account)
    sign_in = await asyncio.to_thread(saved.read, origin)
    if sign_in is None:
        return checks.problem("sign-in", f"{origin}: it cannot be read", f"Run: {saved.login_command(origin)}")
    verdict = await checking.check_one(options, driver, launch, sign_in)
    match verdict.state:
        case checking.State.VALID:
            return checks.ok("sign-in", f"the portal accepts it: {verdict.why}")
        case checking.State.ENDED:
            return checks.problem("sign-in", f"it has ended: {verdict.why}", f"Run: {saved.login_command(origin)}")
        case checking.State.UNKNOWN:
            remedy = f"Sign in again at the address of an order: {saved.login_command('URL')}"
            return checks.warning("sign-in", f"the portal does not say if it is still valid: {verdict.why}", remedy)
        case checking.State.UNREACHABLE:
            remedy = "Open it in your own browser. If that fails too, the portal is down, or your network or VPN is."
            return checks.problem("portal", verdict.why, remedy)
