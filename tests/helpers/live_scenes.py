"""Events of a run, for tests of the live view and for the README's pictures of it."""

from __future__ import annotations

import datetime

from po_pw import events, models
from po_pw.cli import tally

_FAILURES = (
    (models.Status.FAILED, models.ErrorCode.NOT_FOUND, "the portal has no such order: check po_number and url"),
    (models.Status.PARTIAL, models.ErrorCode.NOT_A_FILE, "1 of 3 attachments could not be downloaded: drawing.pdf"),
    (models.Status.FAILED, models.ErrorCode.FORBIDDEN, "you are not allowed to see this order"),
)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def outcome(number: int, worker: str, failure: tuple[models.Status, models.ErrorCode, str] | None) -> models.Outcome:
    """The outcome of an order."""
    name, now = f"PO-{number}", datetime.datetime(2026, 11, 26, 12, 0, tzinfo=datetime.UTC)
    return models.Outcome(
        key=models.order_key(name),
        po_number=name,
        status=failure[0] if failure else models.Status.COMPLETED,
        files=(),
        missing=(),
        error=models.Failure(*failure[1:]) if failure else None,
        attempts=1,
        timing=models.Timing(now, now, 4.0),
        worker=worker,
        read_by="browser",
        folder=name,
        supplier="",
        source_url="",
        found=3,
    )


def told(
    workers: int, done: int, orders: int, *, failed: int = 3, has_waits: bool = True
) -> list[events.Event | float]:
    """The events of a run up to here; a number is so many seconds that pass.

    Args:
        workers: of the run, all busy.
        done: orders that have an outcome.
        orders: of the run.
        failed: how many of those did not succeed.
        has_waits: a portal is waited for, and an order is tried again later.
    """
    names = [models.WorkerId(f"w{number}") for number in range(1, workers + 1)]
    found: list[events.Event | float] = [events.RunStarted(models.RunId("r"), orders, orders, 0, 0, 0, workers)]
    for number in range(done):
        worker, key = names[number % workers], models.order_key(f"PO-{4500001 + number}")
        found.append(events.OrderStep(worker, key, f"PO-{4500001 + number}", "reading", 1))
        if number % workers == workers - 1:
            found.append(4.0)
    file = models.SavedFile("a", "a.pdf", "a.pdf", 1, "", "application/pdf", "http", "")
    for number in range(done):
        found += [events.FileSaved(names[number % workers], models.order_key(f"PO-{4500001 + number}"), file)] * 3
        failure = _FAILURES[number % 3] if number >= done - failed else None
        settled = outcome(4500001 + number, names[number % workers], failure)
        found += [events.OrderSettled(settled), 0.05]
    for place, worker in enumerate(names):
        name = f"PO-{4500001 + done + place}"
        found.append(events.OrderStep(worker, models.order_key(name), name, "reading", 1))
        if place % 3:
            found.append(events.OrderStep(worker, models.order_key(name), name, "fetching", 1, 2 + place % 4))
            found.append(events.FileSaved(worker, models.order_key(name), file))
    found += [events.BytesReceived(180_000_000), 2.0, events.BytesReceived(186_400_000)]
    if has_waits:
        key, why = models.order_key("PO-4499999"), models.Failure(models.ErrorCode.TIMEOUT, "the page took too long")
        found.append(events.OrderPutBack(names[0], key, "PO-4499999", why, 25.0, counts=True))
        found.append(events.HostWaits("portal.example.com", "HTTP 503", 42.0, 3000.0))
    return [*found, 6.0]


def scene(workers: int, done: int = 60, orders: int = 200, *, failed: int = 3, has_waits: bool = True) -> tally.Tally:
    """What is known of a run after `told`."""
    clock = Clock()
    now = tally.Tally(clock)
    for one in told(workers, done, orders, failed=failed, has_waits=has_waits):
        if isinstance(one, float):
            clock.now += one
        else:
            now.on_event(one)
    return now
