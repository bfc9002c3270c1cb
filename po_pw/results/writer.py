"""Interface of writers of result files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol, Self

from po_pw import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from po_pw import models


_log = logging.getLogger(__name__)


class ResultWriter(Protocol):
    """Writes one file row by row, in constant memory. A context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file, also after an error."""
        ...

    def add(self, row: models.RowResult) -> None:
        """Writes the next row of the list, in the list's order."""
        ...

    def finish(self) -> bool:
        """Completes the file; returns False if it is not worth keeping."""
        ...


class Installed:
    """A writer from another package: an error in it loses only its own file.

    Attributes:
        fault: the error; None if there was none.
    """

    def __init__(
        self, name: str, make: Callable[[Path, Sequence[str]], ResultWriter], path: Path, columns: Sequence[str]
    ) -> None:
        self._name = name
        self._make = make
        self._path = path
        self._columns = columns
        self._inner: ResultWriter | None = None
        self.fault: str | None = None

    def _try(self, action: Callable[[], object], *, is_last: bool = False) -> object:
        if self.fault is None or is_last:
            try:
                return action()
            except Exception as error:  # noqa: BLE001 - the boundary of other packages
                _log.exception("the writer of %s failed", self._name)
                self.fault = self.fault or f"{self._name} was not written: the package that makes it failed ({error!r})"
        return None

    def _open(self) -> None:
        self._inner = self._make(self._path, self._columns)
        self._inner.__enter__()

    def __enter__(self) -> Self:
        self._try(self._open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (inner := self._inner) is not None:
            self._try(lambda: inner.__exit__(kind, error, trace), is_last=True)

    def add(self, row: models.RowResult) -> None:
        """Passes the row on."""
        if (inner := self._inner) is not None:
            self._try(lambda: inner.add(row))

    def finish(self) -> bool:
        """Also returns False after an error."""
        inner = self._inner
        return inner is not None and self._try(inner.finish) is True


def installed(folder: Path, columns: Sequence[str]) -> Iterator[tuple[str, Installed]]:
    """Yields the writers of other packages (`po_pw.result_writers`), with the names of their files.

    Raises:
        MachineError: a package's writer cannot be loaded.
    """
    for name, make in plugins.load("po_pw.result_writers").items():
        yield name, Installed(name, make, folder / name, columns)
