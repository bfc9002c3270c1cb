"""The program that edits a workbook in its own process: cells of one sheet, and nothing else.

It reads JSON lines `[ROW, COLUMN, KIND, VALUE]` (row from 1, column from 0; `text`, `number` or `moment`), and writes
one to standard output: `{"left": [[ROW, COLUMN], …]}`, the cells that keep their formulas, or `{"refused": WHY}`.
`workbook_sandbox` starts it and reads its output.
"""

from __future__ import annotations

import copy
import datetime
import json
import re
import shutil
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

if __name__ == "__main__":
    # Appended: a file there cannot shadow a module of the standard library.
    sys.path.append(sys.argv[1])

from po_pw import errors
from po_pw.orders import sheet_xml, workbook_limits, workbook_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from po_pw.orders import edits as cell_edits

_SHEET: Final = re.compile(rb"<(?:\w+:)?worksheet[\s>]")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_CALCULATION: Final = re.compile(rb"<((?:\w+:)?)calcPr((?:\s[^>]*?)?)(/?)>")
_AT_LOAD: Final = re.compile(rb"\sfullCalcOnLoad\s*=\s*[\"'][^\"']*[\"']")
_BEFORE_CALCULATION: Final = re.compile(
    rb"</((?:\w+:)?)(?:definedNames|externalReferences|functionGroups|sheets)>(?!.*</(?:\w+:)?(?:definedNames|external"
    rb"References|functionGroups|sheets)>)",
    re.DOTALL,
)
_NO_COLOURS: Final = re.compile(r"\"[^\"]*\"|\[[^\]]*\]|\\.")
_DATE_LETTERS: Final = re.compile(r"[ymdhs]", re.IGNORECASE)
_BUILT_IN_DATES: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
"""Built-in number formats that show dates or times (ECMA-376 part 1, 18.8.30)."""


def _main(source: Path, target: Path, sheet: str, wanted: Path, seconds: float) -> None:
    workbook_process.limit_memory()
    workbook_process.give_time(seconds)
    try:
        said: object = {
            "left": _edit(source, target, sheet, _read(wanted), lambda: workbook_process.give_time(seconds))
        }
    except workbook_limits.ProtectedError:
        said = {"refused": "it is protected with a password"}
    except (errors.InputError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, ElementTree.ParseError) as error:
        said = {"refused": str(error) or type(error).__name__}
    except OSError:
        sys.exit(workbook_process.NO_SPACE)
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _read(wanted: Path) -> dict[int, dict[int, cell_edits.Value]]:
    found: dict[int, dict[int, cell_edits.Value]] = {}
    with wanted.open(encoding="utf-8") as stream:
        for line in stream:
            row, column, kind, value = json.loads(line)
            found.setdefault(row, {})[column] = datetime.datetime.fromisoformat(value) if kind == "moment" else value
    return found


def _edit(
    source: Path,
    target: Path,
    sheet: str,
    wanted: Mapping[int, Mapping[int, cell_edits.Value]],
    on_step: Callable[[], None],
) -> list[tuple[int, int]]:
    """Writes a copy with the new values; formulas are recalculated when it is opened.

    Returns:
        The cells that keep their formulas.

    Raises:
        ValueError: the workbook is not valid.
        KeyError: the sheet or a part is missing.
        OSError: it cannot be read or written.
    """
    workbook_limits.check(source)
    on_step()
    with zipfile.ZipFile(source) as archive:
        part = workbook_limits.sheet_parts(archive)[sheet]
        book = workbook_limits.book_part(archive)
        editor = sheet_xml.SheetEditor(archive.read(part), wanted, _styles(archive, book), on_step)
        changed = {part: editor.edited()}
        on_step()
        if any(_has_formulas(archive, one) for one in archive.infolist()):
            changed[book] = _calculated_at_load(archive.read(book))
        _write(archive, target, changed)
    return editor.left


def _write(archive: zipfile.ZipFile, target: Path, changed: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w") as made:
        made.comment = archive.comment
        for info in archive.infolist():
            fresh = copy.copy(info)
            if info.filename in changed:
                fresh.file_size = len(changed[info.filename])
                with made.open(fresh, "w") as stream:
                    stream.write(changed[info.filename])
            else:
                with archive.open(info) as old, made.open(fresh, "w") as stream:
                    shutil.copyfileobj(old, stream)


def _has_formulas(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    if not part.filename.lower().endswith(".xml"):
        return False
    content = archive.read(part)
    return _SHEET.search(content[:4096]) is not None and _FORMULA.search(content) is not None


def _calculated_at_load(book: bytes) -> bytes:
    """Marks the workbook for recalculation on opening, because formulas may depend on the new values."""
    found = _CALCULATION.search(book)
    if found is not None:
        kept = _AT_LOAD.sub(b"", found[2])
        tag = b"<" + found[1] + b"calcPr" + kept.rstrip() + b' fullCalcOnLoad="1"' + found[3] + b">"
        return book[: found.start()] + tag + book[found.end() :]
    before: re.Match[bytes] | None = _BEFORE_CALCULATION.search(book)
    if before is None:
        msg = "a workbook that names no sheets"
        raise ValueError(msg)
    return book[: before.end()] + b"<" + before[1] + b'calcPr fullCalcOnLoad="1"/>' + book[before.end() :]


def _styles(archive: zipfile.ZipFile, book: str) -> sheet_xml.Styles:
    """Finds the formats that show a number as a date, and the epoch."""
    root = ElementTree.fromstring(archive.read(book))  # noqa: S314 - this process is bounded
    is_from_1904 = any(_local(one) == "workbookPr" and one.get("date1904") in {"1", "true"} for one in root)
    part = next(
        (part for kind, part in workbook_limits.related_parts(archive, book).values() if kind == "styles"), None
    )
    if part is None:
        return sheet_xml.Styles(frozenset(), is_from_1904)
    dates = set(_BUILT_IN_DATES)
    formats: list[int] = []
    for group in ElementTree.fromstring(archive.read(part)):  # noqa: S314 - likewise
        if _local(group) == "numFmts":
            for one in group:
                is_date = _DATE_LETTERS.search(_NO_COLOURS.sub("", one.get("formatCode", ""))) is not None
                (dates.add if is_date else dates.discard)(int(one.get("numFmtId", "-1")))
        elif _local(group) == "cellXfs":
            formats = [int(one.get("numFmtId", "0")) for one in group]
    return sheet_xml.Styles(frozenset(at for at, number in enumerate(formats) if number in dates), is_from_1904)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


if __name__ == "__main__":
    _main(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], Path(sys.argv[5]), float(sys.argv[6]))
