"""Whole runs on difficult disks: locked folders, virus scanners, shares that disappear, files that do not fit."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import csv
import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from aiohttp import web

import po_pw
from po_pw import errors, events, models, settings
from po_pw.engine import run as engine
from po_pw.engine import run_control
from po_pw.journal import store
from po_pw.machine import probes
from po_pw.orders import read
from po_pw.processing import order_progress
from tests.chaos import machines
from tests.helpers import plain_portal
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.loop_thread import LoopThread


MB = 1 << 20


class Portal(plain_portal.Portal):
    """Serves files of the size in their names: `/files/3MB.pdf`."""

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if name.endswith("MB.pdf"):
            self.asked.append(request.path)
            size = int(name.partition("-")[0].removesuffix("MB.pdf")) * MB
            return web.Response(body=plain_portal.PDF.ljust(size, b"0"), content_type="application/pdf")
        return await super()._answer(request)


def order(number: str, *files: str) -> dict[str, str]:
    """An order's page with these files."""
    return {f"/orders/{number}": plain_portal.order(number, plain_portal.area(*files))}


@dataclasses.dataclass
class Ran:
    """The results of a run."""

    outcomes: list[models.Outcome]
    heard: list[events.Event]
    rows: dict[str, dict[str, str]]
    """The rows of results.csv, by PO."""
    error: Exception | None

    @property
    def notices(self) -> list[str]:
        """The messages to the user."""
        return [event.text for event in self.heard if isinstance(event, events.Notice)]


async def run(
    portal: plain_portal.Portal, folder: Path, *, hear: Callable[[events.Event], None] = lambda _: None, **more: Any
) -> Ran:
    """One run over all orders of the portal; continues an earlier one."""
    table = folder / "pos.csv"
    numbers = [path.rpartition("/")[2] for path in portal.pages if path.startswith("/orders/")]
    rows = [f"{number},Acme,{portal.origin}/orders/{number}" for number in numbers]
    table.write_text("\n".join(["po_number,supplier,url", *rows]), "utf-8")
    given = {
        "workers": 1,
        "out": folder / "out",
        "home": folder / "home",
        "backoff_base": 0.01,
        "attempts": 2,
        **more,
    }
    hub, heard = events.Hub(), list[events.Event]()
    hub.listen(heard.append)
    hub.listen(hear)
    outcomes: list[models.Outcome] = []
    error: Exception | None = None
    orders = read.open_table(table)
    async with engine.Run(settings.load(**given), hub, system=probes.SystemProbes(space_every=0.05)) as one:
        worked = one.process(orders.rows(), columns=orders.columns, resume=models.Resume())
        try:
            outcomes.extend([outcome async for outcome in worked])
        except errors.PoPwError as problem:
            error = problem
        await one.write_results()
    with (given["out"] / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        found = {row["po_number"]: row for row in csv.DictReader(stream)}
    return Ran(outcomes, heard, found, error)


@pytest.fixture
def may_mount(tmp_path: Path) -> None:
    """Skips the test if this process may not mount."""
    if not machines.CAN_MOUNT or not machines.can_mount(tmp_path / "trial"):
        pytest.skip("disks can only be mounted by root on Linux")


def test_a_held_folder_is_one_orders_failure_and_everybody_hears_of_it(tmp_path: Path) -> None:
    """If a file is in the way of a supplier's folder, only that order fails, and it is in the results.

    Once the file is gone, the same command creates the folder without downloading anything again.
    """

    async def go() -> None:
        async with Portal({**order("PO-1", "a.pdf"), **order("PO-2", "b.pdf")}).serving() as portal:
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "Acme").write_bytes(b"mine")
            ran = await run(portal, tmp_path)
            assert ran.error is None
            assert sorted(one.po_number for one in ran.outcomes) == ["PO-1", "PO-2"]
            for one in ran.outcomes:
                assert (one.status, one.folder) == (models.Status.FAILED, "")
                assert one.error is not None
                assert one.error.code is models.ErrorCode.DISK_ERROR
                assert "Acme is a file where the order's folder should go" in one.error.message
                assert ran.rows[one.po_number]["status"] == "FAILED"
                assert ran.rows[one.po_number]["error_message"] == one.error.message
            settled = [event.outcome.po_number for event in ran.heard if isinstance(event, events.OrderSettled)]
            assert sorted(settled) == ["PO-1", "PO-2"]
            assert (tmp_path / "out" / "Acme").read_bytes() == b"mine"
            (tmp_path / "out" / "Acme").unlink()
            asked = list(portal.asked)
            again = await run(portal, tmp_path)
            assert portal.asked == asked
            assert {row["status"] for row in again.rows.values()} == {"COMPLETED"}
            assert (tmp_path / "out/Acme/PO-1_COMPLETED/a.pdf").read_bytes() == plain_portal.PDF

    run_async(go())


def test_a_folder_that_is_let_go_of_before_the_end_is_told_as_it_is(tmp_path: Path) -> None:
    """An order whose folder was locked, and is free when the run ends, is COMPLETED, once."""

    async def go() -> None:
        async with Portal({**order("PO-1", "a.pdf"), **order("PO-2", "b.pdf")}).serving() as portal:
            in_the_way = tmp_path / "out/Acme/PO-1_COMPLETED"
            in_the_way.parent.mkdir(parents=True)
            in_the_way.write_bytes(b"mine")

            def hear(event: events.Event) -> None:
                if isinstance(event, events.Notice) and "is downloaded, but" in event.text:
                    in_the_way.unlink()

            ran = await run(portal, tmp_path, hear=hear)
            assert [one.po_number for one in ran.outcomes] == ["PO-2", "PO-1"]
            assert {one.status for one in ran.outcomes} == {models.Status.COMPLETED}
            assert {row["status"] for row in ran.rows.values()} == {"COMPLETED"}

    run_async(go())


def test_files_that_a_scanner_removes_after_they_came_are_missing_and_the_rest_is_there(tmp_path: Path) -> None:
    """A file that a scanner removes each time is retried, then missing with the reason; the run continues."""

    async def go() -> None:
        pages = {**order("PO-1", "a.pdf", "virus.pdf"), **order("PO-2", "b.pdf")}
        async with Portal(pages).serving() as portal:

            def scan(event: events.Event) -> None:
                if isinstance(event, events.FileSaved) and event.file.sent_name == "virus.pdf":
                    (tmp_path / event.file.path).unlink()

            ran = await run(portal, tmp_path, hear=scan)
            assert ran.error is None
            first, second = sorted(ran.outcomes, key=lambda one: one.po_number)
            assert (first.status, second.status) == (models.Status.PARTIAL, models.Status.COMPLETED)
            assert first.error is not None
            assert first.error.code is models.ErrorCode.DISK_ERROR
            assert "virus scanner, removed 'virus.pdf'" in first.error.message
            assert [path.name for path in (tmp_path / "out" / first.folder).iterdir()] == ["a.pdf"]
            assert portal.times("/files/virus.pdf") == 2
            assert portal.times("/files/a.pdf") == 1

    run_async(go())


@pytest.mark.usefixtures("may_mount")
def test_a_file_that_does_not_fit_holds_up_nobody_and_comes_when_there_is_room(tmp_path: Path) -> None:
    """A file that does not fit is reported once, blocks no other order, and is requested when it fits."""

    async def go() -> None:
        pages = {**order("PO-1", "40MB.pdf"), **order("PO-2", "1MB.pdf"), **order("PO-3", "2MB.pdf")}
        async with Portal(pages).serving() as portal:
            with machines.small_disk(tmp_path / "out", 20 * MB):

                def hear(event: events.Event) -> None:
                    if isinstance(event, events.OrderSettled):
                        done.append(event.outcome.po_number)
                        if sorted(done) == ["PO-2", "PO-3"]:
                            machines.remount(tmp_path / "out", "size=100m")

                done: list[str] = []
                ran = await run(portal, tmp_path, hear=hear)
                assert ran.error is None
                assert done == ["PO-2", "PO-3", "PO-1"]
                assert {one.status for one in ran.outcomes} == {models.Status.COMPLETED}
                told = [text for text in ran.notices if "does not fit" in text]
                assert len(told) == 1
                assert "PO-1 waits: '40MB.pdf' (42 MB) does not fit on the disk of " in told[0]
                assert "more needed" in told[0]
                assert portal.times("/files/40MB.pdf") == 2  # once to learn how large it is, once when there was room

    run_async(go())


@pytest.mark.usefixtures("may_mount")
def test_a_file_that_never_fits_is_that_files_failure(tmp_path: Path) -> None:
    """After `disk_timeout` the order is PARTIAL with DISK_FULL, and the run does not fail."""

    async def go() -> None:
        async with Portal({**order("PO-1", "40MB.pdf", "1MB.pdf"), **order("PO-2", "2MB.pdf")}).serving() as portal:
            with machines.small_disk(tmp_path / "out", 20 * MB):
                ran = await run(portal, tmp_path, disk_timeout=1)
                assert ran.error is None
                assert ran.rows["PO-2"]["status"] == "COMPLETED"
                assert (ran.rows["PO-1"]["status"], ran.rows["PO-1"]["error_code"]) == ("PARTIAL", "DISK_FULL")
                assert "'40MB.pdf' (42 MB) does not fit" in ran.rows["PO-1"]["error_message"]
                assert "same command again" in ran.rows["PO-1"]["error_message"]
                assert portal.times("/files/40MB.pdf") == 1
                assert portal.times("/files/1MB.pdf") == 1

    run_async(go())


BY_SCRIPT = """<section><h2>Attachments</h2><ul><li><button id=go>Download f1.pdf</button></li></ul></section><script>
document.querySelector("#go").onclick = async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await fetch("/files/5MB.pdf")).blob());
  link.download = "f1.pdf";
  link.click();
}</script>"""


@pytest.mark.usefixtures("may_mount")
def test_a_temporary_folder_with_too_little_room_for_browsers_is_said_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only orders with files that need the browser wait until its temporary folder has space."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # browsers start in no folder with a long path
        temp = Path(short)
        monkeypatch.setattr(tempfile, "tempdir", short)
        with machines.small_disk(temp, 40 * MB):
            run_async(_with_little_room(tmp_path, temp))


async def _with_little_room(tmp_path: Path, temp: Path) -> None:
    pages = {"/orders/PO-1": plain_portal.order("PO-1", BY_SCRIPT), **order("PO-2", "a.pdf")}
    async with Portal(pages).serving() as portal:

        def hear(event: events.Event) -> None:
            filler = temp / "filler"
            if isinstance(event, events.OrderStep) and not steps:
                filler.write_bytes(b"0" * (shutil.disk_usage(temp).free - 200_000))
            elif isinstance(event, events.OrderSettled):
                filler.unlink(missing_ok=True)
            steps.extend([event] if isinstance(event, events.OrderStep) else [])

        steps: list[events.OrderStep] = []
        ran = await run(portal, tmp_path, hear=hear)
        assert ran.error is None
        assert [one.po_number for one in ran.outcomes] == ["PO-2", "PO-1"]
        assert {one.status for one in ran.outcomes} == {models.Status.COMPLETED}
        told = [text for text in ran.notices if "waits" in text]
        assert len(told) == 1
        assert told[0].startswith("PO-1 waits: the browser cannot download 'f1.pdf': it needs 17 MB on the disk of")
        assert f"its temporary folder {temp}, and " in told[0]


@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize("when", ["reading", "finishing"])
def test_a_share_that_goes_away_and_comes_back(tmp_path: Path, when: str) -> None:
    """The run waits for a share, says what to do, creates nothing in its place, and then completes normally."""
    base = tmp_path / "base"
    share, away = base / "share", base / "away"
    out = share / "out"

    async def go() -> None:
        pages = {path: text for n in range(1, 5) for path, text in order(f"PO-{n}", f"{n}.pdf", "b.pdf").items()}
        async with Portal(pages).serving() as portal:
            left: list[Path] = []

            def hear(event: events.Event) -> None:
                """Removes the share at the second order, and brings it back after the message."""
                steps = [event for event in heard if isinstance(event, events.OrderStep) and event.step == when]
                heard.append(event)
                if isinstance(event, events.OrderStep) and event.step == when and len(steps) == 1:
                    subprocess.run(["/bin/mount", "--move", str(share), str(away)], check=True)
                elif isinstance(event, events.Notice) and "Is the network drive or the disk connected?" in event.text:
                    left.extend(share.rglob("*"))
                    subprocess.run(["/bin/mount", "--move", str(away), str(share)], check=True)

            heard: list[events.Event] = []
            ran = await run(portal, tmp_path, hear=hear, out=out, workers=2)
            assert ran.error is None, ran.error
            assert sorted(one.po_number for one in ran.outcomes) == ["PO-1", "PO-2", "PO-3", "PO-4"]
            assert {row["status"] for row in ran.rows.values()} == {"COMPLETED"}
            assert [text for text in ran.notices if "can be written to again" in text]
            assert left == []
            files = {path.relative_to(out).as_posix() for path in out.rglob("*.pdf") if ".po-pw" not in path.parts}
            assert files == {f"Acme/PO-{n}_COMPLETED/{name}.pdf" for n in range(1, 5) for name in (n, "b")}

    with machines.small_disk(base, MB):
        # Only what is mounted on a private mount can be moved.
        subprocess.run(["/bin/mount", "--make-private", str(base)], check=True)
        away.mkdir()
        with machines.small_disk(share, 50 * MB):
            try:
                run_async(go())
            finally:
                if away.is_mount():
                    subprocess.run(["/bin/mount", "--move", str(away), str(share)], check=True)


@pytest.fixture
def portal(loop: LoopThread) -> Iterator[Portal]:
    """Served for a pool, which has its own thread."""
    pages = {path: text for n in range(1, 7) for path, text in order(f"PO-{n}", "a.pdf").items()}
    portal = Portal({path: text for path, text in pages.items() if path != "/orders/PO-2"})
    serving = portal.serving()
    loop.run(serving.__aenter__())
    yield portal
    loop.run(serving.__aexit__(None, None, None))


def row(portal: Portal, number: str, supplier: str = "") -> dict[str, object]:
    """An order as a script submits it."""
    return {"po_number": number, "supplier": supplier, "url": f"{portal.origin}/orders/{number}", "amount": ""}


def test_whatever_comes_of_an_order_whoever_handed_it_in_hears_of_it(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every future is completed, whatever happens to its order, and the pool keeps working."""
    out = tmp_path / "out"
    real = order_progress.OrderProgress.files

    def files(progress: order_progress.OrderProgress) -> list[models.SavedFile]:
        if progress.order.po_number == "PO-5":
            raise ArithmeticError("a fault of ours")
        return real(progress)

    monkeypatch.setattr(order_progress.OrderProgress, "files", files)
    with po_pw.WorkerPool(max_workers=1, out=out, home=tmp_path / "home", attempts=2, backoff_base=0.01) as pool:
        (out / "Held").write_bytes(b"mine")
        (out / ".po-pw/work/PO-4").write_bytes(b"in the way")
        (out / ".po-pw/manifests/Half").mkdir(parents=True)
        (out / ".po-pw/manifests/Half/PO-6.json").mkdir()
        suppliers = {"PO-3": "Held", "PO-6": "Half"}
        futures = {n: pool.submit(row(portal, n, suppliers.get(n, ""))) for n in (f"PO-{n}" for n in range(1, 7))}
        twin = pool.submit(row(portal, "PO-3", "Held"))
        found = {number: future.result(100) for number, future in futures.items()}
        assert {number: (one.status, one.error_code) for number, one in found.items()} == {
            "PO-1": ("COMPLETED", ""),
            "PO-2": ("FAILED", "NOT_FOUND"),
            "PO-3": ("FAILED", "DISK_ERROR"),
            "PO-4": ("FAILED", "DISK_ERROR"),
            "PO-5": ("FAILED", "INTERNAL"),
            "PO-6": ("FAILED", "DISK_ERROR"),
        }
        assert twin.result(100).status == "DUPLICATE"
        assert "Held is a file" in found["PO-3"].error_message
        assert pool.stats()["settled"] == 6

        async def append(*_: object) -> None:
            raise errors.OutputUnavailableError("the journal cannot be used")

        with monkeypatch.context() as patch:
            patch.setattr(store.Journal, "append", append)
            lost = [pool.submit(row(portal, "PO-1")) for _ in range(2)]
            assert [type(one.exception(100)) for one in lost] == [errors.OutputUnavailableError] * 2
        assert pool.submit(row(portal, "PO-1")).result(100).status == "COMPLETED"
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = [(row["po_number"], row["status"]) for row in csv.DictReader(stream)]
    assert ("PO-3", "FAILED") in rows
    assert ("PO-3", "DUPLICATE") in rows
    assert not [status for _, status in rows if status == "PENDING"]


@pytest.mark.parametrize(
    "how",
    ["at once", "after the orders in progress", "sign-in", pytest.param("no browser", marks=pytest.mark.whole_browser)],
)
def test_a_run_that_ends_leaves_nobody_waiting(portal: Portal, tmp_path: Path, how: str) -> None:
    """When a run is stopped, needs a sign-in or loses its browsers, every future is completed."""
    portal.needs_sign_in = how == "sign-in"
    pool = po_pw.WorkerPool(max_workers=1, out=tmp_path / "out", home=tmp_path / "home", grace=1)
    pool.start()
    assert pool._host is not None
    running = pool._host._run

    def hear(event: events.Event) -> None:
        if not isinstance(event, events.OrderStep) or event.step != "reading":
            return
        if how == "no browser":
            for context in pool.stats()["contexts"]:
                psutil.Process(context["pid"]).kill()
        elif how != "sign-in":
            running.control.stop(run_control.Stop.NOW if how == "at once" else run_control.Stop.AFTER_CURRENT)

    running.hub.listen(hear)
    futures = [pool.submit(row(portal, number)) for number in ("PO-1", "PO-3", "PO-4")]
    concurrent.futures.wait(futures, 100)
    assert all(future.done() for future in futures)
    why = {one.result().error_code for one in futures if one.exception() is None}
    assert why & {"BROWSER_CRASH", "SIGN_IN_NEEDED"} or any(one.exception() is not None for one in futures)
    with contextlib.suppress(errors.PoPwError, asyncio.CancelledError, concurrent.futures.CancelledError):
        pool.stop()
