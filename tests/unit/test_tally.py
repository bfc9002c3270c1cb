"""What is counted of a run while it goes on; pure, with a clock of its own."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from po_pw import events, models
from po_pw.cli import live, tally


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(orders: int = 10) -> tuple[tally.Tally, Clock]:
    clock = Clock()
    one = tally.Tally(clock)
    one.hear(events.RunStarted(models.RunId("r"), orders, orders, 0, 0, 0, 1))
    return one, clock


def settle(one: tally.Tally, clock: Clock, number: int, seconds: float = 10.0) -> None:
    """One order read and settled, in so many seconds."""
    worker, key, name = models.WorkerId("w1"), models.OrderKey(f"PO-{number}"), f"PO-{number}"
    one.hear(events.OrderStep(worker, key, name, "reading", 1))
    clock.now += seconds
    timing = models.Timing(datetime.now(UTC), datetime.now(UTC), seconds)
    one.hear(
        events.OrderSettled(
            models.Outcome(
                key=key,
                po_number=name,
                status=models.Status.COMPLETED,
                files=(),
                missing=(),
                error=None,
                attempts=1,
                timing=timing,
                worker=worker,
                lane="browser",
                folder=name,
                supplier="",
                source_url="",
                found=0,
            )
        )
    )


def test_a_wait_counts_down_says_when_it_ends_and_is_gone_when_the_host_answers() -> None:
    """The line changes with the clock alone; while the host is asked it says that."""
    one, clock = started()
    one.hear(events.HostWaits("acme.example", "the connection was refused", 42.0, 3600.0))
    first = one.waits()[0]
    assert first.startswith("acme.example does not answer: next try in 42 s; gives up at ")
    clock.now += 30
    assert "next try in 12 s" in one.waits()[0]
    clock.now += 12
    one.hear(events.HostTried("acme.example"))
    assert "trying now" in one.waits()[0]
    one.hear(events.HostFree("acme.example"))
    assert not one.waits()
    assert not one.refused


def test_no_network_is_one_line_for_all_hosts() -> None:
    """It is the machine's fault, not ten hosts'."""
    one, _ = started()
    for host in ("a.example", "b.example"):
        one.hear(events.HostWaits(host, "there is no network", 5.0, 3600.0, is_offline=True))
    (line,) = one.waits()
    assert line.startswith("No network: next try in 5 s")


def test_what_merely_asked_to_wait_is_over_when_the_time_is() -> None:
    """Nobody tries it for the others: there is no event that says so."""
    one, clock = started()
    one.hear(events.HostWaits("acme.example", "acme.example asks to wait", 10.0))
    assert len(one.waits()) == 1
    clock.now += 11
    assert not one.waits()


def test_the_estimate_does_not_grow_with_an_outage() -> None:
    """It is left out while a host is waited for, and goes on as if nothing had been."""
    one, clock = started()
    for number in range(2):
        settle(one, clock, number)
    assert one.seconds_left() == 80.0
    one.hear(events.HostWaits("acme.example", "the connection was refused", 42.0, 3600.0))
    clock.now += 1800
    assert one.seconds_left() is None
    one.hear(events.HostFree("acme.example"))
    assert one.seconds_left() == 80.0


def test_a_host_that_cannot_be_reached_is_kept_for_the_end() -> None:
    """Its reason is said once, and its orders' failures are not told beside it."""
    one, _ = started()
    one.hear(events.HostFree("portla.invalid", "portla.invalid cannot be opened: there is no such host"))
    assert one.refused == {"portla.invalid": "portla.invalid cannot be opened: there is no such host"}


def test_the_screen_shows_the_wait_and_how_long_a_worker_has_been_at_it() -> None:
    """In 80 columns, without folding."""
    clock, drawn = Clock(), io.StringIO()
    view = live.View(Console(file=drawn, width=80, force_terminal=True, no_color=True), quiet=False, verbose=False)
    view.tally = tally.Tally(clock)
    view.tally.hear(events.RunStarted(models.RunId("r"), 2, 2, 0, 0, 0, 1))
    view.tally.hear(events.OrderStep(models.WorkerId("w1"), models.OrderKey("PO-1"), "PO-1", "reading", 1))
    view.tally.hear(events.HostWaits("acme.example", "the connection was refused", 42.0, 3600.0))
    clock.now += 30
    plain = Console(file=drawn, width=80, no_color=True)
    plain.print(view._render())
    lines = drawn.getvalue().splitlines()
    assert any("reading 30 s" in line for line in lines)
    assert any("acme.example does not answer: next try in 12 s; gives up at" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
