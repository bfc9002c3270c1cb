"""What one look at a page yields: areas that list attachments, controls, and the files that they lead to."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.portals.generic import control_policy


STRONG: Final = 0.72
"""Score of an area that is surely one of attachments; below it is one only where no other is."""
TALK: Final = 0.3
"""Score of an area where people talk, or where what happened is listed: only what is named like a file counts there."""

SIZE: Final = re.compile(r"(?i)\b\d[\d.,\s]*\s?(bytes?|[kmg]i?b|ko|mo|go|б|кб|мб)\b")  # noqa: RUF001 - the units in Cyrillic
"""The size of a file in a text, e.g. `1.2 MB`."""
DATE: Final = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
"""A date in a text, e.g. `3.4.2026`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """An area of the page that lists attachments."""

    label: str
    score: float
    """How surely it is one: of itself, or of an area around it."""
    frame: str
    """Address of its frame; `""` for the main frame."""
    shown: bool
    busy: bool
    says_none: bool
    claimed: int | None
    failed: bool
    """It shows an alert."""
    scrolls: bool
    """More of it may come when it is scrolled."""
    unread: bool = False
    """It shows something that is neither a control nor a plain text."""
    sealed: bool = False
    """It is closed, and a control that is shown opens it."""
    branches: int = 0
    """Closed branches of a tree in it, and tabs whose panel is not there yet."""
    pages: int = 1
    """How many pages it says that it has."""
    unshown: int = 0
    """How many more it says that there are than it shows."""
    clipped: int = 0
    """The number beside a paperclip in one of its cells, where it is a column of a table."""
    names: tuple[str, ...] = ()
    """Texts and choices in it that are the name of a file."""
    is_column: bool = False
    """It is a column of a table, named by the column's heading."""
    items: int = 0
    """Attachments found in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A control that was examined."""

    control: models.Control
    frame: int
    """Which frame of the look it is in."""
    frame_url: str
    area: int
    """Index of its area in the look; -1: in none."""
    row: int
    """Which row of the look it stands in; -1: in none."""
    row_text: str
    pieces: tuple[str, ...]
    """The short texts of its row that are no control's label."""
    decision: control_policy.Decision
    shown: bool
    closed: bool
    """In a closed panel of the area."""
    off: bool
    loose: bool
    """In no area."""
    opener: bool
    """It opens an area."""
    governs: int
    """Index of the area that it shows or hides; -1: none."""
    expanded: str
    """`true`, `false`; `""` where it opens and closes nothing."""
    current: bool
    """It is the page or tab that is shown."""
    paging: bool
    group: int
    """Which candidates share a parent."""
    filename: str
    """The file's name, where an attribute says it."""
    beside: str
    """What is said right beside it."""
    tail: bool
    """It stands behind the list that the area's heading names."""


@dataclasses.dataclass(slots=True)
class Item:
    """One file, with all controls that lead to it."""

    name: str
    area: int
    loose: bool
    certain: bool
    ways: list[Candidate]

    @property
    def row(self) -> tuple[int, int]:
        """Where it stands: row and area."""
        return self.ways[0].row, self.area
