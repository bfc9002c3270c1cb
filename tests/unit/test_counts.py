"""A run's numbers: downloaded files, existing files, and reasons for failures."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from po_pw import models
from po_pw.cli import problems, summary_view
from po_pw.results import counts
from po_pw.results import summary as summaries
from tests.helpers.journal_values import PLAN, outcome, saved

RUN: Final = models.RunId("now")
E, S = models.Earlier, models.Status


def files(new: int = 0, old: int = 0) -> tuple[models.SavedFile, ...]:
    """Files of 10 bytes, downloaded by this run and by an earlier one."""
    runs = [RUN] * new + [models.RunId("before")] * old
    return tuple(saved(f"{number}.pdf", run=run) for number, run in enumerate(runs))


def row(
    number: int, status: models.Status = S.COMPLETED, had: tuple[models.SavedFile, ...] | None = None, **more: object
) -> models.RowResult:
    """A row with an outcome; without one if no files are given."""
    found = None if had is None else outcome(number, status, files=had, **more)
    error = found.error if found else None
    return models.RowResult(number, (), f"PO-{number}", status, found, error)


def summary(*rows: models.RowResult, unfinished: int = 0, left_out: int = 0) -> counts.Totals:
    tally = counts.Tally(RUN)
    for one in rows:
        tally.add(one)
    return tally.totals(unfinished=counts.Amount(unfinished, 10 * unfinished), left_out=left_out, warnings=())


MISSING: Final = models.Failure(models.ErrorCode.PORTAL_ERROR, "the server fails")
CASES: Final = {
    "a first run": (
        summary(row(1, had=files(3)), row(2, had=files(1)), row(3, S.NO_ATTACHMENTS, ())),
        ["Downloaded 4 files, 40 B in 5.0 s, 7.5 orders at once on average"],
    ),
    "a finished list": (
        summary(*(row(number, had=files(old=3), from_earlier_run=True) for number in range(4))),
        ["Nothing to do: all 4 orders are complete (12 files, 120 B)."],
    ),
    "a finished list of one": (
        summary(row(1, had=files(old=1), from_earlier_run=True)),
        ["Nothing to do: 1 order is complete (1 file, 10 B)."],
    ),
    "a PARTIAL order tried again, in vain": (
        summary(row(1, S.PARTIAL, files(old=1), error=MISSING, earlier=E.PARTIAL)),
        [
            "Downloaded 0 files in 5.0 s",
            "In the folders now: 1 file, 10 B; 1 was there before",
            "Orders: retried: 1 incomplete",
        ],
    ),
    "a PARTIAL order that got its file, among others": (
        summary(
            row(1, had=files(new=1, old=2), earlier=E.PARTIAL),
            row(2, had=files(old=3), from_earlier_run=True),
            row(3, S.FAILED, (), error=MISSING, earlier=E.FAILED),
            row(4, had=files(new=2), earlier=E.MISSING),
        ),
        [
            "Downloaded 3 files, 30 B in 5.0 s, 7.5 orders at once on average",
            "In the folders now: 8 files, 80 B; 5 were there before",
            "Orders: 1 order already complete; retried: 1 failed, 1 incomplete, 1 with missing or changed files",
        ],
    ),
    "a refresh that finds nothing new": (
        summary(
            *(
                row(number, had=files(old=11), earlier=E.REFRESHED, changes=models.Changes(kept=11))
                for number in range(2)
            )
        ),
        [
            "Downloaded 0 files in 5.0 s, 5.0 orders at once on average",
            "In the folders now: 22 files, 220 B; 22 were there before",
            "Orders: 2 finished orders checked again",
            "Files: 0 new, 0 changed, 22 unchanged, 0 no longer on the portal (kept here)",
        ],
    ),
    "a rerun that was interrupted": (
        summary(
            row(1, had=files(old=3), from_earlier_run=True),
            row(2, had=files(new=3), earlier=E.UNFINISHED),
            *(row(number, had=files(new=2)) for number in range(3, 6)),
            *(row(number, S.PENDING) for number in range(6, 44)),
            unfinished=2,
        ),
        [
            "Downloaded 9 files, 90 B in 5.0 s, 10.0 orders at once on average",
            "In the folders now: 12 files, 120 B; 3 were there before",
            "Also downloaded, for orders not finished yet: 2 files, 20 B; kept for the next run",
            "Orders: 1 order already complete; 1 resumed; 3 new; 38 not reached",
        ],
    ),
    "only what failed": (
        summary(row(1, had=files(new=1), earlier=E.FAILED), row(2, S.PENDING), left_out=1),
        [
            "Downloaded 1 file, 10 B in 5.0 s",
            "Orders: retried: 1 failed; 1 not tried yet, left out",
        ],
    ),
    "rows that are all refused": (
        summary(
            models.RowResult(
                2, (), "", S.FAILED, None, models.Failure(models.ErrorCode.INVALID_ROW, "pos.csv, row 2: empty")
            )
        ),
        ["Downloaded 0 files in 5.0 s"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_count_says_what_this_run_did(name: str) -> None:
    """Downloaded and existing files are counted separately, whatever earlier runs did."""
    found, said = CASES[name]
    assert summary_view.figures(found, seconds=5.0, work_seconds=1.0) == said


def test_orders_that_were_left_out_get_the_command_that_does_them() -> None:
    """`--only-failed` on a new list does nothing, and names the command that does."""
    console = Console(file=io.StringIO(), width=100)
    collector = summaries.Collector((), RUN)
    collector.add(row(2, S.PENDING))
    commands = summaries.Commands("po-pw process pos.csv", "po-pw process pos.csv --only-failed")
    totals = collector.overview(PLAN, seconds=1.0, interrupted=False, left_out=1, commands=commands)
    found = dataclasses.replace(summary(left_out=1), names={"results.xlsx": "results.xlsx"}, overview=totals)
    summary_view.show(
        console,
        found,
        out=Path("downloads"),
        log=None,
        seconds=1.0,
        work_seconds=0.0,
        interrupted=False,
        refused={},
    )
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert said.endswith("To download the orders that were not tried yet, run:\n  po-pw process pos.csv\n")


def test_problems_are_counted_by_reason_and_the_first_are_named() -> None:
    """5,000 refused rows give the reason, the number, what to do and the first ten rows."""
    bad = models.Failure(models.ErrorCode.INVALID_URL, "pos.csv, row 2, column url: empty")
    rows = [models.RowResult(number, (), f"PO-{number}", S.FAILED, None, bad) for number in range(2, 5_002)]
    twin = dataclasses.replace(rows[0], status=S.DUPLICATE, duplicate_of=2)
    other = row(5_002, S.FAILED, (), error=MISSING)
    found = summary(*rows, twin, other).problems
    assert found.reasons == {models.ErrorCode.INVALID_URL: 5_000, models.ErrorCode.PORTAL_ERROR: 1}
    said = [line.plain for line in problems.lines(found, more="see the results")]
    assert said[0].split()[:2] == ["5000", "INVALID_URL"]
    assert "correct the url column" in said[0]
    assert said[1].split()[:2] == ["1", "PORTAL_ERROR"]
    assert said[2] == "  PO-2  INVALID_URL: pos.csv, row 2, column url: empty"
    assert said[-1] == "  and 4991 more: see the results"
    assert len(said) == 2 + 10 + 1


def test_what_a_list_holds_neither_breaks_nor_commands_a_terminal() -> None:
    """Line breaks, escape sequences and very long PO numbers in a list are harmless on a terminal."""
    bad = models.Failure(models.ErrorCode.INVALID_ROW, "has\x1b[2J a character that cannot be seen")
    first = tuple(models.Problem(2, number, bad) for number in ("PO\n7", "\x1b]0;x\x07", "PO\u202e7", "P" * 300))
    found = models.Problems({models.ErrorCode.INVALID_ROW: 4}, first)
    said = [line.plain for line in problems.lines(found, more="")]
    assert all(line.isprintable() and len(line) < 150 for line in said)
    assert said[1].startswith("  PO\N{REPLACEMENT CHARACTER}7  INVALID_ROW: has")


def test_what_shows_why_an_order_failed_is_named_below_it(tmp_path: Path) -> None:
    """Evidence is a link where terminals have links, with the folder to copy."""
    failure = models.Failure(models.ErrorCode.NOT_FOUND, "gone")
    kept = (".po-pw/evidence/PO 7/page.png", ".po-pw/evidence/PO 7/trace.zip")
    found = models.Problems(
        {models.ErrorCode.NOT_FOUND: 2}, (models.Problem(2, "PO 7", failure, kept), models.Problem(3, "PO-8", failure))
    )
    said = list(problems.lines(found, more="", out=tmp_path))
    assert [line.plain for line in said[1:]] == [
        "  PO 7  NOT_FOUND: gone",
        f"    screenshot, trace: {tmp_path / '.po-pw/evidence/PO 7'}",
        "  PO-8  NOT_FOUND: gone",
    ]
    assert (tmp_path / kept[1]).as_uri() in str(said[2].spans)


def test_every_code_has_its_words_and_nothing_is_said_of_nothing() -> None:
    """Every error code has a meaning and a remedy."""
    for code in models.ErrorCode:
        one = models.Problems({code: 1}, (models.Problem(7, "", models.Failure(code, "x" * 1000)),))
        first, second = problems.lines(one, more="")
        assert ": " in first.plain
        assert second.plain.startswith(f"  row 7  {code}: xxx")
        assert len(second.plain) < 400
    assert not list(problems.lines(models.Problems(), more=""))
