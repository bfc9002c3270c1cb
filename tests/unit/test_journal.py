"""The journal on real SQLite: everything recorded is there, and can be read during writing."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import datetime
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import strategies as st

from po_pw import errors, models
from po_pw.journal import codec, facts, queries, restore, store
from tests.helpers.journal_values import PLAN, START, order, outcome, raw, row, saved, without_log
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


@pytest.fixture(params=["log", "rollback"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The journal's path: once with the write-ahead log, once without."""
    where = tmp_path / "journal.db"
    return where if request.param == "log" else without_log(where)


def known(what: models.Outcome) -> queries.Known:
    return queries.Known(what, doubted=False)


BAD = models.Failure(models.ErrorCode.INVALID_ROW, "pos.csv, row 9, column po_number: empty")


def test_every_kind_of_row_comes_back(path: Path) -> None:
    """Done, failed, refused, duplicate and pending rows come back in order with their results."""
    twin = dataclasses.replace(row(6), order=None, po_number="PO-2", duplicate_of=2)
    failed = outcome(3, models.Status.FAILED, files=(), error=models.Failure(models.ErrorCode.TIMEOUT, "45 s"))
    rows = [
        row(2),
        row(3),
        row(4),
        models.Row(5, ("", "x"), "", None, BAD),
        twin,
        dataclasses.replace(twin, number=7, po_number="PO-3", duplicate_of=3),
        dataclasses.replace(twin, number=8, po_number="PO-4", duplicate_of=4),
    ]

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, rows)
            await journal.commit(run, outcome(2))
            await journal.commit(run, failed)
            assert journal.counts(run) == queries.Counts(rows=7, orders=3, refused=1, duplicates=3)
            assert [found.row for found in journal.orders(run)] == [2, 3, 4]
            got = list(journal.rows(run))
        duplicate, pending = models.Status.DUPLICATE, models.Status.PENDING
        assert [(one.number, one.status, one.outcome, one.error, one.duplicate_of) for one in got] == [
            (2, models.Status.COMPLETED, outcome(2), None, None),
            (3, models.Status.FAILED, failed, failed.error, None),
            (4, pending, None, None, None),
            (5, models.Status.FAILED, None, BAD, None),
            (6, duplicate, outcome(2), None, 2),
            (7, duplicate, failed, None, 3),
            (8, duplicate, None, None, 4),
        ]
        assert [one.cells for one in got] == [one.cells for one in rows]
        assert [one.po_number for one in got] == [one.po_number for one in rows]

    run_async(body())


@pytest.mark.parametrize("amount", [None, "", "ca. 12", "12.50", Decimal("12.50"), Decimal("1E+3"), Decimal("-0.10")])
def test_amounts_keep_their_kind(tmp_path: Path, amount: Decimal | str | None) -> None:
    """Decimals keep their digits, texts stay texts, and nothing stays nothing."""

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            run = await journal.begin(PLAN, [row(2, amount=amount, supplier="Müller\n")])
            (got,) = journal.orders(run)
        assert got == order(2, amount=amount, supplier="Müller\n")
        assert (type(got.amount), str(got.amount)) == (type(amount), str(amount))

    run_async(body())


def test_a_run_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Local start time and four hexadecimal digits, unique within a second."""

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            names = [await journal.begin(PLAN, ()) for _ in range(20)]
        assert len(set(names)) == 20
        assert all(name.startswith("20261125-093000-") and int(name[16:], 16) < 2**16 for name in names)

    run_async(body())


def test_rows_that_fail_leave_no_run(path: Path) -> None:
    """An error while rows are read reaches the caller, and nothing of the run is left."""

    def broken() -> Iterator[models.Row]:
        yield row(2)
        msg = "pos.csv: row 3 ends in the middle"
        raise errors.InputError(msg)

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            first = await journal.begin(PLAN, [row(2)])
            got = await asyncio.gather(
                journal.begin(PLAN, broken()), journal.commit(first, outcome(2)), return_exceptions=True
            )
            assert isinstance(got[0], errors.InputError)
            assert got[1] is None
            with pytest.raises(errors.MachineError, match="UNIQUE"):
                await journal.begin(PLAN, [row(2), row(2)])
        assert raw(path, "SELECT run FROM runs") == [(first,)]
        assert raw(path, "SELECT run, number FROM rows") == [(first, 2)]

    run_async(body())


def test_rows_may_come_one_by_one(path: Path) -> None:
    """A run may get its rows one by one, in order."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, ())
            for number in (2, 3):
                await journal.append(run, row(number))
                await journal.commit(run, outcome(number))
            assert [(one.number, one.outcome) for one in journal.rows(run)] == [(2, outcome(2)), (3, outcome(3))]

    run_async(body())


def test_names_of_folders_are_kept_apart_for_ever(path: Path) -> None:
    """Orders whose folders look equal to some file system get `~2`, and so on."""
    keys = [models.OrderKey(name) for name in ("a", "b", "c", "d")]

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            assert await journal.claim_folder(keys[0], "Süd", "PO_é") == "PO_é"
            assert await journal.claim_folder(keys[1], "SÜD", "po_É") == "po_É~2"
            assert await journal.claim_folder(keys[2], "Su\u0308d", "PO_e\u0301") == "PO_e\u0301~3"
            assert await journal.claim_folder(keys[3], "Nord", "PO_é") == "PO_é"
            assert await journal.claim_folder(keys[3], "Nord", "by another layout") == "by another layout"
            assert await journal.claim_folder(keys[2], "Nord", "PO_é") == "PO_é~2"
            assert await journal.claim_folder(keys[3], "Nord", "PO_é") == "PO_é"
        async with store.Journal.open(path) as journal:
            assert await journal.claim_folder(keys[1], "Süd", "po_É") == "po_É~2"
            assert await journal.claim_folder(keys[0], "Süd", "PO_é") == "PO_é"

    run_async(body())


def test_many_claim_one_name_at_once(path: Path) -> None:
    """Concurrent requests for one name get different names."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            got = await asyncio.gather(*(journal.claim_folder(order(n).key, "A", "PO") for n in range(30)))
        assert sorted(got) == sorted(["PO", *(f"PO~{n}" for n in range(2, 31))])

    run_async(body())


def test_the_latest_outcome_is_known_and_carried(path: Path) -> None:
    """The latest outcome counts; a copied one says so, and its files belong to the run that saved them."""

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            first = await journal.begin(PLAN, [row(2), row(3)])
            await journal.commit(first, outcome(2, models.Status.FAILED))
            await journal.commit(first, outcome(3))
            second = await journal.begin(PLAN, [row(2), row(3)])
            await journal.commit(second, outcome(2))
            keys = [order(n).key for n in (2, 3, 4)]
            assert journal.known(keys) == {keys[0]: known(outcome(2)), keys[1]: known(outcome(3))}
            await journal.copy_outcomes(second, [outcome(3)])
            taken_over = dataclasses.replace(outcome(3), from_earlier_run=True)
            assert [one.outcome for one in journal.rows(second)] == [outcome(2), taken_over]
            assert journal.known(keys)[keys[1]] == known(taken_over)
        assert raw(path, "SELECT run FROM files WHERE key = 'PO-3'") == [(first,)]

    run_async(body())


def test_what_other_lists_named_stays_known(path: Path) -> None:
    """Orders of earlier lists are known with their latest outcome or none, also from manifests."""
    again = dataclasses.replace(PLAN, source="second.csv", started_at=START + datetime.timedelta(days=1))

    async def body() -> models.RunId:
        async with store.Journal.open(path) as journal:
            first = await journal.begin(PLAN, map(row, (2, 3, 4, 7)))
            await journal.commit(first, outcome(2))
            await journal.commit(first, outcome(3, models.Status.FAILED))
            assert list(journal.others(first)) == []
            await journal.restore([restore.Recovered(outcome(6), "A", "PO-6")], START)
            refused = dataclasses.replace(row(7), order=None, problem=BAD)
            second = await journal.begin(again, [row(3), row(5), refused])
            await journal.append(second, row(8))
            await journal.commit(second, outcome(5))
            return second

    async def told(run: models.RunId) -> list[tuple[str, str, int, models.Status]]:
        async with store.Journal.open(path) as journal:
            return [(one.row.po_number, one.source, one.row.number, one.row.status) for one in journal.others(run)]

    run = run_async(body())
    expected = [
        ("PO-2", "pos.csv", 2, models.Status.COMPLETED),
        ("PO-3", "second.csv", 3, models.Status.FAILED),
        ("PO-4", "pos.csv", 4, models.Status.PENDING),
        ("PO-6", "", 0, models.Status.COMPLETED),
        ("PO-7", "pos.csv", 7, models.Status.PENDING),
    ]
    assert run_async(told(run)) == expected


def test_facts_ride_along_with_a_commit(path: Path) -> None:
    """Facts are written with the next commit or at the end, without their own sync."""
    lease = models.Lease(order(2), models.WorkerId("w1"), 1, 7)
    later = START + datetime.timedelta(seconds=3)
    why = models.Failure(models.ErrorCode.TIMEOUT, "no answer \udc80")

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, [row(2)])
            before = journal.syncs
            journal.note(run, facts.Leased(lease, START))
            journal.note(run, facts.FileSaved(lease.order.key, saved("a.pdf", sent_name="\udc80.pdf")))
            journal.note(run, facts.FileSaved(lease.order.key, saved("gone.pdf")))
            journal.note(run, facts.Attempted(lease, START, later, why, counts=False))
            journal.note(run, facts.Leased(dataclasses.replace(lease, number=8), later))
            assert await journal.claim_folder(lease.order.key, "A", "PO-2") == "PO-2"
            assert journal.syncs == before + 1
            assert raw(path, "SELECT path, sent_name FROM files ORDER BY path") == [
                ("a.pdf", "\\udc80.pdf"),
                ("gone.pdf", "gone.pdf"),
            ]
            query = (
                "SELECT lease, attempt, worker, started_at, ended_at, counts, error_code, error_message FROM attempts"
            )
            began, ended = "2026-11-25T07:30:00.000000+00:00", "2026-11-25T07:30:03.000000+00:00"
            assert raw(path, query) == [
                (7, 1, "w1", began, ended, 0, "TIMEOUT", "no answer \\udc80"),
                (8, 1, "w1", ended, None, None, None, None),
            ]
            await journal.commit(run, outcome(2))
            assert raw(path, "SELECT path FROM files") == [("a.pdf",)]
            journal.note(run, facts.FileSaved(lease.order.key, saved("last.pdf")))
        assert raw(path, "SELECT path FROM files ORDER BY path") == [("a.pdf",), ("last.pdf",)]

    run_async(body())


def test_what_befell_the_run(path: Path) -> None:
    """Events of a run are recorded without their own sync."""
    key = order(2).key

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, [row(2)])
            lost = facts.Happened("context.lost", "warning", START, "w1", None, {"why": "it \udc80 died"})
            journal.note(run, lost)
            journal.note(run, dataclasses.replace(lost, event="order.put_back", level="info", key=key, detail={}))
        at = "2026-11-25T07:30:00.000000+00:00"
        assert raw(path, "SELECT at, event, level, worker, key, detail FROM events ORDER BY id") == [
            (at, "context.lost", "warning", "w1", None, '{"why": "it \\udc80 died"}'),
            (at, "order.put_back", "info", "w1", key, "{}"),
        ]

    run_async(body())


def test_how_a_run_ended(path: Path) -> None:
    """End and browser are recorded; a run that died has none."""
    browser = models.BrowserInfo("msedge", "msedge", "/usr/bin/msedge", "156.0")

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, ())
            assert raw(path, "SELECT ended_at, seconds, interrupted FROM runs") == [(None, None, None)]
            await journal.end(run, seconds=12.5, work_seconds=10.0, interrupted=True, browser=browser)
            (got,) = raw(path, "SELECT seconds, work_seconds, interrupted, browser LIKE '%msedge%' FROM runs")
            assert got == (12.5, 10.0, 1, 1)

    run_async(body())


@contextlib.contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fails if the block uses more bytes at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_thousands_of_rows_stream(tmp_path: Path) -> None:
    """Rows are written and read a few at a time on other threads, with little memory."""
    count = 8_000  # which would take half as much memory again

    def check(results: Iterable[models.RowResult]) -> None:
        number = 1
        for number, result in enumerate(results, 2):
            assert (result.number, result.outcome and result.outcome.po_number) == (number, f"PO-{number}")
        assert number == count + 1

    async def body() -> None:
        async with store.Journal.open(tmp_path / "journal.db") as journal:
            with little_memory(3_000_000):
                run = await journal.begin(PLAN, map(row, range(2, count + 2)))
            await journal.copy_outcomes(run, [outcome(n, files=()) for n in range(2, count + 2)])
            with little_memory(3_000_000):
                await asyncio.to_thread(check, journal.rows(run))
            assert journal.counts(run).orders == sum(1 for _ in journal.orders(run)) == count

    run_async(body())


def test_reading_and_writing_are_not_in_each_others_way(path: Path) -> None:
    """A slow reader does not block commits, and sees what was written meanwhile."""
    count = 2_000

    async def body() -> None:
        async with store.Journal.open(path) as journal:
            run = await journal.begin(PLAN, map(row, range(2, count + 2)))
            slow = journal.rows(run)
            assert next(slow).status is models.Status.PENDING
            # A reader's lock would make these fail once the writer's patience is over.
            await asyncio.gather(*(journal.commit(run, outcome(n)) for n in (2, count + 1)))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                readers = [pool.submit(lambda: list(journal.rows(run))) for _ in range(4)]
                await asyncio.gather(*(journal.commit(run, outcome(n)) for n in range(500, 600)))
                assert all(len(reader.result()) == count for reader in readers)
            assert list(slow)[-1].status is models.Status.COMPLETED
            unread = journal.rows(run)
            next(unread)  # and then nobody goes on with it

    run_async(body())


TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)


MOMENT = st.datetimes(timezones=st.just(datetime.UTC)) | st.just(START)


FAILURE = st.builds(models.Failure, st.sampled_from(models.ErrorCode), TEXT)


FILE = st.builds(
    models.SavedFile,
    TEXT,
    TEXT,
    TEXT,
    st.integers(0, 2**40),
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    modified_at=st.none() | MOMENT,
    saved_at=st.none() | MOMENT,
    checks=st.lists(TEXT, max_size=2).map(tuple),
)


MISSING = st.builds(models.MissingFile, TEXT, TEXT, TEXT, st.none() | FAILURE)


TIMING = st.builds(models.Timing, MOMENT, MOMENT, st.floats(0, 1e6))


OUTCOME = st.builds(
    models.Outcome,
    key=TEXT.map(models.OrderKey),
    po_number=TEXT,
    status=st.sampled_from(models.Status),
    files=st.lists(FILE, max_size=2).map(tuple),
    missing=st.lists(MISSING, max_size=2).map(tuple),
    error=st.none() | FAILURE,
    attempts=st.integers(1, 9),
    timing=TIMING,
    worker=TEXT,
    read_by=TEXT,
    folder=TEXT,
    supplier=TEXT,
    source_url=TEXT,
    found=st.integers(0, 9),
    from_earlier_run=st.booleans(),
)


@hypothesis.given(OUTCOME)
@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
def test_outcomes_are_kept_as_they_are(what: models.Outcome) -> None:
    """An outcome comes back equal, even with invalid characters in names."""
    text = codec.dump(what)
    assert codec.load(text) == what
    assert text.isascii()
