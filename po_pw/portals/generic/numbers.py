"""Compares PO numbers on pages without prefix, separators and leading zeros. Pure."""

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
"""Shorter numbers may occur by chance: "7 items"."""
_LONG: Final = 5
"""Digits from which on a number without a prefix is no year, quantity or price."""
NUMBER: Final = "\ufffc"
"""Placeholder for the order's number in a template."""


def normal(text: str) -> str:
    """A text's letters and digits only, without case and width."""
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


def prefix(text: str) -> str:
    """The letters before a number, without case and separators: `PO-2024/0012` gives `po`; `""` without any."""
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
    """Finds this number in a text, not as part of another number; None if it is not there.

    A short number ("7") counts only with its prefix, or if the text has no other number and it is not a count:
    "Attachments (7)", "7 items".
    """
    pattern = _pattern(po_number)
    if pattern is None:
        return None
    said, own = unicodedata.normalize("NFKC", text), prefix(po_number)
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
        own, other = prefix(po_number), prefix(text)
        return not own or not other or own in other or other in own
    return found is not None and len(normal(text)) <= len(normal(found[0])) + 12


def is_telling(text: str, po_number: str) -> bool:
    """Whether a page shows the number in a form that is no coincidence: long, or with its prefix."""
    if len(core(po_number)) >= _SHORT:
        return True
    found, own = find(text, po_number), prefix(po_number)
    return found is not None and bool(own) and normal(found[1] or "") == own


def template(text: str, po_number: str) -> str:
    """A title or heading with a placeholder for the number; `""` if it does not contain it."""
    said = unicodedata.normalize("NFKC", text)
    found = find(said, po_number)
    if found is None:
        return ""
    start = found.start(1) if found[1] and not found[1][-1].isspace() else found.start(2)
    return _loose(said[:start]) + NUMBER + _loose(said[found.end(2) :])


def _loose(text: str) -> str:
    """The part of a text that is the same on all orders: words without other numbers."""
    return re.sub(r"\s+", " ", re.sub(r"\d+", "0", text)).casefold()


def filled(text: str, shape: str) -> str:
    """The text at the placeholder, if a text matches a template; else `""`."""
    said = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text))
    before, _, after = shape.partition(NUMBER)
    for found in _TOKEN.finditer(said):
        for start in {found.start(), found.start() + len(re.match(r"[^\d]*", found[0])[0])}:  # type: ignore[index]
            if _loose(said[:start]) == before and _loose(said[found.end() :]) == after:
                return said[start : found.end()]
    return ""


def numbers_in(text: str) -> Iterator[str]:
    """Yields possible PO numbers in a text, long enough to be no coincidence."""
    for found in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        if len(core(found[0])) >= _SHORT:
            yield found[0]


def alike(po_number: str) -> str:
    """A regular expression of JavaScript for PO numbers of the same form as this one; `""` if it has no form.

    A number has a form if it begins with letters ("PO-5003") or is long enough to be no coincidence.
    """
    said = unicodedata.normalize("NFKC", po_number).strip()
    runs = re.findall(r"\d+|[^\d]+", said)
    has_prefix = re.match(r"[^\W\d_]{2}|[^\W\d_]\W?\d{3}", said) is not None
    if not any(map(str.isdecimal, runs)) or (not has_prefix and len(core(said)) < _LONG):
        return ""
    form = "".join(_form(run, spread=1 if has_prefix else 0) for run in runs)
    return rf"(?<![\p{{L}}\p{{N}}]){form}(?![\p{{L}}\p{{N}}])"


def _form(run: str, spread: int) -> str:
    if run.isdecimal():
        return f"[0-9]{{{max(1, len(run) - spread)},{len(run) + spread}}}"
    return re.sub(r"([$()*+./?\[\\\]^{|}])", r"\\\1", run)


def without(text: str, po_number: str) -> str:
    """Removes this number, in any form, from a text."""
    pattern = _pattern(po_number)
    said = unicodedata.normalize("NFKC", text)
    return pattern.sub(" ", said) if pattern else said
