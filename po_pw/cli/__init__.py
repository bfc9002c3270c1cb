"""The command line. Each command imports what it needs, so that `--help` starts quickly."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def main() -> None:
    """The console script `po-pw`."""
    try:
        from po_pw.cli import output, uncaught
    except KeyboardInterrupt:  # Ctrl-C in the first half second
        sys.stderr.write("po-pw: interrupted\n")
        sys.exit(INTERRUPTED)
    uncaught.redact_output()

    with output.guarded():
        from po_pw.cli import commands

        commands.app()
