"""The command line. Each command imports what it needs, so that `--help` starts quickly."""

from __future__ import annotations

INTERRUPTED = 130
"""Exit code after Ctrl-C."""
