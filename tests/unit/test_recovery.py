"""A start completes what a crash left between saving an outcome and renaming its folder."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from typing import TYPE_CHECKING

from po_pw import models
from po_pw.journal import store
from po_pw.maintenance import recovery
from po_pw.storage import publishing, staging
from tests.helpers.journal_values import PLAN, outcome, row
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
OUTCOME = outcome(2)
ORDER = models.PurchaseOrder(OUTCOME.key, OUTCOME.po_number, "https://portal.example/orders/1")


def prepared(
    out: Path, content: bytes = b"content", status: models.Status = models.Status.COMPLETED
) -> staging.Prepared:
    """An order's folder, ready to be published."""
    (out / ".po-pw").mkdir(exist_ok=True)
    work = staging.open_work(out, ORDER.po_number, "run-1")
    slot = work.slot(1)
    slot.write_bytes(content)
    file = models.SavedFile(
        "a1",
        str(slot),
        "a.pdf",
        len(content),
        hashlib.sha256(content).hexdigest(),
        "",
        "http",
        "https://portal.example/a",
    )
    return staging.prepare(
        out, work, order=ORDER, supplier="", stem="PO-2", status=status, files=[file], missing=(), max_path=400, now=NOW
    )


def saved_then(
    out: Path, ready: staging.Prepared, *, restarts: int = 1
) -> tuple[recovery.Recovered, list[models.Outcome]]:
    """Saves the outcome as if the process had died then, and starts again."""

    async def test() -> tuple[recovery.Recovered, list[models.Outcome]]:
        whole = dataclasses.replace(OUTCOME, folder=ready.folder, files=ready.files)
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            run = await journal.begin(PLAN, [row(2)])
            await journal.save(run, whole, work=ready.work, replaces=ready.replaces)
            assert journal.known([OUTCOME.key]) == {}
            assert [result.status for result in journal.rows(run)] == [models.Status.PENDING]
        for _ in range(restarts):
            async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
                recovered = await recovery.recover(journal, out)
                known = [have.outcome for have in journal.known([OUTCOME.key]).values()]
        return recovered, known

    return run_async(test())


def test_a_start_finishes_the_rename(tmp_path: Path) -> None:
    """The folder and its manifest are published before the outcome counts."""
    recovered, known = saved_then(tmp_path, prepared(tmp_path))
    assert [one.folder for one in recovered.published] == [one.folder for one in known] == ["PO-2_COMPLETED"]
    assert (tmp_path / "PO-2_COMPLETED" / "a.pdf").read_bytes() == b"content"
    assert (tmp_path / ".po-pw" / "manifests" / "PO-2.json").is_file()
    assert not (tmp_path / ".po-pw" / "work").exists() or not list((tmp_path / ".po-pw" / "work").iterdir())


def test_a_rename_that_was_made_is_only_noted(tmp_path: Path) -> None:
    """A folder that was renamed already stays; a second start finds nothing to do."""
    ready = prepared(tmp_path)
    assert publishing.publish(tmp_path, ready.work, ready.folder)
    recovered, known = saved_then(tmp_path, ready, restarts=2)
    assert recovered.published == ()
    assert len(known) == 1


def test_what_is_nowhere_is_forgotten(tmp_path: Path) -> None:
    """Without its work folder, an order has no outcome and is processed again."""
    ready = prepared(tmp_path)
    staging.Work(tmp_path / ready.work).discard()
    recovered, known = saved_then(tmp_path, ready)
    assert (recovered.published, recovered.unpublished, known) == ((), (), [])


def test_what_is_in_the_way_is_said_and_loses_nothing(tmp_path: Path) -> None:
    """A file in the way is reported; once it is gone, the next start succeeds."""
    ready = prepared(tmp_path)
    (tmp_path / ready.folder).write_bytes(b"mine")
    recovered, known = saved_then(tmp_path, ready)
    assert "PO-2_COMPLETED is a file" in recovered.unpublished[0]
    assert known == []
    assert recovered.work == {ready.work}
    assert (tmp_path / ready.work / "a.pdf").read_bytes() == b"content"
    (tmp_path / ready.folder).unlink()

    async def again() -> recovery.Recovered:
        async with store.Journal.open(tmp_path / ".po-pw" / "journal.db") as journal:
            return await recovery.recover(journal, tmp_path)

    assert len(run_async(again()).published) == 1
    assert (tmp_path / "PO-2_COMPLETED" / "a.pdf").read_bytes() == b"content"


def test_what_somebody_put_into_the_older_folder_meanwhile_comes_along(tmp_path: Path) -> None:
    """Files added to the older folder meanwhile are in the new one."""
    first = prepared(tmp_path, b"old", models.Status.PARTIAL)
    assert publishing.publish(tmp_path, first.work, first.folder)
    second = prepared(tmp_path, b"new")
    (tmp_path / "PO-2_PARTIAL" / "notes.txt").write_bytes(b"mine")
    saved_then(tmp_path, second)
    there = {path.name: path.read_bytes() for path in (tmp_path / "PO-2_COMPLETED").iterdir()}
    assert there == {"a.pdf": b"new", "notes.txt": b"mine"}
    assert not (tmp_path / "PO-2_PARTIAL").exists()
    assert not (tmp_path / ".po-pw" / "aside").exists()
