"""Finds words of change in labels and identifiers: verbs that change something, and words derived from them. Pure."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from po_pw.portals.generic import file_names, tokenizer, vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


class Form(enum.StrEnum):
    """Grammatical form of a word of change."""

    ACT = "ACT"
    """Imperative, or possibly so: "delete", "löschen"."""
    STATE = "STATE"
    """Past participle: "signed"."""
    NAME = "NAME"
    """Noun: "approval", "uploads", "sharing"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A word of change in a text."""

    word: str
    """As in the text, folded."""
    form: Form
    is_weak: bool = False
    """As often a noun as a verb: "archive", "share", "post", "close"."""
    is_place: bool = False
    """It is weak and may name a folder: "archive", not "close"."""


_VOWELS: Final = "aeiou"
_DOUBLED: Final = {
    "drop",
    "ship",
    "submit",
    "cancel",
    "stop",
    "run",
    "put",
    "pin",
    "tag",
    "flag",
    "unpin",
    "untag",
    "transfer",
    "refer",
    "commit",
}


def _forms(verb: str) -> Iterator[tuple[str, Form]]:
    """The forms of an English verb."""
    first, _, rest = verb.partition(" ")
    rest = f" {rest}" if rest else ""
    yield verb, Form.ACT
    stem = first
    if first.endswith("y") and first[-2] not in _VOWELS:
        stem = first[:-1] + "i"
        plural, past, present = stem + "es", stem + "ed", first + "ing"
    elif first.endswith("e"):
        plural, past, present = first + "s", first + "d", first[:-1] + "ing"
    else:
        plural = first + ("es" if first.endswith(("s", "x", "ch", "sh", "z")) else "s")
        past, present = first + "ed", first + "ing"
    yield plural + rest, Form.NAME
    yield past + rest, Form.STATE
    yield present + rest, Form.NAME
    if first in _DOUBLED:
        yield first + first[-1] + "ed" + rest, Form.STATE
        yield first + first[-1] + "ing" + rest, Form.NAME


@functools.cache
def _english() -> Mapping[tuple[str, ...], Change]:
    table = vocabulary.DATA["en"]
    weak, place = ({tokenizer.words(one) for one in table[kind]} for kind in ("weak", "place"))
    found: dict[tuple[str, ...], Change] = {}
    for verb in [*table["change"], *vocabulary.DATA["identifiers"]["change"]]:
        for text, form in _forms(verb):
            key = tokenizer.words(text)
            if form is Form.ACT or key not in found:
                found[key] = Change(" ".join(key), form, tokenizer.words(verb) in weak, tokenizer.words(verb) in place)
    for text in table["state"]:
        found[tokenizer.words(text)] = Change(tokenizer.fold(text), Form.STATE)
    for text in table["noun"]:
        found.setdefault(tokenizer.words(text), Change(tokenizer.fold(text), Form.NAME))
    return found


@functools.cache
def foreign(kind: str) -> vocabulary.WordSet:
    """The entries of one kind in all languages but English, whose forms are derived by rule."""
    return vocabulary.word_set(
        [entry for name in vocabulary.LANGUAGES if name != "en" for entry in vocabulary.DATA[name].get(kind, ())]
    )


_PREFIXES: Final = re.compile(
    r"^(?:btn|lnk|cmd|img|ico|icon|link|button|handle|action|js|do|on|can|fn|xhr|ajax)(?=[a-z]{3})"
)
_SUFFIXES: Final = re.compile(
    r"(?<=[a-z]{3})(?:files?|rows?|items?|attachments?|docs?|documents?|link|lnk|btn|button|all|line|icon|url|action|record)$"
)


def changes(text: str, *, identifier: bool = False, names: Collection[str] = ()) -> tuple[Change, ...]:
    """All words of change in a text, in order.

    Args:
        text: a label, or an identifier, class, id or part of an address.
        identifier: the text is one: split it at case, too, and include words of programmers (`rm`, `btnDeleteRow`).
        names: file names that are taken out first.
    """
    text = file_names.without_names(text, names)
    found = [
        Change(sign, Form.ACT if sign in vocabulary.SYMBOLS["change"] else Form.STATE)
        for sign in text
        if sign in _SIGNS
    ]
    if not identifier:
        found += _spoken_changes(text)
        return tuple(found)
    spoken, harmless, start = tokenizer.identifier_words(text), vocabulary.of_identifiers("harmless"), 0
    while start < len(spoken):
        skipped = harmless.at(spoken, start)
        count, change = (skipped, None) if skipped else _change_at(spoken, start)
        if change and change.word in _SHORTS and 0 < start < len(spoken) - 1:
            count, change = 1, None  # "documentos-del-pedido"
        if change and len(change.word) <= 2 and change.word.isascii() and (change.word,) not in _english():
            count, change = 1, None  # two letters of an id are not a word of some language
        if not count and (bare := _bare(spoken[start])):
            change = _english().get((bare,))
        if change:
            found.append(change)
        start += max(count, 1)
    return tuple(found)


def _spoken_changes(text: str) -> Iterator[Change]:
    """Words of change in a text for people; those inside a longer phrase that means something else do not count."""
    spoken, start = tokenizer.words(text), 0
    accented = tuple(tokenizer.split(unicodedata.normalize("NFC", tokenizer.INVISIBLE.sub("", text)).casefold()))
    while start < len(spoken):
        count, change = _change_at(spoken, start)
        covering = _others().at(spoken, start)
        if change and change.word in _SHORTS:
            count, change = 1, None
        if covering > max(count, 1):
            count, change = covering, None
        elif change and len(accented) == len(spoken) and _lacks_accents(change, accented[start : start + count]):
            change = None
        elif change and len(accented) == len(spoken) and _is_french_participle(accented[start]):
            change = dataclasses.replace(change, form=Form.STATE)  # French: "signé", where "signe" is the act
        if change:
            yield change
        start += max(count, 1)


def _is_french_participle(word: str) -> bool:
    """Whether the accent makes a word a participle: "signé" is one, "signe" is imperative."""
    return word.endswith(("é", "ée", "és", "ées")) and bool(
        _french().at(tuple(tokenizer.split(tokenizer.fold(word))), 0)
    )


@functools.cache
def _french() -> vocabulary.WordSet:
    return vocabulary.word_set(vocabulary.DATA["fr"]["change"])


def _change_at(spoken: Sequence[str], start: int) -> tuple[int, Change | None]:
    """The longest word of change at a position, and how many words it has."""
    word = spoken[start]
    for count in (3, 2, 1):
        known = _english().get(tuple(spoken[start : start + count])) if start + count <= len(spoken) else None
        if known:
            return count, known
    forms = (("state", Form.STATE), ("noun", Form.NAME), ("change", Form.ACT))
    count, form = max(((foreign(kind).at(spoken, start), form) for kind, form in forms), key=lambda one: one[0])
    if count:
        return count, Change(" ".join(spoken[start : start + count]), form)
    if tokenizer.UNSPACED.match(word):
        bare = word
        for entry in coverings():
            bare = bare.replace(entry, " ")
        inside = foreign("change").within(bare)
        if inside:
            return 1, Change(inside, Form.ACT)
        if bare != word:
            return 1, Change(word, Form.NAME) if any(one in word for one in _foreign_names()) else None
    return 0, None


_OTHER_KINDS: Final = (
    "download",
    "more",
    "next",
    "previous",
    "page",
    "loading",
    "wait",
    "window",
    "sign_in",
    "attachment",
    "document",
    "none",
)
_SIGNS: Final = vocabulary.SYMBOLS["change"] | vocabulary.SYMBOLS["state"]
_SHORTS: Final = frozenset(vocabulary.DATA["identifiers"]["short"])


@functools.cache
def _others() -> vocabulary.WordSet:
    """All known phrases that are not words of change."""
    return vocabulary.word_set(
        [
            entry
            for name in vocabulary.LANGUAGES
            for kind in _OTHER_KINDS
            for entry in vocabulary.DATA[name].get(kind, ())
        ]
    )


@functools.cache
def _foreign_names() -> tuple[str, ...]:
    return (*foreign("state").inside, *foreign("noun").inside)


@functools.cache
def coverings() -> tuple[str, ...]:
    """Entries in scripts without spaces that contain a word of change but do not mean one, longest first."""
    change = foreign("change").inside
    entries = {entry for kind in _OTHER_KINDS for entry in vocabulary.of_kind(kind).inside} | set(_foreign_names())
    return tuple(
        sorted(
            (one for one in entries if one not in change and any(inside in one for inside in change)),
            key=lambda one: -len(one),
        )
    )


@functools.cache
def _accented_changes() -> Mapping[str, frozenset[str]]:
    """Words of change that are different words without their accents.

    Short ones (Swedish "lås", Vietnamese "gỡ"), and those that mean attachments elsewhere ("priloži", "prilozi").
    """
    found: dict[str, set[str]] = {}
    for name in vocabulary.LANGUAGES:
        for entry in vocabulary.DATA[name].get("change", ()):
            plain = tokenizer.fold(entry)
            others = any(
                tokenizer.words(entry) in vocabulary.of_kind(kind).phrases
                for kind in ("attachment", "document", "loading")
            )
            if (len(plain) <= 4 and plain.isascii()) or others:
                found.setdefault(plain, set()).add(unicodedata.normalize("NFC", entry).casefold())
    return {plain: frozenset(entries) for plain, entries in found.items()}


def _lacks_accents(change: Change, accented: Sequence[str]) -> bool:
    entries = _accented_changes().get(change.word)
    return entries is not None and " ".join(accented) not in entries and (change.word,) not in _english()


def _bare(word: str) -> str:
    """A word of an identifier without the usual prefixes and suffixes of programmers: `btndelete`, `deleterow`."""
    bare = _SUFFIXES.sub("", _PREFIXES.sub("", word))
    return bare if bare != word and len(bare) > 2 else ""


def change_word(
    text: str, *, identifier: bool = False, names: Collection[str] = (), acts_only: bool = False
) -> str | None:
    """The first word of change in a text; None if it has none.

    Args:
        text: a label, or an identifier, class, id or part of an address.
        identifier: the text is one: split it at case, too, and include words of programmers (`rm`, `btnDeleteRow`).
        names: file names that are taken out first.
        acts_only: ignore participles ("signed") and nouns ("approval").
    """
    for change in changes(text, identifier=identifier, names=names):
        if change.form is Form.ACT or not acts_only:
            return change.word
    return None


def asks_whether_sure(text: str) -> bool:
    """Whether a text asks for confirmation, as pages do before they change something."""
    return vocabulary.has(tokenizer.words(text), vocabulary.of_kind("sure"))


_SHOWN: Final = {"name", "title", "filename", "caption"}
"""Last words of identifiers of what shows something and does nothing: `el-upload-list__item-name`."""


def is_only_act(identifier: str) -> bool:
    """Whether an identifier consists only of words of change, of controls and of files: "btnUpload", "share-link"."""
    said = {word for change in changes(identifier, identifier=True) for word in change.word.split()}
    spoken = tokenizer.identifier_words(identifier)
    if spoken and spoken[-1] in _SHOWN:
        return False
    left = [word for word in spoken if word not in said and not word.isdigit()]
    return not left or vocabulary.covered(
        [_bare(word) or word for word in left], [vocabulary.of_identifiers("control"), vocabulary.of_kind("filler")]
    )
