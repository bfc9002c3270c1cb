"""The layout of the folders, as the user writes it: `{supplier}/{po_number}_{status}`. Pure."""

from __future__ import annotations

import dataclasses
import re
import string
from typing import Final

EXAMPLE: Final = "{supplier}/{po_number}_{status}"
_ENDING: Final = "_{status}"
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_MAX_LEVELS: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A text, and the field that follows it."""

    text: str
    field: str
    """`""` if none follows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """A layout that can be used with any list.

    Attributes:
        levels: parts of each folder, outermost first; the last is the order's own, without its status.
    """

    levels: tuple[tuple[Part, ...], ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in it, each once."""
        return tuple(dict.fromkeys(part.field for level in self.levels for part in level if part.field))

    @classmethod
    def parse(cls, text: str) -> Layout:
        """Reads a layout.

        Raises:
            ValueError: it cannot be used; the text says why.
        """
        written = text.replace("\\", "/")
        if written.startswith("/") or _DRIVE.match(written):
            msg = f"it must be inside the output folder: leave out its first part, as in {EXAMPLE}"
            raise ValueError(msg)
        if not written.endswith(_ENDING):
            corrected = f"{written.rstrip('/')}{_ENDING}" if "{status}" not in written else EXAMPLE
            msg = f"it must end with _{{status}}, by which po-pw finds the folder again: give {corrected}"
            raise ValueError(msg)
        levels = tuple(_parts(level) for level in written.removesuffix(_ENDING).split("/"))
        layout = cls(levels)
        if len(levels) > _MAX_LEVELS:
            msg = f"{len(levels)} folder levels are too many: at most {_MAX_LEVELS} are possible"
            raise ValueError(msg)
        if "status" in layout.fields:
            msg = f"{{status}} may only stand at the end: give a layout such as {EXAMPLE}"
            raise ValueError(msg)
        if "po_number" not in layout.fields:
            msg = f"orders would share a folder: it needs {{po_number}}, as in {EXAMPLE}"
            raise ValueError(msg)
        return layout


def _parts(level: str) -> tuple[Part, ...]:
    if not level.strip() or level.strip() in {".", ".."}:
        msg = f"{level!r} cannot be the name of a folder: give a layout such as {EXAMPLE}"
        raise ValueError(msg)
    try:
        found = list(string.Formatter().parse(level))
    except ValueError:
        msg = f"a brace has no partner: give a layout such as {EXAMPLE}"
        raise ValueError(msg) from None
    for _, field, form, conversion in found:
        if field is not None and (form or conversion or not field.strip()):
            msg = f"braces may contain only the name of a column: give a layout such as {EXAMPLE}"
            raise ValueError(msg)
    return tuple(Part(text, (field or "").strip()) for text, field, _, _ in found)
