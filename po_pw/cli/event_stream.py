"""A run's events as JSON lines on standard output, for programs (`process --json`); `docs/events.md` describes them."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any, Final, TextIO

import po_pw
from po_pw import events, logs
from po_pw.results import end_report

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA: Final = 1
"""Version of the lines: increases when an event or key is removed, renamed or changes its meaning, not when added."""


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()


class EventStream:
    """Writes a line for each event, at once; every line has `event` and `timestamp`.

    Args:
        to: where to write; the caller must make sure that writing cannot fail.
        now: the time.
    """

    def __init__(self, to: TextIO, now: Callable[[], datetime.datetime] = _now) -> None:
        self._to = to
        self._now = now
        self._write("stream.started", {"schema": SCHEMA, "po_pw": po_pw.__version__})

    def on_event(self, event: events.Event) -> None:
        """Writes an event: the same keys as in the run's log, without secrets."""
        self._write(logs.name(event), logs.fields(event))

    def end(self, end: end_report.End) -> None:
        """Writes the last line: how the run ended."""
        self._write("stream.ended", end_report.to_json(end))

    def _write(self, name: str, keys: dict[str, Any]) -> None:
        line = {"event": name, "timestamp": self._now().isoformat(timespec="milliseconds"), **keys}
        self._to.write(f"{json.dumps(line)}\n")
        self._to.flush()
