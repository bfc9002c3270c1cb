"""What is recorded while an order is processed: values that are written soon, but that nothing waits for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from po_pw import models


@dataclasses.dataclass(frozen=True, slots=True)
class Leased:
    """An order was leased to a worker."""

    lease: models.Lease
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Attempted:
    """A lease ended: with an outcome, or put back."""

    lease: models.Lease
    started_at: datetime.datetime
    ended_at: datetime.datetime
    failure: models.Failure | None
    """What went wrong; None if nothing did."""
    counts: bool = True
    """False if the order did not cause the failure and no attempt was used up."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileSaved:
    """A file is complete, in the work folder."""

    key: models.OrderKey
    file: models.SavedFile


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """An event that concerns the whole run."""

    event: str
    """The event's dotted name, as in the log."""
    level: Literal["info", "warning"]
    at: datetime.datetime
    worker: str | None
    key: str | None
    detail: Mapping[str, object]
    """Other fields, as JSON values, without secrets."""


Fact: TypeAlias = Leased | Attempted | FileSaved | Happened
