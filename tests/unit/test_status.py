"""`po-pw status` reads an output directory, also during a run, and changes nothing there."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Literal

import pytest
from typer.testing import CliRunner

from po_pw import errors, models
from po_pw.cli import commands
from po_pw.journal import facts, lock, schema, store, view
from po_pw.maintenance import status
from po_pw.portals import memory
from tests.helpers.journal_values import COMMAND, PLAN, START, order, outcome, raw, row, saved
from tests.helpers.support import run_async
from tests.unit.test_journal_safety import at_work

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = models.Failure(models.ErrorCode.NETWORK, "reset")
TIMEOUT = models.Failure(models.ErrorCode.TIMEOUT, "late")
GONE = models.Failure(models.ErrorCode.NOT_FOUND, "gone")

BEFELL: tuple[tuple[Literal["info", "warning"], str | None, dict[str, object]], ...] = (
    ("info", "w1", {"pid": 1}),
    ("warning", "w2", {"why": "the browser was closed", "replaced": True}),
    ("warning", None, {"text": "short of disk"}),
)


def second(number: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=number)


def lease(number: int, of: int, attempt: int = 1, worker: str = "w1") -> models.Lease:
    return models.Lease(order(of), models.WorkerId(worker), attempt, number)


async def work(journal: store.Journal) -> models.RunId:
    """A run in progress: six orders, a refused row, a duplicate; two settled, one complete, two in progress."""
    refused = models.Row(8, ("", ""), "", None, models.Failure(models.ErrorCode.INVALID_ROW, "no number"))
    twin = models.Row(9, ("PO-2", ""), "PO-2", order(2), None, duplicate_of=2)
    run = await journal.begin(PLAN, [*map(row, range(2, 8)), refused, twin])
    await journal.copy_outcomes(run, [outcome(2, from_earlier_run=True)])
    for step in (
        facts.Leased(lease(1, 3), second(1)),
        facts.Attempted(lease(1, 3), second(1), second(2), NETWORK),
        facts.Leased(lease(2, 4, worker="w2"), second(2)),
        facts.Attempted(lease(2, 4), second(2), second(3), TIMEOUT),
        facts.Leased(lease(3, 3, 2), second(3)),
        facts.FileSaved(order(3).key, saved("a.pdf", saved_at=second(4))),
        facts.Attempted(lease(3, 3, 2), second(3), second(4), None),
        facts.Leased(lease(4, 5, worker="w2"), second(4)),
        facts.Attempted(lease(4, 5, worker="w2"), second(4), second(5), GONE),
        facts.Leased(lease(5, 6, worker="w2"), second(6)),
        facts.Leased(lease(6, 7), second(7)),
    ):
        journal.note(run, step)
    for number, (level, worker, detail) in enumerate(BEFELL):
        journal.note(run, facts.Happened("notice", level, second(number), worker, None, detail))
    await journal.commit(run, outcome(3, files=(saved("a.pdf"), saved("b.pdf", size=90))))
    await journal.commit(run, outcome(5, models.Status.FAILED, files=(), error=GONE))
    return run


def traces(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything in a folder, with size and time."""
    files = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*")}
    return {name: (about.st_size, about.st_mtime_ns) for name, about in files.items()}


def out_of(tmp_path: Path) -> Path:
    (tmp_path / "out" / ".po-pw").mkdir(parents=True)
    return tmp_path / "out"


@pytest.mark.parametrize("rollback", [False, True], ids=["log", "rollback"])
def test_a_run_that_is_going(tmp_path: Path, rollback: bool) -> None:
    """Counts, orders in progress and requeued ones are shown; nothing is changed."""
    out = out_of(tmp_path)

    async def body() -> None:
        async with store.Journal.open(out / ".po-pw" / "journal.db", rollback=rollback) as journal:
            run_id = await work(journal)
            before = traces(out)
            found = await asyncio.to_thread(status.read, out, second(60))
            assert traces(out) == before
            run = found.run
            assert run is not None
            assert (found.state, found.pid, run.run, run.ended_at) == ("running", os.getpid(), run_id, None)
            assert (run.rows, run.orders, run.already_complete, run.files, run.bytes) == (8, 6, 1, 2, 100)
            assert run.counts == {"COMPLETED": 2, "FAILED": 2, "PENDING": 3, "DUPLICATE": 1}
            assert (run.failed, run.partial) == ({"NOT_FOUND": 1, "INVALID_ROW": 1}, {})
            assert (run.put_back, run.waiting) == ({"NETWORK": 1, "TIMEOUT": 1}, {"TIMEOUT": 1})
            hands = [(one.key, one.worker, one.attempt, one.since) for one in run.in_progress]
            assert hands == [("PO-7", "w1", 1, second(7)), ("PO-6", "w2", 1, second(6))]
            assert found.left == 3
            assert run.command == COMMAND
            assert [(one.at, one.worker, one.text) for one in run.warnings] == [
                (second(1), "w2", "the browser was closed"),
                (second(2), None, "short of disk"),
            ]
            await journal.end(run_id, seconds=1, work_seconds=1, interrupted=True, browser=None)
            stopping = await asyncio.to_thread(status.read, out)
            assert stopping.state == "starting"  # its results are being written, or the next run is about to begin

    with lock.locked(out / ".po-pw"):
        run_async(body())
    before = traces(out)
    after = status.read(out)
    assert (after.state, after.pid, after.left, after.unsuccessful) == ("stopped", None, 3, 2)
    assert after.command() == list(COMMAND)
    assert traces(out) == before


def test_the_latest_run_is_the_one_that_came_last_also_where_the_clock_was_set_back(tmp_path: Path) -> None:
    """The second run is the latest, even if its clock is a day earlier."""
    path = tmp_path / "journal.db"

    async def go() -> list[models.RunId]:
        runs = []
        async with store.Journal.open(path) as journal:
            for days in (0, -1):
                at = START + datetime.timedelta(days=days)
                run = await journal.begin(dataclasses.replace(PLAN, started_at=at), [row(2)])
                journal.note(run, facts.Happened("run.started", "info", at, None, None, {}))
                runs.append(run)
        return runs

    runs = run_async(go())
    assert schema.read_only(path, lambda connection: view.latest(connection, path)) == runs[1]


def test_the_rate_is_that_of_the_latest_outcomes(tmp_path: Path) -> None:
    """The time left follows from the latest outcomes; without data there is none."""
    out = out_of(tmp_path)

    async def body() -> view.Progress | None:
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            await work(journal)
        return await asyncio.to_thread(view.progress, out / ".po-pw" / "journal.db")

    run = run_async(body())
    assert run is not None
    assert (run.recent, run.recent_since is not None) == (1, True)
    some = dataclasses.replace(run, recent=10, recent_since=second(0), recent_bytes=3000)
    going = status.OutputStatus(out, status.State.RUNNING, 1, second(20), some)
    assert (going.orders_per_second, going.bytes_per_second, going.seconds_left) == (0.5, 150, 6)
    for other in (
        dataclasses.replace(going, run=dataclasses.replace(some, recent=0)),
        dataclasses.replace(going, state=status.State.DIED),
        dataclasses.replace(going, run=None),
    ):
        assert (other.orders_per_second, other.bytes_per_second, other.seconds_left) == (None, None, None)


def test_how_a_run_ended(tmp_path: Path) -> None:
    """Killed, stopped or finished, from lock and journal."""
    out = out_of(tmp_path)

    async def body() -> view.Progress:
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            await work(journal)
        found = view.progress(out / ".po-pw" / "journal.db")
        assert found is not None
        return found

    died = run_async(body())
    ended = dataclasses.replace(died, ended_at=second(9))
    assert status.state_of(None, is_locked=False) == "none"
    assert status.state_of(None, is_locked=True) == "starting"
    assert status.state_of(died, is_locked=False) == "died"
    assert status.state_of(died, is_locked=True) == "running"
    assert status.state_of(ended, is_locked=False) == "finished"
    assert status.state_of(dataclasses.replace(ended, interrupted=True), is_locked=False) == "stopped"
    settled = dataclasses.replace(ended, interrupted=True, counts={models.Status.COMPLETED: 6})
    assert status.state_of(settled, is_locked=False) == "finished"


@pytest.mark.parametrize("kept", [("-wal", "-shm"), ("-wal",), ()], ids=["log", "log alone", "nothing"])
def test_what_a_kill_left_is_read_where_it_lies(tmp_path: Path, kept: tuple[str, ...]) -> None:
    """A write-ahead log is read, with its index or without, and nothing is repaired."""
    out = out_of(tmp_path)
    died = tmp_path / "died" / ".po-pw"

    async def body() -> None:
        path = out / ".po-pw" / "journal.db"
        async with store.Journal.open(path) as journal:
            await work(journal)
            if not kept:
                await asyncio.to_thread(raw, path, "PRAGMA wal_checkpoint(TRUNCATE)")
            died.mkdir(parents=True)
            for end in ("", *kept):
                shutil.copy2(path.with_name(f"journal.db{end}"), died / f"journal.db{end}")

    run_async(body())
    before = traces(died)
    found = status.read(died.parent)
    assert (found.state, found.left) == ("died", 3)
    assert traces(died) == before


def test_a_commit_that_a_kill_cut_short_is_not_seen(tmp_path: Path) -> None:
    """A partial commit is undone in a copy."""
    out = out_of(tmp_path)
    died = tmp_path / "died" / ".po-pw"
    path = out / ".po-pw" / "journal.db"

    async def body() -> None:
        async with store.Journal.open(path, rollback=True) as journal:
            await work(journal)

    run_async(body())
    died.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE outcomes SET status = 'PARTIAL', at = hex(zeroblob(20000))")
        for end in ("", "-journal"):
            shutil.copy2(path.with_name(f"journal.db{end}"), died / f"journal.db{end}")
        connection.execute("ROLLBACK")
    assert (died / "journal.db-journal").stat().st_size > 0
    before = traces(died)
    found = status.read(died.parent)
    assert found.run is not None
    assert found.run.counts[models.Status.COMPLETED] == 2
    assert models.Status.PARTIAL not in found.run.counts
    assert traces(died) == before


def test_another_process_is_seen_at_work(tmp_path: Path) -> None:
    """A run of another process is shown with its pid; after a kill, with how to continue."""
    path = out_of(tmp_path) / ".po-pw" / "journal.db"
    with at_work(path) as (process, run):
        said = invoked("status", tmp_path / "out")
        assert f"process {process.pid}" in said
        assert run in said
        assert "Running for" in said
        process.kill()
        process.wait()
    said = invoked("status", tmp_path / "out")
    assert said.startswith("The run was killed")
    assert "  po-pw process lists/pos.csv -w 4 --refresh" in said


def test_which_orders_are_finished(tmp_path: Path) -> None:
    """By their latest outcome, except those that verify marked."""
    path = out_of(tmp_path) / ".po-pw" / "journal.db"

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, map(row, range(2, 7)))
            await journal.commit(run, outcome(2, folder="A/layout of the user"))
            await journal.commit(run, outcome(3, models.Status.NO_ATTACHMENTS, files=(), folder=""))
            await journal.commit(run, outcome(4, models.Status.FAILED, files=(), error=GONE, folder="A/x_COMPLETED"))
            await journal.commit(run, outcome(5))
            await journal.mark_for_reverify([order(5).key])
            await journal.end(run, seconds=1, work_seconds=1, interrupted=False, browser=None)

    run_async(body())
    assert view.finished(path) == {order(2).key, order(3).key}


def test_what_people_and_programs_read(tmp_path: Path) -> None:
    """Lines fit 80 columns; JSON has the same content."""
    out = out_of(tmp_path)

    async def body() -> None:
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            run = await work(journal)
            await journal.mark_for_reverify([order(3).key])
            await journal.end(run, seconds=1, work_seconds=1, interrupted=True, browser=None)

    run_async(body())
    said = invoked("status", out)
    for words in (
        "Stopped before the end",
        "of pos.csv, 4 workers, 8 rows",
        "NOT_FOUND 1, INVALID_ROW 1",
        "2 in progress when it ended, 1 to retry (TIMEOUT 1)",
        "2 files, 100 B; 1 order complete from earlier runs",
        "Retries so far: NETWORK 1, TIMEOUT 1",
        "Marked by po-pw verify: 1 order",
        "To continue, run:",
    ):
        assert words in said
    assert [line for line in said.splitlines() if len(line.rstrip()) > 80 and not line.startswith("  po-pw")] == []
    answer = json.loads(invoked("status", "--json", out))
    assert (answer["state"], answer["left"], answer["run"]["counts"]["FAILED"]) == ("stopped", 3, 2)
    assert datetime.datetime.fromisoformat(answer["run"]["in_progress"][0]["since"]) == second(7)


def rules_of(*versions: int) -> list[models.Outcome]:
    """Finished orders, each read with one of these versions of the rules."""
    return [outcome(number, files=(), rules=version) for number, version in enumerate(versions, 2)]


def test_orders_read_under_older_rules_are_counted(tmp_path: Path) -> None:
    """Finished orders are counted by their version; an older journal counts as oldest."""
    out = out_of(tmp_path)
    path = out / ".po-pw" / "journal.db"
    now = memory.RULES_VERSION

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, map(row, range(2, 7)))
            await journal.copy_outcomes(run, rules_of(0, now - 1))
            await journal.commit(run, rules_of(0, 0, now)[-1])
            await journal.commit(run, outcome(5, models.Status.FAILED, files=(), error=GONE, rules=0))
            await journal.end(run, seconds=1, work_seconds=1, interrupted=False, browser=None)
            kept = journal.known([order(2).key, order(4).key])
            assert [kept[order(number).key].outcome.rules for number in (2, 4)] == [0, now]

    run_async(body())
    assert status.read(out).outdated == 2
    said = invoked("status", out)
    assert "2 finished orders were read by an older po-pw; --refresh reads them again" in said
    assert json.loads(invoked("status", "--json", out))["outdated"] == 2


def test_a_failed_order_whose_page_was_kept_says_where(tmp_path: Path) -> None:
    """Existing evidence is named."""
    out = out_of(tmp_path)
    unknown = models.Failure(models.ErrorCode.NOT_RECOGNISED, "another page")
    (out / ".po-pw" / "evidence" / "PO-2").mkdir(parents=True)

    async def body() -> None:
        async with store.Journal.open(out / ".po-pw" / "journal.db") as journal:
            run = await journal.begin(PLAN, map(row, range(2, 5)))
            for number, error in ((2, unknown), (3, unknown), (4, GONE)):
                await journal.commit(run, outcome(number, models.Status.FAILED, files=(), error=error))
            await journal.end(run, seconds=1, work_seconds=1, interrupted=False, browser=None)

    run_async(body())
    assert status.read(out).evidence == {"PO-2": ".po-pw/evidence/PO-2"}
    said = invoked("status", out)
    assert "  PO-2  NOT_RECOGNISED  .po-pw/evidence/PO-2" in said
    assert "PO-3  NOT_RECOGNISED" not in said
    assert json.loads(invoked("status", "--json", out))["evidence"] == {"PO-2": ".po-pw/evidence/PO-2"}


def test_what_is_no_output_directory(tmp_path: Path) -> None:
    """A wrong path or a missing journal is one sentence with exit code 2."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "gone" / ".po-pw").mkdir(parents=True)
    before = traces(tmp_path)
    for name, words in (
        ("nowhere", "there is no folder"),
        ("file", "not a folder"),
        ("empty", "no folder .po-pw"),
        ("gone", "no journal"),
    ):
        found = CliRunner().invoke(commands.app, ["status", str(tmp_path / name)])
        assert found.exit_code == 2
        assert words in found.output
        assert found.output.count("\n") == 1
    assert traces(tmp_path) == before


def test_the_output_folder_that_was_meant_is_named(tmp_path: Path) -> None:
    """An output folder in or around the given one is proposed."""
    (tmp_path / "downloads" / ".po-pw").mkdir(parents=True)
    inside = tmp_path / "downloads" / "ACME" / "PO-1_COMPLETED"
    inside.mkdir(parents=True)
    for given in (tmp_path, inside):
        with pytest.raises(errors.InputError) as caught:
            status.read(given)
        assert str(caught.value).endswith(f"Did you mean {tmp_path / 'downloads'}?")


def test_journals_that_cannot_be_shown(tmp_path: Path) -> None:
    """A newer or damaged journal is one message, and unchanged."""
    out = out_of(tmp_path)
    path = out / ".po-pw" / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(errors.MachineError, match="newer po-pw"):
        status.read(out)
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(errors.MachineError, match="damaged"):
        status.read(out)
    assert schema.was_damaged(path)
    path.write_bytes(b"")
    assert status.read(out).state == "none"
    assert "No run here yet" in invoked("status", out)


def invoked(*words: str | Path) -> str:
    """The program's output after a success."""
    found = CliRunner().invoke(commands.app, [str(word) for word in words], env={"COLUMNS": "80"})
    assert found.exit_code == 0, found.output
    return found.output
