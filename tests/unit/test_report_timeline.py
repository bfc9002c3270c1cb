"""The data of the report's charts."""

from __future__ import annotations

import dataclasses
import datetime

from po_pw import models
from po_pw.journal import history
from po_pw.report import timeline
from po_pw.report.timeline import Span
from tests.helpers import report_rows

START = report_rows.START


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def attempt(key: str, worker: str, start: float, end: float, code: str = "") -> history.Attempt:
    return history.Attempt(models.OrderKey(key), worker, at(start), at(end), code)


def happening(event: str, seconds: float, worker: str = "", **detail: object) -> history.Happening:
    return history.Happening(at(seconds), event, worker, detail)


def past(*attempts: history.Attempt, happenings: tuple[history.Happening, ...] = ()) -> history.History:
    empty = report_rows.past([])
    return dataclasses.replace(empty, seconds=100.0, attempts=attempts, happenings=happenings, saved=())


def test_spans_that_touch_become_one() -> None:
    spans = [Span(5, 6), Span(0, 1), Span(1.5, 3), Span(2, 2.5)]
    assert timeline.joined(spans, 0) == (Span(0, 1), Span(1.5, 3), Span(5, 6))
    assert timeline.joined(spans, 0.5) == (Span(0, 3), Span(5, 6))


def test_each_worker_has_its_time_and_its_failures() -> None:
    """Workers are in order; an order tried twice is one order that ended last."""
    done = past(
        attempt("A", "w10", 0, 10, "TIMEOUT"),
        attempt("A", "w2", 20, 30),
        attempt("B", "w2", 40, 50),
        happenings=(happening("orders.stolen", 15, "w2", victim="w10", count=1),),
    )
    course = timeline.of(done)
    assert [lane.worker for lane in course.lanes] == ["w2", "w10"]
    second, tenth = course.lanes
    assert (second.working, second.failed, second.steals) == ((Span(20, 30), Span(40, 50)), (), (15.0,))
    assert (second.orders, tenth.failed) == (2, (Span(0, 10),))
    assert sum(bar.succeeded for bar in course.bars) == 2
    assert sum(bar.failed for bar in course.bars) == 0


def test_waits_last_from_the_first_word_of_them_to_the_last() -> None:
    """A repeated wait continues; one without an end lasts until the end of the run."""
    waits = (
        happening("host.waits", 10, host="a"),
        happening("host.waits", 20, host="a"),
        happening("host.free", 30, host="a"),
        happening("paused", 40),
        happening("resumed", 50),
        happening("sign.in.started", 60, host="a"),
    )
    assert timeline.of(past(happenings=waits)).waits == (Span(10, 30), Span(40, 50), Span(60, 100))


def test_a_long_run_is_drawn_in_few_pieces() -> None:
    """Any number of orders is drawn in few pieces."""
    many = [attempt(str(n), f"w{n % 8}", n * 2.0, n * 2.0 + 1) for n in range(20_000)]
    course = timeline.of(dataclasses.replace(past(*many), seconds=40_000.0))
    assert sum(len(lane.working) for lane in course.lanes) <= 3_100
    assert len(course.bars) <= 41
    assert sum(bar.succeeded for bar in course.bars) == 20_000


def test_a_run_without_an_order_has_nothing_to_draw() -> None:
    course = timeline.of(dataclasses.replace(past(), seconds=0.0))
    assert course.lanes == ()
    assert len(course.bars) == 1
