"""What the files are called that show why an order failed. Pure."""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "page.png": "screenshot",
    "page.html": "page source",
    "console.txt": "console errors",
    "answers.txt": "server's answer",
    "trace.zip": "trace",
}
"""By file name."""


def of_path(path: str) -> str:
    """What a file of `models.Outcome.evidence` is called."""
    name = path.rpartition("/")[2]
    return NAMES.get(name, name)


def named(evidence: tuple[str, ...], name: str) -> str:
    """The path of the file with this name; `""` if it is not among them."""
    return next((path for path in evidence if path.rpartition("/")[2] == name), "")
