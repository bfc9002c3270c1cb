"""Results for scripts: one per order, and one per call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from po_pw import settings

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.results import counts


@dataclasses.dataclass(frozen=True, eq=True)
class OrderResult(Mapping[str, Any]):
    """Result of one purchase order; also a mapping of its attributes."""

    po_number: str
    status: models.Status
    folder: str
    """Relative to the output directory; `""` if there is none."""
    files: tuple[str, ...]
    """Names in the folder."""
    error_code: str
    error_message: str
    attempts: int = dataclasses.field(compare=False, default=0)
    seconds: float = dataclasses.field(compare=False, default=0.0)
    worker: str = dataclasses.field(compare=False, default="")
    duplicate_of: int | None = None
    """The number of the earlier order with the same PO, from 1."""
    succeeded: bool = False
    """Whether nothing is left to do for it; for a duplicate that of the earlier order."""

    @classmethod
    def of(cls, row: models.RowResult) -> OrderResult:
        """Makes it from a row of the results."""
        outcome, error = row.outcome, row.error
        return cls(
            po_number=row.po_number,
            status=row.status,
            folder=outcome.folder if outcome else "",
            files=tuple(file.path for file in outcome.files) if outcome else (),
            error_code=error.code.value if error else "",
            error_message=settings.in_python(error.message) if error else "",
            attempts=outcome.attempts if outcome else 0,
            seconds=outcome.timing.seconds if outcome else 0.0,
            worker=outcome.worker if outcome else "",
            duplicate_of=row.duplicate_of,
            succeeded=outcome is not None and outcome.status.succeeded,
        )

    @property
    def success(self) -> bool:
        """The same as `succeeded`; used by existing scripts."""
        return self.succeeded

    def __getitem__(self, name: str) -> Any:
        if name in self._names():
            return getattr(self, name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __str__(self) -> str:
        count = "1 file" if len(self.files) == 1 else f"{len(self.files)} files"
        what = f"{count} in {self.folder}" if self.files else self.error_message or "no files"
        return f"{self.po_number} {self.status}: {what}"

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return (*(field.name for field in dataclasses.fields(cls)), "success")


@dataclasses.dataclass(frozen=True)
class RunResult(Sequence[OrderResult]):
    """Result of one call: a result per order, in the given order."""

    results: tuple[OrderResult, ...]
    summary: counts.Totals
    out: str
    """The output directory, with results.csv and the other tables."""

    @property
    def success(self) -> int:
        """Number of orders that succeeded."""
        return sum(result.succeeded for result in self.results)

    @property
    def failed(self) -> int:
        """Number of all other orders."""
        return len(self.results) - self.success

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looks wrong in the call as a whole, e.g. that no order has attachments; check these first."""
        return self.summary.warnings

    def __getitem__(self, index: Any) -> Any:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __str__(self) -> str:
        fetched = self.summary.fetched.files
        return (
            f"{self.success} of {len(self.results)} purchase orders done, {self.failed} not; "
            f"{fetched} {'file' if fetched == 1 else 'files'} downloaded; results in {self.out}"
        )
