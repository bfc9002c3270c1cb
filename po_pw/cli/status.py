"""`po-pw status`: how an output directory stands, also while a run is going."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from po_pw.cli import boundary


def status(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The output directory of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Show how the latest run in OUT stands: what is done, in hand and left; also while it is going.

    Only looks: nothing in OUT is made or changed.
    """
    with boundary.reported():
        from rich.console import Console

        from po_pw.cli import standing as shown
        from po_pw.engine import standing

        found = standing.look(out.absolute())
        if as_json:
            typer.echo(shown.as_json(found))
        else:
            shown.show(Console(soft_wrap=False, highlight=False), found)
