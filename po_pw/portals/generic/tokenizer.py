"""Splits texts and identifiers into words, without case, accents and invisible characters. Pure."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


_LETTERS_WITHOUT_ACCENT: Final = str.maketrans(
    {
        "\u0131": "i",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "æ": "ae",
        "œ": "oe",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ŋ": "n",
        "\u2019": "'",
    }
)
_ACCENTED: Final = re.compile(r"([a-z\u0370-\u03ff\u0400-\u04ff])[\u0300-\u036f]+")
INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]")
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
)
_WORD: Final = re.compile(rf"\d+|(?:[^\W\d_]|[{_MARKS}])+")
UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
UNSPACED_RUN: Final = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)"
)
_CASE_CHANGES: Final = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[a-zA-Z])"
)


@functools.lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """The text without case, accents, invisible characters and width variants."""
    text = unicodedata.normalize("NFKD", INVISIBLE.sub("", text)).casefold()
    text = _ACCENTED.sub(r"\1", text)
    return unicodedata.normalize("NFC", text).translate(_LETTERS_WITHOUT_ACCENT)


def words(text: str) -> tuple[str, ...]:
    """The words of a text, folded. A run in a script without spaces is one word."""
    return tuple(split(fold(text)))


_LOOKALIKES: Final = str.maketrans(
    "авекмнорстухіјѕԁɡ\u03b1\u03b5\u03bf\u03c1\u03c4\u03c5\u03b9\u03ba\u03bd", "abekmhopctyxijsdgaeoptyikv"
)
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[\u0370-\u052f])")


def split(folded: str) -> Iterator[str]:
    """The words of a text that is already folded."""
    for word in _WORD.findall(folded):
        if _MIXED.match(word):  # letters of two scripts in one word: it imitates another word
            word = word.translate(_LOOKALIKES)
        if UNSPACED.search(word):
            yield from (part for part in UNSPACED_RUN.split(word) if part)
        else:
            yield word


def identifier_words(text: str) -> tuple[str, ...]:
    """The words of an identifier, class, id or address, split at case, digits and punctuation."""
    return words(_CASE_CHANGES.sub(" ", text))
