"""Writers of results.csv, failed.csv and results.json."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import json
import re
from typing import IO, TYPE_CHECKING, Any, Final, Self

from po_pw import models
from po_pw.orders import added_columns
from po_pw.results import reasons, row_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_FORMULA: Final = re.compile(r"(?:\A(?='*[=+\-@\t\r\n＝＋－＠])|(?<=[;\r\n])(?='*[=+\-@＝＋－＠]))")  # noqa: RUF001 - the wide forms count as formulas too
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*\Z", re.ASCII)


def harmless(cell: row_values.Cell) -> row_values.Cell:
    """Makes a cell safe from being run as a formula, by an apostrophe before what looks like one.

    Also inside a cell after a semicolon or a line break: with a European list separator Excel starts a new cell there.
    Plain numbers such as `-12.5` are unchanged. Text with an apostrophe there gets another one, so that our reader,
    which removes one, restores the original.
    """
    return marked(cell) if isinstance(cell, str) else cell


def marked(text: str) -> str:
    """`harmless` for a text."""
    return text if _NUMBER.match(text) else _FORMULA.sub("'", text)


class _File:
    """A text file."""

    def __init__(self, path: Path, encoding: str) -> None:
        # A lone surrogate cannot be encoded; it becomes an escape, which in JSON means the same character.
        self.stream: IO[str] = path.open("w", encoding=encoding, newline="", errors="backslashreplace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.close()


class _Table(_File):
    """CSV as UTF-8 with BOM, comma, CRLF, which spreadsheet programs open without asking."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        super().__init__(path, "utf-8-sig")
        self._writer = csv.writer(self.stream, lineterminator="\r\n")
        self.write(names)

    def write(self, cells: Iterable[row_values.Cell]) -> None:
        """Writes a line."""
        self._writer.writerow([harmless(cell) for cell in cells])


class Results(_Table):
    """results.csv: every row, the input's columns first."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        super().__init__(path, row_values.header(columns))

    def add(self, row: models.RowResult) -> None:
        """Writes a row."""
        self.write((*row.cells, *row_values.cells(row)))

    def finish(self) -> bool:
        """Returns True: the file is always kept."""
        self.stream.flush()
        return True


class Failed(_Table):
    """failed.csv: the rows that did not succeed, in the input's columns, ready to run again, and why.

    The columns that say why are left out when it is read (see `added_columns`).
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        super().__init__(path, row_values.header(columns, added_columns.FAILED))
        self._any = False

    def add(self, row: models.RowResult) -> None:
        """Writes a row if there is something left to do; a DUPLICATE is done with the row it repeats."""
        if not row.status.succeeded and row.status is not models.Status.DUPLICATE:
            self._any = True
            reason = reasons.of_row(row)
            code, message = row_values.cells(row)[-2:]
            why = (row.status.value, code, reasons.sentence(reason.cause), reasons.sentence(reason.remedy), message)
            self.write((*row.cells, *why))

    def finish(self) -> bool:
        """Returns whether it has any row."""
        self.stream.flush()
        return self._any


class Json(_File):
    """results.json: everything, as `{"run": …, "rows": […], "others": […], "summary": …}`."""

    def __init__(self, path: Path, columns: Sequence[str], run: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        """Opens the file.

        Args:
            path: to write.
            columns: the input's columns.
            run: content of `run`.
            summary: content of `summary`; read after the last row.
        """
        super().__init__(path, "utf-8")
        self._columns = columns
        self._summary = summary
        self._comma = ""
        self._has_others = False
        self.stream.write(f'{{"run": {_dumped(run)},\n"rows": [')

    def add(self, row: models.RowResult) -> None:
        """Writes a row."""
        self._write({"row": row.number, **_content(row, self._columns, row_values.cells(row))})

    def add_other(self, other: models.OtherOrder) -> None:
        """Writes an order of another list; call after all rows."""
        if not self._has_others:
            self._begin_others()
        origin = {"list": other.source, "run": other.run, "row": other.row.number or None}
        cells = row_values.cells(other.row, row_values.list_of(other))
        self._write({**origin, **_content(other.row, other.columns, cells)})

    def _begin_others(self) -> None:
        self.stream.write('\n],\n"others": [')
        self._has_others, self._comma = True, ""

    def _write(self, content: Mapping[str, Any]) -> None:
        self.stream.write(f"{self._comma}\n{_dumped(content)}")
        self._comma = ","

    def finish(self) -> bool:
        """Returns True: the file is always kept."""
        if not self._has_others:
            self._begin_others()
        self.stream.write(f'\n],\n"summary": {_dumped(self._summary)}}}\n')
        self.stream.flush()
        return True


def _content(row: models.RowResult, columns: Sequence[str], cells: Sequence[row_values.Cell]) -> dict[str, Any]:
    outcome = row.outcome
    content: dict[str, Any] = {"po_number": row.po_number, "duplicate_of": row.duplicate_of}
    content["input"] = dict(zip(columns, row.cells, strict=False))
    values = zip(row_values.COLUMNS, cells, strict=True)
    content |= {name: value if value != "" else None for name, value in values}
    content["supplier"] = outcome.supplier if outcome else None
    content["from_earlier_run"] = outcome.from_earlier_run if outcome else False
    content["files"] = [dataclasses.asdict(file) for file in outcome.files] if outcome else []
    content["evidence_files"] = outcome.evidence if outcome else ()
    content["missing"] = [dataclasses.asdict(gap) for gap in outcome.missing] if outcome else []
    return content


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return row_values.iso(value)
    msg = f"{type(value).__name__} cannot be written to results.json"
    raise TypeError(msg)
