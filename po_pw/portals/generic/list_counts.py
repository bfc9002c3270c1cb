"""Reads counts of attachments, entries and pages from texts. Pure."""

# ruff: noqa: RUF001, RUF002 - these are the characters that portals use

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import change_words, label_words, tokenizer, topics, vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping


_NUMBER: Final = r"\d{1,3}(?:[.,'\u00a0\u202f]\d{3})+|\d{1,6}"


def _int(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def _is_year(number: int) -> bool:
    return 1900 <= number <= 2100


def claims(label: str, *, badge: str = "") -> int | None:
    """Number of attachments stated by a heading, label or badge; None if it states none.

    Args:
        label: e.g. "Attachments (3)", "3 attachments".
        badge: text of a separate element beside the label, e.g. "3".
    """
    label = " ".join(label.split())
    if not label or len(label) > 80:
        return None
    if badge:
        found = re.fullmatch(r"[(\[（]?\s*(\d{1,5})(\+?)\s*[)\]）]?", badge.strip())
        if found and topics.topic(label):
            return int(found[1]) + (1 if found[2] else 0)
        return None
    label = _in_digits(label)
    said = tokenizer.words(label)
    if (
        vocabulary.has(said, vocabulary.of_kind("limit"))
        or change_words.changes(label)
        or shown_of(label)
        or label_words.file_name(label)
    ):
        return None
    numbers = re.findall(
        r"(?<![\w.,/-])(\d{1,5})(\+?)(?!\s*%)(?!\s*(?:[kmgt]i?b|bytes?|[kmgt]?o|%)\b)(?![.,/-]\d)", label, re.IGNORECASE
    )
    if len(numbers) != 1 or len(re.findall(r"\d+", label)) != 1:
        return None
    number = int(numbers[0][0])
    if _is_year(number):
        return None
    at = label.index(numbers[0][0])
    before, after = label[:at], label[at + len(numbers[0][0]) + len(numbers[0][1]) :]
    if tokenizer.words(before) and vocabulary.of_kind("to").at(tokenizer.words(before)[-1:], 0):
        return None  # "up to 10 files", in languages that use one short word
    stands = _counts_after(before, after) or _counts_before(before, after)
    return number + (1 if numbers[0][1] else 0) if stands else None


_NUMERALS: Final[Mapping[str, str]] = {
    tokenizer.fold(word): number for number, said in vocabulary.DATA["numerals"].items() for word in said
}


def _in_digits(label: str) -> str:
    """A label with its only number in digits: "three attachments" gives "3 attachments"."""
    found = [one for one in re.finditer(r"[^\W\d_]+", label) if tokenizer.fold(one[0]) in _NUMERALS]
    if len(found) != 1 or re.search(r"\d", label):
        return label
    return f"{label[: found[0].start()]}{_NUMERALS[tokenizer.fold(found[0][0])]}{label[found[0].end() :]}"


def counts_files(text: str) -> bool:
    """Whether a text is or ends in a count of files or attachments: "Drawings (4 files)", "3 documents"."""
    found = re.search(r"(?:^|[\s(\[（,·•|–-])\d{1,5}\s?([^\W\d_][^()\[\]\d]{0,40})[)\]）]?\s*$", text)
    if not found or len(text) > label_words.LONGEST_LABEL or label_words.file_name(text):
        return False
    return vocabulary.says(tokenizer.words(found[1]), ("attachment", "document", "modifier"), "filler")


def _counts_after(before: str, after: str) -> bool:
    """As in "Attachments (3)", "Anhänge: 3", "Attachments 3"."""
    if not re.fullmatch(r"\s*[)\]）】]?\s*(?:件|个|個|개|ไฟล์)?\s*[)\]）】]?\W{0,3}", after):
        return False
    text = re.sub(r"[\s(\[（【::#·•|,–-]+$", "", before)
    return bool(topics.topic(text))


def _counts_before(before: str, after: str) -> bool:
    """As in "3 attachments", "This order has 3 attachments"."""
    said = tokenizer.words(after)
    kinds = (vocabulary.of_kind("attachment"), vocabulary.of_kind("document"), vocabulary.of_kind("modifier"))
    count = max((kind.at(said, 0) for kind in kinds), default=0) if said else 0
    inside = bool(said) and bool(tokenizer.UNSPACED.match(said[0])) and any(kind.within(said[0]) for kind in kinds)
    if not count and not inside:
        return False
    beside = [
        vocabulary.of_kind(name)
        for name in ("filler", "absent", "expand", "download", "all", "attachment", "document", "of")
    ]
    return vocabulary.covered(tokenizer.words(before), beside) and (inside or vocabulary.covered(said[count:], beside))


_OF_WORDS: Final = r"|".join(
    sorted(
        (
            re.escape(one)
            for one in {
                tokenizer.fold(entry) for name in vocabulary.LANGUAGES for entry in vocabulary.DATA[name].get("of", ())
            }
        ),
        key=len,
        reverse=True,
    )
)
_TO_WORDS: Final = r"|".join(
    sorted(
        (
            re.escape(one)
            for one in {
                tokenizer.fold(entry) for name in vocabulary.LANGUAGES for entry in vocabulary.DATA[name].get("to", ())
            }
        ),
        key=len,
        reverse=True,
    )
)
_RANGE_OF: Final = re.compile(
    rf"(?<![\w.,])(?:({_NUMBER})\s*(?:[-–—~〜～]|\.\.\.?|…|(?:{_TO_WORDS})(?![^\W\d]))\s*)?({_NUMBER})\D{{0,12}}?\s*"
    rf"(?:(?<![^\W\d_])(?:{_OF_WORDS})(?![^\W\d_])|/)\s*({_NUMBER})(?![\w%]|[.,]\d)"
)
_TOTAL_FIRST: Final = re.compile(
    rf"({_NUMBER})\s*(?:件中|件のうち|개\s*중|건\s*중|中|kayittan|kayit icinden|条中)\s*:?\s*"
    rf"(?:({_NUMBER})\s*(?:[-–—~〜～]|から)\s*)?({_NUMBER})"
)
_TOTAL_LAST: Final = re.compile(
    rf"(?:({_NUMBER})\D{{0,8}})?({_NUMBER})\s*(?:条|項|项|筆|笔|个|個|件)?\s*[,,、;]?\s*(?:共|全)\s*({_NUMBER})"
)


def shown_of(text: str) -> tuple[int, int] | None:
    """Last entry shown and number of entries: "1–10 of 37" gives (10, 37); None if the text is nothing like it.

    Page numbers ("Page 1 of 3") and bare fractions do not count.
    """
    folded = tokenizer.fold(" ".join(text.split()))
    if not re.search(r"\d", folded) or len(folded) > 120:
        return None
    if vocabulary.has(tokenizer.words(folded), _page_words()):
        return None
    for pattern, upto, total in ((_TOTAL_FIRST, 3, 1), (_RANGE_OF, 2, 3), (_TOTAL_LAST, 2, 3)):
        found = pattern.search(folded)
        if not found:
            continue
        shown, whole = _int(found[upto]), _int(found[total])
        if shown > whole or (
            pattern is _RANGE_OF and not found[1] and "/" in found[0] and not topics.heads(tokenizer.words(folded))
        ):
            return None
        if re.match(r"\s*(?:[kmgt]i?b|bytes?|%)\b", folded[found.end() :]):
            return None
        if not found[1] and _is_year(whole):
            return None
        return shown, whole
    return None


def all_of(text: str) -> int | None:
    """Number of entries that what shows the whole list states: "All (5)", "Total: 12"; None if it states none."""
    said = tokenizer.words(text)
    numbers = [word for word in said if word.isdecimal()]
    if len(numbers) != 1 or len(numbers[0]) > 4 or len(text) > 60 or shown_of(text):
        return None
    every, beside = vocabulary.of_kind("all"), ("more", "expand", "filler", "attachment", "document")
    words = [word for word in said if not word.isdecimal()]
    is_said = vocabulary.says(words, ("all",), *beside, numbers=False) and vocabulary.has(words, every)
    is_sum = vocabulary.says(words, ("sum",), "all", "filler", "absent", "attachment", "document", numbers=False)
    return int(numbers[0]) if is_said or is_sum else None


def unshown(text: str) -> int:
    """Number of entries not shown ("and 3 more", "+2", "2 files hidden"); 0 if the text states none."""
    text = text.strip(" .…()[]")
    numbers = re.findall(r"\d+", text)
    if len(numbers) == 1 and len(numbers[0]) <= 4 and len(text) <= 60:
        said = tokenizer.words(text)
        if vocabulary.has(said, vocabulary.of_kind("unseen")) and topics.has_topic(text):
            return int(numbers[0])
    if (
        len(numbers) != 1
        or len(numbers[0]) > 4
        or not label_words.is_more_label(re.sub(r"^\w{1,3}\s+(?=[+\d])", "", text))
    ):
        return 0
    return int(numbers[0])


def clipped(text: str) -> int:
    """The number beside a paperclip in a cell: "📎 2"; 0 if there is none."""
    found = re.fullmatch(r"\U0001f4ce\ufe0f?\s*\(?(\d{1,3})\)?", text.strip())
    return int(found[1]) if found else 0


_PAGE_OF: Final = re.compile(r"(?<![\d.,/-])(\d{1,4})\s*(?:/|\b[^\W\d_]{1,5}\b)\s*(\d{1,4})(?![\d.,/-])")
_PAGES_IN_ALL: Final = re.compile(rf"(?:^|\s)(?:{_OF_WORDS}|/)\s*(\d{{1,4}})\s*$")


def pages_of(text: str, *, in_paging: bool = False) -> int | None:
    """Number of pages in a short text: "Page 1 of 3", in a list's paging also "1 / 3"; None if it states none."""
    folded = tokenizer.fold(" ".join(text.split()))
    is_said = vocabulary.has(tokenizer.words(folded), _page_words())
    if len(folded) > 80 or not (is_said or in_paging):
        return None
    if found := _PAGE_OF.search(folded):
        is_whole = is_said or not tokenizer.words(folded.replace(found[0], " "))
        return int(found[2]) if is_whole and 0 < int(found[1]) <= int(found[2]) else None
    found = _PAGES_IN_ALL.search(folded) if is_said and in_paging else None  # one of them is the value of a field
    return int(found[1]) if found else None


@functools.cache
def _page_words() -> vocabulary.WordSet:
    """Words for a page, without those that only accompany them."""
    return vocabulary.word_set(
        [
            entry
            for name in vocabulary.LANGUAGES
            for entry in vocabulary.DATA[name].get("page", ())
            if " " not in entry and entry not in {"current", "第"}
        ]
    )
