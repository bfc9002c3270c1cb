"""Reads and edits workbooks in a separate process: if it aborts, hangs or runs out of memory, only that process ends.

The rows are passed in an unnamed temporary file, so that they can be read repeatedly.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from po_pw import errors
from po_pw.orders import headers, workbook_edit, workbook_process

if TYPE_CHECKING:
    import types
    from collections.abc import Iterable, Iterator, Mapping

    from po_pw.orders import edits as cell_edits

_SECONDS: Final = 120.0
"""Timeout for 10,000 rows, and for everything before the first."""
_NAMED: Final = 5
"""Maximum number of other sheets that are named in a message."""
_BLOCK: Final = 1 << 20
_ROOT: Final = Path(__file__).parents[2]


class Rows:
    """The rows of the chosen sheet.

    Attributes:
        about: the sheet's name, if there are others; else `""`.
        sheet: the sheet's name.
        left: the column (from 0) of each row's first cell.
    """

    separator: str = ""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        weakref.finalize(self, stream.close)
        lines = self._lines()
        about: dict[str, Any] = next(lines, {})
        last: Any = about
        if "refused" not in about:
            self._stream.seek(max(0, self._stream.seek(0, 2) - _BLOCK))
            last = json.loads(self._stream.read().rpartition(b"\n")[0].rpartition(b"\n")[2] or b"{}")
        if "refused" in last:
            raise errors.InputError(last["refused"])
        if "rows" not in last:
            raise errors.InputError(_damaged(path))
        self.sheet: str = about["sheet"]
        self.left: int = about["left"]
        self.about = _about(path, about["sheet"], about["others"])

    def records(self) -> Iterator[headers.Record]:
        """Yields all rows."""
        lines = self._lines()
        next(lines)
        for line in lines:
            if isinstance(line, list):
                number, cells, without_result = line
                yield headers.Record(number, cells, without_result=tuple(without_result))

    def _lines(self) -> Iterator[Any]:
        at, rest = 0, b""
        while True:
            with self._lock:  # several callers may read it at once, each at its own position
                self._stream.seek(at)
                block = self._stream.read(_BLOCK)
            if not block:
                return
            at += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from map(json.loads, lines)


def read(path: Path, named: Mapping[str, str] = headers.NO_NAMES, *, seconds: float = _SECONDS) -> Rows:
    """Reads a workbook: the first visible sheet with a PO column, `PO_Data` preferred.

    Args:
        path: of the workbook.
        named: names of columns that the user gives, by field.
        seconds: timeout without new rows.

    Raises:
        InputError: it cannot be read, has a password, or all its visible sheets are empty.
        MachineError: the process cannot be started, or the temporary file cannot be written.
    """
    try:
        stream = tempfile.TemporaryFile()  # noqa: SIM115 - the rows' own, closed with them
    except OSError as error:
        raise _no_space(error.strerror or str(error)) from None
    try:
        code = _run(workbook_process, path, [str(path), str(seconds), json.dumps(dict(named))], stream)
        if code == workbook_process.NO_SPACE:
            raise _no_space("no space is left")
        if code:
            raise errors.InputError(_damaged(path))
        return Rows(path, stream)
    except BaseException:
        stream.close()
        raise


def edit(
    path: Path, target: Path, sheet: str, edits: Iterable[cell_edits.Edit], *, seconds: float = _SECONDS
) -> set[tuple[int, int]]:
    """Writes a copy of a workbook with new values in some cells of one sheet; everything else is unchanged.

    If it has formulas, spreadsheet programs will recalculate them on opening.

    Args:
        path: the workbook, an .xlsx or .xlsm.
        target: path of the copy.
        sheet: name of the sheet.
        edits: their rows exist in the sheet.
        seconds: timeout for 10,000 rows, and for everything before the first and after the last.

    Returns:
        Row (from 1) and column (from 0) of the cells that have a formula, which were not changed.

    Raises:
        InputError: it is not a valid workbook.
        MachineError: the process cannot be started, or the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="po-pw-edit-") as folder, tempfile.TemporaryFile() as said:
            wanted = Path(folder) / "edits"
            with wanted.open("w", encoding="utf-8") as stream:
                stream.writelines(f"{json.dumps(_line(one))}\n" for one in edits)
            code = _run(workbook_edit, path, [str(path), str(target), sheet, str(wanted), str(seconds)], said)
            said.seek(0)
            told = json.loads(said.read() or b"{}")
    except OSError as error:
        raise _no_space(error.strerror or str(error)) from None
    if code == workbook_process.NO_SPACE:
        msg = f"there is no space for {target}"
        raise errors.MachineError(msg)
    if "left" not in told:
        raise errors.InputError(told.get("refused", "it takes all memory, or does not end"))
    return {(row, column) for row, column in told["left"]}


def _line(edit: cell_edits.Edit) -> list[object]:
    value: object = edit.value
    if isinstance(value, datetime.datetime):
        return [edit.row, edit.column, "moment", value.isoformat()]
    return [edit.row, edit.column, "number" if isinstance(value, int) else "text", value]


def _run(program: types.ModuleType, path: Path, arguments: list[str], stream: IO[bytes]) -> int:
    """Runs one of our programs on a workbook; returns its exit code.

    Raises:
        MachineError: the process cannot be started.
    """
    # By path and with -P, as the watchdog: no file in the current folder can shadow a module.
    command = [sys.executable, "-P", "-X", "utf8", str(Path(str(program.__file__))), str(_ROOT), *arguments]
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL, **hidden
        ) as process:
            try:
                return process.wait()
            finally:
                process.kill()  # if waiting was interrupted
    except OSError as error:
        msg = (
            f"{path}: the process that reads workbooks cannot be started "
            f"({error.strerror or error}). Close other programs and try again, or save the sheet as .csv."
        )
        raise errors.MachineError(msg) from None


def _about(path: Path, sheet: str, others: list[str]) -> str:
    if not others:
        return ""
    listed = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    return f"Reading sheet {sheet} of {path.name}; not its other sheets: {listed}."


def _damaged(path: Path) -> str:
    return (
        f"{path} cannot be read: it is damaged, or so large that reading it takes all memory or does not end. "
        "Open it in Excel, save it as .xlsx or .csv, then run the same command again."
    )


def _no_space(why: str) -> errors.MachineError:
    return errors.MachineError(
        f"the rows of a workbook cannot be kept in the temp folder {tempfile.gettempdir()} ({why}). "
        "Free some space there, or set TMPDIR to another folder."
    )
