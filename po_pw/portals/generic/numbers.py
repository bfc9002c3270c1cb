"""PO numbers as pages show them: compared without prefix, separators and leading zeros. Pure."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEPARATORS: Final = r"[\s\-_/.\u00a0\u2010-\u2015\u2212]"
_PREFIX: Final = re.compile(rf"^([^\W\d_]+(?:\.[^\W\d_]+)*\.?)?{_SEPARATORS}*(?=.*\d)")
_TOKEN: Final = re.compile(
    rf"(?<![^\W_])(?:[^\W\d_]{{1,10}}{_SEPARATORS}?#?)?\d[^\W_]*(?:[\-_/.\u2010-\u2015][^\W_]+)*", re.UNICODE
)
_SHORT: Final = 3
"""Numbers of fewer characters are met by chance: "7 items"."""
NUMBER: Final = "\ufffc"
"""Stands for the order's number in a template."""


def normal(text: str) -> str:
    """A text's letters and digits alone, without case and width."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


@functools.lru_cache(maxsize=4096)
def core(po_number: str) -> str:
    """What is left of a PO number without prefix, separators and leading zeros: `PO-2024/0012` gives `20240012`.

    A number without digits stays whole; `""` where there is neither letter nor digit.
    """
    said = unicodedata.normalize("NFKC", po_number).strip()
    bare = normal(_PREFIX.sub("", said, count=1))
    bare = bare.lstrip("0") or bare[-1:]
    return bare if any(char.isdigit() for char in bare) else normal(said)


def _prefix(text: str) -> str:
    found = _PREFIX.match(unicodedata.normalize("NFKC", text).strip())
    return normal(found[1] or "") if found and found[1] else ""


@functools.lru_cache(maxsize=1024)
def _pattern(po_number: str) -> re.Pattern[str] | None:
    """Finds the number in a text; group 1 is a prefix attached to it."""
    wanted = core(po_number)
    if not wanted:
        return None
    inner = f"{_SEPARATORS}?".join(re.escape(char) for char in wanted)
    if not any(char.isdigit() for char in wanted):
        return re.compile(rf"(?<!\w)()({inner})(?!\w)", re.IGNORECASE)
    return re.compile(
        rf"(?<![^\W_])(?<!\d[\-_/.,:])([^\W\d_]{{1,12}}(?:\.[^\W\d_]{{1,12}}){{0,3}}\.?{_SEPARATORS}{{0,2}}[#:]?{_SEPARATORS}?)?"
        rf"((?:0{_SEPARATORS}?)*{inner})(?![^\W_])(?![\-_/.,:]\d)(?!\s?%)",
        re.IGNORECASE,
    )


def find(text: str, po_number: str) -> re.Match[str] | None:
    """Where a text shows this number as a number of its own; None where it does not.

    A short number ("7") counts only with its own prefix attached, or where no other number is in the text and it is no
    count: "Attachments (7)", "7 items".
    """
    pattern = _pattern(po_number)
    if pattern is None:
        return None
    said, own = unicodedata.normalize("NFKC", text), _prefix(po_number)
    is_short = len(core(po_number)) < _SHORT
    for found in pattern.finditer(said):
        before = found[1] or ""
        # "PO 7" may be two words of a sentence; "PO-7" is a number with its prefix.
        attached = normal(before) if before and not before[-1].isspace() else ""
        if own and attached and not (own in attached or attached in own):
            continue  # INV-123 is not PO-123
        alone = len(re.findall(r"\d+", said[: found.start(2)] + " " + said[found.end(2) :])) == 0
        is_count = bool(re.match(r"\s*(?:[)\]]|[^\W\d_])", said[found.end(2) :]))
        if is_short and not (own and normal(before) == own) and (is_count or not alone):
            continue
        return found
    return None


def shows(text: str, po_number: str) -> bool:
    """Whether a title or heading shows this number."""
    return find(text, po_number) is not None


def is_value(text: str, po_number: str) -> bool:
    """Whether a field's value is this number, with little beside it ("PO-123 (rev. 2)")."""
    found = find(text, po_number) if core(text) != core(po_number) else None
    if core(text) == core(po_number):
        own, other = _prefix(po_number), _prefix(text)
        return not own or not other or own in other or other in own
    return found is not None and len(normal(text)) <= len(normal(found[0])) + 12


def is_telling(text: str, po_number: str) -> bool:
    """Whether a number where a page shows this one could not be met by chance: it is long, or has its prefix."""
    if len(core(po_number)) >= _SHORT:
        return True
    found, own = find(text, po_number), _prefix(po_number)
    return found is not None and bool(own) and normal(found[1] or "") == own


def template(text: str, po_number: str) -> str:
    """A title or heading with a mark in the number's place; `""` where it does not show it."""
    said = unicodedata.normalize("NFKC", text)
    found = find(said, po_number)
    if found is None:
        return ""
    start = found.start(1) if found[1] and not found[1][-1].isspace() else found.start(2)
    return _loose(said[:start]) + NUMBER + _loose(said[found.end(2) :])


def _loose(text: str) -> str:
    """What beside a number is the same on all orders: words, no further numbers."""
    return re.sub(r"\s+", " ", re.sub(r"\d+", "0", text)).casefold()


def filled(text: str, shape: str) -> str:
    """What stands in the number's place where a text fits a template; `""` where it does not fit."""
    said = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text))
    before, _, after = shape.partition(NUMBER)
    for found in _TOKEN.finditer(said):
        for start in {found.start(), found.start() + len(re.match(r"[^\d]*", found[0])[0])}:  # type: ignore[index]
            if _loose(said[:start]) == before and _loose(said[found.end() :]) == after:
                return said[start : found.end()]
    return ""


def numbers_in(text: str) -> Iterator[str]:
    """What in a text could be a PO number, long enough not to be met by chance."""
    for found in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        if len(core(found[0])) >= _SHORT:
            yield found[0]


def without(text: str, po_number: str) -> str:
    """A text without this number in any of its forms."""
    pattern = _pattern(po_number)
    said = unicodedata.normalize("NFKC", text)
    return pattern.sub(" ", said) if pattern else said
