"""What one look at a page yields: areas that list attachments, controls, and the files that they lead to."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.portals.generic import control_policy


STRONG: Final = 0.72
"""Minimum score of an area that certainly lists attachments; others count only if there is none."""
TALK: Final = 0.3
"""Score of discussions and histories: only controls with a file name count there."""

SIZE: Final = re.compile(r"(?i)\b\d[\d.,\s]*\s?(bytes?|[kmg]i?b|ko|mo|go|б|кб|мб)\b")  # noqa: RUF001 - the units in Cyrillic
"""The size of a file in a text, e.g. `1.2 MB`."""
DATE: Final = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
"""A date in a text, e.g. `3.4.2026`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """An area of the page that lists attachments."""

    label: str
    score: float
    """How certainly it lists attachments, 0 to 1: by itself or by an area around it."""
    frame: str
    """Address of its frame; `""` for the main frame."""
    shown: bool
    busy: bool
    says_none: bool
    claimed: int | None
    failed: bool
    """It shows an alert."""
    scrolls: bool
    """It may show more when it is scrolled."""
    unread: bool = False
    """It shows something that is neither a control nor plain text."""
    sealed: bool = False
    """It is closed, and a visible control opens it."""
    branches: int = 0
    """Number of closed tree branches in it, and of tabs whose panel is not loaded yet."""
    pages: int = 1
    """Number of pages that it states."""
    unshown: int = 0
    """Number of entries not shown that it states."""
    stated: int = 0
    """Number of attachments that a sentence in it states."""
    clipped: int = 0
    """The number beside a paperclip in one of its cells, if it is a column of a table."""
    names: tuple[str, ...] = ()
    """Texts and options in it that are file names."""
    is_column: bool = False
    """It is a column of a table with a heading that means attachments."""
    items: int = 0
    """Number of attachments found in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A control that was examined."""

    control: models.Control
    frame: int
    """Index of its frame in the look."""
    frame_url: str
    area: int
    """Index of its area in the look; -1: in none."""
    row: int
    """Index of its row in the look; -1: in none."""
    row_text: str
    pieces: tuple[str, ...]
    """Short texts of its row that are not labels of controls."""
    pictures: tuple[str, ...]
    """What pictures of its row say, class names and texts, that belong to no control."""
    decision: control_policy.Decision
    shown: bool
    closed: bool
    """In a closed panel of the area."""
    off: bool
    loose: bool
    """In no area."""
    opener: bool
    """It opens an attachment area."""
    governs: int
    """Index of the area that it shows or hides; -1: none."""
    expanded: str
    """`true` or `false`; `""` if it opens and closes nothing."""
    current: bool
    """It is the current page or tab."""
    paging: bool
    group: int
    """Index of its parent element: the same for siblings."""
    filename: str
    """The file name in its attributes; `""` if there is none."""
    beside: str
    """Text right beside it."""
    tail: bool
    """It comes after the list to which the area's heading belongs."""


@dataclasses.dataclass(slots=True)
class Item:
    """A file with all controls that lead to it."""

    name: str
    area: int
    loose: bool
    certain: bool
    ways: list[Candidate]

    @property
    def row(self) -> tuple[int, int]:
        """Its row and area."""
        return self.ways[0].row, self.area
