"""File names that are safe on Windows, macOS and Linux and fit into the path limit. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import pathvalidate

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 200
"""UTF-8 bytes of one name: file systems take 255, and our own suffixes must fit. Some take fewer: see `staging`."""
_HASH: Final = 6
_MARK: Final = "~"
"""Before a hash."""
_EXTENSION: Final = re.compile(r"(?i)(\.tar\.(?:gz|bz2|xz|zst)|\.[a-z0-9]{1,10})$")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories: control, format (zero-width, direction), surrogates, private use, unassigned."""
_IGNORED: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""More invisible characters, which case-insensitive file systems ignore: fillers and variation selectors."""
_TEMPORARY: Final = re.compile(r"\.\d+~")
"""Temporary names in a work folder, see `staging`: no attachment may have such a name."""
_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)")


def file_name(sent: str) -> str:
    """Makes a safe name from the name a server or page gives; `attachment` if nothing is left.

    Folders are cut off; control, zero-width and direction-changing characters are removed; characters that one of the
    systems forbids become `_`; names reserved on Windows get a `_`; long names are shortened.
    """
    parts = re.split(r"[/\\]", _visible(sent))
    # For `folder/` the last non-empty part is the name.
    last = next((part for part in reversed(parts) if part.strip(". ")), "")
    name = _safe(last) or "attachment"
    return f"_{name}" if _TEMPORARY.fullmatch(name) else name


def folder_name(text: str) -> str:
    """The same for a supplier or PO number, keeping every part of it; `""` if nothing is left."""
    return _safe(re.sub(r"[/\\]", "_", _visible(text)))


def order_folder(stem: str, status: str) -> str:
    """Name of an order's folder, which ends in the order's status."""
    return f"{stem}_{status}"


def distinct_name(text: str, max_bytes: int) -> str:
    """A safe name that no other text gets, on any file system: the text itself if it is plain, otherwise with a hash.

    Args:
        text: e.g. a PO number; case counts.
        max_bytes: maximum UTF-8 bytes of the name.
    """
    safe = folder_name(text)
    # Of all texts that a file system may take for one, only the one in capitals is plain.
    is_plain = safe == text == models.folded(text).upper() and _MARK not in text
    if text and is_plain and len(text.encode()) <= max_bytes:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * _HASH]
    return f"{shorten(safe or 'order', MAX_BYTES, max_bytes - len(_MARK) - len(digest))}{_MARK}{digest}"


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units, as Windows counts."""
    return len(text.encode("utf-16-le")) // 2


def split(name: str) -> tuple[str, str]:
    """Stem and extension; `.tar.gz` is one extension, a name like `.pdf` has none."""
    match = _EXTENSION.search(name)
    if match is None or match.start() == 0:
        return name, ""
    return name[: match.start()], match.group()


def shorten(name: str, max_chars: int, max_bytes: int = MAX_BYTES) -> str:
    """Shortens a name to `max_chars` characters: cuts the stem, adds a hash of the whole name, keeps the extension.

    If no part of the stem fits, the hash alone replaces it.

    Args:
        name: safe.
        max_chars: maximum length in characters.
        max_bytes: maximum length in UTF-8 bytes.

    Raises:
        ValueError: hash and extension do not fit.
    """
    if _fits(name, max_chars, max_bytes):
        return name
    stem, extension = split(name)
    return _cut(stem, extension, max_chars, name, max_bytes)


def assign(names: Sequence[str], max_chars: int, max_bytes: int = MAX_BYTES) -> tuple[str, ...]:
    """Final names of one order's files, in the given order: the second `invoice.pdf` becomes `invoice (2).pdf`.

    The names differ on every file system. The result is deterministic.

    Args:
        names: as sent by the server; may be unsafe.
        max_chars: maximum length of each in characters.
        max_bytes: maximum length of each in UTF-8 bytes.

    Raises:
        ValueError: `max_chars` is too small for any name.
    """
    safe = [shorten(file_name(sent), max_chars, max_bytes) for sent in names]
    # A name that occurs in the list itself is never used as another file's second name.
    taken = {models.folded(name) for name in safe}
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    result: list[str] = []
    for name in safe:
        final, folded = name, models.folded(name)
        if folded in seen:
            final, numbers[name] = _numbered(name, taken, max_chars, numbers.get(name, 1) + 1, max_bytes)
            taken.add(models.folded(final))
        seen.add(folded)
        result.append(final)
    return tuple(result)


def unique_name(name: str, taken: set[str], max_chars: int, max_bytes: int = MAX_BYTES) -> str:
    """The first free name among `name (2)`, `name (3)` and so on.

    Args:
        name: safe, with extension.
        taken: folded names.
        max_chars: maximum length in characters.
        max_bytes: maximum length in UTF-8 bytes.

    Raises:
        ValueError: `max_chars` is too small.
    """
    return _numbered(name, taken, max_chars, 2, max_bytes)[0]


def _numbered(name: str, taken: set[str], max_chars: int, number: int, max_bytes: int) -> tuple[str, int]:
    """The first free name from `name (number)` on, and its number."""
    stem, extension = split(name)
    stem = stem.rstrip(" ")  # ` (2)` begins with a space
    while True:
        tail = f" ({number}){extension}"
        candidate = (
            stem + tail if _fits(stem + tail, max_chars, max_bytes) else _cut(stem, tail, max_chars, name, max_bytes)
        )
        if models.folded(candidate) not in taken:
            return candidate, number
        number += 1


def _cut(stem: str, tail: str, max_chars: int, name: str, max_bytes: int) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    if not _fits(digest + tail, max_chars, max_bytes):
        msg = f"{name!r} does not fit into {max_chars} characters"
        raise ValueError(msg)
    stem = stem[:max_chars]
    while stem and not _fits(f"{stem}{_MARK}{digest}{tail}", max_chars, max_bytes):
        stem = stem[:-1]
    stem = stem.rstrip(" .")
    return f"{stem}{_MARK}{digest}{tail}" if stem else digest + tail


def _fits(name: str, max_chars: int, max_bytes: int) -> bool:
    return utf16_length(name) <= max_chars and len(name.encode()) <= max_bytes


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFC", _IGNORED.sub("", text))
    return "".join(char for char in normal if unicodedata.category(char) not in _INVISIBLE or char in "\t\n\r\f\v")


def _safe(text: str) -> str:
    # Shortened first: pathvalidate would cut off the extension.
    cut = shorten(" ".join(text.split()).rstrip(". "), MAX_BYTES)
    name = pathvalidate.sanitize_filename(cut, replacement_text="_", platform=pathvalidate.Platform.UNIVERSAL)
    name = unicodedata.normalize("NFC", name).strip().rstrip(". ")
    if not name:
        return ""
    if _DEVICES.match(name):
        name = f"_{name}"
    return shorten(name, MAX_BYTES)
