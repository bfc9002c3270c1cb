"""Collects what the report shows: each row, and the failures by cause. Pure.

Memory grows by about 1 kB per row, because the page contains all rows.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
from typing import TYPE_CHECKING, Any, Final

from po_pw import humanize, models
from po_pw.orders import amounts, headers
from po_pw.results import money, reasons, row_values, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED: Final = 20
"""Maximum orders named for each cause."""
_SLOWEST: Final = 10
_MAX_MESSAGE: Final = 600
"""Maximum characters of a message; the workbook has all of it."""

FIELDS: Final = (
    "row",
    "po",
    "supplier",
    "status",
    "code",
    "why",
    "files",
    "found",
    "bytes",
    "seconds",
    "attempts",
    "worker",
    "folder",
    "url",
    "evidence",
    "amount",
    "value",
)
"""The fields of a row in the page's data, in this order."""


@dataclasses.dataclass(frozen=True, slots=True)
class FailedOrder:
    """A failed order and its evidence."""

    name: str
    """PO number; `row 7` for a row without one."""
    message: str
    evidence: tuple[str, ...]
    """As `models.Outcome.evidence`."""

    @property
    def screenshot(self) -> str:
        """The screenshot, relative to the output directory; `""` if there is none."""
        return next((path for path in self.evidence if path.endswith(".png")), "")


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """Orders and rows that failed for one reason."""

    code: models.ErrorCode
    cause: str
    remedy: str
    count: int
    orders: tuple[FailedOrder, ...]
    """The first ones, at most `NAMED`; those with evidence first."""


class Content:
    """Collects the rows of a run's results, one by one.

    Args:
        columns: of the list.
        run: whose results they are.
    """

    def __init__(self, columns: Sequence[str], run: models.RunId) -> None:
        self.totals = summary.Collector(columns, run)
        self.rows: list[list[Any]] = []
        """A list of `FIELDS` for each row."""
        self._supplier_column = headers.ColumnMap.of(columns).supplier
        self._money = money.Columns.of(columns)
        self._failed: collections.Counter[models.ErrorCode] = collections.Counter()
        self._first: dict[models.ErrorCode, list[FailedOrder]] = collections.defaultdict(list)
        self._slowest: list[tuple[float, int, str]] = []

    def add(self, row: models.RowResult) -> None:
        """Adds a row."""
        self.totals.add(row)
        outcome, error = row.outcome, row.error or (row.outcome.error if row.outcome else None)
        name = row_values.clean(row.po_number) or f"row {row.number}"
        is_duplicate = row.duplicate_of is not None
        why = _why(row, error)
        shown = outcome if outcome is not None and not is_duplicate else None
        value = self._money.money(row.cells)
        self.rows.append(
            [
                row.number,
                row_values.clean(row.po_number),
                row_values.clean(self._supplier(row)),
                row.status.value,
                error.code.value if error and not is_duplicate else "",
                why,
                [row_values.clean(file.path) for file in shown.files] if shown else [],
                shown.found if shown else 0,
                sum(file.size for file in shown.files) if shown else 0,
                round(shown.timing.seconds, 1) if shown and not shown.from_earlier_run else 0,
                shown.attempts if shown else 0,
                shown.worker if shown else "",
                row_values.clean(outcome.folder) if outcome else "",
                row_values.clean(outcome.source_url) if outcome else "",
                list(shown.evidence) if shown else [],
                self._amount(row, value),
                float(value.value) if value else None,
            ]
        )
        if shown and not shown.from_earlier_run:
            item = (shown.timing.seconds, -row.number, name)
            (heapq.heappush if len(self._slowest) < _SLOWEST else heapq.heappushpop)(self._slowest, item)
        if error is not None and not is_duplicate and not row.status.succeeded:
            self._failed[error.code] += 1
            self._add_failed(error.code, FailedOrder(name, why, outcome.evidence if outcome else ()))

    def _amount(self, row: models.RowResult, value: money.Money | None) -> str:
        """The amount as the list has it, with the currency that another column gives."""
        text = self._money.text(row.cells)
        return text if value is None or amounts.currency(text) else f"{text} {value.currency}".strip()

    def _add_failed(self, code: models.ErrorCode, failed: FailedOrder) -> None:
        named = self._first[code]
        if len(named) < NAMED:
            named.append(failed)
        elif failed.evidence:  # orders with evidence are more useful than the first ones
            bare = next((index for index in range(len(named) - 1, -1, -1) if not named[index].evidence), None)
            if bare is not None:
                named[bare] = failed

    def _supplier(self, row: models.RowResult) -> str:
        known = row.outcome.supplier if row.outcome else ""
        if not known and 0 <= self._supplier_column < len(row.cells):
            known = row.cells[self._supplier_column]
        return " ".join(known.split())

    def causes(self) -> list[Cause]:
        """The failures by cause, the most common first."""
        return [
            Cause(
                code,
                reasons.sentence(reasons.CODES[code].cause),
                reasons.sentence(reasons.CODES[code].remedy),
                count,
                tuple(sorted(self._first[code], key=lambda one: not one.screenshot)),
            )
            for code, count in self._failed.most_common()
        ]

    def slowest(self) -> list[tuple[str, float]]:
        """PO numbers with their seconds, the slowest first."""
        return [(name, seconds) for seconds, _, name in sorted(self._slowest, reverse=True)]


def suppliers(overview: summary.Overview) -> list[tuple[str, int, int]]:
    """Names with files and bytes, those with most bytes first."""
    found = [(one.name, one.files, one.bytes) for one in overview.suppliers if one.files]
    return sorted(found, key=lambda one: (-one[2], one[0]))


def _why(row: models.RowResult, error: models.Failure | None) -> str:
    if row.duplicate_of is not None:
        return f"same PO number as row {row.duplicate_of}"
    said = error.message if error else "" if row.status.succeeded else reasons.of_row(row).cause
    said = " ".join(row_values.clean(said).split())
    return said if len(said) <= _MAX_MESSAGE else f"{said[: _MAX_MESSAGE - 1]}…"


def figures(overview: summary.Overview) -> list[tuple[str, str]]:
    """The totals apart from the statuses, each with its name."""
    found = [
        ("Files on disk", f"{overview.files:,}"),
        ("Size on disk", humanize.size(overview.bytes)),
        ("Downloaded in this run", f"{overview.downloaded_files:,}"),
        ("Duration", humanize.clock(overview.seconds)),
    ]
    return [*found, ("Suppliers", f"{len(overview.suppliers):,}")]
