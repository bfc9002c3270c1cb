"""Replaces cells of a delimited text file; every other byte stays as it is."""

from __future__ import annotations

import codecs
import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import delimited
from po_pw.orders import edits as cell_edits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from po_pw.orders import headers

_MARKS: Final = {
    "utf-8-sig": ((codecs.BOM_UTF8, "utf-8"),),
    "utf-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
    "utf-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
}
"""Encodings with a byte order mark, and the variant that treats it as an ordinary character."""
_MARK: Final = "\ufeff"


def write(text: delimited.Text, target: Path, edits: Iterable[cell_edits.Edit]) -> int:
    """Writes a copy of a text file with new values in some cells.

    A new value is quoted if the old one or all cells of its row were, or if it must be. Short rows are extended.
    Characters that the encoding lacks become `?`.

    Args:
        text: the file.
        target: path of the copy.
        edits: in row order.

    Returns:
        Number of values with such characters.

    Raises:
        InputError: the file's bytes cannot be reproduced, or a row to be changed is malformed.
        OSError: it cannot be read or written.
    """
    encoding, before = _exact(text), hashlib.sha256()
    by_row = ((row, {one.column: one.value for one in group}) for row, group in _by_row(edits))
    wanted, replaced = next(by_row, None), 0
    with target.open("wb") as made:
        for record, raw in _raw_records(text, encoding):
            old = _encoded(raw, encoding, text)
            before.update(old)
            if wanted is None or record is None or record.number != wanted[0]:
                made.write(old)
                continue
            for piece, is_new in _edited(record, raw, text, wanted[1]):
                fits = _fits(piece, encoding)
                made.write(piece.encode(encoding, "replace" if is_new and not fits else _errors_of(encoding)))
                replaced += is_new and not fits
            wanted = next(by_row, None)
    if wanted is not None:
        msg = f"{text.path.name} has no row {wanted[0]} any more"
        raise errors.InputError(msg)
    if before.digest() != _digest(text.path):
        raise errors.InputError(_not_exact(text))
    return replaced


def _by_row(edits: Iterable[cell_edits.Edit]) -> Iterator[tuple[int, Iterator[cell_edits.Edit]]]:
    return itertools.groupby(edits, key=lambda one: one.row)


def _exact(text: delimited.Text) -> str:
    """The encoding variant that keeps a byte order mark as a character."""
    with text.path.open("rb") as stream:
        head = stream.read(4)
    return next((name for mark, name in _MARKS.get(text.encoding, ()) if head.startswith(mark)), text.encoding)


def _errors_of(encoding: str) -> str:
    """Error handler that preserves undecodable bytes, if the encoding allows that."""
    return "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _raw_records(text: delimited.Text, encoding: str) -> Iterator[tuple[headers.Record | None, str]]:
    """Each row with its original text; None for the lines before the first one."""
    try:
        with text.path.open(encoding=encoding, errors=_errors_of(encoding), newline="") as stream:
            lines = iter(stream.readline, "")
            first = next(lines, "")
            if first.startswith(_MARK):
                yield None, _MARK
            lines = itertools.chain([first.removeprefix(_MARK)], lines)
            yield from ((None, line) for line in itertools.islice(lines, text.skipped))
            yield from delimited.raw_records(lines, text.separator)
    except UnicodeError:
        raise errors.InputError(_not_exact(text)) from None


def _encoded(raw: str, encoding: str, text: delimited.Text) -> bytes:
    try:
        return raw.encode(encoding, _errors_of(encoding))
    except UnicodeError:
        raise errors.InputError(_not_exact(text)) from None


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding, _errors_of(encoding))
    except UnicodeError:
        return False
    return True


def _edited(
    record: headers.Record, raw: str, text: delimited.Text, values: Mapping[int, cell_edits.Value]
) -> list[tuple[str, bool]]:
    """A row's text with new values, in pieces, each with whether it is new.

    Raises:
        InputError: the row is malformed.
    """
    spans = _spans(raw, text.separator)
    cells = [delimited.without_apostrophes(_unquoted(raw[start:end])) for start, end in spans]
    if cells and record.number == 1:
        cells[0] = cells[0].removeprefix(_MARK)
    if record.fault or [*record.cells] != (cells if record.cells else []):
        msg = f"row {record.number} of {text.path.name} has quotation marks that po-pw could not write back unchanged"
        raise errors.InputError(msg)
    all_quoted = bool(spans) and all(raw.startswith('"', start) for start, _ in spans)
    pieces: list[tuple[str, bool]] = []
    at, width = 0, len(spans)
    for column in sorted(column for column in values if column < width):
        start, end = spans[column]
        new = _quoted(values[column], text.separator, always=raw.startswith('"', start))
        pieces += [(raw[at:start], False), (new, True)]
        at = end
    stop = spans[-1][1] if spans else 0
    pieces.append((raw[at:stop], False))
    for column in range(width, max(values, default=-1) + 1):
        new = _quoted(values.get(column, ""), text.separator, always=all_quoted)
        pieces += [(text.separator, False), (new, True)]
    return [*pieces, (raw[stop:], False)]


def _spans(raw: str, separator: str) -> list[tuple[int, int]]:
    """Start and end of each cell in a row's text, by the rules of Python's `csv`; without the line end."""
    mark = re.escape(separator)
    cell = re.compile(rf'(?:"(?:[^"]|"")*"?)?[^{mark}\r\n]*')
    spans: list[tuple[int, int]] = []
    at = 0
    while True:
        found = cell.match(raw, at)
        end = found.end() if found else at
        spans.append((at, end))
        if not raw.startswith(separator, end):
            return spans
        at = end + len(separator)


def _unquoted(cell: str) -> str:
    if not cell.startswith('"'):
        return cell
    inner = re.match(r'"((?:[^"]|"")*)"?', cell)
    return cell if inner is None else inner[1].replace('""', '"') + cell[inner.end() :]


def _quoted(value: cell_edits.Value, separator: str, *, always: bool) -> str:
    shown = " ".join(cell_edits.shown(value).splitlines())
    if always or separator in shown or '"' in shown or shown != shown.strip():
        doubled = shown.replace('"', '""')
        return f'"{doubled}"'
    return shown


def _digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _not_exact(text: delimited.Text) -> str:
    return (
        f"{text.path.name} has bytes that are not text in its encoding ({text.encoding}), which would be changed; "
        "save it as CSV UTF-8"
    )
