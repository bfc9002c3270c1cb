"""Which types of files are wanted. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.downloads import file_type

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAME: Final = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif", "htm": "html", "text": "txt"}
"""Extensions that mean the same type."""


class UnwantedTypeError(errors.OrderError):
    """A file is of a type that is not wanted.

    Args:
        kind: its type, as an extension.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"a {kind} file, a type that --types leaves out")
        self.kind = kind


@dataclasses.dataclass(frozen=True, slots=True)
class WantedTypes:
    """The types of files that are wanted, as extensions; empty: all types."""

    named: frozenset[str] = frozenset()

    @classmethod
    def of(cls, extensions: Iterable[str]) -> WantedTypes:
        """Makes it from extensions."""
        return cls(frozenset(map(_same, extensions)))

    def refused(self, extension: str) -> str:
        """The extension if files of that type are not wanted; `""` if they are, or if there is none."""
        return extension if self.named and extension and _same(extension) not in self.named else ""

    def check(self, name: str, media_type: str) -> None:
        """Checks a file once its first bytes show that it is one; a file of unknown type passes.

        Args:
            name: as sent by the server.
            media_type: as sent by the server.

        Raises:
            UnwantedTypeError: it is of another type.
        """
        extension = file_type.extension(name) or file_type.extension_for(media_type).removeprefix(".")
        if kind := self.refused(extension):
            raise UnwantedTypeError(kind)

    def wants_more(self, missing: Iterable[models.MissingFile]) -> bool:
        """Whether attachments that an earlier run skipped for their type are wanted now."""
        return any(gap.skipped_type and not self.refused(gap.skipped_type) for gap in missing)


ALL: Final = WantedTypes()
"""Files of every type."""


def _same(extension: str) -> str:
    return _SAME.get(extension.lower(), extension.lower())
