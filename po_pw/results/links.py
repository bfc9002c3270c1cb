"""Links from the workbook to folders, files and pages. Pure.

Those to folders and files are relative to the workbook, so they still work after the output folder was moved.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from po_pw import redact

_ESCAPED: Final = re.compile(r"[\x00-\x20\x7f%\"<>\[\]^`{|}#?\\]")
"""Characters that must be escaped in a link's target. Letters of all scripts need not: Excel reads Unicode."""
_PAGE: Final = re.compile(r"https?://[^\x00-\x20\x7f\"<>\\^`{|}]+", re.IGNORECASE)
_ABSOLUTE: Final = re.compile(r"/|\\\\|[A-Za-z]:[/\\]")
_IN_FORMULA: Final = re.compile(r"[%#]")
MAX_TARGET: Final = 2_000
"""Characters; Excel takes 2,079."""
MAX_FORMULA_TEXT: Final = 255
"""Characters of a text in a formula, by Excel's specification."""


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A cell that opens something.

    Attributes:
        text: what the cell shows.
        target: relative to the workbook or a whole address, percent-encoded where a target must be.
        formula: the target as the function HYPERLINK takes it.
    """

    text: str
    target: str
    formula: str


def to_path(path: str, text: str) -> Link | str:
    """A link to a file or folder; only the text if no link can lead there.

    Args:
        path: with `/`, relative to the workbook's folder; or absolute.
        text: what the cell shows.
    """
    if _ABSOLUTE.match(path):
        kind = PurePosixPath if path.startswith("/") else PureWindowsPath
        address = kind(path).as_uri()
        return _link(text, address, address)
    return _link(text, _ESCAPED.sub(_encoded, path), _IN_FORMULA.sub(_encoded, path))


def to_page(url: str, text: str = "") -> Link | str:
    """A link to a web page; only the text if it is none, or if a secret was removed from it.

    Args:
        url: the address.
        text: what the cell shows; the address by default.
    """
    shown = text or url
    return _link(shown, url, url) if _PAGE.fullmatch(url) and not redact.is_incomplete(url) else shown


def formula(link: Link) -> str | None:
    """The formula that shows and opens a link; None if it would be too long. Quotation marks cannot end its texts."""
    texts = (link.formula, link.text)
    if max(len(text.encode("utf-16-le")) // 2 for text in texts) > MAX_FORMULA_TEXT:
        return None
    target, shown = (text.replace('"', '""') for text in texts)
    return f'=HYPERLINK("{target}","{shown}")'


def _link(text: str, target: str, in_formula: str) -> Link | str:
    return Link(text, target, in_formula) if text and len(target) <= MAX_TARGET else text


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
