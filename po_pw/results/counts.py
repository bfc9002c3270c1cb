"""Counts the rows of a run: its totals, for the closing screen and the Python result. Pure.

The summary for people, with suppliers, amounts and reasons, is in `summary`.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from po_pw.results import summary, write_back

_NAMED: Final = 10
"""Maximum problems that are listed; others are only counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """A number of files and their total size."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.files + other.files, self.bytes + other.bytes)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.files - other.files, self.bytes - other.bytes)

    @classmethod
    def of(cls, files: Iterable[models.SavedFile]) -> Amount:
        """Sums up files."""
        sizes = [file.size for file in files]
        return cls(len(sizes), sum(sizes))


@dataclasses.dataclass(frozen=True, slots=True)
class Totals:
    """A run's totals. If a PO is on several rows, only the first row counts for files.

    Attributes:
        rows: of the input.
        counts: number of rows by status; statuses without rows are left out.
        fetched: files fetched by this run, of orders with an outcome.
        there: all files of the input's orders, of any run.
        unfinished: files fetched by this run, of orders that it did not finish; kept for the next run.
        order_seconds: total working time of the orders done by this run.
        already_complete: number of orders finished by an earlier run and not visited.
        earlier: number of orders done by this run, by their earlier result.
        changes: found in finished orders that were visited again.
        skipped: number of attachments of types that were not asked for.
        left_out: number of orders excluded because no run had tried them.
        problems: rows that did not succeed; duplicates are not counted.
        notes: messages about the files written.
        warnings: what looks wrong in the run as a whole; with any, the run counts as failed.
        others: number of orders known from earlier runs that are not on this list or were not reached.
        names: file name of each table in the output directory; without `failed.csv` if no row failed.
        written_back: result of writing into the list itself; None if that was not asked for.
        overview: what the rows add up to; None before the tables are written.
    """

    rows: int = 0
    counts: Mapping[models.Status, int] = dataclasses.field(default_factory=dict)
    fetched: Amount = Amount()
    there: Amount = Amount()
    unfinished: Amount = Amount()
    order_seconds: float = 0.0
    already_complete: int = 0
    earlier: Mapping[models.Earlier, int] = dataclasses.field(default_factory=dict)
    changes: models.Changes = dataclasses.field(default_factory=models.Changes)
    skipped: int = 0
    left_out: int = 0
    problems: models.Problems = dataclasses.field(default_factory=models.Problems)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    others: int = 0
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    written_back: write_back.Written | None = None
    overview: summary.Overview | None = None

    @property
    def done(self) -> int:
        """Number of orders that this run finished."""
        return sum(self.earlier.values())

    @property
    def not_reached(self) -> int:
        """Number of orders that the run did not reach or finish."""
        return self.counts.get(models.Status.PENDING, 0) - self.left_out


class ProblemTally:
    """Counts problems and keeps the first ones."""

    def __init__(self) -> None:
        self._reasons: collections.Counter[models.ErrorCode] = collections.Counter()
        self._first: list[models.Problem] = []

    def add(self, row: int, po_number: str, failure: models.Failure, evidence: tuple[str, ...] = ()) -> None:
        """Counts a problem."""
        self._reasons[failure.code] += 1
        if len(self._first) < _NAMED:
            self._first.append(models.Problem(row, po_number, failure, evidence))

    def refused(self, rows: Iterable[models.Row]) -> Iterator[models.Row]:
        """Passes rows on and counts the unusable ones."""
        for row in rows:
            if row.problem is not None:
                self.add(row.number, row.po_number, row.problem)
            yield row

    def problems(self) -> models.Problems:
        """The problems so far."""
        return models.Problems(dict(self._reasons.most_common()), tuple(self._first))


class Tally:
    """Counts the rows of a run's results.

    Args:
        run: of the results.

    Attributes:
        others: number of orders that are not on the list.
    """

    def __init__(self, run: models.RunId) -> None:
        self._run = run
        self._rows = self._already_complete = self.others = 0
        self._counts: collections.Counter[models.Status] = collections.Counter()
        self._earlier: collections.Counter[models.Earlier] = collections.Counter()
        self._fetched, self._there, self._changes = Amount(), Amount(), models.Changes()
        self._order_seconds = 0.0
        self._skipped = 0
        self._problems = ProblemTally()

    def add(self, row: models.RowResult) -> None:
        """Counts one row."""
        self._rows += 1
        self._counts[row.status] += 1
        if row.duplicate_of is not None:
            return
        if row.error is not None and not row.status.succeeded:
            self._problems.add(row.number, row.po_number, row.error, row.outcome.evidence if row.outcome else ())
        outcome = row.outcome
        if outcome is None:
            return
        self._there += Amount.of(outcome.files)
        self._skipped += sum(bool(gap.skipped_type) for gap in outcome.missing)
        if outcome.from_earlier_run:
            self._already_complete += 1
            return
        self._fetched += Amount.of(file for file in outcome.files if file.run == self._run)
        self._earlier[outcome.earlier] += 1
        self._changes += outcome.changes or models.Changes()
        self._order_seconds += outcome.timing.seconds

    def totals(self, *, unfinished: Amount, left_out: int, warnings: tuple[str, ...]) -> Totals:
        """Makes the totals from the counts and from values that the rows do not have; see `Totals`."""
        return Totals(
            rows=self._rows,
            counts=dict(self._counts),
            fetched=self._fetched,
            there=self._there,
            unfinished=unfinished,
            order_seconds=self._order_seconds,
            already_complete=self._already_complete,
            earlier=dict(self._earlier),
            changes=self._changes,
            skipped=self._skipped,
            left_out=left_out,
            problems=self._problems.problems(),
            warnings=warnings,
            others=self.others,
        )
