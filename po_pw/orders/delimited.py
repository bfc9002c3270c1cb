"""Reads text files with commas, semicolons, tabs or pipes, in any common encoding."""

from __future__ import annotations

import codecs
import collections
import csv
import dataclasses
import itertools
import re
from typing import IO, TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SEPARATORS: Final = ",;\t|"
_DECLARED: Final = re.compile(r"\"?sep=([,;\t|:^~])\"?\r?\n?\Z", re.IGNORECASE)
_BLOCK: Final = 1 << 20
_MARKED: Final = re.compile(r"(?:\A'(?='*[=+\-@\t\r\n＝＋－＠])|(?<=[;\r\n])'(?='*[=+\-@＝＋－＠]))")  # noqa: RUF001 - the wide forms count as formulas too
_FOREIGN: Final = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr"]
_MAX_LINE_CHARS: Final = 1 << 24
"""Maximum characters of a line, which is read into memory."""
_MAX_LINES, _MIN_LINES = 1024, 16
_LONG_CELL: Final = f"a cell has more than {csv.field_size_limit():,} characters"
_BAD_QUOTES: Final = 'a quotation mark (") opens here and is not closed: correct the quotation marks in this row'


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A text file with known encoding and separator."""

    path: Path
    encoding: str
    separator: str
    skipped: int
    """Lines before the first row: Excel's `sep=;` line, which Excel does not count as a row."""
    about: str = ""

    def records(self) -> Iterator[headers.Record]:
        """Yields all rows.

        Raises:
            InputError: the file cannot be read completely.
        """
        try:
            with self.path.open(encoding=self.encoding, errors="replace", newline="") as stream:
                yield from _records(itertools.islice(self._lines(stream), self.skipped, None), self.separator)
        except OSError as error:
            msg = f"{self.path} cannot be read any more: {error.strerror}."
            raise errors.InputError(msg) from None

    def _lines(self, stream: IO[str]) -> Iterator[str]:
        while line := stream.readline(_MAX_LINE_CHARS):
            if len(line) == _MAX_LINE_CHARS:
                msg = f"{self.path} has a line of {_MAX_LINE_CHARS:,} characters or more; it needs one row per order."
                raise errors.InputError(msg)
            yield line


def open_text(
    path: Path, encoding: str, sample: str, *, is_complete: bool, named: Mapping[str, str] = headers.NO_NAMES
) -> Text:
    """Finds the separator: declared by Excel's `sep=;`, else by scoring the first rows.

    Args:
        path: to read.
        encoding: found by `encoding_of`.
        sample: its beginning.
        is_complete: whether the sample is the complete file.
        named: names of columns that the user gives, by field.
    """
    if not is_complete:
        sample = sample[: sample.rfind("\n") + 1] or sample
    lines = sample.splitlines(keepends=True)
    declared = _DECLARED.match(lines[0]) if lines else None
    if declared:
        return Text(path, encoding, declared[1], 1)
    return Text(path, encoding, max(_SEPARATORS, key=lambda separator: _score(sample, separator, named)), 0)


def without_apostrophes(cell: str) -> str:
    """Removes the apostrophes that our results put before text that looks like a formula."""
    return _MARKED.sub("", cell) if "'" in cell else cell


def encoding_of(path: Path, head: bytes) -> str | None:
    """The encoding of a text file; None if it is not text.

    A file that is completely valid UTF-8 is UTF-8. Else Windows-1252, as saved by Excel in western Europe and the
    Americas, unless there are sequences of non-ASCII letters, as in Cyrillic or Japanese: then the encoding is detected
    by letter frequency.
    """
    for bom, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(bom):
            return name
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 4 and even < len(head) // 50 + 1:
        return "utf-16-le"
    if even > len(head) // 4 and odd < len(head) // 50 + 1:
        return "utf-16-be"
    control = sum(byte < 9 or 13 < byte < 32 for byte in head) / max(1, len(head))
    foreign = _not_utf8(path) if control < 0.3 else head
    if foreign is None:
        return "utf-8"
    return _single_byte(foreign) if control < 0.01 else None


def _not_utf8(path: Path) -> bytes | None:
    """The first block that is not valid UTF-8; None if the whole file is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while True:
                block = stream.read(_BLOCK)
                try:
                    decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    return block or error.object
                if not block:
                    return None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise errors.InputError(msg) from None


def _single_byte(block: bytes) -> str:
    runs = re.findall(rb"[\x80-\xff]+", block)
    if sum(map(len, runs)) <= 1.5 * len(runs):
        return "cp1252"
    import charset_normalizer

    lines = [line for line in block.splitlines() if not line.isascii()][:500]
    best = charset_normalizer.from_bytes(b"\n".join(lines), cp_isolation=_FOREIGN).best()
    return best.encoding if best is not None else "cp1252"


def _score(sample: str, separator: str, named: Mapping[str, str]) -> tuple[int, int, int]:
    """Scores a separator: known columns in a header, percentage of rows as wide as the header, its width."""
    first = [record for record in itertools.islice(_records(_lines(sample), separator), 40) if not record.blank]
    header = headers.find(first, named)
    known = headers.known_in(header.cells, named) if header else 0
    widest = max((len(record.cells) for record in first), default=0)
    width = len(header.cells) if header else widest
    if width < 2:
        return known, 0, width
    as_wide = sum(len(record.cells) == width and not record.fault for record in first)
    return known, as_wide * 100 // len(first), width


def _lines(text: str) -> Iterator[str]:
    return (match[0] for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text))


def _records(lines: Iterator[str], separator: str) -> Iterator[headers.Record]:
    return (record for record, _ in raw_records(lines, separator))


def raw_records(lines: Iterator[str], separator: str) -> Iterator[tuple[headers.Record, str]]:
    """Splits lines into rows, each with its original text.

    An unclosed quotation mark would silently swallow the following rows: such a row is cut after one line and marked as
    faulty, and reading continues with the next line. To bound the time for a file full of such rows, the lines allowed
    per row decrease while consecutive rows are faulty.
    """
    again: collections.deque[str] = collections.deque()
    taken: list[str] = []
    most = _MAX_LINES

    def feed() -> Iterator[str]:
        while len(taken) < most:
            line = again.popleft() if again else next(lines, None)
            if line is None:
                return
            taken.append(line)
            yield line

    reader = csv.reader(feed(), delimiter=separator)
    number = 0
    while True:
        taken.clear()
        fault = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fault = _BAD_QUOTES if len(taken) > 1 else _LONG_CELL
        else:
            fault = "" if _closed(taken, separator) else _BAD_QUOTES
        number += 1
        raw = "".join(taken[:1] if fault else taken)
        most = max(most // 2, _MIN_LINES) if fault else _MAX_LINES
        if fault:
            again.extendleft(reversed(taken[1:]))
            cells = taken[0].rstrip("\r\n").split(separator)
            reader = csv.reader(feed(), delimiter=separator)
        if number == 1 and cells:
            cells[0] = cells[0].removeprefix("\ufeff")
        yield headers.Record(number, [without_apostrophes(cell) for cell in cells], fault), raw


def _closed(lines: list[str], separator: str) -> bool:
    """Whether the quotation marks in a row's lines are balanced."""
    if len(lines) > 1:
        try:
            return len(list(csv.reader(lines, delimiter=separator, strict=True))) == 1
        except csv.Error:
            return False
    if lines[0].count('"') % 2 == 0:
        return True
    probe = csv.reader([lines[0], "next"], delimiter=separator)
    next(probe)
    return probe.line_num == 1
