"""Whether an icon, class name or part of an address means a download or a change. Pure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import change_words, file_names, tokenizer, vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def says_download(segment: str) -> bool:
    """Whether an identifier or path segment is, begins with or ends in a word for downloading."""
    found = tuple(word for word in tokenizer.identifier_words(segment) if not word.isdigit())
    kind = vocabulary.of_identifiers("download")
    return (
        bool(found)
        and vocabulary.covered(
            found,
            [kind, vocabulary.of_kind("download"), vocabulary.of_kind("filler"), vocabulary.of_kind("attachment")],
        )
        and vocabulary.has(found, _kind_of_downloads())
    )


@functools.cache
def _kind_of_downloads() -> vocabulary.WordSet:
    """Words for downloading in addresses, without those that any page may have."""
    common = {
        "attachment",
        "paperclip",
        "pdf",
        "file pdf",
        "arrow down",
        "arrow downward",
        "eye",
        "visibility",
        "content",
        "raw",
        "file",
        "save",
    }
    return vocabulary.word_set([one for one in vocabulary.DATA["identifiers"]["download"] if one not in common])


def icon_of_change(text: str, *, names: Collection[str] = ()) -> str | None:
    """The word of change in an icon's name, e.g. `delete_outline`, `fa-trash-o`, `bi-x`, ✕; None if it has none."""
    found = change_words.change_word(text, identifier=True, names=names, acts_only=True)
    if found and not is_styling(found):
        return found
    for part in file_names.without_names(text, names).split():
        if word := _icon_word(tokenizer.identifier_words(part)):
            return word
    return None


def _icon_word(spoken: Sequence[str]) -> str | None:
    """The word of change in one class name or file name of an icon."""
    kind, harmless = vocabulary.of_identifiers("icon"), vocabulary.of_identifiers("harmless")
    for start, word in enumerate(spoken):
        if any(harmless.at(spoken, before) > start - before for before in range(max(0, start - 2), start + 1)):
            continue
        after = spoken[start + 1] if start + 1 < len(spoken) else ""
        if word == "x" and after and not start:
            continue  # a prefix: "x-fa"
        if word.startswith("thumb") and after not in {"up", "down"} and word not in {"thumbup", "thumbdown"}:
            continue  # a small picture: "thumb-52.png"
        if kind.at(spoken, start) and not (
            start and spoken[start - 1] in {"file", "zip"} and word in {"archive", "box"}
        ):
            return word
    return None


def icon_of_download(icons: Sequence[str], label: str = "") -> bool:
    """Whether an icon, or a label of symbols, clearly means a download."""
    texts = [*icons, label]
    if any(sign in vocabulary.SYMBOLS["download"] - set("👁🔍🔎▼📁📂") for text in texts for sign in text):
        return True
    kind = vocabulary.word_set(
        [
            "download",
            "downloads",
            "herunterladen",
            "telecharger",
            "descargar",
            "paperclip",
            "file pdf",
            "get app",
            "save alt",
            "arrow down to line",
            "file arrow down",
        ]
    )
    return any(
        kind.at(found, start)
        for text in texts
        for found in [tokenizer.identifier_words(text)]
        for start in range(len(found))
    )


def icon_of_next_page(icons: Sequence[str], label: str) -> bool:
    """Whether a control without a word has an icon that says "next page": `x-tbar-page-next`, `navigate_next`."""
    spoken = [set(tokenizer.identifier_words(icon)) for icon in icons]
    return not tokenizer.words(label) and any("next" in words and words & _PAGING for words in spoken)


_PAGING: Final = {"page", "paging", "pager", "paginator", "pagination", "navigate"}


def is_styling(word: str) -> bool:
    """Whether a word in class names is about style, so that it does not count there."""
    return word in vocabulary.DATA["identifiers"]["styling"]
