"""Names that are safe on Windows, macOS and Linux alike, and fit into the path's budget. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import pathvalidate

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST: Final = 200
"""UTF-8 bytes of one name: file systems bear 255, and `~2`, ` (2)` and `.part` must fit too."""
_SHORTEST_STEM: Final = 1
_HASH: Final = 6
_EXTENSION: Final = re.compile(r"(?i)(\.tar\.(?:gz|bz2|xz)|\.[a-z0-9]{1,10})$")


def file_name(sent: str) -> str:
    """One safe name from whatever a server or a page calls a file; `attachment` where nothing is left of it.

    Folders and traversal in it are cut off; control, zero-width and direction-changing characters are
    dropped; what one of the three systems forbids becomes `_`; names Windows reserves get a `_`.
    """
    text = _visible(sent)
    last = re.split(r"[/\\]", text)[-1]
    return _safe(last) or "attachment"


def folder_name(text: str) -> str:
    """The same for a supplier or a PO number, of which every part is kept; `""` where nothing is left of it."""
    return _safe(re.sub(r"[/\\]", "_", _visible(text)))


def fold(name: str) -> str:
    """How two names are compared: as a file system without case and with normalisation would."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def split(name: str) -> tuple[str, str]:
    """Stem and extension; `.tar.gz` counts as one, a name that is all extension has none."""
    match = _EXTENSION.search(name)
    if match is None or match.start() == 0:
        return name, ""
    return name[: match.start()], match.group()


def shorten(name: str, room: int) -> str:
    """The name in at most `room` characters: the stem is cut and told apart by a hash of the whole, the extension kept.

    Raises:
        ValueError: not even hash and extension fit.
    """
    if len(name) <= room and len(name.encode()) <= _LONGEST:
        return name
    stem, extension = split(name)
    mark = "~" + hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    left = room - len(mark) - len(extension)
    if left < _SHORTEST_STEM:
        msg = f"{name!r} does not fit into {room} characters"
        raise ValueError(msg)
    stem = stem[:left]
    while len((stem + mark + extension).encode()) > _LONGEST:
        stem = stem[:-1]
    return stem.rstrip(" .") + mark + extension


def assign(names: Sequence[str], room: int) -> tuple[str, ...]:
    """The final names of one order's files, in the order given: the second `invoice.pdf` becomes `invoice (2).pdf`.

    The same names in the same order always come out the same.

    Args:
        names: as sent; need not be safe.
        room: characters each may have.

    Raises:
        ValueError: `room` is too small for any name.
    """
    taken: set[str] = set()
    result: list[str] = []
    for sent in names:
        safe = file_name(sent)
        name, number = shorten(safe, room), 1
        while fold(name) in taken:
            number += 1
            stem, extension = split(safe)
            tail = f" ({number}){extension}"
            name = shorten(stem, room - len(tail)) + tail
        taken.add(fold(name))
        result.append(name)
    return tuple(result)


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    return "".join(char for char in normal if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"})


def _safe(text: str) -> str:
    name = pathvalidate.sanitize_filename(
        " ".join(text.split()), replacement_text="_", platform=pathvalidate.Platform.UNIVERSAL, max_len=10_000
    )
    name = name.strip().rstrip(". ")
    if name in {"", ".", ".."}:
        return ""
    stem = name.partition(".")[0].rstrip()
    if pathvalidate.is_valid_filename(stem or "x", platform=pathvalidate.Platform.WINDOWS) is False:
        name = f"_{name}"
    return shorten(name, 10_000)
