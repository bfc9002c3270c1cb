"""The counts during a run; pure, with a test's clock."""

from __future__ import annotations

from datetime import UTC, datetime

from po_pw import events, models
from po_pw.cli import tally


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(orders: int = 10) -> tuple[tally.Tally, Clock]:
    clock = Clock()
    one = tally.Tally(clock)
    one.on_event(events.RunStarted(models.RunId("r"), orders, orders, 0, 0, 0, 1))
    return one, clock


def settle(
    one: tally.Tally, clock: Clock, number: int, seconds: float = 10.0, failure: models.Failure | None = None
) -> None:
    """One order read and settled in this many seconds."""
    worker, key, name = models.WorkerId("w1"), models.OrderKey(f"PO-{number}"), f"PO-{number}"
    one.on_event(events.OrderStep(worker, key, name, "reading", 1))
    clock.now += seconds
    timing = models.Timing(datetime.now(UTC), datetime.now(UTC), seconds)
    one.on_event(
        events.OrderSettled(
            models.Outcome(
                key=key,
                po_number=name,
                status=models.Status.FAILED if failure else models.Status.COMPLETED,
                files=(),
                missing=(),
                error=failure,
                attempts=1,
                timing=timing,
                worker=worker,
                read_by="browser",
                folder=name,
                supplier="",
                source_url="",
                found=0,
            )
        )
    )


def test_a_wait_counts_down_says_when_it_ends_and_is_gone_when_the_host_answers() -> None:
    """The line changes with the clock, and says when the host is tried."""
    one, clock = started()
    one.on_event(events.HostWaits("acme.example", "the connection was refused", 42.0, 3600.0))
    first = one.waits()[0]
    assert first.startswith("acme.example is not available: next try in 42 s; gives up at ")
    clock.now += 30
    assert "next try in 12 s" in one.waits()[0]
    clock.now += 12
    one.on_event(events.HostTried("acme.example"))
    assert "trying now" in one.waits()[0]
    one.on_event(events.HostFree("acme.example"))
    assert not one.waits()
    assert not one.refused


def test_no_network_is_one_line_for_all_hosts() -> None:
    """Without a network there is one line for all hosts."""
    one, _ = started()
    for host in ("a.example", "b.example"):
        one.on_event(events.HostWaits(host, "there is no network", 5.0, 3600.0, is_offline=True))
    (line,) = one.waits()
    assert line.startswith("No network: next try in 5 s")


def test_what_merely_asked_to_wait_is_over_when_the_time_is() -> None:
    """A requested wait ends with its time, without an event."""
    one, clock = started()
    one.on_event(events.HostWaits("acme.example", "acme.example asks to wait", 10.0))
    assert len(one.waits()) == 1
    for number in range(2):
        settle(one, clock, number, 3.0)
    assert one.seconds_left() is None
    clock.now += 5
    assert not one.waits()
    assert one.seconds_left() == 24.0, "there is an estimate again"


def test_the_estimate_does_not_grow_with_an_outage() -> None:
    """The estimate is hidden during an outage and then continues."""
    one, clock = started()
    for number in range(2):
        settle(one, clock, number)
    assert one.seconds_left() == 80.0
    one.on_event(events.HostWaits("acme.example", "the connection was refused", 42.0, 3600.0))
    clock.now += 1800
    assert one.seconds_left() is None
    one.on_event(events.HostFree("acme.example"))
    assert one.seconds_left() == 80.0


def test_a_host_that_cannot_be_reached_is_kept_for_the_end() -> None:
    """Its reason is shown once, without its orders' failures."""
    one, _ = started()
    one.on_event(events.HostFree("portla.invalid", "portla.invalid cannot be opened: there is no such host"))
    assert one.refused == {"portla.invalid": "portla.invalid cannot be opened: there is no such host"}


def test_orders_that_are_tried_again_are_one_line_with_a_countdown() -> None:
    """The next order is named with its reason until its time."""
    one, clock = started()
    failure = models.Failure(models.ErrorCode.TIMEOUT, "the page took too long")
    for number, delay in ((1, 30.0), (2, 8.0)):
        key, name = models.OrderKey(f"PO-{number}"), f"PO-{number}"
        one.on_event(events.OrderStep(models.WorkerId("w1"), key, name, "reading", 1))
        one.on_event(events.OrderPutBack(models.WorkerId("w1"), key, name, failure, delay, counts=True))
    assert one.waits() == ["PO-2 is tried again in 8 s, 1 more later (the page took too long)"]
    clock.now += 9
    assert one.waits() == ["PO-1 is tried again in 21 s (the page took too long)"]
    settle(one, clock, 1, 1.0)
    assert not one.waits()


def test_the_estimate_stands_while_the_run_is_paused() -> None:
    """The estimate does not change during a pause."""
    one, clock = started()
    for number in range(2):
        settle(one, clock, number)
    one.on_event(events.Paused())
    clock.now += 3600
    assert one.seconds_left() == 80.0
    one.on_event(events.Resumed(3600.0))
    assert one.seconds_left() == 80.0


def test_what_failed_is_kept_with_its_reason() -> None:
    """The latest failures are kept for the screen."""
    one, clock = started(100)
    for number in range(60):
        settle(one, clock, number, failure=models.Failure(models.ErrorCode.NOT_FOUND, f"reason {number}"))
    settle(one, clock, 61)
    assert len(one.failures) == 50
    assert one.failures[-1].error is not None
    assert one.failures[-1].error.message == "reason 59"
