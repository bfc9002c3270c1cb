"""The whole engine on the embedded portal, with a real browser, server and files."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw import errors, events, models
from po_pw.demo import catalogue, running_portal, server
from po_pw.engine import run as engine
from po_pw.engine import run_control
from po_pw.machine import capacity, resources
from tests.helpers import portal_runs
from tests.helpers.journal_values import raw
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = catalogue.PortalSettings(orders=40, latency=0.05, file_latency=0.0, large_bytes=3_000_000)
PLAIN = catalogue.PortalSettings(orders=8, latency=0.1, plain=True)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(PLAIN) as running:
        run_async(portal_runs.signed_in(running, tmp_path / "home"))
        yield running


def test_every_order_comes_out_as_the_portal_says(tmp_path: Path) -> None:
    """Status, error and the SHA-256 of each file match the portal's own list, for every variant of page.

    With one worker; `po-pw demo` shows the same with several (`test_cli.py`).
    """
    with server.serve_in_thread(SMALL) as fresh:  # of its own: some orders fail once, and then work
        run_async(portal_runs.signed_in(fresh, tmp_path / "home"))
        ran = run_async(portal_runs.run(fresh, tmp_path, workers=1, home=tmp_path / "home"))
        wrong: list[tuple[object, ...]] = []
        for order in fresh.orders:
            outcome = ran.outcomes[order.po_number]
            code = outcome.error.code.value if outcome.error else None
            if (outcome.status.value, code) != (order.expected_status, order.expected_error):
                wrong.append((order.po_number, order.variant, outcome.status, outcome.error))
            if ran.hashes(order.po_number) != sorted(file.sha256 for file in order.files):
                wrong.append((order.po_number, order.variant, "files", [file.path for file in outcome.files]))
        assert wrong == []
        assert ran.error is None
    assert not list((ran.out / ".po-pw" / "work").glob("*")) or not (ran.out / ".po-pw" / "work").exists()


def test_one_worker_does_one_order_after_another(plain: running_portal.Portal, tmp_path: Path) -> None:
    """With one worker there are never two pages at once, and each order settles before the next is read."""
    ran = run_async(portal_runs.run(plain, tmp_path, workers=1, home=tmp_path / "home"))
    assert plain.peak_pages == 1
    open_orders: set[str] = set()
    for event in ran.events:
        if isinstance(event, events.OrderStep) and event.step == "reading":
            open_orders.add(event.po_number)
            assert len(open_orders) == 1
        elif isinstance(event, events.OrderSettled):
            open_orders.discard(event.outcome.po_number)


@pytest.mark.parametrize("how", [run_control.Stop.AFTER_CURRENT, run_control.Stop.NOW])
def test_a_stopped_run_is_continued_by_the_next(
    plain: running_portal.Portal, tmp_path: Path, how: run_control.Stop
) -> None:
    """After a stop every row has a result or is PENDING, and the next run processes only the rest."""

    def stop_after_three(run: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderSettled):
            settled.append(event.outcome.po_number)
            if len(settled) == 3:
                run.control.stop(how)

    settled: list[str] = []
    stopped = run_async(portal_runs.run(plain, tmp_path, workers=2, home=tmp_path / "home", hear=stop_after_three))
    assert stopped.summary.counts[models.Status.PENDING] == len(plain.orders) - len(settled)
    assert stopped.summary.counts[models.Status.COMPLETED] == len(settled)
    done = dict(stopped.outcomes)
    assert 3 <= len(done) < len(plain.orders)
    rest = run_async(portal_runs.run(plain, tmp_path, workers=2, home=tmp_path / "home", resume=models.Resume()))
    assert rest.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert rest.summary.already_complete == len(done)
    for order in plain.orders:
        assert rest.hashes(order.po_number) == sorted(file.sha256 for file in order.files)


def test_an_expired_session_is_never_no_attachments(plain: running_portal.Portal, tmp_path: Path) -> None:
    """If the portal ends the session, the run ends with a sign-in error and the rest is PENDING."""

    def expire(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderSettled) and len(settled) < 2:
            settled.append(event.outcome.po_number)
            if len(settled) == 2:
                plain.sign_everybody_out()

    settled: list[str] = []
    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=tmp_path / "home", hear=expire))
    assert isinstance(ran.error, errors.LoginRequiredError)
    assert models.Status.NO_ATTACHMENTS not in ran.summary.counts
    assert models.Status.FAILED not in ran.summary.counts
    assert ran.summary.counts[models.Status.PENDING] > 0


@pytest.mark.whole_browser
def test_a_killed_browser_loses_no_order(plain: running_portal.Portal, tmp_path: Path) -> None:
    """A worker whose browser is killed gets another, and its order is processed again, once."""

    def kill(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.ContextOpened):
            pids.append(event.pid)
        if isinstance(event, events.OrderStep) and event.step == "reading" and event.worker == "w1" and not killed:
            killed.append(pids[0])
            os.kill(pids[0], getattr(signal, "SIGKILL", signal.SIGTERM))

    pids: list[int] = []
    killed: list[int] = []
    ran = run_async(portal_runs.run(plain, tmp_path, workers=1, home=tmp_path / "home", hear=kill))
    assert killed
    assert len(pids) == 2
    assert any(isinstance(event, events.ContextLost) and event.replaced for event in ran.events)
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert len([event for event in ran.events if isinstance(event, events.OrderSettled)]) == len(plain.orders)
    journal = ran.out / ".po-pw" / "journal.db"
    befell = [name for (name,) in raw(journal, "SELECT event FROM events ORDER BY id")]
    assert [befell.count(name) for name in ("browser.chosen", "context.opened", "context.lost", "run.ended")] == [
        1,
        2,
        1,
        1,
    ]


@pytest.mark.whole_browser
def test_contexts_are_closed_when_memory_runs_short_and_opened_again(tmp_path: Path) -> None:
    """With injected readings there are two contexts, one, and two again; each change is explained."""
    free = [8_000_000_000]

    def read() -> resources.Reading:
        return dataclasses.replace(resources.read(), total_bytes=16_000_000_000, free_bytes=free[0], cpu_percent=10.0)

    def make_governor(wanted: int) -> capacity.Governor:
        return capacity.Governor(wanted, read=read, measure=lambda: 0, every=0.02)

    def hear(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderSettled) and len(settled) < 2:
            settled.append(event.outcome.po_number)
            free[0] = 100_000_000
        if isinstance(event, events.ContextClosed):
            free[0] = 8_000_000_000
        if isinstance(event, events.ContextOpened):
            opened.append(event.pid)
            if len(opened) == 3:
                portal.waits_for_pages.clear()

    settled: list[str] = []
    opened: list[int] = []
    with server.serve_in_thread(dataclasses.replace(PLAIN, orders=12)) as portal:
        run_async(portal_runs.signed_in(portal, tmp_path / "home"))
        portal.waits_for_pages[portal.orders[-1].path] = sys.maxsize  # however quickly the others are done
        ran = run_async(
            portal_runs.run(portal, tmp_path, workers=2, home=tmp_path / "home", hear=hear, make_governor=make_governor)
        )
    assert ran.summary.counts == {models.Status.COMPLETED: 12}
    changes = [
        type(event).__name__ for event in ran.events if isinstance(event, events.ContextOpened | events.ContextClosed)
    ]
    assert changes[:4] == ["ContextOpened", "ContextOpened", "ContextClosed", "ContextOpened"]
    said = [event.text for event in ran.events if isinstance(event, events.Notice) and "free memory" in event.text]
    assert len(said) >= 2


def test_a_browser_that_does_not_start_is_parallel_processing_error(
    plain: running_portal.Portal, tmp_path: Path
) -> None:
    """If no context can be opened, there is a clear error and every row is PENDING."""
    program = tmp_path / "no-browser"
    program.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    program.chmod(0o755)
    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=tmp_path / "home", browser=str(program)))
    assert isinstance(ran.error, errors.ParallelProcessingError)
    assert ran.summary.counts == {models.Status.PENDING: len(plain.orders)}


def cookies_of(home: Path) -> list[str]:
    """The values of all saved cookies, which must never be in a log."""
    (state,) = home.rglob("storage_state.json")
    return [cookie["value"] for cookie in json.loads(state.read_text("utf-8"))["cookies"]]


def test_four_workers_and_the_same_command_again(plain: running_portal.Portal, tmp_path: Path) -> None:
    """Four contexts use four user-data dirs and processes; results.csv has the input's rows in order.

    The log has each order. A second run uses the existing files, and requests nothing.
    """
    home = tmp_path / "home"
    plain.gather = 2
    first = run_async(portal_runs.run(plain, tmp_path, workers=4, home=home))
    opened = [event for event in first.events if isinstance(event, events.ContextOpened)]
    assert len({event.pid for event in opened}) == len({event.user_data_dir for event in opened}) == 4
    assert plain.peak_pages > 1
    assert not any(psutil.pid_exists(event.pid) for event in opened)
    assert not any(Path(event.user_data_dir).exists() for event in opened)
    with (first.out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["po_number"] for row in rows] == [order.po_number for order in plain.orders]
    assert all(row["status"] == "COMPLETED" for row in rows)
    assert not (first.out / "failed.csv").exists()
    (log,) = (first.out / ".po-pw" / "logs").glob("*.jsonl")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    settled = [line for line in lines if line["event"] == "order.settled"]
    assert {line["po"] for line in settled} == {order.po_number for order in plain.orders}
    assert all(line["worker"] in {"w1", "w2", "w3", "w4"} for line in settled)
    assert not any(secret in log.read_text("utf-8") for secret in cookies_of(home))
    asked = plain.counts["files"], plain.counts["pages"]
    second = run_async(portal_runs.run(plain, tmp_path, workers=4, home=home, resume=models.Resume()))
    assert (plain.counts["files"], plain.counts["pages"]) == asked
    assert second.summary.already_complete == len(plain.orders)
    assert {po: outcome.files for po, outcome in second.outcomes.items()} == {
        po: outcome.files for po, outcome in first.outcomes.items()
    }
