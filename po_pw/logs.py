"""The run's log: a file per run with a JSON line per event, without cookies, tokens and passwords."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self

import structlog

from po_pw import events, models, redact, redact_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path
    from types import TracebackType

_SILENT: Final = (events.BytesReceived, events.Progress)
_MOST_WAITING: Final = 10_000
"""Maximum events that are queued while they cannot be written."""
_NAMES: Final[Mapping[type[events.Event], Mapping[str, str]]] = {
    events.RunStarted: {
        "rows": "row_count",
        "refused": "unusable_rows",
        "duplicates": "duplicate_rows",
        "taken": "orders_by_earlier_result",
        "refusals": "problems",
    },
    events.OrderStep: {"attachments": "attachments_found"},
    events.OrderPutBack: {"counts": "attempt_counts"},
    events.HostFree: {"refused": "why"},
}
"""Keys that differ from an event's own names, so that a key means one thing in every line (`docs/records.md`)."""
_WORDS: Final = re.compile(r"(?<!^)(?=[A-Z])")


class RunLog:
    """Listens to a run's events and writes them as JSON lines. A context manager.

    The dotted event names are the events' own (`order.settled`, `context.opened`); worker, PO and step are on every
    line that has them.

    Args:
        folder: for the files, one per run.
        hub: to listen to.
    """

    def __init__(self, folder: Path, hub: events.Hub) -> None:
        self.path: Path | None = None
        self._folder = folder
        self._hub = hub
        self._stream: IO[str] | None = None
        self._log: Any = None
        self._waiting: list[events.Event] = []
        self._handler = _Forward(self)
        self._run: models.RunId | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._unlisten = self._hub.listen(self._on_event)
        logging.getLogger("po_pw").addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("po_pw").removeHandler(self._handler)
        self._unlisten()
        self._close()

    def _close(self) -> None:
        """Closes the file; events that cannot be written are lost."""
        stream, self._stream, self._log = self._stream, None, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

    def reopen(self) -> None:
        """Reopens the file after its disk was unavailable, and writes the queued events."""
        if self._run is not None:
            self.begin(self._run)

    def begin(self, run: models.RunId) -> None:
        """Starts the file of this run, with the events queued so far."""
        self._close()
        self._run = run
        self.path = self._folder / f"{run}.jsonl"
        self._stream = self.path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(self._stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=False),
                structlog.processors.format_exc_info,
                _clean,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        ).bind(run=run)
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._write(event)

    def note(self, level: str, text: str, exc_info: Any = None) -> None:
        """Writes a line for a message logged by a module."""
        if self._log is not None:
            with contextlib.suppress(OSError):  # the disk is gone, which the run reports itself
                getattr(self._log, level)("log", text=text, exc_info=exc_info)

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, _SILENT):
            return
        if self._log is None:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(event)
        else:
            self._write(event)

    def _write(self, event: events.Event) -> None:
        try:
            getattr(self._log, level(event))(name(event), **_fields(event))
        except OSError:  # the disk is gone, or full: until `again`
            self._close()
            self._waiting.append(event)


def name(event: events.Event) -> str:
    """The event's dotted name."""
    return ".".join(_WORDS.split(type(event).__name__)).lower()


def level(event: events.Event) -> Literal["info", "warning"]:
    """The event's log level."""
    warns = isinstance(event, events.ContextLost) or (isinstance(event, events.Notice) and event.level == "warning")
    return "warning" if warns else "info"


def fields(event: events.Event) -> dict[str, Any]:
    """The event's fields for the log, as JSON values without secrets."""
    cleaned: dict[str, Any] = _cleaned(_fields(event))
    return cleaned


def _fields(event: events.Event) -> dict[str, Any]:
    if isinstance(event, events.OrderSettled):
        out = event.outcome
        return {
            "worker": out.worker,
            "po": out.po_number,
            "step": "settled",
            "status": out.status,
            "attachments_found": out.found,
            "attachments_downloaded": len(out.files),
            "bytes": sum(file.size for file in out.files),
            "folder": out.folder,
            "attempts": out.attempts,
            "seconds": round(out.timing.seconds, 3),
            "error_code": out.error.code if out.error else None,
            "error_message": out.error.message if out.error else None,
        }
    if isinstance(event, events.PageRead):
        listing = event.listing
        return {
            "worker": event.worker,
            "po": event.po_number,
            "step": "read",
            "page_kind": listing.page,
            "attachments_found": len(listing.attachments),
            "attachments_stated": listing.claimed,
            "area": listing.area,
            "section": listing.section,
            "complete": listing.complete,
            "why": listing.why,
            "evidence": listing.evidence,
            "quiet": listing.quiet,
        }
    names = _NAMES.get(type(event), {})
    found = {names.get(field.name, field.name): getattr(event, field.name) for field in dataclasses.fields(event)}
    if "key" in found:
        found["po"] = found.pop("po_number", None) or found["key"]
        found.pop("key", None)
    if isinstance(event, events.FileSaved):
        found["step"] = "file"
    return {key: _plain(value) for key, value in found.items()}


def _plain(value: Any) -> Any:
    """Converts a value to fields; of a control only its label, since form fields and attributes may contain tokens."""
    if isinstance(value, models.Attachment):
        way = value.source
        source = {"press": way.control.label} if isinstance(way, models.Click) else dataclasses.asdict(way)
        return {"id": value.id, "name": value.name, "source": source, "section": value.section}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _clean(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    cleaned: dict[str, Any] = _cleaned(dict(line))
    return cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return redact.text(str(value))
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in redact_objects.values(value).items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner) for inner in value]
    return value if isinstance(value, (int, float, bool, type(None))) else redact.text(str(value))


class _Forward(logging.Handler):
    """Passes log messages of our modules to the run's log."""

    def __init__(self, log: RunLog) -> None:
        super().__init__()
        self._run_log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        )
        self._run_log.note(level, record.getMessage(), record.exc_info)
