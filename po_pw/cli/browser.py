"""`po-pw browser`: which browser runs here, and how to get one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from po_pw.cli import boundary

if TYPE_CHECKING:
    from po_pw import models

app = typer.Typer(no_args_is_help=True, help="Find or install the browser.", rich_markup_mode=None)


@app.command("show")
def show(browser: Annotated[str | None, typer.Option(help="msedge, chrome, chromium or a path.")] = None) -> None:
    """Say which browser would run."""
    with boundary.reported():
        from po_pw import settings

        found = _find(settings.load(browser=browser).browser)
        typer.echo(f"{found.name}: {found.executable} ({found.why})")


@app.command("install")
def install() -> None:
    """Install a browser where there is none: Edge if possible, otherwise Chromium. Says what it runs."""
    with boundary.reported():
        from po_pw import errors
        from po_pw.browser import install as installer

        try:
            found = _find(None)
        except errors.BrowserNotFoundError:
            typer.echo("No browser here yet.")
        else:
            typer.echo(f"Nothing to do: {found.name} is there ({found.executable}).")
            return
        for attempt in installer.attempts_here():
            typer.echo(f"Trying {attempt.why}:")
            problem = installer.run(attempt, typer.echo)
            try:
                found = _find(None)
            except errors.BrowserNotFoundError:
                typer.echo(f"  did not work: {problem or 'it ended well, but no browser came of it'}")
                continue
            typer.echo(f"Installed: {found.name} ({found.executable}).")
            return
        msg = "no browser could be installed. Install Microsoft Edge, Chrome or Chromium by hand and run this again."
        raise errors.BrowserNotFoundError(msg)


def _find(wanted: str | None) -> models.BrowserInfo:
    import asyncio

    from po_pw.browser import contexts

    async def find() -> models.BrowserInfo:
        async with contexts.Driver() as driver:
            return driver.resolve(wanted)

    return asyncio.run(find())
