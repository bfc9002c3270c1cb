"""Collects from events what the live view and the plain lines show of a run."""

from __future__ import annotations

import collections
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from po_pw import events, humanize, models
from po_pw.cli import estimate
from po_pw.machine import clocks

if TYPE_CHECKING:
    from collections.abc import Callable

_LONG: Final = 5.0
"""Seconds after which the duration of a worker's step is shown."""
_WINDOW: Final = 8.0
"""Seconds over which the rate of bytes is averaged."""
_NAMED: Final = 4
"""Maximum workers named in a line."""
STEPS: Final = {"fetching": "downloading"}
"""Words for steps of an order, where they differ from the step's name."""
_MOST_FAILURES: Final = 50
"""The latest orders that did not succeed, kept for the screen."""


@dataclasses.dataclass(slots=True)
class WorkerLine:
    """What one worker is doing."""

    state: str = "starting"
    po_number: str = ""
    done: int = 0
    since: float = 0.0
    """When it entered this state, by the tally's clock."""
    files: int = 0
    """Number of files of its order on disk."""
    files_found: int = 0
    """Number of files of the order; 0 if not known yet."""


@dataclasses.dataclass(slots=True)
class HostLine:
    """A host that orders wait for."""

    why: str
    is_offline: bool
    next_try: float | None
    """By the tally's clock; None while it is being tried."""
    gives_up: str
    """Time of day; `""` if there is no limit."""

    def is_over(self, now: float) -> bool:
        """Whether orders no longer wait for it: it only asked to wait, and no event says when that has passed."""
        return self.next_try is not None and self.next_try < now and not self.gives_up


@dataclasses.dataclass(frozen=True, slots=True)
class RetryLine:
    """An order that will be tried again."""

    po_number: str
    why: str
    due: float
    """By the tally's clock."""


class Tally:
    """Listens to events and counts.

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
        self.failures: collections.deque[models.Outcome] = collections.deque(maxlen=_MOST_FAILURES)
        """The latest orders that did not succeed."""
        self.retries: dict[models.OrderKey, RetryLine] = {}
        self.is_paused = False
        self.has_ended = False
        self.estimate = estimate.Estimate()
        self.hosts: dict[str, HostLine] = {}
        """Hosts that orders wait for."""
        self.sign_ins: dict[str, str] = {}
        """How the sign-in is being renewed, by portal."""
        self.refused: dict[str, str] = {}
        """Why a host cannot be reached, by host."""
        self._left_when_paused: float | None = None
        self._samples: collections.deque[tuple[float, int]] = collections.deque(maxlen=64)

    @property
    def settled(self) -> int:
        """Number of orders settled in this run."""
        return self.counts.total()

    def on_event(self, event: events.Event) -> None:
        """Counts one event."""
        match event:
            case events.RunStarted():
                self.run, self.started = event, self._clock()
                names = [models.WorkerId(f"w{n}") for n in range(1, event.workers + 1)]
                self.workers = {name: WorkerLine() for name in names} if event.orders else {}
            case events.BrowserChosen():
                self.browser = event
            case events.ContextOpened():
                self._line(event.worker).state = "ready"
            case events.ContextLost():
                line = self._line(event.worker)
                line.state, line.po_number = "reopening" if event.replaced else "stopped", ""
            case events.ContextClosed():
                self._line(event.worker).state = "closed"
            case events.OrderStep():
                if self.first_lease is None:
                    self.first_lease = self._clock()
                self._note_step(event)
            case events.FileSaved():
                self.files += 1
                line = self._line(event.worker)
                if models.order_key(line.po_number) == event.key:
                    line.files += 1
            case events.BytesReceived():
                self.bytes = event.total
                self._samples.append((self._clock(), event.total))
            case events.OrdersStolen():
                self.stolen += event.count
            case events.OrderPutBack():
                self.put_back += 1
                line = self._line(event.worker)
                if line.po_number == event.po_number:
                    line.state, line.po_number = "waiting", ""
                now = self._clock()
                self.estimate.put_back(event.key, now)
                if event.counts:  # waits for a host are shown once for all orders
                    self.retries[event.key] = RetryLine(event.po_number, event.failure.message, now + event.delay)
            case events.OrderParked():
                self.estimate.put_back(event.key, self._clock())
                line = self._line(event.worker)
                if line.po_number == event.po_number:
                    line.state, line.po_number = "waiting", ""
            case events.HostWaits():
                self._host_waits(event)
            case events.HostTried() if event.host in self.hosts:
                self.hosts[event.host].next_try = None
            case events.HostFree():
                self.hosts.pop(event.host, None)
                if event.refused:
                    self.refused[event.host] = event.refused
            case events.SignInStarted():
                by_person = "waiting for you to sign in, in the open window"
                self.sign_ins[event.host] = by_person if event.how == "window" else "signing in again"
            case events.SignInEnded():
                self.sign_ins.pop(event.host, None)
            case events.OrderSettled():
                outcome = event.outcome
                self.retries.pop(outcome.key, None)
                self.estimate.end(outcome.key, self._clock())
                self.counts[outcome.status] += 1
                line = self._line(models.WorkerId(outcome.worker))
                line.done += 1
                if line.po_number == outcome.po_number:
                    line.state, line.po_number = "waiting", ""
                if outcome.error is not None:
                    self.failures.append(outcome)
            case events.Paused():
                self._left_when_paused, self.is_paused = self.seconds_left(), True
            case events.Resumed():
                self.is_paused = False
            case events.Stopping():
                self.stopping = event
            case events.RunEnded():
                self.has_ended = True
            case _:
                return

    def _note_step(self, event: events.OrderStep) -> None:
        now, line = self._clock(), self._line(event.worker)
        self.retries.pop(event.key, None)
        self.estimate.begin(event.key, now)
        if event.step == "reading":
            line.files = line.files_found = 0
        elif line.po_number != event.po_number:
            return
        line.state, line.po_number, line.since = STEPS.get(event.step, event.step), event.po_number, now
        line.files_found = max(line.files_found, event.attachments)

    def _line(self, worker: models.WorkerId) -> WorkerLine:
        return self.workers.setdefault(worker, WorkerLine())

    def _host_waits(self, event: events.HostWaits) -> None:
        gives_up = "" if event.left is None else clocks.at(event.left)
        next_try = self._clock() + event.wait
        self.hosts[event.host] = HostLine(event.why, event.is_offline, next_try, gives_up)

    def waits(self) -> list[str]:
        """What orders wait for: a line for each host and sign-in, and one for all retries.

        Without a network, one line stands for all hosts.
        """
        now, lines = self._clock(), dict[str, None]()
        for host, how in self.sign_ins.items():
            lines[f"{host}: {how}"] = None
        for host, line in self.hosts.items():
            left = None if line.next_try is None else line.next_try - now
            if line.is_over(now):
                continue
            what = "No network" if line.is_offline else f"{host} is not available" if line.gives_up else host
            when = "trying now" if left is None or left < 1 else f"next try in {humanize.countdown(left)}"
            until = f"; gives up at {line.gives_up}" if line.gives_up else ""
            why = "" if line.is_offline else f" ({line.why})"
            lines[f"{what}: {when}{until}{why}"] = None
        later = sorted((one for one in self.retries.values() if one.due > now), key=lambda one: one.due)
        if later:
            first = later[0]
            others = f", {len(later) - 1} more later" if len(later) > 1 else ""
            lines[
                f"{first.po_number} is tried again in {humanize.countdown(first.due - now)}{others} ({first.why})"
            ] = None
        return list(lines)

    def waited_for(self) -> str:
        """A line about what the run is waiting for; `""` before its first order and after its last.

        E.g. `12 of 60 orders done; w1 reading PO-13 (4 s), w2 downloading PO-14 (9 s)`.
        """
        if self.run is None or self.first_lease is None or self.settled >= self.run.orders:
            return ""
        now, workers = self._clock(), self.workers.items()
        parts = [
            f"{name} {one.state} {one.po_number} ({humanize.countdown(now - one.since)})"
            for name, one in workers
            if one.po_number
        ]
        if len(parts) > _NAMED:
            parts = [*parts[:_NAMED], f"{len(parts) - _NAMED} more at work"]
        parts = parts or ["none in progress: the others are tried again later"]
        done = f"{self.settled} of {plural(self.run.orders, 'order')} done"
        return "; ".join([f"{done}; {', '.join(parts)}", *self.waits()])

    def doing_for(self, line: WorkerLine) -> str:
        """The progress of a worker's order: `2 of 5 files`, and for how long if that is long; else `""`."""
        parts = [f"{line.files} of {plural(line.files_found, 'file')}"] if line.files_found else []
        seconds = self._clock() - line.since
        if seconds >= _LONG:
            parts.append(humanize.countdown(seconds))
        return ", ".join(parts) if line.po_number else ""

    def elapsed(self) -> float:
        """Seconds since the run was planned."""
        return self._clock() - self.started

    def rate(self) -> float:
        """Bytes per second, averaged over the last few seconds."""
        now = self._clock()
        recent = [sample for sample in self._samples if now - sample[0] <= _WINDOW]
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (now - recent[0][0])

    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None while there are too few data, or orders wait for a host.

        It does not change while the run is paused.
        """
        if self.is_paused:
            return self._left_when_paused
        now = self._clock()
        if self.run is None or self.sign_ins or not all(line.is_over(now) for line in self.hosts.values()):
            return None
        return self.estimate.seconds_left(self.run.orders - self.settled, now)


def next_attempt(delay: float) -> str:
    """When the next attempt is, in words."""
    return f"again in {humanize.clock(delay)}" if delay >= 1 else "trying again"


def plural(count: int, thing: str) -> str:
    """A count with its noun: `1 order`, `3 orders`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
