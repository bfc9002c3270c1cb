"""The results as files: results.csv, results.xlsx, results.json and failed.csv, written from a stream of rows."""

from __future__ import annotations

import collections
import contextlib
import csv
import dataclasses
import errno
import json
import os
import re
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import xlsxwriter

from po_pw import errors, models
from po_pw.results import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*\Z")
_ILLEGAL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]")
_LONGEST_CELL: Final = 32_767
_MOST_ROWS: Final = 1_048_575
_WIDTHS: Final = {
    "status": 17, "attachment_names": 40, "folder": 34, "source_url": 34, "started_at": 29, "finished_at": 29,
    "error_code": 18, "error_message": 60, "attachments_found": 18, "attachments_downloaded": 23, "sha256": 20,
    "file": 36, "source": 40, "saved_at": 29, "modified_at": 25, "sent_name": 30, "media_type": 26,
}  # fmt: skip
_COLOURS: Final = {
    models.Status.COMPLETED: "#C6EFCE", models.Status.NO_ATTACHMENTS: "#DDEBF7", models.Status.PARTIAL: "#FFEB9C",
    models.Status.FAILED: "#FFC7CE", models.Status.PENDING: "#EDEDED", models.Status.DUPLICATE: "#EDEDED",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class About:
    """The run the results are of."""

    run: models.RunId
    plan: models.Plan
    browser: models.BrowserInfo | None
    seconds: float
    work_seconds: float
    interrupted: bool
    version: str


@dataclasses.dataclass
class Summary:
    """What the results say in all."""

    rows: int = 0
    counts: collections.Counter[models.Status] = dataclasses.field(default_factory=collections.Counter)
    files: int = 0
    bytes: int = 0
    order_seconds: float = 0.0
    """Seconds in a worker's hands, of all orders done in this run."""
    carried: int = 0
    """Orders that an earlier run did."""
    notes: list[str] = dataclasses.field(default_factory=list)
    """What the person should know of the files written."""

    def add(self, row: models.RowResult) -> None:
        """Counts one row."""
        self.rows += 1
        self.counts[row.status] += 1
        outcome = row.outcome
        if outcome is None or row.duplicate_of is not None:
            return
        self.carried += outcome.carried
        if not outcome.carried:
            self.files += len(outcome.files)
            self.bytes += sum(file.size for file in outcome.files)
            self.order_seconds += outcome.timing.seconds


class _Writer(Protocol):
    """One of the files."""

    def add(self, row: models.RowResult) -> None: ...

    def end(self) -> bool:
        """Finishes it; False where there was nothing worth a file."""
        ...


def write_all(out: Path, about: About, rows: Callable[[], Iterator[models.RowResult]]) -> Summary:
    """Writes all four, each beside its final place first, so that a half-written one never shows.

    Args:
        out: the output directory.
        about: the run.
        rows: in the input's order; asked for once, consumed as they come.

    Raises:
        EnvironmentProblem: they cannot be written.
    """
    summary = Summary()
    makers: dict[str, Callable[[Path], _Writer]] = {
        "results.csv": lambda path: _Csv(path, about.plan.columns),
        "results.xlsx": lambda path: _Xlsx(path, about.plan.columns),
        "results.json": lambda path: _Json(path, about, summary),
        "failed.csv": lambda path: _Failed(path, about.plan.columns),
    }
    temporary = {name: out / f".{name}.new" for name in makers}
    try:
        writers = {name: make(temporary[name]) for name, make in makers.items()}
        for row in rows():
            summary.add(row)
            for writer in writers.values():
                writer.add(row)
        for name, writer in writers.items():
            if writer.end():
                _publish(temporary[name], out / name, about.run, summary)
            else:
                temporary[name].unlink(missing_ok=True)
                (out / name).unlink(missing_ok=True)
    except (OSError, xlsxwriter.exceptions.XlsxWriterException) as error:
        for path in temporary.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        why = "no space is left" if getattr(error, "errno", 0) == errno.ENOSPC else str(error)
        msg = f"the results cannot be written in {out}: {why}. The journal has everything: run the same command again."
        raise errors.EnvironmentProblem(msg) from error
    return summary


def _publish(temporary: Path, final: Path, run: models.RunId, summary: Summary) -> None:
    try:
        temporary.replace(final)
    except PermissionError:
        # Open in Excel on Windows: what it shows must not stand in the way of the new results.
        other = final.with_name(f"{final.stem} {run}{final.suffix}")
        temporary.replace(other)
        summary.notes.append(f"{final.name} is open in another program; the new one is {other.name}")


class _Csv:
    """results.csv: UTF-8 with BOM, comma, CRLF."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._stream: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\r\n")
        self._writer.writerow([_harmless(name) for name in layout.header(columns)])

    def add(self, row: models.RowResult) -> None:
        self._writer.writerow([_harmless(value) for value in (*row.cells, *layout.cells(row))])

    def end(self) -> bool:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return True


class _Failed:
    """failed.csv: the rows that did not succeed, in the input's columns, ready to run again."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._stream: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\r\n")
        self._writer.writerow([_harmless(name) for name in columns])
        self._rows = 0

    def add(self, row: models.RowResult) -> None:
        if row.status in {models.Status.FAILED, models.Status.PARTIAL, models.Status.PENDING}:
            self._rows += 1
            self._writer.writerow([_harmless(value) for value in row.cells])

    def end(self) -> bool:
        self._stream.close()
        return self._rows > 0


class _Json:
    """results.json: everything, as `{"run": …, "rows": […], "summary": …}`."""

    def __init__(self, path: Path, about: About, summary: Summary) -> None:
        self._stream: IO[str] = path.open("w", encoding="utf-8")
        self._columns = about.plan.columns
        self._summary = summary
        self._first = True
        plan = about.plan
        run = {
            "run": about.run, "source": plan.source, "out": plan.out, "workers": plan.workers,
            "started_at": layout.iso(plan.started_at), "seconds": round(about.seconds, 3),
            "work_seconds": round(about.work_seconds, 3), "interrupted": about.interrupted,
            "browser": dataclasses.asdict(about.browser) if about.browser else None, "po_pw": about.version,
        }  # fmt: skip
        self._stream.write(f'{{"run": {_dumped(run)},\n"rows": [')

    def add(self, row: models.RowResult) -> None:
        names = layout.COLUMNS
        content: dict[str, Any] = {"row": row.number, "po_number": row.po_number}
        content |= dict(zip(names, layout.cells(row), strict=True))
        content["duplicate_of"] = row.duplicate_of
        content["input"] = dict(zip(self._columns, row.cells, strict=False))
        content["files"] = [dataclasses.asdict(file) for file in row.outcome.files] if row.outcome else []
        content["missing"] = [dataclasses.asdict(file) for file in row.outcome.missing] if row.outcome else []
        self._stream.write(("\n" if self._first else ",\n") + _dumped(content))
        self._first = False

    def end(self) -> bool:
        total = self._summary
        summary = {
            "rows": total.rows, "counts": dict(total.counts), "files": total.files, "bytes": total.bytes,
            "order_seconds": round(total.order_seconds, 3), "carried": total.carried,
        }  # fmt: skip
        self._stream.write(f'\n],\n"summary": {_dumped(summary)}}}\n')
        self._stream.close()
        return True


class _Xlsx:
    """results.xlsx: a sheet like results.csv, and a second one with a line per file. Rows are not kept in memory."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._book = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._bold = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#F2F2F2"})
        self._colours = {status: self._book.add_format({"bg_color": colour}) for status, colour in _COLOURS.items()}
        names = layout.header(columns)
        self._own = len(columns)
        self._results = self._sheet("results", names)
        self._files = self._sheet("files", layout.FILE_COLUMNS)
        self._row = self._file_row = 0
        self._width, self._file_width = len(names), len(layout.FILE_COLUMNS)

    def _sheet(self, name: str, names: Sequence[str]) -> Any:
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(names):
            sheet.set_column(place, place, _WIDTHS.get(column, max(11, min(30, len(column) + 3))))
        for place, column in enumerate(names):
            sheet.write_string(0, place, _clean(column), self._bold)
        return sheet

    def add(self, row: models.RowResult) -> None:
        if self._row >= _MOST_ROWS:
            return
        self._row += 1
        for place, value in enumerate((*row.cells, *layout.cells(row))):
            look = self._colours[row.status] if place == self._own else None
            self._write(self._results, self._row, place, value, look)
        for line in layout.file_rows(row):
            if self._file_row >= _MOST_ROWS:
                return
            self._file_row += 1
            for place, value in enumerate(line):
                self._write(self._files, self._file_row, place, value, None)

    @staticmethod
    def _write(sheet: Any, row: int, place: int, value: Any, look: Any) -> None:
        if isinstance(value, (int, float)):
            sheet.write_number(row, place, value, look)
        elif value:
            sheet.write_string(row, place, _clean(str(value)), look)

    def end(self) -> bool:
        self._results.autofilter(0, 0, max(self._row, 1), self._width - 1)
        self._files.autofilter(0, 0, max(self._file_row, 1), self._file_width - 1)
        self._book.close()
        return True


def _harmless(value: Any) -> Any:
    """A cell that no spreadsheet program takes for a formula; `orders.tables.unmarked` takes the mark off again."""
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "")
    stripped = text.lstrip("'")  # a cell that has marks of its own gets one more, so that taking one off restores it
    marked = len(stripped) < len(text) and stripped.startswith(_DANGEROUS)
    return f"'{text}" if marked or (text.startswith(_DANGEROUS) and not _NUMBER.match(text)) else text


def _clean(text: str) -> str:
    text = _ILLEGAL.sub("\ufffd", text)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
