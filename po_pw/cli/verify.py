"""`po-pw verify`: checks every file against its record."""

from __future__ import annotations

from typing import Annotated

import typer

from po_pw.cli import boundary, paths


def verify(
    out: paths.Out = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Mark orders with missing or changed files; the next run downloads those files again."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for other programs.")] = False,
) -> None:
    """Check every downloaded file in the output folder OUT by SHA-256, and list the missing, changed and unknown ones.

    Exit code 0: all files are as they were downloaded. Exit code 1: some are not. No file is changed.
    """
    with boundary.report_errors():
        from po_pw import settings
        from po_pw.cli import verify_view as shown

        folder = settings.load(out=out).out.absolute()
        raise typer.Exit(0 if shown.run(folder, repair=repair, as_json=as_json).is_as_recorded else 1)
