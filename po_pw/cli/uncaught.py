"""Removes secrets from what Python itself prints: tracebacks of uncaught errors, and warnings."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from po_pw import redact

if TYPE_CHECKING:
    from types import TracebackType


class _Formatter(logging.Formatter):
    """A message and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return redact.text(super().format(record))


def redact_output() -> None:
    """Removes secrets from every traceback and warning that this process prints."""
    sys.excepthook = _uncaught
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Formatter("%(message)s"))


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redact.text("".join(traceback.format_exception(kind, error, trace))))


def _in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _uncaught(type(args.exc_value), args.exc_value, args.exc_traceback)


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    if args.exc_value is not None:
        _uncaught(type(args.exc_value), args.exc_value, args.exc_traceback)
