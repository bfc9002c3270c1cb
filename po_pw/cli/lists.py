"""Opens the lists given to a command: files, patterns, standard input, or PO numbers alone."""

from __future__ import annotations

import contextlib
import glob
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.cli import paths
from po_pw.orders import delimited, filters, read, several, sheets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from po_pw import settings
    from po_pw.orders import rows

STDIN: Final = Path("-")
_STDIN_NAME: Final = "standard input"
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_LOCK: Final = "~$"
"""Prefix of the lock file that Excel puts beside an open workbook."""


@contextlib.contextmanager
def opened(
    given: Sequence[Path],
    numbers: Sequence[str],
    options: settings.Settings,
    address_of: rows.AddressRule,
    note: str = "",
) -> Iterator[several.Orders]:
    """Opens the lists given to a command, for the block.

    Args:
        given: paths, patterns, and `-` for standard input.
        numbers: PO numbers as typed; with a list, only these of its orders.
        options: the settings.
        address_of: gives the address of a row without one, from its number.
        note: to be said of orders that are given by their numbers alone; `""` for nothing.

    Raises:
        InputError: nothing was given, or something cannot be used.
    """
    wanted = filters.numbers(numbers)
    if not given and not wanted:
        msg = "give your list of orders, such as: po-pw process pos.csv (or numbers, such as --po 4711,4712)"
        raise errors.InputError(msg)
    if options.write_back and (len(given) != 1 or STDIN in given):
        msg = "--write-back writes into one list: give one file, or leave out --write-back."
        raise errors.InputError(msg)
    if not given:
        if options.filters:
            msg = "--filter chooses among the rows of a list: give one, or leave out --filter."
            raise errors.InputError(msg)
        orders = several.of_numbers(wanted, address_of=address_of, limit=options.limit)
        notes = [*([note] if note else []), *_about_types(options)]
        yield several.with_notes(orders, notes, keep_source=True)
        return
    with contextlib.ExitStack() as stack:
        files, notes = expanded(given)
        lists = [(stack.enter_context(_spooled()), _STDIN_NAME) if path == STDIN else (path, "") for path in files]
        choice = read.Choice.of(options, wanted)
        try:
            orders = several.of_lists(lists, address_of=address_of, limit=options.limit, choice=choice)
        except errors.InputError as error:
            text = str(error)
            for path, name in lists:  # the path of the copy means nothing to the user
                text = text.replace(str(path), name) if name else text
            raise errors.InputError(text) from None
        notes += [_read_as(table) for table in orders.tables if table.name == _STDIN_NAME]
        notes += _about_types(options)
        yield several.with_notes(orders, notes, keep_source=STDIN not in files)


def check(given: Sequence[Path]) -> None:
    """Checks that the files given to a command can be opened, before anything that takes long.

    Raises:
        InputError: one is missing, is not a file or must not be read.
    """
    for path in map(paths.as_meant, given):
        if path != STDIN and not _is_pattern(path):
            sheets.check_readable(path)


def named(given: Sequence[Path]) -> str:
    """The lists given to a command, in a few words."""
    if not given:
        return "the orders"
    first = _STDIN_NAME if given[0] == STDIN else given[0].name
    return first if len(given) == 1 else f"{first} and {len(given) - 1} more"


def expanded(given: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files given by paths and patterns, each once, and messages about some of them.

    Patterns are expanded here because the shells of Windows do not expand them. A file of that very name comes first.

    Raises:
        InputError: a pattern matches no file, or standard input is given twice.
    """
    found: list[Path] = []
    notes: list[str] = []
    for typed in given:
        path = paths.as_meant(typed)
        matches = _matching(path) if _is_pattern(path) else [path]
        for match in matches:
            if len(given) + len(matches) > 2 and match.name.startswith(_LOCK):
                notes.append(f"{match} is left out: Excel makes such a file while the workbook is open.")
            elif any(_is_same(match, other) for other in found):
                if match == STDIN:
                    msg = "'-' is given twice: standard input can be read only once."
                    raise errors.InputError(msg)
                notes.append(f"{match} is given twice; it is read once.")
            else:
                found.append(match)
    return found, notes


def _is_pattern(path: Path) -> bool:
    """Whether it is to be expanded; standard input and a file of that very name are not."""
    return glob.has_magic(str(path)) and not path.exists()


def _matching(pattern: Path) -> list[Path]:
    paths = [Path(name) for name in sorted(glob.glob(str(pattern), recursive=True)) if Path(name).is_file()]  # noqa: PTH207 - of a whole path
    if not paths:
        folder = pattern.parent if not glob.has_magic(str(pattern.parent)) else Path()
        where = f" in {folder.absolute()}" if folder.is_dir() else f": there is no folder {folder}"
        msg = f"{pattern} matches no file{where}. Correct the pattern, or name the files."
        raise errors.InputError(msg)
    return paths


def _is_same(one: Path, other: Path) -> bool:
    if STDIN in {one, other}:
        return one == other
    try:
        return one.samefile(other)
    except OSError:  # missing: reading it raises the error
        return models.folded(str(one.absolute())) == models.folded(str(other.absolute()))


@contextlib.contextmanager
def _spooled() -> Iterator[Path]:
    """A copy of standard input, because lists are read more than once; removed after the block.

    Raises:
        InputError: nothing is piped into standard input.
    """
    if sys.stdin is None or sys.stdin.isatty():
        msg = (
            "'-' reads the list from standard input, but that is your keyboard. Pipe a list into it, such as: "
            "type pos.csv | po-pw process -    (or give the file: po-pw process pos.csv)"
        )
        raise errors.InputError(msg)
    with tempfile.TemporaryDirectory(prefix="po-pw-list-") as folder:
        path = Path(folder) / _STDIN_NAME
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path


def _about_types(options: settings.Settings) -> list[str]:
    """The message about types of files that may be mistyped, if there are any."""
    from po_pw import settings  # takes long, and is loaded by now

    if not (odd := settings.unfamiliar_types(options.types)):
        return []
    return [
        f"--types: po-pw does not know {', '.join(odd)}. If that is a mistake, press Ctrl-C: other files are skipped."
    ]


def _read_as(table: read.OrderTable) -> str:
    content = table.content
    what = "a workbook"
    if isinstance(content, delimited.Text):
        separator = _SEPARATORS.get(content.separator, content.separator)
        what = f"CSV ({content.encoding}, separated by {separator})"
    return (
        f"Standard input was read as {what}. To continue this run later, pipe the same list in again: "
        "orders are known by their PO numbers."
    )
