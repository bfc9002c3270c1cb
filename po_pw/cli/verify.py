"""`po-pw verify`: whether every file is still what was recorded of it."""

from __future__ import annotations

from typing import Annotated

import typer

from po_pw.cli import boundary, paths


def verify(
    out: paths.Out = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mark the orders whose files are not right: the next run fetches them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Hash every file in OUT again, and say what is missing or changed; files not downloaded by po-pw are listed.

    Ends with 0 where all that was downloaded is as recorded, with 1 where anything is not. Files are never touched.
    """
    with boundary.report_errors():
        from po_pw import settings
        from po_pw.cli import audit as shown

        folder = settings.load(out=out).out.absolute()
        raise typer.Exit(0 if shown.run(folder, repair=repair, as_json=as_json).is_as_recorded else 1)
