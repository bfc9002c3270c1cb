"""Purchase orders and the rows of lists that name them; a run's plan, and an order's lease."""

from __future__ import annotations

import dataclasses
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations
from decimal import Decimal  # noqa: TC003 - pydantic reads the annotations
from typing import Final

from po_pw.models import failures, keys  # noqa: TC001 - pydantic reads the annotations


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """The files of an order according to its row, which marks it as COMPLETED."""

    folder: str
    """As in the row; `""` if it is empty there."""
    count: int
    """Minimum number of files; 0 if the row does not say."""
    names: str
    """Names of the files as in the row, separated by `;` or line breaks."""


COLUMN_FIELDS: Final = ("po_number", "url", "supplier", "amount")
"""What a column of a list may be known as."""

PAGE_SUPPLIER: Final = "\0supplier\0"
"""Stands in a folder's name for the supplier that the order's page shows; no cell can contain it."""


@dataclasses.dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """One purchase order to be fetched."""

    key: keys.OrderKey
    po_number: str
    url: str
    supplier: str = ""
    amount: Decimal | str | None = None
    """A decimal; the original text if it is not one; None if the cell was empty."""
    row: int = 0
    """Its row, as in a spreadsheet (the header is 1); 0 if there was no file."""
    levels: tuple[str, ...] = ()
    """Names of the folders above its folder, outermost first, not yet made safe; empty: the supplier's folder, or none
    where `folder` is given."""
    claim: Claim | None = None
    """Set if its row marks it as COMPLETED; not kept in the journal."""
    folder: str = ""
    """Name of its own folder by the user's layout, without its status, not yet made safe; `""`: its number."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One unchanged row of the input: either an order, or what is wrong with the row."""

    number: int
    """As in a spreadsheet (the header is 1)."""
    cells: tuple[str, ...]
    """One per `Plan.columns`, in their order."""
    po_number: str
    order: PurchaseOrder | None
    problem: failures.Failure | None = None
    duplicate_of: int | None = None
    """The number of the earlier row with the same PO."""
    is_regular: bool = True
    """False if its cells cannot be assigned to columns."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resume:
    """How a run continues earlier ones. Finished orders are not visited again, all others are."""

    verify: bool = False
    """Verify existing files by SHA-256, not only by size."""
    only_failed: bool = False
    """Exclude orders that no run has tried."""
    refresh: bool = False
    """Also visit finished orders and fetch new or changed files."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a run was asked to do, as stored in the journal."""

    source: str
    """The input's file name; `""` if orders came from Python."""
    columns: tuple[str, ...]
    """The input's own column names, in its order."""
    workers: int
    out: str
    """The output directory, absolute."""
    started_at: datetime
    command: tuple[str, ...] = ()
    """The command, as words; empty if orders came from Python."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """A purchase order leased to a worker."""

    order: PurchaseOrder
    worker: keys.WorkerId
    attempt: int
    """1 for the first; grows only with attempts that count."""
    number: int
    """Unique in the run, so that a returned lease cannot be settled."""
    stolen_from: keys.WorkerId | None = None
