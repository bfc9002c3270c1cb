"""The headings under which `--help` groups the options."""

from __future__ import annotations

from typing import Final

LIST: Final = "The list"
PORTAL: Final = "Portal and sign-in"
FILES: Final = "Files and folders"
AGAIN: Final = "Running it again"
BROWSER: Final = "Browsers and workers"
LIMITS: Final = "Limits"
END: Final = "When it ends"
OUTPUT: Final = "On the screen"
