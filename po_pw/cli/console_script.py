"""The console script `po-pw`."""

from __future__ import annotations

import sys

from po_pw import cli


def main() -> None:
    """Runs the command that the arguments give."""
    try:
        from po_pw.cli import output, uncaught
    except KeyboardInterrupt:  # Ctrl-C in the first half second
        sys.stderr.write("po-pw: interrupted\n")
        sys.exit(cli.INTERRUPTED)
    uncaught.redact_output()

    with output.guarded():
        from po_pw.cli import commands

        commands.app()
