"""Opens spreadsheets of any format, detected by content, not by name."""

from __future__ import annotations

import difflib
import re
import stat
from typing import TYPE_CHECKING, Final, Protocol

from po_pw import errors
from po_pw.orders import delimited, headers, workbook_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HEAD: Final = 64 * 1024
_GIVE: Final = "Give your list of orders as .csv or .xlsx."
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OTHERS: Final = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"PK\x05\x06", "an empty archive"),
    (b"Rar!", "an archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf", "an archive"),
    (b"{\\rtf", "a text document"),
    (b"SQLite format 3", "a database"),
)
_LISTS: Final = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods"})
"""Extensions of files that are suggested if a file is missing."""
_MIN_SIMILARITY: Final = 0.6
_PAGE: Final = re.compile(
    r"\s*<(?:!--|(?:!doctype|html|head|body|table|tr|td|th|meta|style|script|div|font|center|p|br)\b)", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"https?:/", re.IGNORECASE)
_XML: Final = re.compile(r"\s*<\?xml", re.IGNORECASE)
_JSON: Final = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\]])")


class Source(Protocol):
    """The rows of one file; can be read repeatedly."""

    @property
    def separator(self) -> str:
        """The cell separator; `""` for a workbook."""
        ...

    @property
    def about(self) -> str:
        """The part of the file that is read; `""` if all of it is."""
        ...

    def records(self) -> Iterator[headers.Record]:
        """Yields all rows, including blank ones.

        Raises:
            InputError: the file cannot be read completely.
        """
        ...


def open_source(path: Path, named: Mapping[str, str] = headers.NO_NAMES) -> Source:
    """Detects the format and opens the file.

    Args:
        path: of the file.
        named: names of columns that the user gives, by field; they tell which sheet and separator are the right ones.

    Raises:
        InputError: it is missing, unreadable, empty or not a spreadsheet.
    """
    head = _head(path)
    if head.startswith(_WORKBOOKS):
        return workbook_sandbox.read(path, named)
    for magic, what in _OTHERS:
        if head.startswith(magic):
            msg = f"{path} is not a spreadsheet but {what}. {_GIVE}"
            raise errors.InputError(msg)
    encoding = delimited.encoding_of(path, head)
    if encoding is None:
        msg = f"{path} is not a spreadsheet: it is neither text nor a workbook. {_GIVE}"
        raise errors.InputError(msg)
    sample = head.decode(encoding, "replace").removeprefix("\ufeff")
    if not sample.strip(" \t\r\n\0\ufeff\ufffd"):
        msg = f"{path} is empty. It needs a header row with a column po_number, and one row per order."
        raise errors.InputError(msg)
    if _PAGE.match(sample):
        msg = f"{path} is not a spreadsheet but a web page (a sign-in page?). Export it again as .csv or .xlsx."
        raise errors.InputError(msg)
    if _XML.match(sample) or _JSON.match(sample):
        what = "XML" if _XML.match(sample) else "JSON"
        msg = f"{path} is not a spreadsheet but {what}. Save or export it as .csv or .xlsx."
        raise errors.InputError(msg)
    return delimited.open_text(path, encoding, sample, is_complete=len(head) < _HEAD, named=named)


def check_readable(path: Path) -> None:
    """Checks that a file is there and may be read.

    Raises:
        InputError: it is not.
    """
    _head(path)


def _head(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            msg = f"{path} is a folder. {_GIVE} All lists in it: '{path / '*.csv'}'."
            raise errors.InputError(msg)
        if not stat.S_ISREG(mode):
            msg = f"{path} is not a file that can be read twice. Save it first, then give that file."
            raise errors.InputError(msg)
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except FileNotFoundError:
        msg = f"{path}: there is no such file. {_nearest(path) or _GIVE}"
        if _ADDRESS.match(path.as_posix()):
            msg = (
                "a web address was given, not a list. If it is an order's address, put it into the column url of a "
                "list (.csv or .xlsx). If it is a list's address, download the list, and give that file."
            )
        raise errors.InputError(msg) from None
    except PermissionError:
        msg = f"{path} cannot be read: permission denied. Is it open in Excel? If so, close it."
        raise errors.InputError(msg) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        msg = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}. {_GIVE}"
        raise errors.InputError(msg) from None


def _nearest(path: Path) -> str:
    """The question whether the list of the folder whose name is most like this one was meant; `""` without one."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in _LISTS]
    except OSError:  # the folder is not there, or cannot be read
        return ""
    near = difflib.get_close_matches(path.name, names, 1, _MIN_SIMILARITY)
    return f"Did you mean {path.with_name(near[0])}?" if near else ""
