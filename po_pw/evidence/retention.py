"""The evidence in an output folder, limited in number and size."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_ORDERS: Final = 200
"""Maximum number of orders with evidence in one output folder."""
MAX_BYTES: Final = 500_000_000
"""Bytes of all evidence above which nothing is added; the order that exceeds it is still kept."""


class EvidenceStore:
    """Folders with evidence, one per order. Synchronous; may be called from any thread.

    When the store is full, folders of earlier runs are removed, oldest first. When only this run's are left, nothing is
    added: the first orders that failed usually show what the others would show.

    Args:
        folder: contains them; need not exist.
        max_orders: maximum number of folders.
        max_bytes: bytes above which nothing is added.
    """

    def __init__(self, folder: Path, *, max_orders: int = MAX_ORDERS, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_orders = max_orders
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._earlier: dict[Path, int] | None = None
        """Folders of earlier runs with their bytes, oldest first."""
        self._own: dict[Path, int] = {}

    def reserve(self, folder: Path) -> bool:
        """Removes an order's earlier evidence, and folders of earlier runs if the store is full.

        Args:
            folder: of the order.

        Returns:
            Whether new evidence may be written to it.
        """
        with self._lock:
            earlier = self._read()
            shutil.rmtree(folder, ignore_errors=True)
            earlier.pop(folder, None)
            self._own.pop(folder, None)
            while self._is_full() and earlier:
                oldest = next(iter(earlier))
                shutil.rmtree(oldest, ignore_errors=True)
                del earlier[oldest]
            if self._is_full():
                return False
            self._own[folder] = 0
            return True

    def measure(self, folder: Path) -> None:
        """Counts the bytes in an order's folder. Call it after writing there."""
        with self._lock:
            self._own[folder] = _size(folder)

    def remove(self, folder: Path) -> None:
        """Removes an order's evidence."""
        with self._lock:
            shutil.rmtree(folder, ignore_errors=True)
            self._own.pop(folder, None)
            if self._earlier is not None:
                self._earlier.pop(folder, None)

    def _read(self) -> dict[Path, int]:
        if self._earlier is None:
            try:
                found = sorted((path for path in self._folder.iterdir() if path.is_dir()), key=_changed)
            except OSError:  # there is none yet
                found = []
            self._earlier = {path: _size(path) for path in found}
        return self._earlier

    def _is_full(self) -> bool:
        sizes = {**(self._earlier or {}), **self._own}
        return len(sizes) >= self._max_orders or sum(sizes.values()) >= self._max_bytes


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
