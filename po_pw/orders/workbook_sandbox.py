"""Reads workbooks in a separate process: if the library aborts, hangs or runs out of memory, only that process ends.

The rows are passed in an unnamed temporary file, so that they can be read repeatedly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from po_pw import errors
from po_pw.orders import headers, workbook_process

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def read(path: Path, *, seconds: float = _SECONDS) -> Rows:
    """Reads a workbook: the first visible sheet with a PO column, `PO_Data` preferred.

    Args:
        path: of the workbook.
        seconds: timeout without new rows.

    Raises:
        InputError: it cannot be read, has a password, or all its visible sheets are empty.
        MachineError: the process cannot be started, or the temporary file cannot be written.
    """
    # By path and with -P, as the watchdog: no file in the current folder can shadow a module.
    program = [sys.executable, "-P", "-X", "utf8", str(Path(workbook_process.__file__))]
    command = [*program, str(_ROOT), str(path), str(seconds)]
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
    try:
        stream = tempfile.TemporaryFile()  # noqa: SIM115 - the rows' own, closed with them
    except OSError as error:
        raise _no_space(error.strerror or str(error)) from None
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL, **hidden
        ) as process:
            try:
                code = process.wait()
            finally:
                process.kill()  # if waiting was interrupted
        if code == workbook_process.NO_SPACE:
            raise _no_space("no space is left")
        if code:
            raise errors.InputError(_damaged(path))
        return Rows(path, stream)
    except OSError as error:
        stream.close()
        msg = (
            f"{path}: a workbook is read in a process of its own, and none can be started "
            f"({error.strerror or error}). Close other programs and try again, or save the sheet as .csv."
        )
        raise errors.MachineError(msg) from None
    except BaseException:
        stream.close()
        raise


def _about(path: Path, sheet: str, others: list[str]) -> str:
    if not others:
        return ""
    listed = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    return f"Reading sheet {sheet} of {path.name}; not its other sheets: {listed}."


def _damaged(path: Path) -> str:
    return (
        f"{path} cannot be read: it is damaged, or so large that reading it takes all memory or does not end. "
        "Open it in a spreadsheet program, save it as .xlsx or .csv, and try again."
    )


def _no_space(why: str) -> errors.MachineError:
    return errors.MachineError(
        f"the rows of a workbook cannot be kept in the temp folder {tempfile.gettempdir()} ({why}). "
        "Make room there, or set TMPDIR to another folder."
    )
