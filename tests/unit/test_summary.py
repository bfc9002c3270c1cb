"""Totals of a run and reasons for failures, the same in workbook, report and screen."""

from __future__ import annotations

import dataclasses
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from po_pw import models
from po_pw.cli import running
from po_pw.orders import amounts
from po_pw.results import money, reasons, summary
from tests.helpers import journal_values

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = ("po_number", "supplier", "url", "amount")
RUN: Final = models.RunId("now")
S, C = models.Status, models.ErrorCode
COMMANDS: Final = summary.Commands(
    "po-pw process pos.csv", "po-pw process pos.csv --only-failed", "po-pw process pos.csv --refresh"
)


def row(
    number: int,
    status: models.Status,
    files: Sequence[models.SavedFile] = (),
    code: models.ErrorCode | None = None,
    **more: Any,
) -> models.RowResult:
    """A row with this result; its cells are of `COLUMNS`."""
    error = models.Failure(code, "so it is") if code else None
    amount, supplier = more.pop("amount", ""), more.pop("supplier", "A")
    done = journal_values.outcome(number, status, files=tuple(files), error=error, supplier=supplier)
    cells = (f"PO-{number}", "from the list", "https://x", amount)
    return models.RowResult(number + 1, cells, f"PO-{number}", status, done, error, **more)


def saved(name: str, content: int, run: str = "now") -> models.SavedFile:
    return journal_values.saved(name, sha256=f"{content:032x}" * 2, run=run)


def overview(*rows: models.RowResult, columns: tuple[str, ...] = COLUMNS, **more: Any) -> summary.Overview:
    collector = summary.Collector(columns, RUN)
    for one in rows:
        collector.add(one)
    values: dict[str, Any] = {"seconds": 90.0, "interrupted": False, "commands": COMMANDS} | more
    return collector.overview(journal_values.PLAN, **values)


ROWS: Final = (
    row(1, S.COMPLETED, (saved("invoice.pdf", 1), saved("terms.pdf", 9)), amount="EUR 1,250.00"),
    row(2, S.COMPLETED, (saved("terms.pdf", 9, "before"), saved("terms (2).pdf", 9)), amount="€ 750,50"),
    row(3, S.PARTIAL, (saved("terms.pdf", 9),), C.TIMEOUT, amount="USD 10"),
    row(4, S.FAILED, (), C.TIMEOUT, amount="1,234"),
    row(5, S.FAILED, (), C.NOT_FOUND, supplier="", amount="200"),
    row(6, S.NO_ATTACHMENTS, (), supplier="B"),
    row(1, S.DUPLICATE, (saved("invoice.pdf", 1),), amount="5", duplicate_of=2),
    models.RowResult(9, ("", "B", "", ""), "", S.FAILED, None, models.Failure(C.INVALID_ROW, "empty")),
)


def test_everything_is_counted_once() -> None:
    """A duplicate is a row, but no second order."""
    found = overview(*ROWS)
    assert found.rows == 8
    assert list(found.counts.items()) == [
        (S.COMPLETED, 2),
        (S.NO_ATTACHMENTS, 1),
        (S.PARTIAL, 1),
        (S.FAILED, 3),
        (S.DUPLICATE, 1),
    ]
    assert [(one.name, one.orders, one.open, one.files, one.bytes) for one in found.suppliers] == [
        ("A", 4, 2, 5, 50),
        ("B", 2, 1, 0, 0),
        ("from the list", 1, 1, 0, 0),
    ]
    assert (found.files, found.bytes, found.downloaded_files, found.downloaded_bytes) == (5, 50, 4, 40)
    assert (found.source, found.seconds, found.started_at) == ("pos.csv", 90.0, journal_values.START)


def test_amounts_add_up_by_currency() -> None:
    """Symbol and code are one currency; ambiguous amounts are in no total."""
    found = overview(*ROWS)
    assert [(one.currency, one.orders, one.value, one.open_orders, one.open_value) for one in found.totals] == [
        ("EUR", 2, Decimal("2000.50"), 0, Decimal(0)),
        ("", 1, Decimal(200), 1, Decimal(200)),
        ("USD", 1, Decimal(10), 1, Decimal(10)),
    ]
    assert found.unread_amounts == 1
    assert overview(*ROWS, columns=("po_number", "supplier", "url", "remark")).totals == ()


@pytest.mark.parametrize(
    ("columns", "cells", "value", "currency"),
    [
        (("PO", "Amount", "Currency"), ("1", "12.50", "chf"), "12.50", "CHF"),
        (("PO", "Amount", "Currency"), ("1", "US$ 12.50", "CHF"), "12.50", "USD"),
        (("PO", "Total amount (net)"), ("1", "1.234.567,89 zł"), "1234567.89", "zł"),
        (("PO", "amount", "<|>", "Currency"), ("1", "0.125", "", "EMEA"), "0.125", ""),
        (("PO", "Amount currency", "Order Amount"), ("1", "gbp", "(5)"), "-5", "GBP"),
        (("PO", "amount"), ("1", "1.234"), None, ""),
        (("PO", "amount"), ("1", "1,234 EUR"), None, ""),
        (("PO", "amount"), ("1", "on request"), None, ""),
        (("PO",), ("1",), None, ""),
    ],
)
def test_an_amount_and_its_currency(
    columns: tuple[str, ...], cells: tuple[str, ...], value: str | None, currency: str
) -> None:
    """The cell's own currency, else that of the column beside it."""
    found = money.Columns.of(columns).money(cells)
    assert found == (None if value is None else money.Money(Decimal(value), currency))


def test_a_text_has_no_currency() -> None:
    """Only an amount names a currency."""
    assert [amounts.currency(text) for text in ("EUR soon", "", "$ 5", "12,- kr.", "CA$ 4")] == [
        "",
        "",
        "$",
        "kr",
        "CAD",
    ]


def test_the_commonest_reasons_come_first_with_their_first_orders() -> None:
    """Each reason has its remedy and its first five orders."""
    found = overview(*ROWS).causes
    assert [(one.code, one.orders, one.first) for one in found] == [
        (C.TIMEOUT, 2, ("PO-3", "PO-4")),
        (C.NOT_FOUND, 1, ("PO-5",)),
        (C.INVALID_ROW, 1, ("row 9",)),
    ]
    assert found[0].reason == reasons.CODES[C.TIMEOUT]
    many = overview(*(row(number, S.FAILED, (), C.NETWORK) for number in range(1, 50))).causes
    assert (many[0].orders, len(many[0].first)) == (49, summary.FIRST)


def test_files_of_more_than_one_order_are_known_by_their_content() -> None:
    """Whatever their names; twice in one order counts once."""
    found = overview(*ROWS)
    assert [(one.name, one.orders, one.first, one.size) for one in found.shared] == [
        ("terms.pdf", 3, ("PO-1", "PO-2", "PO-3"), 10)
    ]
    assert found.shared_count == 1
    many = overview(*(row(order, S.COMPLETED, [saved("a", n) for n in range(60)]) for order in range(9)))
    assert (len(many.shared), many.shared_count) == (50, 60)
    assert {len(one.first) for one in many.shared} == {summary.FIRST}
    unknown = dataclasses.replace(saved("a", 1), sha256="")
    assert not overview(row(1, S.COMPLETED, [unknown]), row(2, S.COMPLETED, [unknown])).shared


@pytest.mark.parametrize(
    ("rows", "more", "line", "purpose"),
    [
        (ROWS[:1], {}, COMMANDS.again, "Everything is done"),
        (ROWS[2:3], {}, COMMANDS.retry, "retry what failed"),
        (ROWS, {}, COMMANDS.again, "Correct the rows"),
        ((*ROWS[:5], row(7, S.FAILED, (), C.INVALID_URL)), {}, COMMANDS.retry, "retry what failed"),
        ((*ROWS, row(7, S.PENDING)), {"interrupted": True}, COMMANDS.same, "continue where"),
        ((*ROWS[:3], row(7, S.PENDING)), {"left_out": 1}, COMMANDS.retry, "retry what failed"),
        ((*ROWS[:2], row(7, S.PENDING)), {"left_out": 1}, COMMANDS.again, "not tried yet"),
    ],
)
def test_the_next_command(rows: Sequence[models.RowResult], more: dict[str, Any], line: str, purpose: str) -> None:
    """It depends on what is left: everything, or only failed orders."""
    found = overview(*rows, **more).next
    assert found is not None
    assert found.line == line
    assert purpose in found.purpose
    assert found.is_needed is (purpose != "Everything is done")


def test_orders_from_python_have_no_command() -> None:
    """There is no command to type; a password in a command is not written."""
    assert overview(*ROWS, commands=running.commands_after(())).next is None
    words = ("po-pw", "process", "pos.csv", "--base-url", "https://u:secret@x/")
    said = running.commands_after(words, "downloads")
    assert "secret" not in f"{said.again}{said.retry}{said.same}"
    assert said.retry.endswith(" --only-failed")


def test_every_code_and_status_has_a_cause_and_what_to_do() -> None:
    """Each can be part of a sentence; only finished orders have nothing to do."""
    for code in C:
        reason = reasons.CODES[code]
        assert reason.remedy
        for text in (reason.cause, reason.remedy):
            assert text[0].islower()
            assert not text.endswith(".")
    assert list(reasons.STATUSES) == list(S)
    assert {status for status, reason in reasons.STATUSES.items() if not reason.remedy} == {
        S.COMPLETED,
        S.NO_ATTACHMENTS,
    }
    assert reasons.sentence("the portal took too long") == "The portal took too long"
    assert reasons.sentence("po-pw did it") == "po-pw did it"


def test_a_row_says_why() -> None:
    """By its code, else its status; a duplicate names the earlier row."""
    assert [reasons.of_row(one).cause for one in ROWS[:5]] == [
        "all attachments downloaded",
        "all attachments downloaded",
        "the portal took too long",
        "the portal took too long",
        "the portal has no such order",
    ]
    assert reasons.of_row(ROWS[6]).cause == "same PO number as an earlier row"


@pytest.mark.slow
def test_a_hundred_thousand_orders_fit() -> None:
    """They need some tens of megabytes."""
    tracemalloc.start()
    try:
        collector = summary.Collector(COLUMNS, RUN)
        for number in range(4_000):
            collector.add(row(number, S.COMPLETED, [saved("a.pdf", 3 * number + n) for n in range(3)]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert collector.overview(journal_values.PLAN, seconds=1.0, interrupted=False).files == 12_000
    assert peak < 6_000_000  # so 100,000 orders with 300,000 files need less than 150 MB
