"""`po-pw login`: sign in once, for all runs to come."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from po_pw.cli import boundary


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="A page of the portal that needs a sign-in.")],
    username: Annotated[
        str | None, typer.Option(help="Fill a plain sign-in form as this user, without a window.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    browser: Annotated[str | None, typer.Option(help="Insist on msedge, chrome, chromium or a path.")] = None,
    minutes: Annotated[float, typer.Option(help="How long to wait for you to sign in.")] = 10,
) -> None:
    """Sign in to a portal and keep the sign-in for `po-pw process`.

    Opens a window and waits until you are signed in (single sign-on and second factors are fine). With --username it
    fills a plain form instead; the password comes from the prompt, PO_PW_PASSWORD or --password-stdin.
    """
    with boundary.reported():
        import asyncio

        from po_pw import errors, settings
        from po_pw.engine import login as engine

        password = _password(password_stdin) if username else None
        if password_stdin and not username:
            msg = "--password-stdin goes with --username"
            raise errors.InputError(msg)
        if not username:
            typer.echo(f"Opening {url} in a window. Sign in there; it closes by itself.")
        options = settings.load(browser=browser)
        done = asyncio.run(engine.login(options, url, username=username, password=password, patience=minutes * 60))
        typer.echo(
            f"Signed in to {done.origin} with {done.browser.name} {done.browser.version}.\n"
            f"Kept in {done.file.parent} (for your user only). `po-pw process` uses it from now on."
        )


def _password(from_stdin: bool) -> str:
    from po_pw import errors, settings

    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = settings.environment("PO_PW_PASSWORD") or ""
        if not password and sys.stdin.isatty():
            password = typer.prompt("Password", hide_input=True)
    if not password:
        msg = "no password given: type it at the prompt, set PO_PW_PASSWORD, or pipe it in with --password-stdin"
        raise errors.InputError(msg)
    return password
