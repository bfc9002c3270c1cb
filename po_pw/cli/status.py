"""`po-pw status`: shows the status of an output directory, also during a run."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from po_pw.cli import boundary, paths


def status(
    out: paths.Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for other programs.")] = False,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit", help="List what was pressed on the portals, and what was sent or stopped after each press."
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep updating until the run ends. Ctrl-C stops the watching, not the run.")
    ] = False,
    every_run: Annotated[bool, typer.Option("--all", help="With --audit: list all runs, not only the latest.")] = False,
) -> None:
    """Show the latest run in the output folder OUT: what is done, in progress and left. Works during a run too.

    With --audit: list every button and link that was pressed, every request other than GET that was sent after a press,
    and every request that was stopped, each with its reason. Only the names of a request's fields are recorded, never
    their values.

    Changes nothing in OUT.
    """
    with boundary.report_errors():
        from rich.console import Console

        from po_pw import errors, settings
        from po_pw.cli import presses
        from po_pw.cli import status_view as shown
        from po_pw.maintenance import status

        if every_run and not audit:
            msg = "--all needs --audit: without it, status shows only the latest run."
            raise errors.InputError(msg)
        if watch and (as_json or audit):
            msg = "--watch is for the screen: leave out --json and --audit."
            raise errors.InputError(msg)
        folder = settings.load(out=out).out.absolute()
        console = Console(soft_wrap=False, highlight=False)
        if audit:
            done = presses.look(folder, every_run=every_run)
            if as_json:
                for piece in presses.as_json(done):
                    typer.echo(piece, nl=False)
            else:
                presses.show(console, done)
            return
        if watch and console.is_terminal:
            with contextlib.suppress(KeyboardInterrupt):
                shown.watch(console, lambda: status.read(folder))
            return
        found = status.read(folder)
        if as_json:
            typer.echo(shown.as_json(found))
        else:
            shown.show(console, found)
