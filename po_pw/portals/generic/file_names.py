"""Recognises file names, and removes them from texts. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import tokenizer, vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection


EXTENSIONS: Final = frozenset(vocabulary.DATA["files"]["extensions"])
_HOST_ENDINGS: Final = frozenset(vocabulary.DATA["files"]["host_endings"])
ENDING: Final = r"[A-Za-z0-9]{1,12}"


def is_ending(stem: str, ending: str, *, alone: bool) -> bool:
    """Whether a text is a file name, by the parts before and after its last dot.

    Args:
        stem: before the dot.
        ending: after it.
        alone: the text is nothing else, so an unknown extension will do.
    """
    low = ending.lower()
    if low in EXTENSIONS:
        return bool(re.search(r"\w", stem)) and (alone or low not in {"c", "h", "z", "js", "ai", "one", "do"})
    if not alone or " " in stem or low in _HOST_ENDINGS or not re.fullmatch(r"(?=.*[a-z])[a-z0-9]{3,5}", low):
        return False
    if re.fullmatch(r"v?[\d.,]*", stem, re.IGNORECASE) or "@" in stem:
        return False
    if re.match(r"www\d?\.", stem, re.IGNORECASE):
        return False
    return ending == low or ending.isupper() or any(sign.isdigit() for sign in ending)


def is_file_name(text: str) -> bool:
    """Whether the whole text is a file name with an extension."""
    text = text.strip()
    found = re.fullmatch(rf"([^\\/:*?\"<>|\x00-\x1f]{{1,240}})\.({ENDING})", text)
    return found is not None and is_ending(found[1], found[2], alone=True)


def is_known_ending(ending: str) -> bool:
    """Whether an extension, without its dot, belongs to a known file type."""
    return ending.casefold() in EXTENSIONS


def without_names(text: str, names: Collection[str]) -> str:
    """Removes whole file names with an extension from a text, longest first.

    Also in the forms that portals use in addresses, with other characters for spaces.
    """
    written = {one.strip().replace(" ", sign) for one in names if one for sign in (" ", "_", "-", "+", "%20")}
    for name in sorted(written, key=lambda one: (-len(one), one)):
        if not is_file_name(name):
            continue
        low, wanted, start = text.lower(), name.lower(), 0
        while len(low) == len(text) and (at := low.find(wanted, start)) >= 0:
            end = at + len(name)
            start = at + 1
            if _is_apart(low[at - 1 : at], wanted[0]) and not re.match(r"[A-Za-z0-9]", low[end : end + 1]):
                text = f"{text[:at]} {NAME_SIGN} {text[end:]}"
                low, start = text.lower(), at + 3
    return text


NAME_SIGN: Final = "\ufffc"
"""Replaces a file name that was removed."""


def _is_apart(before: str, first: str) -> bool:
    """Whether a name may begin after this character."""
    return not before.isalnum() or bool(tokenizer.UNSPACED.match(before)) or not first.isalnum()
