"""The command line. Everything heavy is imported by the command that needs it: `--help` must feel instant."""

from __future__ import annotations


def main() -> None:
    """The console script `po-pw`."""
    from po_pw.cli import output

    with output.guarded():
        from po_pw.cli import commands

        commands.app()
