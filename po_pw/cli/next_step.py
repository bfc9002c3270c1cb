"""`po-pw` without a command: shows how things stand in this folder, and the command to run next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

    from po_pw.maintenance import status
    from po_pw.orders import read

_LISTS: Final = frozenset({".csv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".tsv"})
_MAX_LISTS: Final = 5
"""Maximum lists named, and maximum files opened to find them."""


def show() -> None:
    """Prints it.

    Raises:
        PoPwError: a setting is wrong, or the output folder cannot be read.
    """
    from rich.console import Console
    from rich.text import Text

    from po_pw import sessions, settings

    console = Console(soft_wrap=False, highlight=False)
    options = settings.load()
    found = status_of(options.out.absolute())
    has_sign_in = bool(sessions.Sessions(settings.home(options)).origins())
    lists = [] if found is not None and found.run is not None else list(lists_in(Path.cwd()))
    for part in said(found, lists, has_sign_in=has_sign_in):
        is_command = isinstance(part, Text) and part.plain.startswith("  ")
        console.print(part, soft_wrap=is_command or not console.is_terminal)


def status_of(out: Path) -> status.OutputStatus | None:
    """The status of an output folder; None if it had no run."""
    from po_pw.maintenance import status

    try:
        return status.read(out)
    except errors.InputError:
        return None


def lists_in(folder: Path, opened: Callable[[Path], read.OrderTable] | None = None) -> dict[str, read.OrderTable]:
    """The files in a folder that can be read as lists of orders, by name, newest first.

    Args:
        folder: to search.
        opened: opens a list; by default without any settings.
    """
    from po_pw.orders import read

    opened = opened or read.open_table
    found: dict[str, read.OrderTable] = {}
    files = [path for path in folder.iterdir() if path.suffix.lower() in _LISTS and path.is_file()]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)[:_MAX_LISTS]:
        try:
            found[path.name] = opened(path)
        except (errors.PoPwError, OSError):
            continue
    return found


def said(found: status.OutputStatus | None, lists: Sequence[str], *, has_sign_in: bool) -> Iterator[RenderableType]:
    """The lines to print. Pure.

    Args:
        found: status of the output folder; None if it had no run.
        lists: names of lists of orders in the current folder.
        has_sign_in: a sign-in is saved.
    """
    from rich.text import Text

    from po_pw.cli import shell, status_view
    from po_pw.maintenance import status

    def command(*words: str) -> Text:
        return Text(f"  {shell.po_pw(*words)}", "bold")

    if found is not None and found.run is not None:
        yield Text(f"In {found.out}:", "dim")
        yield Text(status_view.headline(found), "bold")
        if found.state is status.State.RUNNING:
            yield Text("To watch it, run:")
            yield command("status", "--watch")
        elif following := list(status_view.what_next(found)):
            yield from following
        else:
            yield Text("Every order of the last list is done. For another list, run:")
            yield command("process", "LIST")
    elif lists:
        yield Text(f"Nothing was downloaded here yet. Lists of orders in this folder: {', '.join(lists)}")
        if not has_sign_in:
            yield Text("To set up a first run, step by step:")
            yield command("init")
            yield Text("Or sign in to your portal:")
            yield command("login", "https://YOUR-PORTAL")
        yield Text("To download all attachments, run:" if has_sign_in else "Then download all attachments:")
        yield command("process", lists[0])
    else:
        yield Text("Nothing was downloaded here yet, and there is no list of orders in this folder.")
        yield Text("A list is a .csv or .xlsx with a column po_number. To try everything without one, run:")
        yield command("demo")
    yield Text()
    yield Text("All commands: po-pw --help", "dim")
