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
    browser: Annotated[
        str | None, typer.Option(help="Use only this browser: msedge, chrome, chromium or a path.")
    ] = None,
    sign_in_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Another host that may be given the password, if the portal leads there."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Type the password even where it is sent without encryption (http).")
    ] = False,
    minutes: Annotated[float, typer.Option(help="How long to wait for you to sign in.")] = 10,
) -> None:
    """Sign in to a portal and keep the sign-in for `po-pw process`.

    Opens a window and waits until you are signed in (single sign-on and second factors are fine). With --username it
    fills a plain form instead; the password comes from the prompt, PO_PW_PASSWORD or --password-stdin.

    Give an order's address: the sign-in is then proved there. Exit code 1 where nothing proved it: the page that was
    given opens for everybody.
    """
    with boundary.report_errors():
        import asyncio

        from po_pw import errors, redact, settings
        from po_pw.auth import login as engine
        from po_pw.auth import trust as trusts

        password = _password(password_stdin) if username else None
        if password_stdin and not username:
            msg = "--password-stdin goes with --username"
            raise errors.InputError(msg)
        engine.check_address(url)
        if not username:
            typer.echo(f"Opening {redact.address(url)} in a window. Sign in there; it closes by itself.")
        options = settings.load(browser=browser)
        trust = trusts.Trust(tuple(sign_in_host or ()), _confirm if sys.stdin.isatty() else None, insecure)
        done = asyncio.run(
            engine.login(options, url, username=username, password=password, patience=minutes * 60, trust=trust)
        )
        kept = f"Kept in {done.file.parent} (for your user only)."
        if done.proof.url:
            typer.echo(
                f"Signed in to {done.origin} with {done.browser.name} {done.browser.version}: "
                f"{redact.address(done.proof.url)} opens, which needs a sign-in.\n"
                f"{kept} `po-pw process` uses it from now on."
            )
            if done.proof.notice:
                typer.echo(f"Note: {redact.text(done.proof.notice)}.", err=True)
            return
        typer.echo(
            f"Not proved: {redact.text(done.proof.doubt)}.\n{kept} `po-pw process` will use it all the same. "
            "To be sure, give the address of an order: po-pw login URL",
            err=True,
        )
        raise typer.Exit(1)


def _confirm(host: str) -> bool:
    return typer.confirm(f"The sign-in form is on {host}. Type the password there?", default=False, err=True)


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
