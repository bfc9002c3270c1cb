"""What has happened so far, folded from events: what the live view, the plain lines and the closing table show."""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from po_pw import events, models

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW: Final = 8.0
"""Seconds over which the rate of bytes is taken."""


@dataclasses.dataclass(slots=True)
class WorkerLine:
    """What one worker is doing."""

    state: str = "starting"
    po_number: str = ""
    done: int = 0


class Tally:
    """A listener that counts.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.started = clock()
        self.first_lease: float | None = None
        self.run: events.RunStarted | None = None
        self.browser: events.BrowserChosen | None = None
        self.counts: collections.Counter[models.Status] = collections.Counter()
        self.files = 0
        self.bytes = 0
        self.put_back = 0
        self.stolen = 0
        self.stopping: events.Stopping | None = None
        self.workers: dict[models.WorkerId, WorkerLine] = {}
        self.troubles: collections.deque[str] = collections.deque(maxlen=3)
        self._samples: collections.deque[tuple[float, int]] = collections.deque(maxlen=64)

    @property
    def settled(self) -> int:
        """Orders settled in this run."""
        return self.counts.total()

    def hear(self, event: events.Event) -> None:
        """Counts one event."""
        match event:
            case events.RunStarted():
                self.run = event
                names = [models.WorkerId(f"w{n}") for n in range(1, event.workers + 1)]
                self.workers = {name: WorkerLine() for name in names} if event.orders else {}
            case events.BrowserChosen():
                self.browser = event
            case events.ContextOpened():
                self._line(event.worker).state = "ready"
            case events.ContextLost():
                self._line(event.worker).state = "reopening" if event.replaced else "gone"
                self.troubles.append(f"{event.worker}: {event.why}")
            case events.ContextClosed():
                self._line(event.worker).state = "closed"
            case events.OrderStep():
                if self.first_lease is None:
                    self.first_lease = self._clock()
                line = self._line(event.worker)
                if event.step == "reading" or line.po_number == event.po_number:
                    line.state, line.po_number = event.step, event.po_number
            case events.FileSaved():
                self.files += 1
            case events.BytesReceived():
                self.bytes = event.total
                self._samples.append((self._clock(), event.total))
            case events.OrdersStolen():
                self.stolen += event.count
            case events.OrderPutBack():
                self.put_back += 1
                self.troubles.append(f"{event.po_number}: {event.failure.message} ({again(event.delay)})")
            case events.OrderSettled():
                outcome = event.outcome
                self.counts[outcome.status] += 1
                line = self._line(models.WorkerId(outcome.worker))
                line.done += 1
                if outcome.error is not None:
                    self.troubles.append(f"{outcome.po_number}: {outcome.error.message}")
            case events.Stopping():
                self.stopping = event
            case _:
                return

    def _line(self, worker: models.WorkerId) -> WorkerLine:
        return self.workers.setdefault(worker, WorkerLine())

    def rate(self) -> float:
        """Bytes per second over the last few seconds."""
        now = self._clock()
        recent = [sample for sample in self._samples if now - sample[0] <= _WINDOW]
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (now - recent[0][0])

    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None while there is nothing to go by."""
        if self.run is None or self.first_lease is None or self.settled < 2:
            return None
        per_order = (self._clock() - self.first_lease) / self.settled
        return per_order * max(0, self.run.orders - self.settled)


def again(delay: float) -> str:
    """When something is tried again, for people."""
    return f"again in {duration(delay)}" if delay >= 1 else "trying again"


def many(count: int, thing: str) -> str:
    """A count with its word: `1 order`, `3 orders`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def size(count: float) -> str:
    """Bytes for people, in decimal units as file managers show them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def duration(seconds: float) -> str:
    """Seconds for people: `8.3 s`, `2:05`, `1:02:05`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
