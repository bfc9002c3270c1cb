"""results.csv, failed.csv and results.json, a row at a time."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import os
import re
from typing import IO, TYPE_CHECKING, Any, Final, Self

from po_pw import models
from po_pw.results import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_FORMULA: Final = re.compile(r"(?:\A(?='*[=+\-@\t\r\n＝＋－＠])|(?<=[;\r\n])(?='*[=+\-@＝＋－＠]))")  # noqa: RUF001 - the wide forms count as formulas too
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*\Z", re.ASCII)


def harmless(cell: layout.Cell) -> layout.Cell:
    """A cell that no spreadsheet program takes for a formula: an apostrophe goes before what looks like one.

    So does one inside after a semicolon or a line break: where semicolons separate cells, as in much of Europe, Excel
    opens this file in such a way that a cell begins there. Plain numbers such as `-12.5` stay. Text that has
    apostrophes of its own there gets one more, so that reading it as orders, which takes one off, gives back exactly
    what it was.
    """
    return marked(cell) if isinstance(cell, str) else cell


def marked(text: str) -> str:
    """The same for a text."""
    return text if _NUMBER.match(text) else _FORMULA.sub("'", text)


class _File:
    """A text file that is on disk when the block ends without an error."""

    def __init__(self, path: Path, encoding: str) -> None:
        # What cannot be encoded (half of a surrogate pair) becomes an escape, which in JSON means the same again.
        self.stream: IO[str] = path.open("w", encoding=encoding, newline="", errors="backslashreplace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.close()

    def on_disk(self) -> None:
        """Makes sure that what was written outlives a power cut."""
        self.stream.flush()
        os.fsync(self.stream.fileno())


class _Table(_File):
    """UTF-8 with BOM, comma, CRLF: what spreadsheet programs open without asking."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        super().__init__(path, "utf-8-sig")
        self._writer = csv.writer(self.stream, lineterminator="\r\n")
        self.write(names)

    def write(self, cells: Iterable[layout.Cell]) -> None:
        """One line."""
        self._writer.writerow([harmless(cell) for cell in cells])


class Results(_Table):
    """results.csv: every row, the input's columns first."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        super().__init__(path, layout.header(columns))

    def add(self, row: models.RowResult) -> None:
        """One row."""
        self.write((*row.cells, *layout.cells(row)))

    def finish(self) -> bool:
        """True: it is always wanted."""
        self.on_disk()
        return True


class Failed(_Table):
    """failed.csv: the rows that did not succeed, in the input's columns, ready to run again."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        super().__init__(path, columns)
        self._any = False

    def add(self, row: models.RowResult) -> None:
        """One row; kept only where there is something left to do. A DUPLICATE is done with the row it repeats."""
        if not row.status.succeeded and row.status is not models.Status.DUPLICATE:
            self._any = True
            self.write(row.cells)

    def finish(self) -> bool:
        """Whether it has any row."""
        self.on_disk()
        return self._any


class Json(_File):
    """results.json: everything, as `{"run": …, "rows": […], "others": […], "summary": …}`."""

    def __init__(self, path: Path, columns: Sequence[str], run: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Begins it.

        Args:
            path: the file.
            columns: the input's columns.
            run: what `run` holds.
            summary: what `summary` holds; read when all rows are there.
        """
        super().__init__(path, "utf-8")
        self._columns = columns
        self._summary = summary
        self._comma = ""
        self._has_others = False
        self.stream.write(f'{{"run": {_dumped(run)},\n"rows": [')

    def add(self, row: models.RowResult) -> None:
        """One row."""
        self._write({"row": row.number, **_content(row, self._columns, layout.cells(row))})

    def add_other(self, other: models.OtherOrder) -> None:
        """One order of another list; after all rows."""
        if not self._has_others:
            self._begin_others()
        origin = {"list": other.source, "run": other.run, "row": other.row.number or None}
        cells = layout.cells(other.row, layout.again_of(other))
        self._write({**origin, **_content(other.row, other.columns, cells)})

    def _begin_others(self) -> None:
        self.stream.write('\n],\n"others": [')
        self._has_others, self._comma = True, ""

    def _write(self, content: Mapping[str, Any]) -> None:
        self.stream.write(f"{self._comma}\n{_dumped(content)}")
        self._comma = ","

    def finish(self) -> bool:
        """True: it is always wanted."""
        if not self._has_others:
            self._begin_others()
        self.stream.write(f'\n],\n"summary": {_dumped(self._summary)}}}\n')
        self.on_disk()
        return True


def _content(row: models.RowResult, columns: Sequence[str], cells: Sequence[layout.Cell]) -> dict[str, Any]:
    outcome = row.outcome
    content: dict[str, Any] = {"po_number": row.po_number, "duplicate_of": row.duplicate_of}
    content["input"] = dict(zip(columns, row.cells, strict=False))
    values = zip(layout.COLUMNS, cells, strict=True)
    content |= {name: value if value != "" else None for name, value in values}
    content["supplier"] = outcome.supplier if outcome else None
    content["carried"] = outcome.carried if outcome else False
    content["files"] = [dataclasses.asdict(file) for file in outcome.files] if outcome else []
    content["missing"] = [dataclasses.asdict(gap) for gap in outcome.missing] if outcome else []
    return content


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return layout.iso(value)
    msg = f"{type(value).__name__} has no place in results.json"
    raise TypeError(msg)
