"""The command line. Each command imports what it needs, so that `--help` starts quickly."""

from __future__ import annotations


def main() -> None:
    """The console script `po-pw`."""
    from po_pw.cli import output, uncaught

    uncaught.redact_output()

    with output.guarded():
        from po_pw.cli import commands

        commands.app()
