"""Records a run's events in the journal, with each press and each request that was sent or stopped.

So status and audit need not read the log.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from po_pw import events, logs
from po_pw.journal import facts

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.journal import store

# Events of single orders are recorded as attempts, attachments, files and outcomes.
_KEPT: Final = (
    events.RunStarted,
    events.BrowserChosen,
    events.ContextOpened,
    events.ContextLost,
    events.ContextClosed,
    events.OrdersStolen,
    events.OrderPutBack,
    events.Pressed,
    events.RequestDecided,
    events.HostWaits,
    events.HostFree,
    events.SignInStarted,
    events.SignInEnded,
    events.Paused,
    events.Resumed,
    events.Stopping,
    events.Notice,
    events.RunEnded,
)
_OF_AN_ORDER: Final = (events.OrderPutBack, events.Pressed, events.RequestDecided)


class EventRecorder:
    """Listens from the start; records events for the current run, starting with those before it."""

    def __init__(self, hub: events.Hub) -> None:
        self._waiting: list[facts.Happened] = []
        self._journal: store.Journal | None = None
        self._run: models.RunId | None = None
        self._unlisten = hub.listen(self._on_event)

    def begin(self, journal: store.Journal, run: models.RunId) -> None:
        """Starts recording for this run."""
        self._journal, self._run = journal, run
        for happened in self._waiting:
            journal.note(run, happened)
        self._waiting.clear()

    def end(self) -> None:
        """Stops recording: the journal is about to close."""
        self._unlisten()

    def _on_event(self, event: events.Event) -> None:
        if not isinstance(event, _KEPT):
            return
        detail = logs.fields(event)
        worker = detail.pop("worker", None)
        detail.pop("po", None)
        detail.pop("run", None)
        key = event.key if isinstance(event, _OF_AN_ORDER) else None
        now = datetime.datetime.now(datetime.UTC)
        happened = facts.Happened(logs.name(event), logs.level(event), now, worker, key, detail)
        if self._journal is None or self._run is None:
            self._waiting.append(happened)
        else:
            self._journal.note(self._run, happened)
