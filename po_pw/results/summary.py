"""Totals of a run's results, for the workbook's first sheet, the report and the screen. Pure.

Memory grows by about 150 bytes for each different file and 100 for each order, and with the number of suppliers.
"""

from __future__ import annotations

import collections
import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.orders import headers
from po_pw.results import money, reasons

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

FIRST: Final = 5
"""Maximum orders named for each reason and each shared file."""
_MAX_SHARED: Final = 50
"""Maximum files listed that belong to several orders; others are only counted."""
_DIGEST_BYTES: Final = 16
"""Bytes of a SHA-256 that are compared: 128 bits tell apart more files than there are."""


@dataclasses.dataclass(frozen=True, slots=True)
class Commands:
    """Commands that continue in the output folder, as lines for the current shell; `""` if there is none."""

    again: str = ""
    """Processes everything that is not done yet."""
    retry: str = ""
    """Retries only what failed or is incomplete."""
    same: str = ""
    """Does the same as the run did, so continues with what it did not reach."""


@dataclasses.dataclass(frozen=True, slots=True)
class NextCommand:
    """The command to run next."""

    line: str
    """For the current shell."""
    purpose: str
    """What it does, e.g. `To retry what failed, run:`."""
    is_needed: bool = True
    """False where everything is done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Total:
    """Amounts in one currency; each order counts once."""

    currency: str
    """`""` if the list does not say."""
    orders: int
    value: Decimal
    open_orders: int
    """Orders that did not succeed."""
    open_value: Decimal


@dataclasses.dataclass(frozen=True, slots=True)
class Supplier:
    """The orders of one supplier, without duplicates."""

    name: str
    """`""` if it is unknown."""
    counts: Mapping[models.Status, int]
    files: int
    bytes: int

    @property
    def orders(self) -> int:
        """Number of its orders."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Number of its orders that did not succeed."""
        return sum(count for status, count in self.counts.items() if not status.succeeded)


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """Orders and rows that failed for one reason."""

    code: models.ErrorCode
    reason: reasons.Reason
    orders: int
    first: tuple[str, ...]
    """PO numbers of the first ones, at most `FIRST`; `row 7` for a row without one."""


@dataclasses.dataclass(frozen=True, slots=True)
class SharedFile:
    """A file with the same content in more than one order."""

    name: str
    sha256: str
    size: int
    """Bytes."""
    orders: int
    first: tuple[str, ...]
    """PO numbers of the first orders, at most `FIRST`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Overview:
    """The results of a run, added up. A PO on several rows counts once, except in `rows` and `counts`."""

    source: str
    """File name of the list; `""` if orders came from Python."""
    started_at: datetime.datetime
    seconds: float
    """Duration of the run."""
    interrupted: bool
    rows: int
    counts: Mapping[models.Status, int]
    """Number of rows by status, in the order of `reasons.STATUSES`; statuses without rows are left out."""
    suppliers: tuple[Supplier, ...]
    """Those with most orders that did not succeed first, then those with most orders."""
    totals: tuple[Total, ...]
    """The currency with most orders first; empty if the list has no amounts."""
    unread_amounts: int
    """Amounts that cannot be read with certainty, and are in no total."""
    files: int
    """Files on disk for the list."""
    bytes: int
    downloaded_files: int
    """Files that this run downloaded."""
    downloaded_bytes: int
    causes: tuple[Cause, ...]
    """The most common first."""
    shared: tuple[SharedFile, ...]
    """Files that came with most orders first, at most 50."""
    shared_count: int
    """Number of files that came with more than one order."""
    others: int
    """Orders of other lists in the same output folder."""
    warnings: tuple[str, ...]
    """What looks wrong in the run as a whole."""
    next: NextCommand | None
    """None if there is no command."""


@dataclasses.dataclass(slots=True)
class _Supplier:
    counts: collections.Counter[models.Status] = dataclasses.field(default_factory=collections.Counter)
    files: int = 0
    bytes: int = 0


@dataclasses.dataclass(slots=True)
class _Total:
    orders: int = 0
    value: Decimal = Decimal(0)
    open_orders: int = 0
    open_value: Decimal = Decimal(0)


@dataclasses.dataclass(slots=True)
class _Shared:
    name: str
    sha256: str
    size: int
    last: int
    """Index of the last order that has it."""
    orders: int
    first: list[str]


class Collector:
    """Adds up the rows of a run's results, one by one.

    Args:
        columns: of the list.
        run: whose results they are.
    """

    def __init__(self, columns: Sequence[str], run: models.RunId) -> None:
        self._run = run
        self._supplier_column = headers.ColumnMap.of(columns).supplier
        self._money_columns = money.Columns.of(columns)
        self._counts: collections.Counter[models.Status] = collections.Counter()
        self._suppliers: dict[str, _Supplier] = {}
        self._totals: dict[str, _Total] = {}
        self._unread_amounts = 0
        self._has_refused = False
        self._files = self._bytes = self._downloaded_files = self._downloaded_bytes = 0
        self._causes: collections.Counter[models.ErrorCode] = collections.Counter()
        self._first: dict[models.ErrorCode, list[str]] = collections.defaultdict(list)
        self._numbers: list[str] = []
        self._seen: dict[bytes, int] = {}
        """Index of the first order that has a file."""
        self._shared: dict[bytes, _Shared] = {}

    def add(self, row: models.RowResult) -> None:
        """Adds a row."""
        self._counts[row.status] += 1
        if row.duplicate_of is not None:
            return
        self._add_to_supplier(row)
        self._add_amount(row)
        if row.error is not None and not row.status.succeeded:
            self._causes[row.error.code] += 1
            if len(named := self._first[row.error.code]) < FIRST:
                named.append(row.po_number or f"row {row.number}")
        if row.outcome is not None:
            self._add_files(row.po_number, row.outcome.files)
        elif row.status is models.Status.FAILED:
            self._has_refused = True

    def _add_to_supplier(self, row: models.RowResult) -> None:
        known = row.outcome.supplier if row.outcome else ""
        if not known and 0 <= self._supplier_column < len(row.cells):
            known = row.cells[self._supplier_column]
        supplier = self._suppliers.setdefault(" ".join(known.split()), _Supplier())
        supplier.counts[row.status] += 1
        if row.outcome is not None:
            supplier.files += len(row.outcome.files)
            supplier.bytes += sum(file.size for file in row.outcome.files)

    def _add_amount(self, row: models.RowResult) -> None:
        if not self._money_columns.text(row.cells):
            return
        amount = self._money_columns.money(row.cells)
        if amount is None:
            self._unread_amounts += 1
            return
        total = self._totals.setdefault(amount.currency, _Total())
        total.orders += 1
        total.value += amount.value
        if not row.status.succeeded:
            total.open_orders += 1
            total.open_value += amount.value

    def _add_files(self, po_number: str, files: Sequence[models.SavedFile]) -> None:
        order = len(self._numbers)
        self._numbers.append(po_number)
        for file in files:
            self._files += 1
            self._bytes += file.size
            if file.run == self._run:
                self._downloaded_files += 1
                self._downloaded_bytes += file.size
            if not file.sha256:  # the manifest of an old folder may lack it
                continue
            digest = bytes.fromhex(file.sha256)[:_DIGEST_BYTES]
            earlier = self._seen.setdefault(digest, order)
            if earlier == order:
                continue
            shared = self._shared.get(digest)
            if shared is None:
                names = [self._numbers[earlier]]
                shared = self._shared[digest] = _Shared(file.path, file.sha256, file.size, earlier, 1, names)
            if shared.last != order:
                shared.last = order
                shared.orders += 1
                if len(shared.first) < FIRST:
                    shared.first.append(po_number)

    def overview(
        self,
        plan: models.Plan,
        *,
        seconds: float,
        interrupted: bool,
        warnings: tuple[str, ...] = (),
        others: int = 0,
        left_out: int = 0,
        commands: Commands = Commands(),
    ) -> Overview:
        """The sum of all rows that were added.

        Args:
            plan: of the run.
            seconds: duration of the run.
            interrupted: the run was stopped before its end.
            warnings: what looks wrong in the run as a whole.
            others: number of orders of other lists in the same output folder.
            left_out: number of orders that the run was not to try, as no run had tried them before.
            commands: that go on with the output folder.
        """
        suppliers = [Supplier(name, dict(one.counts), one.files, one.bytes) for name, one in self._suppliers.items()]
        totals = [
            Total(currency, one.orders, one.value, one.open_orders, one.open_value)
            for currency, one in self._totals.items()
        ]
        shared = sorted(self._shared.values(), key=lambda one: (-one.orders, one.name))[:_MAX_SHARED]
        return Overview(
            source=plan.source,
            started_at=plan.started_at,
            seconds=seconds,
            interrupted=interrupted,
            rows=self._counts.total(),
            counts={status: self._counts[status] for status in reasons.STATUSES if self._counts[status]},
            suppliers=tuple(sorted(suppliers, key=lambda one: (-one.open, -one.orders, one.name.casefold()))),
            totals=tuple(sorted(totals, key=lambda one: (-one.orders, one.currency))),
            unread_amounts=self._unread_amounts,
            files=self._files,
            bytes=self._bytes,
            downloaded_files=self._downloaded_files,
            downloaded_bytes=self._downloaded_bytes,
            causes=tuple(
                Cause(code, reasons.CODES[code], count, tuple(self._first[code]))
                for code, count in self._causes.most_common()
            ),
            shared=tuple(SharedFile(one.name, one.sha256, one.size, one.orders, tuple(one.first)) for one in shared),
            shared_count=len(self._shared),
            others=others,
            warnings=warnings,
            next=self._next(commands, self._counts[models.Status.PENDING] - left_out),
        )

    def _next(self, commands: Commands, not_reached: int) -> NextCommand | None:
        """The one rule for the command to run next: on the screen, in workbook, report and JSON."""
        if not commands.again:
            return None
        failed = self._counts[models.Status.FAILED] + self._counts[models.Status.PARTIAL]
        if not_reached > 0:
            return NextCommand(commands.same, "To continue where the run stopped, run:")
        if not failed and self._counts[models.Status.PENDING]:
            return NextCommand(commands.again, "To download the orders that were not tried yet, run:")
        if not failed:
            return NextCommand(
                commands.again, "Everything is done. After adding orders to the list, run:", is_needed=False
            )
        if self._has_refused:  # once it is corrected, such a row is an order that no run has tried
            return NextCommand(commands.again, "Correct the rows that cannot be used, then run:")
        return NextCommand(commands.retry, "To retry what failed, run:")
