"""Continuing earlier runs: nothing is downloaded twice; new and changed files are."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

import pytest

from po_pw import events, models
from po_pw.demo import catalogue, faults, portal_pages, running_portal, server
from po_pw.engine import run as engine
from po_pw.engine import run_control
from po_pw.results import counts
from tests.helpers import marks, portal_runs
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.portal_runs import Ran

PLAIN = catalogue.PortalSettings(orders=6, latency=0.05, plain=True)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[running_portal.Portal]:
    with server.serve_in_thread(PLAIN) as running:
        run_async(portal_runs.signed_in(running, tmp_path / "home"))
        yield running


def ran(portal: running_portal.Portal, folder: Path, resume: models.Resume | None = None, **more: object) -> Ran:
    """One run with two workers."""
    given: dict[str, object] = {"workers": 2, "home": folder / "home", "resume": resume, **more}
    return run_async(portal_runs.run(portal, folder, **given))  # type: ignore[arg-type] # the rest is settings


def started(outcome: Ran) -> events.RunStarted:
    """The event at the start of the run."""
    (said,) = [event for event in outcome.events if isinstance(event, events.RunStarted)]
    return said


def asked(portal: running_portal.Portal, file: catalogue.ExpectedFile) -> int:
    """How often a file was requested."""
    return portal.paths[portal_pages.address(file)]


def test_of_a_partial_order_only_what_is_missing_is_fetched(plain: running_portal.Portal, tmp_path: Path) -> None:
    """The next run requests only the file that failed, and the order is then complete."""
    order = next(order for order in plain.orders if len(order.files) > 1)
    plain.faults.add(portal_pages.address(order.files[0]), faults.Fault.SERVER_ERROR, 2)
    first = ran(plain, tmp_path, attempts=2)
    assert first.error is None
    assert first.outcomes[order.po_number].status is models.Status.PARTIAL
    before = [asked(plain, file) for file in order.files]
    second = ran(plain, tmp_path, models.Resume())
    assert second.outcomes[order.po_number].status is models.Status.COMPLETED
    assert [asked(plain, file) for file in order.files] == [before[0] + 1, *before[1:]]
    assert second.hashes(order.po_number) == sorted(file.sha256 for file in order.files)
    assert started(second).taken == {"partial": 1}
    assert second.summary.already_complete == len(plain.orders) - 1
    assert second.summary.fetched == counts.Amount(1, order.files[0].size)
    assert second.summary.there.files == sum(len(one.files) for one in plain.orders)


def test_whole_files_of_an_order_in_hand_are_not_fetched_again(plain: running_portal.Portal, tmp_path: Path) -> None:
    """Complete files of an order that was in progress when the run was stopped are not downloaded again."""
    order = next(order for order in plain.orders if len(order.files) > 1)
    last = order.files[-1]
    plain.faults.add(portal_pages.address(last), faults.Fault.STALL)

    def stop(run: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.FileSaved) and event.key == models.order_key(order.po_number):
            came.append(event.file.attachment_id)
            if len(came) == len(order.files) - 1:
                threading.Thread(target=stop_when_all_are_asked_for, args=(run,), daemon=True).start()

    def stop_when_all_are_asked_for(run: engine.Run) -> None:
        while not asked(plain, last):
            time.sleep(0.01)
        run.control.stop(run_control.Stop.NOW)

    came: list[str] = []
    stopped = ran(plain, tmp_path, only=[order.po_number], hear=stop)
    assert stopped.summary.counts == {models.Status.PENDING: 1}
    assert (stopped.summary.fetched.files, stopped.summary.unfinished.files) == (0, len(order.files) - 1)
    rest = ran(plain, tmp_path, models.Resume(), only=[order.po_number])
    assert [asked(plain, file) for file in order.files] == [*[1] * (len(order.files) - 1), 2]
    assert rest.hashes(order.po_number) == sorted(file.sha256 for file in order.files)
    assert started(rest).taken == {"unfinished": 1}
    assert (rest.summary.fetched.files, rest.summary.there.files) == (1, len(order.files))
    assert not (rest.out / ".po-pw" / "work").exists()


def test_a_refresh_fetches_what_is_new_or_changed_and_keeps_the_rest(
    plain: running_portal.Portal, tmp_path: Path
) -> None:
    """At month's end one order has a file more, one a changed file, one a file less; others are unchanged."""
    more, other, less, *rest = (order for order in plain.orders if len(order.files) > 1)
    ran(plain, tmp_path)
    spare = rest[0].files[0]
    new = dataclasses.replace(spare, number=9001, name="Late invoice.pdf")
    changed = dataclasses.replace(
        other.files[0], document=dataclasses.replace(other.files[0].document, seed=other.files[0].document.seed + 1)
    )
    plain.show(more.po_number, [*more.shown, new])
    plain.show(other.po_number, [changed, *other.shown[1:]])
    plain.show(less.po_number, less.shown[:-1])
    sent = plain.counts["bytes"]
    again = ran(plain, tmp_path, models.Resume(refresh=True))
    if marks.is_kept_in(tmp_path):
        for one in again.outcomes.values():
            for path in (again.out / one.folder).iterdir():
                assert plain.origin.encode() in b"".join(marks.of(path).values()), path
    assert plain.counts["bytes"] - sent == new.size + changed.size
    assert started(again).taken == {"refreshed": len(plain.orders)}
    assert again.summary.fetched == counts.Amount(2, new.size + changed.size)
    assert again.summary.changes.vanished == 1
    changes = {po: outcome.changes for po, outcome in again.outcomes.items()}
    assert changes[more.po_number] == models.Changes(1, 0, len(more.files), 0)
    assert changes[other.po_number] == models.Changes(0, 1, len(other.files) - 1, 0)
    assert changes[less.po_number] == models.Changes(0, 0, len(less.files) - 1, 1)
    assert again.hashes(more.po_number) == sorted(file.sha256 for file in (*more.files, new))
    assert again.hashes(other.po_number) == sorted(file.sha256 for file in (changed, *other.files[1:]))
    assert again.hashes(less.po_number) == sorted(file.sha256 for file in less.files)
    gone = [file.sent_name for file in again.outcomes[less.po_number].files if "vanished" in file.checks]
    assert gone == [less.files[-1].name]
    assert {outcome.status for outcome in again.outcomes.values()} == {models.Status.COMPLETED}


def test_a_refresh_that_cannot_read_the_page_takes_nothing_away(plain: running_portal.Portal, tmp_path: Path) -> None:
    """An order whose page now fails keeps its files, is PARTIAL with the reason, and is tried again."""
    order = plain.orders[0]
    only = [order.po_number]
    ran(plain, tmp_path, only=only)
    plain.faults.add(order.path, faults.Fault.SERVER_ERROR, 1)
    again = ran(plain, tmp_path, models.Resume(refresh=True), only=only, attempts=1)
    outcome = again.outcomes[order.po_number]
    assert (outcome.status, outcome.error and outcome.error.code) == (
        models.Status.PARTIAL,
        models.ErrorCode.PORTAL_ERROR,
    )
    assert again.hashes(order.po_number) == sorted(file.sha256 for file in order.files)
    files = plain.counts["files"]
    last = ran(plain, tmp_path, models.Resume(), only=only)
    assert last.outcomes[order.po_number].status is models.Status.COMPLETED
    assert plain.counts["files"] == files


def test_changed_files_are_found_by_their_hash(plain: running_portal.Portal, tmp_path: Path) -> None:
    """A file changed without a change in size is downloaded again after `verify`."""
    order = next(order for order in plain.orders if len(order.files) > 1)
    only = [order.po_number]
    first = ran(plain, tmp_path, only=only)
    folder = first.out / first.outcomes[order.po_number].folder
    victim = folder / first.outcomes[order.po_number].files[0].path
    victim.write_bytes(bytes(victim.stat().st_size))
    files = plain.counts["files"]
    assert ran(plain, tmp_path, models.Resume(), only=only).summary.already_complete == 1
    proved = ran(plain, tmp_path, models.Resume(verify=True), only=only)
    assert started(proved).taken == {"missing": 1}
    assert plain.counts["files"] == files + 1
    theirs = {path.name for path in folder.iterdir()} - {file.path for file in proved.outcomes[order.po_number].files}
    assert len(theirs) == 1  # the changed file is somebody's, and stays under another name


def test_only_failed_leaves_alone_what_was_never_tried(plain: running_portal.Portal, tmp_path: Path) -> None:
    """`only_failed` retries the failed order; those that no run tried stay PENDING."""
    failing, other = plain.orders[0], plain.orders[1]
    plain.faults.add(failing.path, faults.Fault.SERVER_ERROR, 1)
    ran(plain, tmp_path, only=[failing.po_number], attempts=1)
    again = ran(plain, tmp_path, models.Resume(only_failed=True), only=[failing.po_number, other.po_number])
    assert again.outcomes.keys() == {failing.po_number}
    assert again.summary.counts == {models.Status.COMPLETED: 1, models.Status.PENDING: 1}
    assert started(again).taken == {"failed": 1}
    assert (again.summary.left_out, again.summary.not_reached) == (1, 0)


def test_an_order_whose_supplier_changed_has_one_folder(plain: running_portal.Portal, tmp_path: Path) -> None:
    """The folder and manifest below the old supplier are removed once the new folder is in place."""
    order = plain.orders[0]
    first = ran(plain, tmp_path, only=[order.po_number])
    old = first.outcomes[order.po_number].folder
    plain.orders = (dataclasses.replace(order, supplier="Another Ltd"), *plain.orders[1:])
    second = ran(plain, tmp_path, only=[order.po_number])
    assert second.outcomes[order.po_number].folder == f"Another Ltd/{order.po_number}_COMPLETED"
    assert not (second.out / old).exists()
    assert not (second.out / old).parent.exists()
    assert len(list((second.out / ".po-pw" / "manifests").rglob("*.json"))) == 1
