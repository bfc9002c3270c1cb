"""The list of commands."""

from __future__ import annotations

from typing import Annotated

import typer

import po_pw
from po_pw.cli import (
    browser,
    demo,
    doctor,
    login,
    portal,
    process,
    report,
    saved_sign_ins,
    status,
    usage,
    validate,
    verify,
)

app = typer.Typer(
    name="po-pw",
    cls=usage.Group,
    help="Download every attachment of your purchase orders from supplier portals, in parallel, with a real browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
app.command("process")(process.process)
app.command("status")(status.status)
app.command("verify")(verify.verify)
app.command("report")(report.report)
app.command("login")(login.login)
app.command("logout")(saved_sign_ins.logout)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("validate")(validate.validate)
app.add_typer(portal.app, name="portal")
app.add_typer(browser.app, name="browser")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"po-pw {po_pw.__version__}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Download every attachment of your purchase orders from supplier portals, in parallel, with a real browser."""
