"""What a heading or short text says about an area: attachments, none, loading, an error. Pure."""

# ruff: noqa: RUF001 - these are the characters that portals use

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import change_words, label_words, tokenizer, vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence


_COUNT: Final = re.compile(
    r"[(\[（【]\s*\d{1,4}\+?\s*[)\]）】]|(?<![\w.])\d{1,4}\+?\s*$|^\s*\d{1,4}(?=\s)|[::]\s*\d{1,4}\s*$"
)


def topic(text: str) -> float:
    """How certainly a short text is the heading or label of an attachment area.

    Returns:
        1.0 if the whole text means attachments (with or without count, colon, icon), 0.8 if it does among a few words
        ("Order attachments"), 0.5 if it means documents or files, else 0.
    """
    # Text in brackets ("PDF, max. 10 files") is a remark.
    text = re.sub(r"\s*[(\[（【](?!\s*\d+\s*[)\]）】])[^)\]）】]*[)\]）】]\s*$", "", text.strip())
    if (
        not text
        or len(text) > 80
        or re.search(r"[.!?。？！]\s*\S|[!?？！]$|[^.]\.$", text)
        or label_words.file_name(text)
    ):
        return 0.0
    bare = _COUNT.sub(" ", text)
    found = tokenizer.words(bare)
    if not found or len(found) > 7 or any(one.form is change_words.Form.ACT for one in change_words.changes(bare)):
        return 0.0
    if says_none(bare) or says_loading(text):
        return 0.0
    attachment, document = vocabulary.of_kind("attachment"), vocabulary.of_kind("document")
    if vocabulary.covered(found, [attachment], numbers=False):
        return 1.0
    if vocabulary.covered(found, [document], numbers=False):
        return 0.5
    if vocabulary.has(found, vocabulary.of_kind("odd")) or vocabulary.has(found, vocabulary.of_kind("limit")):
        return 0.0
    at_heads = heads(found)
    if at_heads == "attachment":
        return 0.8
    return 0.5 if at_heads == "document" and len(found) <= 5 else 0.0


def is_discussion(text: str) -> bool:
    """Whether a short text is the heading of a discussion or history: comments, messages, history."""
    found, kind = tokenizer.words(_COUNT.sub(" ", text.strip())), vocabulary.of_kind("discussion")
    is_short = 0 < len(found) <= 4 and not label_words.file_name(text)
    return (
        is_short
        and vocabulary.covered(found, [kind, vocabulary.of_kind("filler")], numbers=False)
        and vocabulary.has(found, kind)
    )


def heads(found: Sequence[str]) -> str:
    """Which topic is among the words, unless it only qualifies another ("attachment policy")."""
    modifiers, beside = (
        vocabulary.of_kind("modifier"),
        (vocabulary.of_kind("filler"), vocabulary.of_kind("document"), vocabulary.of_kind("attachment")),
    )
    for name in ("attachment", "document"):
        kind = vocabulary.of_kind(name)
        for start, word in enumerate(found):
            count = kind.at(found, start)
            if not count and not (tokenizer.UNSPACED.match(word) and kind.within(word)):
                continue
            after = found[start + max(count, 1) :]
            if (
                (tuple(found[start : start + 1]) in modifiers.phrases)
                and count == 1
                and after
                and not vocabulary.covered(after, beside)
            ):
                continue
            return name
    return ""


def topic_of_identifier(text: str) -> bool:
    """How certainly an id, class or test id names an attachment area: `attachmentsList`, not `has-attachments`."""
    return any(_is_topic(one) for one in text.split())


def _is_topic(text: str) -> bool:
    found = [word for word in tokenizer.identifier_words(text) if not word.isdigit()]
    if not found or any(word in _topic_not() for word in found):
        return False
    kind = vocabulary.of_identifiers("topic")
    return any(
        kind.at(found, start) or any(found[start].startswith(one) for one in ("attachmentslist",))
        for start in range(len(found))
    )


@functools.cache
def _topic_not() -> frozenset[str]:
    return frozenset(vocabulary.DATA["identifiers"]["topic_not"])


_NONE_ALONE: Final = re.compile(r"^[-–—―−‒]+$")


def says_none(text: str) -> bool:
    """Whether a short text says that there are no attachments: "No attachments", "Keine Anhänge", "0 files"."""
    text = text.strip()
    if not text or len(text) > label_words.LONGEST_LABEL or text.endswith(("?", "？")):
        return False
    if _NONE_ALONE.match(text):
        return True
    found = tokenizer.words(text)
    numbers = [word for word in found if word.isdecimal()]
    if any(int(number) for number in numbers):
        return False
    kinds = [vocabulary.of_kind(name) for name in ("none", "absent", "attachment", "document", "filler")]
    if not found or not vocabulary.covered(found, kinds):
        return False
    if vocabulary.has(found, vocabulary.of_kind("none")):
        return True
    return bool(numbers) and bool(heads([word for word in found if not word.isdecimal()]))


def says_loading(text: str) -> bool:
    """Whether a short text says that something is loading: "Loading…", "Please wait"."""
    found = tokenizer.words(text)
    if not found or len(text) > 80:
        return False
    return vocabulary.says(found, ("loading",), "wait", "attachment", "document", "filler", numbers=False) or (
        vocabulary.says(found, ("wait",), numbers=False) and vocabulary.has(found, _waits())
    )


@functools.cache
def _waits() -> vocabulary.WordSet:
    """Phrases that ask to wait: the first word of each language's list, and the longer ones."""
    return vocabulary.word_set(
        [entry for name in vocabulary.LANGUAGES for entry in vocabulary.DATA[name].get("wait", ())[:2]]
    )


def has_topic(text: str) -> bool:
    """Whether attachments or documents are among the words of a text."""
    found = tokenizer.words(text)
    return vocabulary.has(found, vocabulary.of_kind("attachment")) or vocabulary.has(
        found, vocabulary.of_kind("document")
    )


def names_a_section(text: str) -> bool:
    """Whether an identifier names a page, a tab or another part of a list: `Page$2`, `grid$tabDocuments`."""
    found = tokenizer.identifier_words(text)
    kind = vocabulary.of_identifiers("sections")
    names_one = any(kind.at(found, start) for start in range(len(found)))
    is_topic = bool(found) and any(topic(" ".join(found[start:])) for start in (0, 1))
    return (names_one or is_topic) and not change_words.change_word(text, identifier=True)


def trouble(text: str) -> str:
    """The trouble in a heading, title or alert: `missing` (no such page), `denied`, `failed`; `""` if none."""
    found = tokenizer.words(text)
    if not found or len(found) > 40:
        return ""
    for name in ("missing", "denied", "failed"):
        kind = vocabulary.of_kind(name)
        if vocabulary.has(found, kind) or any(entry in "".join(found) for entry in kind.inside):
            return name
    return ""
