"""Values for tests of the journal, and helpers to inspect it and to delay its writer."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from po_pw.journal import store

START = datetime.datetime(2026, 11, 25, 9, 30, 0, 0, datetime.timezone(datetime.timedelta(hours=2)))


COMMAND = ("po-pw", "process", "lists/pos.csv", "-w", "4", "--refresh")
PLAN = models.Plan("pos.csv", ("po_number", "url"), 4, "/out", START, COMMAND)


def order(number: int, **more: Any) -> models.PurchaseOrder:
    po = f"PO-{number}"
    return models.PurchaseOrder(models.order_key(po), po, f"http://x/{number}", row=number, **more)


def row(number: int, **more: Any) -> models.Row:
    return models.Row(number, (f"PO-{number}", f"http://x/{number}"), f"PO-{number}", order(number, **more))


def saved(name: str, **more: Any) -> models.SavedFile:
    values: dict[str, Any] = {
        "attachment_id": name,
        "path": name,
        "sent_name": name,
        "size": 10,
        "sha256": "ab" * 32,
        "media_type": "application/pdf",
        "downloaded_by": "http",
        "source": f"http://x/{name}",
        "section": "Comments",
        "modified_at": START,
        "saved_at": START,
        "checks": ("length", "type"),
    } | more
    return models.SavedFile(**values)


def outcome(number: int, status: models.Status = models.Status.COMPLETED, **more: Any) -> models.Outcome:
    values: dict[str, Any] = {
        "key": order(number).key,
        "po_number": f"PO-{number}",
        "status": status,
        "files": (saved("a.pdf"),),
        "missing": (),
        "error": None,
        "attempts": 1,
        "timing": models.Timing(START, START, 2.5),
        "worker": "w1",
        "read_by": "browser",
        "folder": f"A/PO-{number}_{status}",
        "supplier": "A",
        "source_url": "http://x",
        "found": 1,
    } | more
    return models.Outcome(**values)


def raw(path: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows that a database tool would show."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def without_log(path: Path) -> Path:
    """Makes SQLite's write-ahead log fail, as on some file systems."""
    path.with_name(f"{path.name}-shm").mkdir()  # in the place of the file that the log's memory is shared through
    return path


async def some_turns() -> None:
    """Lets new tasks reach their first wait."""
    for _ in range(3):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def held_up(journal: store.Journal) -> AsyncIterator[None]:
    """Keeps the writer busy inside the block (with a run whose rows take their time), so that requests pile up."""
    busy, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[models.Row]:
        busy.set()
        go_on.wait(60)
        yield row(1)

    task = asyncio.create_task(journal.begin(PLAN, slow()))
    await asyncio.to_thread(busy.wait, 60)
    try:
        yield
    finally:
        go_on.set()
        await task
