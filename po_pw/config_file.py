"""The configuration file: where in it a setting stands."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

NAME: Final = "po-pw.toml"
"""Of the file, in the current folder."""


def line_of(name: str) -> int | None:
    """The line (from 1) that sets a setting, as `name = …` or `[name]`; None if there is no such line or no file."""
    key = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*[=.\]]|\s*\[+\s*["']?{re.escape(name)}\b""")
    with contextlib.suppress(OSError, ValueError):
        for number, line in enumerate(Path(NAME).read_text("utf-8").splitlines(), 1):
            if key.match(line):
                return number
    return None


def place_of(name: str) -> str:
    """The place that sets a setting, for messages: `po-pw.toml, line 3: workers`."""
    line = line_of(name)
    return f"{NAME}: {name}" if line is None else f"{NAME}, line {line}: {name}"
