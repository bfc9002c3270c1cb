"""`po-pw doctor`: checks everything that a run needs, and says what to do about problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from po_pw.cli import boundary, certificates, option_groups, paths, tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rich.console import Console

    from po_pw import settings
    from po_pw.doctor import environment as engine

_STYLES: Final = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(
    workers: Annotated[
        int | None,
        typer.Option(
            "-w",
            "--workers",
            metavar="N",
            help="How many browsers a run would open, 1 to 64.  [default: 4]",
            rich_help_panel=option_groups.BROWSER,
        ),
    ] = None,
    out: paths.OutOption = None,
    browser: paths.BrowserOption = None,
    headed: Annotated[
        bool, typer.Option("--headed", help="Try the browser with a window.", rich_help_panel=option_groups.BROWSER)
    ] = False,
    base_profile: paths.BaseProfileOption = None,
    portal: paths.PortalOption = None,
    account: paths.AccountOption = None,
    client_certificate: certificates.FileOption = None,
    client_certificate_host: certificates.HostOption = None,
    online: Annotated[bool, typer.Option("--online", help="Ask the portals whether you are still signed in.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for other programs.")] = False,
) -> None:
    """Check everything that a run needs, and say how to correct what does not work.

    Exit code 3: this computer has a problem. With --online also exit code 4: a portal asks you to sign in; exit code 1:
    a portal cannot be reached. Without --online nothing is sent over the network. The check leaves nothing behind.
    """
    with boundary.report_errors():
        import contextlib

        from po_pw import errors, settings
        from po_pw.portals import registry

        options = settings.load(
            workers=workers,
            out=out,
            browser=browser,
            headed=headed or None,
            base_profile=base_profile,
            portal=portal,
            account=account,
            client_certificate=client_certificate,
            client_certificate_hosts=tuple(client_certificate_host) if client_certificate_host else None,
        )
        with contextlib.suppress(errors.MachineError):  # there is a separate line for the portal of a package
            registry.Registry(options)
        with contextlib.suppress(errors.InputError):  # the line about the certificate says what is wrong with it
            options = certificates.with_password(options)
        found = _as_json(options, online=online) if as_json else _as_lines(options, online=online)
        raise typer.Exit(exit_code(found))


def exit_code(found: Sequence[engine.Check]) -> int:
    """0 if all is well, 3 if this computer has a problem, else 4 for a sign-in, 1 for an unreachable portal."""
    problems = [check for check in found if check.state == "problem"]
    if any(check.subject == "machine" for check in problems):
        return 3
    if any(check.name == "sign-in" for check in problems):
        return 4
    return 1 if problems else 0


def _examine(
    options: settings.Settings,
    *,
    online: bool,
    of: Collection[str] | None = None,
    said: Callable[[engine.Check], None] | None = None,
) -> list[engine.Check]:
    import asyncio

    from po_pw.doctor import environment as engine

    return asyncio.run(engine.examine(options, online=online, origins=of, on_progress=said))


def _as_json(options: settings.Settings, *, online: bool) -> list[engine.Check]:
    import dataclasses
    import json

    import po_pw

    found = _examine(options, online=online)
    answer = {
        "version": po_pw.__version__,
        "ok": not any(check.state == "problem" for check in found),
        "checks": [dataclasses.asdict(check) for check in found],
    }
    typer.echo(json.dumps(answer, indent=2))
    return found


def _as_lines(options: settings.Settings, *, online: bool) -> list[engine.Check]:
    from rich.console import Console

    console = Console(soft_wrap=False, highlight=False)
    found = examine_and_show(console, options, online=online)
    _close(console, found)
    return found


def examine_and_show(
    console: Console, options: settings.Settings, *, online: bool, of: Collection[str] | None = None
) -> list[engine.Check]:
    """Runs all checks, those of sign-ins only for portals of these origins, and prints each as soon as it is known."""
    with console.status("Checking") as status:

        def said(check: engine.Check) -> None:
            _show(console, check)
            status.update(f"Checking ({check.name} is done)")

        return _examine(options, online=online, of=of, said=said)


def _show(console: Console, check: engine.Check) -> None:
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 2))
    line.add_column(width=7)
    line.add_column(width=14)
    line.add_column(overflow="fold")
    line.add_row(Text(check.state, _STYLES[check.state]), Text(check.name, "bold"), Text(check.text))
    if check.remedy:
        line.add_row("", "", Text(check.remedy, "cyan"))
    console.print(line)


def _close(console: Console, found: Sequence[engine.Check]) -> None:
    from rich.text import Text

    of_machine = sum(check.state == "problem" and check.subject == "machine" for check in found)
    of_portals = sum(check.state == "problem" and check.subject == "portal" for check in found)
    problems = of_machine + of_portals
    warnings = sum(check.state == "warning" for check in found)
    console.print()
    if of_machine:
        text = f"{tally.plural(of_machine, 'problem')} to solve before a run can start"
    elif warnings or of_portals:
        text = "This computer is ready"
    else:
        text = "Everything works"
    if of_portals:
        text += f"; {tally.plural(of_portals, 'portal')} with a problem, see above"
    if warnings:
        text += f"; {tally.plural(warnings, 'warning')}"
    console.print(Text(f"{text}.", "bold red" if problems else "yellow" if warnings else "bold green"))
