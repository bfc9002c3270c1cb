"""Finds words of change in identifiers that programs wrote; ids and tokens have no words. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import change_words, icon_words

if TYPE_CHECKING:
    from collections.abc import Collection


_OPAQUE: Final = re.compile(
    r"^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_~+/=.-]{16,}$|^[A-Za-z0-9+/=_-]{48,}$|^[0-9a-fA-F-]{8,}$"
)


def is_opaque(text: str) -> bool:
    """Whether a text is an id, hash or token, and not words."""
    if not _OPAQUE.match(text) or re.fullmatch(r"[A-Za-z]+(?:[-_][A-Za-z]+)*(?:[-_]?\d{1,6})?", text):
        return False
    # A token has no whole word of change between separators or at its beginning: "approve-order-4500123456".
    head = re.match(r"[A-Z]?[a-z]{4,}(?=[A-Z\d]|$)", text)
    parts = [one for one in re.split(r"[^A-Za-z]+", text) if len(one) > _LONGER_THAN_CHANCE]
    return not any(
        one.form is change_words.Form.ACT
        for part in (*parts, *([head[0]] if head else []))
        for one in change_words.changes(part, identifier=True)
    )


_LONGER_THAN_CHANCE: Final = 4
"""Minimum letters of a word that does not occur in a token by chance."""


def act_in(
    text: str, names: Collection[str], *, styled: bool = False, weak: bool = True, itself: bool = False
) -> str | None:
    """A word of change in an identifier; None if there is none. Class names about style do not count.

    Args:
        text: one identifier, or with `styled` a list of class names.
        names: file names that are taken out first.
        styled: it is a list of class names.
        weak: words that are as often nouns count, too.
        itself: those count only if the whole identifier is such a word ("btnUpload", not "UploadSet-item-3").
    """
    for part in text.split() if styled else [text]:
        if is_opaque(part):
            continue
        for change in change_words.changes(part, identifier=True, names=names):
            if change.form is not change_words.Form.ACT or (styled and icon_words.is_styling(change.word)):
                continue
            if not change.is_weak or (weak and (not itself or change_words.is_only_act(part))):
                return change.word
    return None
