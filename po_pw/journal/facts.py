"""What is noted while an order is worked on: useful to know after a crash, but nothing waits for it to be durable."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from po_pw import models


@dataclasses.dataclass(frozen=True, slots=True)
class Leased:
    """An order is in a worker's hands."""

    lease: models.Lease
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Attempted:
    """A lease has ended: with an outcome, or put back."""

    lease: models.Lease
    started_at: datetime.datetime
    ended_at: datetime.datetime
    failure: models.Failure | None
    """What went wrong; None where nothing did."""
    counts: bool = True
    """False where it was not the order's fault, and no attempt was used up."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileSaved:
    """A file is whole, in the work folder."""

    key: models.OrderKey
    file: models.SavedFile


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """What an order's page holds; replaces what was listed before in the same run."""

    key: models.OrderKey
    attachments: tuple[models.Attachment, ...]
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """Something befell the run."""

    event: str
    """The event's dotted name, as in the log."""
    level: Literal["info", "warning"]
    at: datetime.datetime
    worker: str | None
    key: str | None
    detail: Mapping[str, object]
    """The rest of it, fit for JSON; without secrets."""


Fact: TypeAlias = Leased | Attempted | FileSaved | Listed | Happened
