"""The saved sign-ins on the command line: `po-pw login --list`, `po-pw login --check` and `po-pw logout`."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from po_pw.cli import boundary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw import sessions, settings
    from po_pw.auth import saved

_NONE: Final = "no sign-in is saved. Sign in with: po-pw login https://…"
_CODES: Final = {"VALID": 0, "UNKNOWN": 1, "UNREACHABLE": 1, "ENDED": 4}


def show(sign_ins: Sequence[sessions.SignIn], portal: str | None) -> None:
    """Lists the sign-ins, of one portal or of all."""
    from rich.console import Console
    from rich.table import Table

    from po_pw.auth import saved

    chosen = _of_portal(sign_ins, portal) if portal else list(sign_ins)
    if not chosen:
        typer.echo(f"{_NONE[0].upper()}{_NONE[1:]}")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("portal", "account", "user", "signed in", "until"):
        table.add_column(title, overflow="fold")
    for one in chosen:
        ends = saved.ends_at(one)
        table.add_row(one.origin, one.account, one.method.username, _when(one.saved_at), _until(ends))
    Console(soft_wrap=False, highlight=False).print(table)


def _until(ends: float | None) -> str:
    if ends is None:
        return "the portal ends it"
    is_over = ends < datetime.datetime.now(datetime.UTC).timestamp()
    return f"{_when(ends)}{' (expired)' if is_over else ''}"


def _when(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def check(
    options: settings.Settings, sign_ins: Sequence[sessions.SignIn], portal: str | None, *, is_account_given: bool
) -> int:
    """Asks the portals whether the sign-ins are still valid; returns the exit code: 4 if one is not, 1 if unknown.

    Args:
        options: which browser, and whose sign-ins.
        sign_ins: all that are saved.
        portal: one portal; None for all.
        is_account_given: only the sign-ins of the account in the settings.
    """
    import asyncio

    from po_pw import errors, sessions
    from po_pw.auth import checking
    from po_pw.settings import home

    chosen = _of_portal(sign_ins, portal) if portal else list(sign_ins)
    if is_account_given:
        chosen = [one for one in chosen if one.account == options.account]
    if not chosen:
        raise errors.InputError(_NONE)
    codes = [0]
    for verdict in asyncio.run(checking.check(options, chosen)):
        one = verdict.sign_in
        codes.append(_CODES[verdict.state.name])
        line = f"{_named(one.origin, one.account)}: {verdict.state.value} ({verdict.why})"
        if verdict.state is checking.State.ENDED:
            line += f". Run: {sessions.Sessions(home(options), one.account).login_command(one.origin)}"
        typer.echo(line)
    return max(codes)


def logout(
    portal: Annotated[
        str | None,
        typer.Argument(
            metavar="[PORTAL]",
            help="An address or host of the portal.  [default: the only one]",
            show_default=False,
        ),
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Only the sign-in of this account.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All accounts of the portal; without PORTAL, all accounts of all portals.")
    ] = False,
) -> None:
    """Remove a sign-in from this computer: cookies, browser profile, and the password in the keyring.

    This does not sign you out on the portal: to end the session there as well, sign out on its page.
    """
    with boundary.report_errors():
        from po_pw import errors, hostnames, sessions, settings
        from po_pw.auth import saved

        if everything and account is not None:
            msg = "--all and --account cannot be combined"
            raise errors.InputError(msg)
        options = settings.load(account=account)
        home = settings.home(options)
        sign_ins = sessions.Sessions(home).saved()
        if everything:
            chosen = _of_portal(sign_ins, portal) if portal else sign_ins
            targets = [(one.origin, one.account) for one in chosen]
        else:
            own = [one for one in sign_ins if one.account == options.account]
            if not own:
                others = ", ".join(_named(one.origin, one.account) for one in sign_ins)
                msg = f"there is no such saved sign-in; there {_are(len(sign_ins))}: {others}" if others else _NONE
                raise errors.InputError(msg)
            targets = [(hostnames.origin_of(saved.resolve(portal, own)), options.account)]
        removed = [saved.remove(sessions.Sessions(home, name), origin) for origin, name in targets]
        for (origin, name), one in zip(targets, removed, strict=True):
            typer.echo(_said(one) if one is not None else f"No sign-in to {_named(origin, name)} was saved.")
        if not targets:
            typer.echo(f"{_NONE[0].upper()}{_NONE[1:]}")


def _said(removed: saved.Removed) -> str:
    user = f", user {removed.username}" if removed.username else ""
    said = f"Removed the sign-in to {_named(removed.origin, removed.account)}{user}: {', '.join(removed.parts)}."
    if removed.problem:
        said += f" po-pw cannot tell whether a password is in the keyring: {removed.problem}."
    return said


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _named(origin: str, account: str) -> str:
    return f"{origin} (account {account})" if account else origin


def _of_portal(sign_ins: Sequence[sessions.SignIn], portal: str) -> list[sessions.SignIn]:
    """The sign-ins to one portal, of all accounts."""
    from po_pw import hostnames
    from po_pw.auth import saved

    origin = hostnames.origin_of(saved.resolve(portal, sign_ins))
    return [one for one in sign_ins if one.origin == origin]
