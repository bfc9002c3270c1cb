"""The program that reads a workbook in its own process, so that a crash of the library ends only that process.

It writes JSON lines to standard output: first `{"sheet": NAME, "others": [NAME, …], "left": COLUMN}`, the column
(from 0) of each row's first cell, or `{"refused": WHY}`; then for each row `[NUMBER, [CELL, …], [COLUMN, …]]`, the last
being columns whose formula has no result; finally `{"rows": COUNT}`. `workbook_sandbox` starts it and reads its output.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":
    # Appended: nothing there can shadow a standard module.
    sys.path.append(sys.argv[1])

from po_pw import errors
from po_pw.orders import cells, headers, workbook_limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import python_calamine

NO_SPACE: Final = 9
"""Exit code if the output cannot be written."""
_PREFERRED: Final = "podata"
_RESULTS: Final = ("Summary", "Orders", "Files")
"""The first sheets of a results.xlsx; its second one is the list."""
_MAX_BYTES: Final = 4 << 30
_STEP: Final = 10_000
"""Rows after which the timeout restarts."""
_EXPORT: Final = "Export your list as .xlsx or .csv from the program that made it, and give that file."
_SAVE: Final = "Open it in Excel, save it as .xlsx or .csv, then run the same command again."


def _main(path: Path, seconds: float, named: Mapping[str, str]) -> None:
    limit_memory()
    give_time(seconds)
    try:
        for count, line in enumerate(_lines(path, named)):
            sys.stdout.write(json.dumps(line) + "\n")
            if count % _STEP == 0:
                give_time(seconds)
        sys.stdout.flush()
    except OSError:
        sys.exit(NO_SPACE)


def give_time(seconds: float) -> None:
    """Ends this process after a timeout, from its own thread: works even if the library hangs or the parent is gone."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def limit_memory() -> None:
    """Limits this process's memory; if memory runs out, the system kills this process first.

    Windows has no such limits; there only `workbook_limits` applies.
    """
    if sys.platform != "win32":
        import os
        import resource

        with contextlib.suppress(OSError, ValueError):  # not always possible on macOS
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            wanted = min(_MAX_BYTES, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
            resource.setrlimit(
                resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(most, wanted), most)
            )
            Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")


def _lines(path: Path, named: Mapping[str, str]) -> Iterator[object]:
    """Yields the output for a workbook."""
    import python_calamine as calamine

    try:
        without_result = workbook_limits.check(path)
        with path.open("rb") as stream:
            book = calamine.CalamineWorkbook.from_filelike(stream)
        sheet, others = _chosen(book, path, named)
        missing = without_result.get(sheet.name, {})
        yield {"sheet": sheet.name, "others": others, "left": _first_column(sheet, missing)}
        count = 0
        for record in _records(sheet, missing):
            count += 1
            yield record
        yield {"rows": count}
    except errors.InputError as error:
        yield {"refused": str(error)}
    except (workbook_limits.ProtectedError, calamine.PasswordError):
        yield {"refused": f"{path} is protected with a password. Save it without one, then run the same command again."}
    except calamine.WorksheetNotFound as error:
        yield {
            "refused": f"{path} is not a spreadsheet that can be read (its sheet {str(error)!r} is not in it). {_SAVE}"
        }
    except calamine.CalamineError as error:
        if other := workbook_limits.other_document(path):
            yield {"refused": f"{path} is not a spreadsheet but {other}. {_EXPORT}"}
            return
        yield {"refused": f"{path} is not a spreadsheet that can be read ({error}). {_SAVE}"}


def _chosen(
    book: python_calamine.CalamineWorkbook, path: Path, named: Mapping[str, str]
) -> tuple[python_calamine.CalamineSheet, list[str]]:
    """The first visible sheet with a PO column, `PO_Data` and a results.xlsx's `Orders` preferred; else any with cells.

    Also returns the names of the other visible sheets.

    Raises:
        InputError: all are empty.
    """
    import python_calamine as calamine

    visible = [
        about.name
        for about in book.sheets_metadata
        if about.typ == calamine.SheetTypeEnum.WorkSheet and about.visible == calamine.SheetVisibleEnum.Visible
    ]
    found: python_calamine.CalamineSheet | None = None
    preferred = {name for name in visible if headers.bare(name) == _PREFERRED}
    if tuple(visible[: len(_RESULTS)]) == _RESULTS:
        preferred.add(_RESULTS[1])
    for name in sorted(visible, key=lambda name: name not in preferred):
        sheet = book.get_sheet_by_name(name)
        rows = (headers.Record(number, texts) for number, texts, _ in _records(sheet, {}))
        if headers.find(rows, named) is not None:
            found = sheet
            break
        if found is None and sheet.height:
            found = sheet
    if found is None:
        msg = f"{path} is empty: no visible sheet has any cells. It needs a header row with a column po_number."
        raise errors.InputError(msg)
    return found, [name for name in visible if name != found.name]


def _records(
    sheet: python_calamine.CalamineSheet, without_result: Mapping[int, Sequence[int]]
) -> Iterator[tuple[int, list[str], list[int]]]:
    """Yields each row: its number, its cells, and the columns with a formula without a result.

    Args:
        sheet: from the library; its rows start at the first non-empty column.
        without_result: columns by row, both from 0, including ones that the library drops.
    """
    left = sheet.start[1] if sheet.start else 0
    first = _first_column(sheet, without_result)
    number = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        columns = [column - first for column in without_result.get(number - 1, ())]
        yield number, _wide([*[""] * (left - first), *map(cells.text, row)], columns), columns
    for below in range(number, max(without_result, default=-1) + 1):
        columns = [column - first for column in without_result.get(below, ())]
        yield below + 1, _wide([], columns), columns


def _first_column(sheet: python_calamine.CalamineSheet, without_result: Mapping[int, Sequence[int]]) -> int:
    """The column of the first cell in each row that `_records` yields."""
    left = sheet.start[1] if sheet.start else 0
    return min([left, *(column for columns in without_result.values() for column in columns)])


def _wide(texts: list[str], columns: Sequence[int]) -> list[str]:
    """Extends a row so that it includes these columns."""
    return texts + [""] * (max(columns, default=-1) + 1 - len(texts))


if __name__ == "__main__":
    _main(Path(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4]))
