"""The evidence in an output folder, bounded in number and size."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_ORDERS: Final = 200
"""Maximum number of orders with evidence in one output folder."""
MAX_BYTES: Final = 500_000_000
"""Bytes of all evidence beyond which nothing is added; the order that exceeds it is still kept."""


class EvidenceStore:
    """Folders with evidence, one per order. Synchronous; may be called from any thread.

    When it is full, the oldest folders of earlier runs go first. When only this run's are left, nothing is added: the
    first orders that failed show what the others would.

    Args:
        folder: that contains them; need not exist.
        max_orders: maximum number of folders.
        max_bytes: bytes beyond which nothing is added.
    """

    def __init__(self, folder: Path, *, max_orders: int = MAX_ORDERS, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_orders = max_orders
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._earlier: dict[Path, int] | None = None
        """Folders of earlier runs with their bytes, oldest first."""
        self._own: dict[Path, int] = {}

    def make_room(self, mine: Path) -> bool:
        """Removes what the folder held before, and folders of earlier runs if it is full.

        Args:
            mine: the folder of one order.

        Returns:
            Whether evidence may be written to it.
        """
        with self._lock:
            earlier = self._read()
            shutil.rmtree(mine, ignore_errors=True)
            earlier.pop(mine, None)
            self._own.pop(mine, None)
            while self._is_full() and earlier:
                oldest = next(iter(earlier))
                shutil.rmtree(oldest, ignore_errors=True)
                del earlier[oldest]
            if self._is_full():
                return False
            self._own[mine] = 0
            return True

    def added(self, mine: Path) -> None:
        """Counts the bytes that were written to an order's folder."""
        with self._lock:
            self._own[mine] = _size(mine)

    def remove(self, mine: Path) -> None:
        """Removes an order's evidence."""
        with self._lock:
            shutil.rmtree(mine, ignore_errors=True)
            self._own.pop(mine, None)
            if self._earlier is not None:
                self._earlier.pop(mine, None)

    def _read(self) -> dict[Path, int]:
        if self._earlier is None:
            try:
                found = sorted((path for path in self._folder.iterdir() if path.is_dir()), key=_changed)
            except OSError:  # there is none yet
                found = []
            self._earlier = {path: _size(path) for path in found}
        return self._earlier

    def _is_full(self) -> bool:
        held = {**(self._earlier or {}), **self._own}
        return len(held) >= self._max_orders or sum(held.values()) >= self._max_bytes


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0
