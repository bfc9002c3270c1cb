"""The list of commands."""

from __future__ import annotations

from typing import Annotated, Final

import typer

import po_pw
from po_pw.cli import (
    boundary,
    browser,
    config,
    demo,
    doctor,
    init,
    login,
    next_step,
    portal,
    process,
    report,
    saved_sign_ins,
    status,
    usage,
    validate,
    verify,
)

_PROCESS: Final = """\
  po-pw process pos.csv                                      # all orders of the list
  po-pw process pos.csv -w 4 --out may                       # four browsers; files go to the folder may
  po-pw process pos.csv --only-failed                        # try again what failed
  po-pw process --po 4711,4712                               # no list: on the Coupa portal you are signed in to
  po-pw process "may/*.csv" --filter "supplier=ACME*"        # several lists, some of their rows
  po-pw process pos.csv --column po_number="Order no." --layout "{supplier}/{Plant}/{po_number}_{status}"
  type pos.csv | po-pw process -                             # a list that another program makes"""
_INIT: Final = """\
  po-pw init                                                 # asks, and writes po-pw.toml"""
_STATUS: Final = """\
  po-pw status                                               # of the folder downloads
  po-pw status --watch                                       # until the run ends
  po-pw status may --audit                                   # what was pressed on the portals"""
_VERIFY: Final = """\
  po-pw verify
  po-pw verify may --repair                                  # the next run downloads what is missing or changed"""
_REPORT: Final = """\
  po-pw report --open                                        # of the folder downloads; opens it in your browser
  po-pw report may"""
_LOGIN: Final = """\
  po-pw login https://acme.coupahost.com                     # a window opens
  po-pw login https://acme.coupahost.com --username anna --remember
  po-pw login --check                                        # are the sign-ins still valid?"""
_LOGOUT: Final = """\
  po-pw logout                                               # of the only portal
  po-pw logout acme.coupahost.com --all                      # of all its accounts"""
_DOCTOR: Final = """\
  po-pw doctor
  po-pw doctor --online -w 8                                 # also asks the portals, and checks for 8 browsers"""
_DEMO: Final = """\
  po-pw demo
  po-pw demo --portal coupa -w 2
  po-pw demo --serve                                         # only the portal, to try things by hand"""
_VALIDATE: Final = """\
  po-pw validate
  po-pw validate --only 3"""

app = typer.Typer(
    name="po-pw",
    cls=usage.Group,
    help="Download every attachment of your purchase orders from supplier portals, in parallel, with a real browser.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _add(name: str, function: object, overview: str, examples: str) -> None:
    app.command(name, cls=usage.Command, short_help=overview, epilog=examples)(function)  # type: ignore[type-var]


_add("init", init.init, "Set up this folder: list, columns, portal, output folder, sign-in.", _INIT)
_add("process", process.process, "Download the attachments of all orders in a list.", _PROCESS)
_add("status", status.status, "Show how far a run is, also during the run.", _STATUS)
_add("verify", verify.verify, "Check every downloaded file by SHA-256.", _VERIFY)
_add("report", report.report, "Write the report of the latest run again, and open it.", _REPORT)
_add("login", login.login, "Sign in to a portal; later runs use this sign-in.", _LOGIN)
_add("logout", saved_sign_ins.logout, "Remove a sign-in from this computer.", _LOGOUT)
_add("doctor", doctor.doctor, "Check whether this computer has what a run needs.", _DOCTOR)
_add("demo", demo.demo, "Try po-pw on a demo portal on this computer.", _DEMO)
_add("validate", validate.validate, "Run the six validation scenarios.", _VALIDATE)
app.add_typer(portal.app, name="portal")
app.add_typer(browser.app, name="browser")
app.add_typer(config.app, name="config")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"po-pw {po_pw.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Download every attachment of your purchase orders from supplier portals, in parallel, with a real browser.

    Without a command, po-pw says what is waiting in this folder and what to run next.
    """
    if context.invoked_subcommand is None:
        with boundary.report_errors():
            next_step.show()
