"""Traces of orders in progress, with secrets, until it is known which orders fail."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from po_pw.evidence import trace

if TYPE_CHECKING:
    from pathlib import Path

    from po_pw import models


class Traces:
    """One trace per order: of the last visit to its page. `keep` and `discard` block.

    Args:
        folder: in the run's temporary folder, which other users cannot read: these traces still contain secrets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pictured: dict[models.OrderKey, bool] = {}
        """Orders with a trace, and whether its pictures may be kept."""

    def path(self, key: models.OrderKey) -> Path:
        """The file to which an order's trace is to be written."""
        return self._folder / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.zip"

    def add(self, key: models.OrderKey, *, with_pictures: bool) -> None:
        """Records that an order's trace was written.

        Args:
            key: of the order.
            with_pictures: whether its pictures show nothing that a screenshot would cover.
        """
        self._pictured[key] = with_pictures

    def has(self, key: models.OrderKey) -> bool:
        """Whether there is a trace of this order."""
        return key in self._pictured

    def keep(self, key: models.OrderKey, folder: Path) -> str:
        """Writes an order's trace, without secrets, into the folder of its evidence, which exists.

        Returns:
            The file's name; `""` if there is no trace.

        Raises:
            OSError: it cannot be written.
        """
        if key not in self._pictured:
            return ""
        try:
            is_written = trace.rewrite(self.path(key), folder / trace.TRACE, with_pictures=self._pictured[key])
        finally:
            self.discard(key)
        return trace.TRACE if is_written else ""

    def discard(self, key: models.OrderKey) -> None:
        """Removes an order's trace."""
        if self._pictured.pop(key, None) is not None:
            with contextlib.suppress(OSError):  # the run removes its temporary folder when it ends
                self.path(key).unlink()
