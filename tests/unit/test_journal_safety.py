"""The journal is durable when it says so, complete or empty, loses no error, and has one process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models
from po_pw.journal import facts, lock, schema, store, writer
from tests.helpers.journal_values import PLAN, held_up, order, outcome, raw, row, saved, some_turns, without_log
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["log", "rollback"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The journal's path: once with the write-ahead log, once without."""
    where = tmp_path / "journal.db"
    return where if request.param == "log" else without_log(where)


def test_the_write_ahead_log_is_used_where_it_can_be(path: Path) -> None:
    """With the log readers block nothing; otherwise a rollback journal is used."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            await journal.begin(PLAN, [row(2)])
            mode = "delete" if path.with_name("journal.db-shm").is_dir() else "wal"
            assert raw(path, "PRAGMA journal_mode") == [(mode,)]

    run_async(body())


def test_a_journal_that_had_the_log_can_do_without(tmp_path: Path) -> None:
    """A journal moved to another file system changes to rollback mode with all its content."""

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            run = await journal.begin(PLAN, [row(2)])
        without_log(tmp_path / "journal.db")
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            assert [found.po_number for found in journal.orders(run)] == ["PO-2"]

    run_async(body())


def test_outcomes_share_a_sync(path: Path) -> None:
    """Requests that pile up, 200 outcomes and a folder, are made durable with one sync."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, map(row, range(2, 202)))
            before = journal.syncs
            async with held_up(journal):
                commits = [asyncio.create_task(journal.commit(run, outcome(n))) for n in range(2, 202)]
                claim = asyncio.create_task(journal.claim_folder(order(2).key, "A", "PO-2"))
                await some_turns()
                assert not any(task.done() for task in commits)
            await asyncio.gather(*commits)
            assert await claim == "PO-2"
            assert journal.syncs == before + 2  # the run that held the writer up, and all of these
        assert raw(path, "SELECT COUNT(*) FROM outcomes") == [(200,)]

    run_async(body())


def test_one_that_fails_undoes_nothing_of_the_others(path: Path) -> None:
    """In a shared commit only the faulty request gets the error."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, map(row, range(2, 12)))
            async with held_up(journal):
                commits = [
                    asyncio.create_task(journal.commit(models.RunId("nowhere") if n == 5 else run, outcome(n)))
                    for n in range(2, 12)
                ]
                await some_turns()
            got = await asyncio.gather(*commits, return_exceptions=True)
            assert [type(error) for error in got if error] == [errors.MachineError]
            assert {key for (key,) in raw(path, "SELECT key FROM outcomes")} == {
                f"PO-{n}" for n in range(2, 12) if n != 5
            }

    run_async(body())


def test_a_cancelled_commit_is_not_lost(path: Path) -> None:
    """A cancelled wait does not cancel the writing."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, [row(2)])
            async with held_up(journal):
                commit = asyncio.create_task(journal.commit(run, outcome(2)))
                await some_turns()
                commit.cancel()
                assert isinstance((await asyncio.gather(commit, return_exceptions=True))[0], asyncio.CancelledError)
        assert raw(path, "SELECT key, state FROM outcomes") == [("PO-2", "published")]

    run_async(body())


@pytest.mark.parametrize("what", ["note", "cancelled commit"])
def test_an_error_nobody_waits_for_is_raised_at_the_end(tmp_path: Path, what: str) -> None:
    """The error of a note, or of a cancelled wait, is raised at the end."""
    nowhere = models.RunId("nowhere")

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            if what == "note":
                journal.note(nowhere, facts.FileSaved(order(2).key, saved("a.pdf")))
            else:
                async with held_up(journal):
                    commit = asyncio.create_task(journal.commit(nowhere, outcome(2)))
                    await some_turns()
                    commit.cancel()
                    await asyncio.gather(commit, return_exceptions=True)

    with pytest.raises(errors.MachineError, match="FOREIGN KEY"):
        run_async(body())


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    """A request to a closed journal raises an error."""

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            run = await journal.begin(PLAN, [row(2)])
        with pytest.raises(RuntimeError, match="closed"):
            await journal.commit(run, outcome(2))

    run_async(body())


KILLED = """
import asyncio, sys
from pathlib import Path
from po_pw.journal import lock, store
from tests.helpers import journal_values as t

async def main():
    path = Path(sys.argv[1])
    with lock.locked(path.parent):
        async with store.Journal.open(path) as journal:
            run = await journal.begin(t.PLAN, [t.row(2), t.row(3)])
            await journal.commit(run, t.outcome(2))
            print(run, flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@contextlib.contextmanager
def at_work(path: Path) -> Iterator[tuple[subprocess.Popen[str], models.RunId]]:
    """Another process with lock and journal, and one committed outcome."""
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield process, models.RunId(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_killed_process_keeps_what_was_committed(path: Path) -> None:
    """After SIGKILL a committed outcome is there, and the lock is free."""

    async def body(run: models.RunId) -> None:
        with lock.locked(path.parent):
            async with store.Journal.open(path) as journal:
                assert [one.status for one in journal.rows(run)] == [models.Status.COMPLETED, models.Status.PENDING]
                await journal.commit(run, outcome(3))
                assert [one.status for one in journal.rows(run)] == [models.Status.COMPLETED] * 2

    with at_work(path) as (process, run):
        process.kill()
        process.wait()
        run_async(body(run))


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """A second process gets the first one's pid, and may start after its end."""
    assert not lock.is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []  # who asks leaves nothing
    with at_work(tmp_path / "journal.db") as (process, _):
        assert lock.is_locked(tmp_path)
        assert lock.holder(tmp_path) == process.pid
        with pytest.raises(errors.MachineError, match=rf"process {process.pid}\)"), lock.locked(tmp_path):
            pytest.fail("two at once")
        process.kill()
        process.wait()
        assert not lock.is_locked(tmp_path)  # whatever its note says
        with lock.locked(tmp_path):
            refused = pytest.raises(errors.MachineError, match=rf"process {os.getpid()}\)")
            with refused, lock.locked(tmp_path):
                pytest.fail("two at once")
            assert (tmp_path / "lock.pid").exists()
    assert not (tmp_path / "lock.pid").exists()


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    """A file in place of the folder is one clear message."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.MachineError, match="--out"), lock.locked(tmp_path / "file"):
        pytest.fail("locked")


def test_many_notes_do_not_wait_for_a_commit(tmp_path: Path) -> None:
    """A full batch of notes is written without a commit, so that memory is limited."""
    path = tmp_path / "journal.db"
    thread = writer.Writer(path)
    try:
        thread.submit(lambda connection: connection.execute("CREATE TABLE seen (n)")).result(60)
        before = thread.syncs
        written = threading.Event()
        for n in range(writer.MAX_BATCH):
            thread.note(lambda connection, n=n: connection.execute("INSERT INTO seen VALUES (?)", (n,)))  # type: ignore[misc]
        thread.note(lambda _: written.set())
        for n in range(writer.MAX_BATCH):
            thread.note(lambda connection, n=n: connection.execute("INSERT INTO seen VALUES (?)", (n,)))  # type: ignore[misc]
        assert written.wait(60)
        assert thread.syncs == before  # the log stays whole without one
    finally:
        thread.close()
    assert raw(path, "SELECT COUNT(*) FROM seen") == [(2 * writer.MAX_BATCH,)]


def test_notes_do_not_wait_for_ever(tmp_path: Path) -> None:
    """A single note is written after a while without a commit."""
    thread = writer.Writer(tmp_path / "journal.db")
    try:
        written = threading.Event()
        thread.note(lambda _: written.set())
        assert written.wait(60)
    finally:
        thread.close()


async def opened(path: Path) -> None:
    async with store.Journal.open(path):
        pass


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    """A newer po-pw's journal is not changed; the message says what to do."""
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(errors.MachineError, match=r"newer po-pw \(version 99.*Update"):
        run_async(opened(path))


def test_an_older_journal_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the missing steps are applied, each completely or not at all."""
    path = tmp_path / "journal.db"
    run_async(opened(path))
    broken = (*schema.MIGRATIONS, "CREATE TABLE later (x)", "CREATE TABLE half (x); CREATE TABLE rows (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(errors.MachineError, match="already exists"):
        run_async(opened(path))
    assert raw(path, "PRAGMA user_version") == [(len(broken) - 1,)]
    assert raw(path, "SELECT name FROM sqlite_master WHERE name IN ('later', 'half')") == [("later",)]
    monkeypatch.setattr(schema, "MIGRATIONS", broken[:-1])
    run_async(opened(path))


def test_what_is_not_a_journal(tmp_path: Path) -> None:
    """A damaged file, a folder and a missing path each give one clear message."""
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(errors.MachineError, match=r"damaged.*Run the same command again"):
        run_async(opened(damaged))
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", tmp_path / "none" / "journal.db"):
        with pytest.raises(errors.MachineError, match="--out"):
            run_async(opened(place))


def test_a_journal_damaged_in_the_middle(tmp_path: Path) -> None:
    """Damage found when a page is read gives the same message."""
    path = tmp_path / "journal.db"

    async def filled() -> models.RunId:
        async with store.Journal.open(path) as journal:
            return await journal.begin(PLAN, map(row, range(2, 3000)))

    async def read(run: models.RunId) -> None:
        async with store.Journal.open(path) as journal:
            list(journal.rows(run))

    run = run_async(filled())
    content = bytearray(path.read_bytes())
    content[len(content) // 4 :] = b"\xff" * (len(content) - len(content) // 4)
    path.write_bytes(content)
    with pytest.raises(errors.MachineError, match="Run the same command again"):
        run_async(read(run))


def test_a_full_disk(tmp_path: Path) -> None:
    """Without space each waiting commit fails, nothing is half written, and it works again later."""
    path = tmp_path / "journal.db"
    big = outcome(2, folder="x" * 100_000)

    async def body(thread: writer.Writer) -> None:
        journal = store.Journal(path, thread)
        run = await journal.begin(PLAN, [row(2)])
        (pages,) = raw(path, "PRAGMA page_count")[0]
        assert thread.submit(lambda connection: _limited(connection, pages)).result(60) == pages
        async with held_up(journal):
            commits = [asyncio.create_task(journal.commit(run, what)) for what in (big, big)]
            await some_turns()
        for error in await asyncio.gather(*commits, return_exceptions=True):
            assert isinstance(error, errors.OutOfSpaceError)
        assert raw(path, "SELECT COUNT(*) FROM outcomes") == [(0,)]
        thread.submit(lambda connection: _limited(connection, 100_000)).result(60)
        await journal.commit(run, big)
        assert journal.known([big.key])[big.key].outcome == big

    with contextlib.closing(writer.Writer(path)) as thread:
        run_async(body(thread))


def _limited(connection: sqlite3.Connection, pages: int) -> int:
    """SQLite's own full disk: a database that may not grow."""
    return int(connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0])
