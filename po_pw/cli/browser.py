"""`po-pw browser`: which browser runs here, and how to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from po_pw.cli import boundary, usage

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.browser import install as install_room

app = typer.Typer(cls=usage.Overview, no_args_is_help=True, help="Find or install the browser.", rich_markup_mode=None)


@app.command("show", cls=usage.Command, epilog="  po-pw browser show\n  po-pw browser show --browser chrome")
def show(
    browser: Annotated[
        str | None, typer.Option(metavar="NAME", help="msedge, chrome, chromium, or the path of a browser.")
    ] = None,
) -> None:
    """Show which browser a run would use."""
    with boundary.report_errors():
        from po_pw import settings

        found = _find(settings.load(browser=browser).browser)
        typer.echo(f"{found.name}: {found.executable} ({found.why})")


@app.command(
    "install",
    cls=usage.Command,
    short_help="Install a browser if there is none.",
    epilog="  po-pw browser install",
)
def install() -> None:
    """Install a browser if there is none: Edge if possible, otherwise Chromium. Shows each command that it runs."""
    with boundary.report_errors():
        from po_pw import errors
        from po_pw.browser import install as installer

        found = _present()
        if found is not None:
            typer.echo(f"Nothing to do: {found.name} is installed ({found.executable}).")
            return
        typer.echo("No browser is installed yet.")
        for attempt in installer.attempts_here():
            problem = _try(attempt)
            found = _present()
            if found is not None:
                typer.echo(f"Installed: {found.name} ({found.executable}).")
                return
            typer.echo(f"  failed: {problem or 'the installer reported success, but there is no browser'}")
        msg = "no browser could be installed. Install Microsoft Edge, Chrome or Chromium yourself, then run this again."
        raise errors.BrowserNotFoundError(msg)


def _present() -> models.BrowserInfo | None:
    """The installed browser; installs what Playwright's driver needs, because the check needs the driver."""
    from po_pw import errors
    from po_pw.browser import install as installer

    try:
        return _find(None)
    except errors.BrowserNotFoundError:
        return None
    except errors.DriverError:
        library = installer.driver_library()
        if library is None:
            raise
        problem = _try(library)
        if problem:
            typer.echo(f"  failed: {problem}")
    try:
        return _find(None)
    except errors.BrowserNotFoundError:
        return None


def _try(attempt: install_room.Attempt) -> str:
    from po_pw.browser import install as installer

    typer.echo(f"Trying {attempt.why}:")
    return installer.run(attempt, typer.echo)


def _find(wanted: str | None) -> models.BrowserInfo:
    import asyncio

    from po_pw.browser import playwright_driver

    async def find() -> models.BrowserInfo:
        async with playwright_driver.Driver() as driver:
            return driver.resolve(wanted)

    return asyncio.run(find())
