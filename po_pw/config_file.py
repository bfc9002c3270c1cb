"""The configuration file: its name, and which line sets a setting."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

NAME: Final = "po-pw.toml"
"""Name of the file, in the current folder."""


def line_of(name: str) -> int | None:
    """The line (from 1) that sets a setting, as `name = …` or `[name]`; None if there is no such line or no file."""
    key = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*[=.\]]|\s*\[+\s*["']?{re.escape(name)}\b""")
    with contextlib.suppress(OSError, ValueError):
        for number, line in enumerate(Path(NAME).read_text("utf-8").splitlines(), 1):
            if key.match(line):
                return number
    return None


def source_of(name: str) -> str:
    """The source of a setting's value, for messages: `po-pw.toml, line 3: workers`."""
    line = line_of(name)
    return f"{NAME}: {name}" if line is None else f"{NAME}, line {line}: {name}"
