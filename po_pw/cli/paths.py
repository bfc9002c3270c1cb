"""Parses paths on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

import typer

from po_pw.cli import option_groups


def path(given: str | Path) -> Path:
    """Parses a path as typed. Also called for defaults.

    Raises:
        BadParameter: it is empty, e.g. because a shell variable is not set; Python would take the current folder.
    """
    if not str(given).strip():
        msg = "the path is empty. Is a variable not set? Give a path; '.' is the current folder"
        raise typer.BadParameter(msg)
    return Path(given)


def as_meant(path: Path) -> Path:
    """A file as typed; if only that exists, without what dragging or pasting it adds to its path.

    That is quotation marks or blanks around it, backslashes before blanks, or `file:` in front of it.
    """
    if path.exists():
        return path
    text = unquoted(str(path))
    readings = [text, text.replace("\\ ", " ")]
    if text.lower().startswith("file:"):
        plain = unquote(text[len("file:") :]).replace("\\", "/").lstrip("/")
        readings = [plain if sys.platform == "win32" else f"/{plain}"]
    return next((found for found in map(Path, readings) if found.is_file()), path)


def unquoted(text: str) -> str:
    """A text without blanks and quotation marks around it. Pure."""
    return text.strip().strip("\"'\u201c\u201d\u201e\u2018\u2019").strip()


def near(path: Path) -> str:
    """The path from here where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


Out = Annotated[
    Path | None,
    typer.Argument(
        metavar="[OUT]", parser=path, help="The output folder of a run.  [default: downloads]", show_default=False
    ),
]
"""The output directory of a run, for commands that show or check one."""

OutOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="PATH",
        parser=path,
        help="The output folder: files and results go there.  [default: downloads]",
        rich_help_panel=option_groups.FILES,
    ),
]
"""The output directory of a run, for commands that start one or check what one needs."""

BrowserOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use only this browser: msedge, chrome, chromium, or the path of one.",
        rich_help_panel=option_groups.BROWSER,
    ),
]
"""The browser to start, for commands that start one."""

BaseProfileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        parser=path,
        help="The browser profile to copy for each worker.  [default: the one that `po-pw login` made]",
        rich_help_panel=option_groups.BROWSER,
    ),
]
"""The profile to copy, for commands that start workers' browsers or check them."""

AccountOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use the sign-in that was made with `po-pw login --account NAME`.",
        rich_help_panel=option_groups.PORTAL,
    ),
]
"""Whose sign-ins to use, for commands that open portals."""

PortalOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Treat all orders as orders of this kind of portal: coupa or generic.",
        rich_help_panel=option_groups.PORTAL,
    ),
]
"""The kind of portal, for commands that read pages."""
