"""Events of the engine, for live view, log and other listeners; the engine never prints."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

from po_pw import models, redact_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Step: TypeAlias = Literal["reading", "fetching", "finishing"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Base class. Listeners add times if they need them."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The plan is in the journal; contexts are about to open."""

    run: models.RunId
    rows: int
    orders: int
    """Orders to be done in this run."""
    already_complete: int
    """Orders done by an earlier run whose files still exist."""
    refused: int
    """Rows that cannot be used."""
    duplicates: int
    workers: int
    taken: Mapping[models.Earlier, int] = dataclasses.field(default_factory=dict)
    """`orders` by their earlier result."""
    refusals: models.Problems = dataclasses.field(default_factory=models.Problems)
    """The unusable rows, by reason."""
    skipped: int = 0
    """Number of orders marked as COMPLETED in the list, with their files there."""
    unproved: int = 0
    """Number of `orders` marked as COMPLETED in the list, with files missing."""


@dataclasses.dataclass(frozen=True, slots=True)
class BrowserChosen(Event):
    """Which browser will run."""

    browser: models.BrowserInfo
    sandbox: bool
    sandbox_why: str
    """Why the sandbox is off; `""` if it is on."""


@dataclasses.dataclass(frozen=True, slots=True)
class ContextOpened(Event):
    """A worker's context is ready."""

    worker: models.WorkerId
    pid: int
    """The browser process; 0 if unknown."""
    user_data_dir: str
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class ContextLost(Event):
    """A worker's context crashed or could not be opened."""

    worker: models.WorkerId
    why: str
    replaced: bool
    """Whether a replacement is being opened."""


@dataclasses.dataclass(frozen=True, slots=True)
class ContextClosed(Event):
    """A worker's context was closed."""

    worker: models.WorkerId


@dataclasses.dataclass(frozen=True, slots=True)
class OrdersStolen(Event):
    """An idle worker took over some of another's orders."""

    worker: models.WorkerId
    victim: models.WorkerId
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class OrderStep(Event):
    """An order in progress reached a step."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    step: Step
    attempt: int
    attachments: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class PageRead(Event):
    """An order's page was read and evaluated."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    listing: models.Listing


@dataclasses.dataclass(frozen=True, slots=True)
class FileStarted(Event):
    """A file's download started."""

    worker: models.WorkerId
    key: models.OrderKey
    attachment: models.Attachment


@dataclasses.dataclass(frozen=True, slots=True)
class FileSaved(Event):
    """A file is complete and on disk."""

    worker: models.WorkerId
    key: models.OrderKey
    file: models.SavedFile


@dataclasses.dataclass(frozen=True, slots=True)
class FileFailed(Event):
    """A file's download failed in this attempt."""

    worker: models.WorkerId
    key: models.OrderKey
    name: str
    failure: models.Failure


@dataclasses.dataclass(frozen=True, slots=True)
class Pressed(Event):
    """A control of a portal's page was pressed, or was refused."""

    label: str
    """Its full accessible name."""
    purpose: models.Purpose
    page_url: str
    """Scheme, host and path of its page."""
    refused: str = ""
    """Why it was not pressed; `""` if it was."""
    worker: models.WorkerId | None = None
    key: models.OrderKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RequestDecided(Event):
    """After a press, a request other than GET was sent, or any request was stopped."""

    label: str
    """Label of the pressed control."""
    purpose: models.Purpose
    method: str
    """HTTP method; `WEBSOCKET`, `BROADCAST` etc. for a message held back in the page."""
    url: str
    """Scheme, host and path."""
    ruling: models.Ruling
    why: str
    fields: tuple[str, ...] = ()
    """Names of form fields, or keys of a JSON object; never values."""
    is_unasked: bool = False
    """The page had sent such requests before the press: the control did not cause it."""
    worker: models.WorkerId | None = None
    key: models.OrderKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class BytesReceived(Event):
    """Bytes received by the whole run so far; sampled at 4 Hz."""

    total: int


@dataclasses.dataclass(frozen=True, slots=True)
class OrderPutBack(Event):
    """An order will be retried."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    failure: models.Failure
    delay: float
    """Seconds until it may be leased again."""
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class OrderParked(Event):
    """An order's page was read; it waits until other orders have shown more of its portal."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str


@dataclasses.dataclass(frozen=True, slots=True)
class OrderSettled(Event):
    """An order's outcome is durable."""

    outcome: models.Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class HostWaits(Event):
    """Orders of this host wait until it is tried again; repeated after every failed try."""

    host: str
    """Host and port, with `http://` if it is not https."""
    why: str
    wait: float
    """Seconds until one order tries the host."""
    left: float | None = None
    """Seconds until the host is given up; None if it only asked to wait, or is being checked again."""
    is_offline: bool = False
    """This machine has no network."""


@dataclasses.dataclass(frozen=True, slots=True)
class HostTried(Event):
    """One order was sent to a host that others wait for."""

    host: str


@dataclasses.dataclass(frozen=True, slots=True)
class HostFree(Event):
    """Orders no longer wait for this host.

    Attributes:
        refused: why everything that needs it fails; `""` if it answers again, or the run ends.
    """

    host: str
    refused: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class SignInStarted(Event):
    """A portal asked for a sign-in: its orders wait while it is renewed."""

    host: str
    """And port, with `http://` where it is not https."""
    how: Literal["form", "window"]
    """`form`: without a person. `window`: a person is asked."""


@dataclasses.dataclass(frozen=True, slots=True)
class SignInEnded(Event):
    """The orders of a portal wait for its sign-in no longer."""

    host: str
    renewed: bool
    """False: there is no sign-in, and the portal's orders are left for another run."""


@dataclasses.dataclass(frozen=True, slots=True)
class Paused(Event):
    """The user paused the run: no order is started; those in progress are finished."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The user let the run continue."""

    seconds: float
    """How long it was paused."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stopping(Event):
    """The run was asked to stop."""

    now: bool
    """True: stop at once. False: finish orders in progress."""
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Notice(Event):
    """A message for the user."""

    level: Literal["info", "warning"]
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Progress(Event):
    """Progress of long work that belongs to no order: its start, state or end."""

    stage: str
    """Description, e.g. `Reading pos.csv`; identifies it until its end."""
    done: int
    total: int
    """0 if unknown."""
    unit: str
    """What is counted, in the singular; `""` if nothing is."""
    ended: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """All workers have ended; results are about to be written."""

    run: models.RunId
    seconds: float
    """From opening the first context to the last outcome."""
    work_seconds: float
    """From the first lease to the last outcome: without the start-up of the browsers."""
    interrupted: bool


Listener: TypeAlias = "Callable[[Event], None]"


class Hub:
    """Passes each event to every listener, synchronously and in order. `emit` never raises."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Adds a listener; returns a function that removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, event: Event) -> None:
        """Passes an event to all listeners, with secrets removed."""
        event = redact_objects.values(event)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - the listeners' boundary: a broken view must not stop a run
                _log.exception("a listener failed on %s", type(event).__name__)
