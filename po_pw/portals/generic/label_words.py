"""What the label of a link or button means, and which file it names. Pure."""

# ruff: noqa: RUF001 - these are the characters that portals use

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import change_words, file_names, tokenizer, vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_LABEL: Final = 160
"""Maximum characters of a label."""
_CANDIDATE: Final = re.compile(
    rf"[^\s\\/:*?\"<>|\x00-\x1f«»“”„‹›][^\\/:*?\"<>|\x00-\x1f\n«»“”„‹›]{{0,200}}?\.({file_names.ENDING})(?![A-Za-z0-9_.-]*[A-Za-z0-9])"
)


def file_name(text: str) -> str:
    """The file name in a label, e.g. `invoice.pdf` in "Download invoice.pdf (24 KB)"; `""` if it has none.

    Imperatives before the name are not part of it; other words may be.
    """
    text = tokenizer.INVISIBLE.sub("", text).strip()
    for found in _CANDIDATE.finditer(text[:400]):
        stem = found[0][: -len(found[1]) - 1]
        alone = not text.replace(found[0], "", 1).strip(" \t()[]·•|-–,;")
        if file_names.is_ending(stem, found[1], alone=alone):
            return _trimmed(found[0])
    return ""


def _trimmed(name: str) -> str:
    """A candidate without everything up to the last imperative before the name."""
    parts = name.split(" ")
    cut = 0
    for at in range(len(parts) - 1):
        rest = tokenizer.words(" ".join(parts[: at + 1]))
        before = tokenizer.words(parts[at])
        is_act = any(
            change.form is change_words.Form.ACT and not (at and change.is_weak)
            for change in change_words.changes(parts[at])
        )
        is_plain = before and vocabulary.covered(
            rest,
            (
                vocabulary.of_kind("download"),
                vocabulary.of_kind("save"),
                vocabulary.of_kind("filler"),
                vocabulary.of_kind("window"),
            ),
            numbers=False,
        )
        if is_act or (
            is_plain
            and (
                vocabulary.has(rest, vocabulary.of_kind("download"))
                or vocabulary.has(rest, vocabulary.of_kind("save"))
                or at == len(parts) - 2
            )
        ):
            cut = at + 1
    if (
        len(parts) > 1
        and cut
        and not vocabulary.has(tokenizer.words(" ".join(parts[:cut])), vocabulary.of_kind("download"))
        and not change_words.changes(" ".join(parts[:cut]))
    ):
        cut = 0
    name = " ".join(parts[cut:]).lstrip(" -–—:;,.·•|'`‘’")
    name = _without_unspaced_verb(name)
    for opening, closing in ("()", "[]", "（）", "「」"):
        if name.startswith(opening) and closing not in name:
            name = name[1:]
        elif opening in name and closing not in name[name.index(opening) :]:
            after = name.partition(opening)[2]
            if file_names.is_file_name(after):
                name = after
    return name


def _without_unspaced_verb(name: str) -> str:
    """A name without a word of change or download that precedes it without a space: `删除invoice.pdf`."""
    run = tokenizer.UNSPACED_RUN.match(name)
    if not run:
        return name
    text = run[1]
    if text.startswith(change_words.coverings()):
        return name
    for entry in (*change_words.foreign("change").inside, *vocabulary.of_kind("download").inside):
        if text.startswith(entry) and len(name) > len(entry) + 2 and name[len(entry)] != ".":
            return name[len(entry) :].lstrip(" -:：")
    return name


_SIZE: Final = re.compile(
    r"(?<![\w.])\d[\d.,\u00a0\u202f ]{0,12}\s?(?:bytes?|[kmgt]i?b|[kmgt]?o|octets?|[кмг]?б"
    r"|байт|バイト|字节|kt|mt|tavua|k|m|bajt[yuó]*w?|bit)(?![^\W\d])",
    re.IGNORECASE,
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?\.?|\d{1,2}[-/. ]{1,2}\d{1,2}[-/. ]{1,2}\d{2,4}\.?)"
    r"(?:[ T,]+\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\.?)?)?(?!\d)",
    re.IGNORECASE,
)
_TYPE: Final = re.compile(r"[([]\s*\.?([A-Za-z0-9]{2,5})\s*[)\]]|(?<![\w.])\.?([A-Za-z0-9]{2,5})(?![\w.])")


def is_size(text: str) -> bool:
    """Whether a text is only a file size: "1.2 MB"."""
    return bool(_SIZE.fullmatch(text.strip()))


def _plain(text: str, names: Collection[str] = ()) -> str:
    """A label without file names, sizes, dates and file types."""
    text = _DATE.sub(" ", _SIZE.sub(" ", file_names.without_names(text, names)))
    return _TYPE.sub(
        lambda one: (
            " "
            if (one[1] or one[2]).lower()
            in file_names.EXTENSIONS
            - {"one", "text", "pages", "numbers", "data", "key", "z", "raw", "log", "url", "asm", "prt", "bin", "sh"}
            else one[0]
        ),
        text,
    )


def is_download_label(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a whole label means download, with or without name, size, type, date, "opens in new window".

    A file name alone is not a download label; see `file_name`.
    """
    if len(text) > LONGEST_LABEL or change_words.change_word(text, names=names):
        return False
    rest = _plain(text, names)
    found = tokenizer.words(rest)
    if any(sign in vocabulary.SYMBOLS["download"] for sign in rest) and not found:
        return True
    # "Save" alone may save a form; with a file name it saves that file.
    needed = ("download", "save") if file_names.NAME_SIGN in rest else ("download",)
    return vocabulary.says(found, needed, "filler", "window") and not is_all_label(text)


def is_all_label(text: str) -> bool:
    """Whether a whole label means downloading all files at once."""
    found = tokenizer.words(_plain(text))
    if not vocabulary.says(found, ("all",), "download", "filler", "document", "attachment") or not vocabulary.has(
        found, vocabulary.of_kind("download")
    ):
        return False
    every, download, start = vocabulary.of_kind("all"), vocabulary.of_kind("download"), 0
    while start < len(found):
        phrase = download.at(found, start)
        if every.at(found, start) >= max(phrase, 1) or (
            tokenizer.UNSPACED.match(found[start]) and every.within(found[start])
        ):
            return True
        start += max(phrase, 1)  # Estonian "laadi alla" contains a Swedish "alla"
    return False


def is_expander_label(text: str) -> bool:
    """Whether a whole label means showing a list of attachments: "Show attachments (3)", "Expand"."""
    if len(text) > LONGEST_LABEL or change_words.change_word(text):
        return False
    found = tokenizer.words(text)
    return vocabulary.says(found, ("expand", "attachment", "document", "all"), "more", "filler", "page")


def is_next_label(text: str) -> bool:
    """Whether a whole label means the next entries of a list."""
    return _turns(text, "next", "more")


_PLUS: Final = re.compile(r"[+\uff0b]\s?(\d{1,4})")


def is_more_label(text: str) -> bool:
    """Whether a whole label means more entries of the same list."""
    if len(text) > LONGEST_LABEL or change_words.change_word(text):
        return False
    if _PLUS.fullmatch(text.strip()):
        return True
    return vocabulary.says(tokenizer.words(text), ("more",), "attachment", "document", "filler", "expand", "all", "of")


def _turns(text: str, kind: str, *beside: str) -> bool:
    if len(text) > LONGEST_LABEL or any(one.word != "forward" for one in change_words.changes(text)):
        return False
    found = tokenizer.words(text)
    if not found:
        return bool(text.strip()) and all(sign in vocabulary.SYMBOLS[kind] for sign in text if not sign.isspace())
    needed = (kind,)
    return vocabulary.says(found, needed, "page", "filler", "attachment", "document") and not (
        kind == "next" and vocabulary.says(found, ("filler",))
    )


def page_number(text: str) -> int | None:
    """The page number in a label: "3", "Page 3", "Seite 3"; None if it has none."""
    if len(text) > 60 or re.search(r"\d[.,:/]\d", text):
        return None
    found = tokenizer.words(text)
    numbers = [int(word) for word in found if word.isdecimal()]
    if len(numbers) != 1 or not 0 < numbers[0] < 10_000:
        return None
    return numbers[0] if vocabulary.covered(found, [vocabulary.of_kind("page"), vocabulary.of_kind("filler")]) else None


def is_about_lists(text: str) -> bool:
    """Whether a short text is about a list and not an entry of it: "Sort by date", "Filter", "Help"."""
    return vocabulary.has(tokenizer.words(text), vocabulary.of_kind("odd"))


def is_sign_in_label(text: str) -> bool:
    """Whether a whole label means signing in."""
    found = tokenizer.words(text)
    return len(text) <= LONGEST_LABEL and vocabulary.has(found[:6], vocabulary.of_kind("sign_in")) and len(found) <= 6


def names_something(text: str) -> str:
    """A label without words for downloading, sizes, dates and notes about windows: the file's name; may be `""`."""
    name = file_name(text)
    if name:
        return name
    rest = _SIZE.sub(" ", text)
    found = tokenizer.words(rest)
    if not found or vocabulary.says(found, ("download", "save"), "filler", "window", "attachment", "document"):
        return ""
    rest = " ".join(rest.split()).strip(" -–—:;,·•|")
    return rest if re.search(r"\w.*[(\[].*[)\]]$", rest) else rest.strip(" ()[]")


def is_name_label(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a whole label is a file name, with or without size, type, date or "opens in a new window"."""
    if not any(file_names.is_file_name(one) and one.casefold() in text.casefold() for one in names):
        return False
    found = tokenizer.words(_plain(text, names).replace(file_names.NAME_SIGN, " "))
    return len(text) <= 400 and (
        not found or vocabulary.covered(found, [vocabulary.of_kind("window"), vocabulary.of_kind("filler")])
    )


def says_only_change(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a label means only a change: "Delete", "Remove this file"."""
    rest = _plain(text, names)
    said = change_words.changes(rest)
    acts = {word for change in said if change.form is change_words.Form.ACT for word in change.word.split()}
    left = [
        word
        for word in tokenizer.words(rest)
        if word not in acts and not (tokenizer.UNSPACED.match(word) and any(one.word in word for one in said))
    ]
    kinds = [
        vocabulary.of_kind("filler"),
        vocabulary.of_kind("attachment"),
        vocabulary.of_kind("document"),
        vocabulary.of_kind("download"),
        vocabulary.of_kind("acted_on"),
    ]
    if acts and len(tokenizer.words(rest)) > 1 and tokenizer.words(rest)[0] not in acts:
        kinds = kinds[:-1]  # "order update" is a noun, "update order" an imperative
    return not left or vocabulary.covered(left, kinds)
