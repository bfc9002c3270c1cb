"""The command line. Everything heavy is imported by the command that needs it: `--help` must feel instant."""

from __future__ import annotations


def main() -> None:
    """The console script `po-pw`."""
    from po_pw.cli import last_words, output

    last_words.without_secrets()

    with output.guarded():
        from po_pw.cli import commands

        commands.app()
