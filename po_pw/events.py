"""What the engine announces. Live view, log and metrics are listeners of this one stream; the engine never prints."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Step: TypeAlias = Literal["reading", "fetching", "finishing"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something happened. Times are added by the listener that needs them."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The journal holds the plan; contexts are about to open."""

    run: models.RunId
    rows: int
    orders: int
    """To be worked on in this run."""
    carried: int
    """Done by an earlier run, and its files are still there."""
    refused: int
    """Rows that cannot be used."""
    duplicates: int
    workers: int
    taken: Mapping[models.Earlier, int] = dataclasses.field(default_factory=dict)
    """Of `orders`, what earlier runs had made of them."""
    refusals: models.Problems = dataclasses.field(default_factory=models.Problems)
    """Why rows cannot be used, and the first of them."""
    skipped: int = 0
    """Marked COMPLETED in the list, and their folders are there."""
    unproved: int = 0
    """Of `orders`, marked COMPLETED in the list without their folder being there."""


@dataclasses.dataclass(frozen=True, slots=True)
class BrowserChosen(Event):
    """Which browser will run."""

    browser: models.BrowserInfo
    sandbox: bool
    sandbox_why: str
    """Why the sandbox is off; `""` where it is on."""


@dataclasses.dataclass(frozen=True, slots=True)
class ContextOpened(Event):
    """A worker's context is ready."""

    worker: models.WorkerId
    pid: int
    """The browser process; 0 where unknown."""
    user_data_dir: str
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class ContextLost(Event):
    """A worker's context died, or could not be opened."""

    worker: models.WorkerId
    why: str
    replaced: bool
    """Whether another is being opened in its place."""


@dataclasses.dataclass(frozen=True, slots=True)
class ContextClosed(Event):
    """A worker's context was closed."""

    worker: models.WorkerId


@dataclasses.dataclass(frozen=True, slots=True)
class OrdersStolen(Event):
    """A worker with nothing left took over part of another's orders."""

    worker: models.WorkerId
    victim: models.WorkerId
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class OrderStep(Event):
    """An order reached a step in a worker's hands."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    step: Step
    attempt: int
    attachments: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class PageRead(Event):
    """An order's page was read, and what it shows is decided."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    listing: models.Listing


@dataclasses.dataclass(frozen=True, slots=True)
class FileStarted(Event):
    """A file began to arrive."""

    worker: models.WorkerId
    key: models.OrderKey
    attachment: models.Attachment


@dataclasses.dataclass(frozen=True, slots=True)
class FileSaved(Event):
    """A file is whole and on disk."""

    worker: models.WorkerId
    key: models.OrderKey
    file: models.SavedFile


@dataclasses.dataclass(frozen=True, slots=True)
class FileFailed(Event):
    """A file did not come through in this attempt."""

    worker: models.WorkerId
    key: models.OrderKey
    name: str
    failure: models.Failure


@dataclasses.dataclass(frozen=True, slots=True)
class Pressed(Event):
    """A control of a portal's page was pressed, or was not although it was to be."""

    label: str
    """Its whole accessible name."""
    purpose: models.Purpose
    page_url: str
    """Of the page it is on: scheme, host and path."""
    refused: str = ""
    """Why it was not pressed; `""` where it was."""
    worker: models.WorkerId | None = None
    key: models.OrderKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RequestJudged(Event):
    """After a press, a request that is no GET was sent, or any request was stopped."""

    label: str
    """Of the control that was pressed."""
    purpose: models.Purpose
    method: str
    """As HTTP names it; `WEBSOCKET`, `BROADCAST` and the like for a message that was held back in the page."""
    url: str
    """Scheme, host and path."""
    ruling: models.Ruling
    why: str
    fields: tuple[str, ...] = ()
    """Names of what it carries: a form's fields, or the keys of a JSON object; never the values."""
    is_unasked: bool = False
    """The page had sent such requests before the press: it says nothing about the control."""
    worker: models.WorkerId | None = None
    key: models.OrderKey | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class BytesReceived(Event):
    """Bytes received by the whole run so far; sampled at 4 Hz."""

    total: int


@dataclasses.dataclass(frozen=True, slots=True)
class OrderPutBack(Event):
    """An order will be tried again."""

    worker: models.WorkerId
    key: models.OrderKey
    po_number: str
    failure: models.Failure
    delay: float
    """Seconds until it may be taken again."""
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class OrderSettled(Event):
    """An order's outcome is durable."""

    outcome: models.Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class HostWaits(Event):
    """Nobody takes an order of this host until it is tried again; announced anew after every try."""

    host: str
    """And port, with `http://` where it is not https."""
    why: str
    wait: float
    """Seconds until one order tries."""
    left: float | None = None
    """Seconds until nobody waits for it any more; None where it merely asks to wait, or is doubted."""
    is_offline: bool = False
    """It is this machine that has no network."""


@dataclasses.dataclass(frozen=True, slots=True)
class HostTried(Event):
    """One order has gone to a host that others wait for."""

    host: str


@dataclasses.dataclass(frozen=True, slots=True)
class HostFree(Event):
    """Nobody waits for this host any more.

    Attributes:
        refused: why whatever needs it fails; `""` where it answers again, or the run ends.
    """

    host: str
    refused: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Stopping(Event):
    """A stop was asked for."""

    now: bool
    """False: what is in progress is finished. True: at once."""
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something the person should know; said once."""

    level: Literal["info", "warning"]
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Progress(Event):
    """Work that is no order's, and may take long, has begun, is so far, or has ended."""

    stage: str
    """What is done, e.g. `Reading pos.csv`: names it until it has ended."""
    done: int
    total: int
    """0 where it is not known."""
    unit: str
    """What is counted, in the singular; `""` where nothing is."""
    ended: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """All workers are gone; results are about to be written."""

    run: models.RunId
    seconds: float
    """From the first context asked for to the last outcome."""
    work_seconds: float
    """From the first order leased to the last outcome: without the start-up of the browsers."""
    interrupted: bool


Listener: TypeAlias = "Callable[[Event], None]"


class Hub:
    """Hands each event to every listener, at once and in order. `emit` never blocks and never raises."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Adds a listener; the returned call removes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, event: Event) -> None:
        """Announces one event, without the secrets in it: whoever listens may write it down."""
        event = redact.values(event)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - the listeners' boundary: a broken view must not stop a run
                _log.exception("a listener failed on %s", type(event).__name__)
