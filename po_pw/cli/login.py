"""`po-pw login`: signs in to a portal, for later runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from po_pw.cli import boundary, certificates, durations, option_groups, paths

if TYPE_CHECKING:
    from po_pw import sessions, settings
    from po_pw.auth import credentials, forms, trust
    from po_pw.auth import login as engine


def login(
    portal: Annotated[
        str | None,
        typer.Argument(
            metavar="[PORTAL]",
            help="An address of the portal that needs a sign-in, ideally an order's; or the host of a saved sign-in.  "
            "[default: the portal in po-pw.toml, or the only saved one]",
            show_default=False,
        ),
    ] = None,
    username: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Fill the sign-in forms as this user, without a window.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read the password from standard input.", rich_help_panel=option_groups.PORTAL
        ),
    ] = False,
    remember: Annotated[
        bool,
        typer.Option(
            "--remember",
            help="Save the password in this computer's keyring, so that runs can sign in again.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = False,
    totp_command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="A program that prints the one-time code.  [default: po-pw asks you]",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    import_cookies: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=paths.path,
            help="Sign in with cookies exported from your own browser (Netscape format, cookies.txt).",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A name for a second user of the same portal; give the same name to process.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only ask the portal whether you are still signed in; exit code 4 if not.")
    ] = False,
    list_them: Annotated[
        bool,
        typer.Option("--list", help="Only list the saved sign-ins: portal, account, user, since when, until when."),
    ] = False,
    browser: paths.BrowserOption = None,
    sign_in_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Another host that may receive the password or imported cookies, if the portal sends you there.",
            rich_help_panel=option_groups.PORTAL,
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            metavar="DURATION",
            parser=durations.seconds,
            help="How long to wait for you to sign in.  [default: 10m]",
            show_default=False,
        ),
    ] = 600,
    client_certificate: certificates.FileOption = None,
    client_certificate_host: certificates.HostOption = None,
) -> None:
    """Sign in to a portal and save the sign-in for `po-pw process`.

    Opens a window and waits until you are signed in (single sign-on and second factors work). With --username, po-pw
    fills in the sign-in forms instead; the password comes from the prompt, PO_PW_PASSWORD, --password-stdin or, after
    --remember, the keyring.

    Give an order's address, so that po-pw can check the sign-in there. Exit code 1: it could not be checked, because
    the page opens without a sign-in too.
    """
    with boundary.report_errors():
        import asyncio

        from po_pw import errors, redact, sessions, settings
        from po_pw.auth import codes, saved
        from po_pw.auth import login as engine
        from po_pw.auth import trust as trusts
        from po_pw.cli import saved_sign_ins

        modes = {"--username": username, "--import-cookies": import_cookies, "--check": check, "--list": list_them}
        if len(given := [name for name, value in modes.items() if value]) > 1:
            msg = f"{' and '.join(given)} cannot be combined"
            raise errors.InputError(msg)
        needs_name = {"--password-stdin": password_stdin, "--remember": remember, "--totp-command": totp_command}
        if not username and (alone := [name for name, value in needs_name.items() if value]):
            msg = f"{alone[0]} goes with --username"
            raise errors.InputError(msg)
        options = settings.load(
            browser=browser,
            account=account,
            totp_command=totp_command,
            client_certificate=client_certificate,
            client_certificate_hosts=tuple(client_certificate_host) if client_certificate_host else None,
        )
        if not list_them and not import_cookies:
            options = certificates.with_password(options)
        kept = sessions.Sessions(settings.home(options), options.account)
        if list_them:
            saved_sign_ins.show(kept.saved(), portal)
            return
        if check:
            raise typer.Exit(saved_sign_ins.check(options, kept.saved(), portal, is_account_given=account is not None))
        known = sorted(kept.saved(), key=lambda one: one.account != options.account)
        url = saved.resolve(portal, known, options.base_url or options.url_template or "")
        engine.check_address(url)
        if import_cookies is not None:
            cookies = _cookies(import_cookies, url, sign_in_host or [])
            _report(asyncio.run(engine.import_cookies(options, url, cookies)), options)
            return
        trust = trusts.Trust(tuple(sign_in_host or ()), _confirm if sys.stdin.isatty() else None)
        found = _credentials(kept, options, url, username, trust, from_stdin=password_stdin)
        code = codes.from_command(options.totp_command) or (_code if sys.stdin.isatty() else None)
        if found is None:
            typer.echo(f"Opening {redact.address(url)} in a window. Sign in there; it closes by itself.")
        done = asyncio.run(_signing_in(options, url, found, code, wait, trust))
        if remember and found is not None:
            _remember(done.origin, options.account, found)
        _report(done, options)


async def _signing_in(
    options: settings.Settings,
    url: str,
    found: credentials.Credentials | None,
    code: forms.AsksForCode | None,
    wait: float,
    trust: trust.Trust,
) -> engine.SignedIn:
    from po_pw.auth import login as engine

    return await engine.login(
        options,
        url,
        username=found.username if found else None,
        password=found.password if found else None,
        code=code,
        by_environment=found.by_environment if found else False,
        patience=wait,
        trust=trust,
    )


def _report(done: engine.SignedIn, options: settings.Settings) -> None:
    """Prints the result.

    Raises:
        Exit: with 1 if the sign-in could not be checked.
    """
    from po_pw import redact

    kept = f"Saved in {done.file.parent} (only your user can read it)."
    command = "po-pw process" + (f" --account {options.account}" if options.account else "")
    if done.proof.url:
        said = (
            f"Signed in to {done.origin} with {done.browser.name} {done.browser.version}: "
            f"{redact.address(done.proof.url)} opens, and it needs a sign-in.\n"
            f"{kept} `{command}` uses it from now on."
        )
        typer.echo(boundary.wrapped(said, boundary.columns_of(sys.stdout)))
        if done.proof.notice:
            typer.echo(f"Note: {redact.text(done.proof.notice)}.", err=True)
        return
    typer.echo(
        f"Not checked: {redact.text(done.proof.doubt)}.\n{kept} `{command}` will use it anyway. "
        "To be sure, give the address of an order: po-pw login URL",
        err=True,
    )
    raise typer.Exit(1)


def _cookies(file: Path, url: str, hosts: list[str]) -> list[dict[str, object]]:
    import time
    from urllib.parse import urlsplit

    from po_pw import errors
    from po_pw.auth import cookie_file

    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        msg = f"{file} is not UTF-8: export the cookies as text, in the Netscape format (cookies.txt)"
        raise errors.InputError(msg) from None
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}"
        raise errors.InputError(msg) from None
    wanted = [urlsplit(url).hostname or "", *hosts]
    return [dict(one) for one in cookie_file.for_hosts(cookie_file.parse(text, file.name), wanted, time.time())]


def _credentials(
    kept: sessions.Sessions,
    options: settings.Settings,
    url: str,
    username: str | None,
    trust: trust.Trust,
    *,
    from_stdin: bool,
) -> credentials.Credentials | None:
    """User name and password; None for a window."""
    from po_pw import hostnames
    from po_pw.auth import credentials
    from po_pw.browser import display

    origin = hostnames.origin_of(url)
    last = kept.read(origin)
    if last is not None:
        # Hosts confirmed at the last sign-in.
        trust.confirmed.update(last.method.hosts)
    if username is None:
        return None if display.can_show_windows() else credentials.find(options, origin)
    if from_stdin:
        return credentials.Credentials(username, _needed(sys.stdin.readline().rstrip("\r\n")))
    if password := credentials.from_environment():
        return credentials.Credentials(username, password, by_environment=True)
    is_refused = last is not None and last.method.refused and last.method.username == username
    if not is_refused and (password := _remembered(origin, options.account, username)):
        return credentials.Credentials(username, password)
    password = typer.prompt("Password", hide_input=True, err=True) if sys.stdin.isatty() else ""
    return credentials.Credentials(username, _needed(password))


def _remembered(origin: str, account: str, username: str) -> str:
    from po_pw.auth import credentials

    try:
        return credentials.recall(origin, account, username)
    except credentials.KeyringError:
        return ""  # then the user is asked


def _needed(password: str) -> str:
    from po_pw import errors

    if not password:
        msg = "no password given: type it at the prompt, set PO_PW_PASSWORD, or pipe it in with --password-stdin"
        raise errors.InputError(msg)
    return password


def _remember(origin: str, account: str, found: credentials.Credentials) -> None:
    from po_pw.auth import credentials

    try:
        credentials.remember(origin, account, found.username, found.password)
    except credentials.KeyringError as error:
        typer.echo(
            f"The password is not remembered: {error}. The sign-in itself is saved; to let runs sign in again, set "
            f"{credentials.PASSWORD_VARIABLE}.",
            err=True,
        )
    else:
        typer.echo(f"The password of {found.username} is in the keyring: runs use it to sign in again.")


def _confirm(host: str) -> bool:
    return typer.confirm(f"The sign-in form is on {host}. Type the password there?", default=False, err=True)


def _code(host: str) -> str:
    code: str = typer.prompt(f"One-time code for {host}", hide_input=True, err=True)
    return code.replace(" ", "")
