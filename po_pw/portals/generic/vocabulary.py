"""The words of the field in many languages, and what a short text says by them. Values in, values out.

Three rules hold throughout. Case and accents do not count. Words are whole words, or words that begin with a stem that
the data marks; only scripts that write without spaces are searched inside. And what a text *is* is decided by its
whole: a label is a download label only where every word in it is one that such labels are made of.
"""

# ruff: noqa: RUF001, RUF002 - the signs are what portals write
from __future__ import annotations

import dataclasses
import enum
import functools
import importlib.resources
import re
import tomllib
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_DATA: Final[Mapping[str, Mapping[str, Any]]] = tomllib.loads(
    (importlib.resources.files("po_pw.portals.generic") / "vocabulary.toml").read_text("utf-8")
)
_TABLES: Final = {"symbols", "identifiers", "files", "numerals"}
LANGUAGES: Final = tuple(sorted(name for name in _DATA if name not in _TABLES))
"""The languages that are known, by their two letters."""

# --- text to words --------------------------------------------------------------------------------------------------

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
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]")
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
)
_WORD: Final = re.compile(rf"\d+|(?:[^\W\d_]|[{_MARKS}])+")
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
_UNSPACED_RUN: Final = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)"
)
_CASE_CHANGES: Final = re.compile(
    r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[a-zA-Z])"
)
LONGEST_LABEL: Final = 160
"""Characters; a longer text is no label."""


@functools.lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """The text without case, accents, invisible characters and width variants."""
    text = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)).casefold()
    text = _ACCENTED.sub(r"\1", text)
    return unicodedata.normalize("NFC", text).translate(_LETTERS_WITHOUT_ACCENT)


def words(text: str) -> tuple[str, ...]:
    """The words of a text, folded. A run in a script without spaces is one word."""
    return tuple(_words(fold(text)))


_LOOKALIKES: Final = str.maketrans(
    "авекмнорстухіјѕԁɡ\u03b1\u03b5\u03bf\u03c1\u03c4\u03c5\u03b9\u03ba\u03bd", "abekmhopctyxijsdgaeoptyikv"
)
_MIXED: Final = re.compile(r"(?=.*[a-z])(?=.*[\u0370-\u052f])")


def _words(folded: str) -> Iterator[str]:
    for word in _WORD.findall(folded):
        if _MIXED.match(word):  # letters of two scripts in one word: it is written to look like another
            word = word.translate(_LOOKALIKES)
        if _UNSPACED.search(word):
            yield from (part for part in _UNSPACED_RUN.split(word) if part)
        else:
            yield word


def identifier_words(text: str) -> tuple[str, ...]:
    """The words of an identifier, class, id or address, split at case, digits and punctuation."""
    return words(_CASE_CHANGES.sub(" ", text))


# --- the vocabulary -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """The entries of one kind, of all languages."""

    phrases: frozenset[tuple[str, ...]]
    stems: tuple[str, ...]
    inside: tuple[str, ...]
    """Entries in scripts without spaces, longest first: found also inside a run."""
    longest: int

    def at(self, found: Sequence[str], start: int) -> int:
        """How many words from `start` on are an entry: the longest; 0 where none is."""
        for count in range(min(self.longest, len(found) - start), 0, -1):
            if tuple(found[start : start + count]) in self.phrases:
                return count
        word = found[start]
        return 1 if self.stems and word.startswith(self.stems) else 0

    def within(self, run: str) -> str:
        """An entry inside a run of a script without spaces, or `""`."""
        return next((entry for entry in self.inside if entry in run), "")


def _kind(entries: Collection[str]) -> _Kind:
    phrases, stems, inside = set(), set(), set()
    for entry in entries:
        if entry.endswith("*"):
            stems.add(fold(entry[:-1]))
            continue
        if _UNSPACED.search(entry):
            inside.add("".join(words(entry)))
        phrases.add(words(entry))
    phrases.discard(())
    longest = max((len(phrase) for phrase in phrases), default=1)
    return _Kind(frozenset(phrases), tuple(sorted(stems)), tuple(sorted(inside, key=lambda one: -len(one))), longest)


@functools.cache
def _of(kind: str) -> _Kind:
    return _kind([entry for name in LANGUAGES for entry in _DATA[name].get(kind, ())])


@functools.cache
def _identifiers(kind: str) -> _Kind:
    return _kind(_DATA["identifiers"][kind])


_SYMBOLS: Final[Mapping[str, frozenset[str]]] = {name: frozenset(text) for name, text in _DATA["symbols"].items()}


def _cut(run: str, kinds: Sequence[_Kind]) -> bool:
    """Whether a run in a script without spaces is made of entries alone."""
    reached = {0}
    for start in range(len(run)):
        if start in reached:
            reached |= {start + len(entry) for kind in kinds for entry in kind.inside if run.startswith(entry, start)}
    return len(run) in reached


def _covered(found: Sequence[str], kinds: Sequence[_Kind], *, numbers: bool = True) -> bool:
    """Whether every word belongs to an entry of one of the kinds."""
    reached = {0}
    for start, word in enumerate(found):
        if start not in reached:
            continue
        if (numbers and word.isdigit()) or (_UNSPACED.match(word) and _cut(word, kinds)):
            reached.add(start + 1)
        for kind in kinds:
            for count in range(1, min(kind.longest, len(found) - start) + 1):
                if tuple(found[start : start + count]) in kind.phrases:
                    reached.add(start + count)
            if kind.stems and word.startswith(kind.stems):
                reached.add(start + 1)
    return len(found) in reached


def _has(found: Sequence[str], kind: _Kind) -> bool:
    """Whether an entry of the kind is among the words."""
    return any(
        kind.at(found, start) or (_UNSPACED.match(word) and kind.within(word)) for start, word in enumerate(found)
    )


# --- words of change ------------------------------------------------------------------------------------------------


class Form(enum.StrEnum):
    """In which form a word of change stands."""

    ACT = "ACT"
    """It tells to do it, or may: "delete", "löschen"."""
    STATE = "STATE"
    """It tells what was done: "signed"."""
    NAME = "NAME"
    """It names it: "approval", "uploads", "sharing"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A word of change in a text."""

    word: str
    """As it stood, folded."""
    form: Form
    is_weak: bool = False
    """It is as often a place or a thing as an act: "archive", "share", "post", "close"."""
    is_place: bool = False
    """It is weak, and what a place where files are kept may be called: "archive", not "close"."""


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
    table = _DATA["en"]
    weak, place = ({words(one) for one in table[kind]} for kind in ("weak", "place"))
    found: dict[tuple[str, ...], Change] = {}
    for verb in [*table["change"], *_DATA["identifiers"]["change"]]:
        for text, form in _forms(verb):
            key = words(text)
            if form is Form.ACT or key not in found:
                found[key] = Change(" ".join(key), form, words(verb) in weak, words(verb) in place)
    for text in table["state"]:
        found[words(text)] = Change(fold(text), Form.STATE)
    for text in table["noun"]:
        found.setdefault(words(text), Change(fold(text), Form.NAME))
    return found


@functools.cache
def _foreign(kind: str) -> _Kind:
    return _kind([entry for name in LANGUAGES if name != "en" for entry in _DATA[name].get(kind, ())])


_PREFIXES: Final = re.compile(
    r"^(?:btn|lnk|cmd|img|ico|icon|link|button|handle|action|js|do|on|can|fn|xhr|ajax)(?=[a-z]{3})"
)
_SUFFIXES: Final = re.compile(
    r"(?<=[a-z]{3})(?:files?|rows?|items?|attachments?|docs?|documents?|link|lnk|btn|button|all|line|icon|url|action|record)$"
)


def changes(text: str, *, identifier: bool = False, names: Collection[str] = ()) -> tuple[Change, ...]:
    """All words of change in a text, in its order.

    Args:
        text: a label, or an identifier, class, id or part of an address.
        identifier: split at case too, and know what programmers call it (`rm`, `btnDeleteRow`).
        names: file names that are taken out first.
    """
    text = without_names(text, names)
    found = [Change(sign, Form.ACT if sign in _SYMBOLS["change"] else Form.STATE) for sign in text if sign in _SIGNS]
    if not identifier:
        found += _spoken_changes(text)
        return tuple(found)
    spoken, harmless, start = identifier_words(text), _identifiers("harmless"), 0
    while start < len(spoken):
        skipped = harmless.at(spoken, start)
        count, change = (skipped, None) if skipped else _change_at(spoken, start)
        if change and change.word in _SHORTS and 0 < start < len(spoken) - 1:
            count, change = 1, None  # "documentos-del-pedido"
        if change and len(change.word) <= 2 and change.word.isascii() and (change.word,) not in _english():
            count, change = 1, None  # two letters of an id are no word of some language
        if not count and (bare := _bare(spoken[start])):
            change = _english().get((bare,))
        if change:
            found.append(change)
        start += max(count, 1)
    return tuple(found)


def _spoken_changes(text: str) -> Iterator[Change]:
    """Words of change in what people read. A longer phrase that is known as something else covers one inside it."""
    spoken, start = words(text), 0
    accented = tuple(_words(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).casefold()))
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
    """Whether a word is one by its accent: "signé" was done, "signe" is to be done."""
    return word.endswith(("é", "ée", "és", "ées")) and bool(_french().at(tuple(_words(fold(word))), 0))


@functools.cache
def _french() -> _Kind:
    return _kind(_DATA["fr"]["change"])


def _change_at(spoken: Sequence[str], start: int) -> tuple[int, Change | None]:
    """The word of change at a position, the longest, and how many words it has."""
    word = spoken[start]
    for count in (3, 2, 1):
        known = _english().get(tuple(spoken[start : start + count])) if start + count <= len(spoken) else None
        if known:
            return count, known
    forms = (("state", Form.STATE), ("noun", Form.NAME), ("change", Form.ACT))
    count, form = max(((_foreign(kind).at(spoken, start), form) for kind, form in forms), key=lambda one: one[0])
    if count:
        return count, Change(" ".join(spoken[start : start + count]), form)
    if _UNSPACED.match(word):
        bare = word
        for entry in _coverings():
            bare = bare.replace(entry, " ")
        inside = _foreign("change").within(bare)
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
_SIGNS: Final = _SYMBOLS["change"] | _SYMBOLS["state"]
_SHORTS: Final = frozenset(_DATA["identifiers"]["short"])


@functools.cache
def _others() -> _Kind:
    """Everything known that is no change."""
    return _kind([entry for name in LANGUAGES for kind in _OTHER_KINDS for entry in _DATA[name].get(kind, ())])


@functools.cache
def _foreign_names() -> tuple[str, ...]:
    return (*_foreign("state").inside, *_foreign("noun").inside)


@functools.cache
def _coverings() -> tuple[str, ...]:
    """Entries in scripts without spaces that are no change, but hold a word of change: longest first."""
    change = _foreign("change").inside
    entries = {entry for kind in _OTHER_KINDS for entry in _of(kind).inside} | set(_foreign_names())
    return tuple(
        sorted(
            (one for one in entries if one not in change and any(inside in one for inside in change)),
            key=lambda one: -len(one),
        )
    )


@functools.cache
def _accented_changes() -> Mapping[str, frozenset[str]]:
    """Words of change that are such only with their accents, as without them they are other words.

    Short ones (Swedish "lås", Vietnamese "gỡ"), and those that are a topic elsewhere ("priloži", "prilozi").
    """
    found: dict[str, set[str]] = {}
    for name in LANGUAGES:
        for entry in _DATA[name].get("change", ()):
            plain = fold(entry)
            others = any(words(entry) in _of(kind).phrases for kind in ("attachment", "document", "loading"))
            if (len(plain) <= 4 and plain.isascii()) or others:
                found.setdefault(plain, set()).add(unicodedata.normalize("NFC", entry).casefold())
    return {plain: frozenset(entries) for plain, entries in found.items()}


def _lacks_accents(change: Change, accented: Sequence[str]) -> bool:
    entries = _accented_changes().get(change.word)
    return entries is not None and " ".join(accented) not in entries and (change.word,) not in _english()


def _bare(word: str) -> str:
    """A word of an identifier without what programmers put before and after it: `btndelete`, `deleterow`."""
    bare = _SUFFIXES.sub("", _PREFIXES.sub("", word))
    return bare if bare != word and len(bare) > 2 else ""


def change_word(
    text: str, *, identifier: bool = False, names: Collection[str] = (), acts_only: bool = False
) -> str | None:
    """The first word of change in a text, or None.

    Args:
        text: a label, or an identifier, class, id or part of an address.
        identifier: split at case too, and know what programmers call it (`rm`, `btnDeleteRow`).
        names: file names that are taken out first.
        acts_only: leave out words that tell what was done ("signed") and names for it ("approval").
    """
    for change in changes(text, identifier=identifier, names=names):
        if change.form is Form.ACT or not acts_only:
            return change.word
    return None


def asks_whether_sure(text: str) -> bool:
    """Whether a text asks if one is sure, as a page does before it changes something."""
    return _has(words(text), _of("sure"))


# --- file names -----------------------------------------------------------------------------------------------------

_EXTENSIONS: Final = frozenset(_DATA["files"]["extensions"])
_HOST_ENDINGS: Final = frozenset(_DATA["files"]["host_endings"])
_ENDING: Final = r"[A-Za-z0-9]{1,12}"
_CANDIDATE: Final = re.compile(
    rf"[^\s\\/:*?\"<>|\x00-\x1f«»“”„‹›][^\\/:*?\"<>|\x00-\x1f\n«»“”„‹›]{{0,200}}?\.({_ENDING})(?![A-Za-z0-9_.-]*[A-Za-z0-9])"
)


def _is_ending(stem: str, ending: str, *, alone: bool) -> bool:
    low = ending.lower()
    if low in _EXTENSIONS:
        return bool(re.search(r"\w", stem)) and (alone or low not in {"c", "h", "z", "js", "ai", "one", "do"})
    if not alone or " " in stem or low in _HOST_ENDINGS or not re.fullmatch(r"(?=.*[a-z])[a-z0-9]{3,5}", low):
        return False
    if re.fullmatch(r"v?[\d.,]*", stem, re.IGNORECASE) or "@" in stem:
        return False
    if re.match(r"www\d?\.", stem, re.IGNORECASE):
        return False
    return ending == low or ending.isupper() or any(sign.isdigit() for sign in ending)


def is_file_name(text: str) -> bool:
    """Whether the whole text is a file's name with an extension."""
    text = text.strip()
    found = re.fullmatch(rf"([^\\/:*?\"<>|\x00-\x1f]{{1,240}})\.({_ENDING})", text)
    return found is not None and _is_ending(found[1], found[2], alone=True)


def is_known_ending(ending: str) -> bool:
    """Whether an extension, without its dot, is one of a known type of file."""
    return ending.casefold() in _EXTENSIONS


def file_name(text: str) -> str:
    """The file name that a label is or holds, e.g. `invoice.pdf` of "Download invoice.pdf (24 KB)"; `""` if none.

    Words before it that tell what to do are no part of it; words that may belong to it are.
    """
    text = _INVISIBLE.sub("", text).strip()
    for found in _CANDIDATE.finditer(text[:400]):
        stem = found[0][: -len(found[1]) - 1]
        alone = not text.replace(found[0], "", 1).strip(" \t()[]·•|-–,;")
        if _is_ending(stem, found[1], alone=alone):
            return _trimmed(found[0])
    return ""


def _trimmed(name: str) -> str:
    """A candidate without what stands before the name: words that tell to do something, up to the last of them."""
    parts = name.split(" ")
    cut = 0
    for at in range(len(parts) - 1):
        rest = words(" ".join(parts[: at + 1]))
        before = words(parts[at])
        is_act = any(change.form is Form.ACT and not (at and change.is_weak) for change in changes(parts[at]))
        is_plain = before and _covered(
            rest, (_of("download"), _of("save"), _of("filler"), _of("window")), numbers=False
        )
        if is_act or (is_plain and (_has(rest, _of("download")) or _has(rest, _of("save")) or at == len(parts) - 2)):
            cut = at + 1
    if (
        len(parts) > 1
        and cut
        and not _has(words(" ".join(parts[:cut])), _of("download"))
        and not changes(" ".join(parts[:cut]))
    ):
        cut = 0
    name = " ".join(parts[cut:]).lstrip(" -–—:;,.·•|'`‘’")
    name = _without_unspaced_verb(name)
    for opening, closing in ("()", "[]", "（）", "「」"):
        if name.startswith(opening) and closing not in name:
            name = name[1:]
        elif opening in name and closing not in name[name.index(opening) :]:
            after = name.partition(opening)[2]
            if is_file_name(after):
                name = after
    return name


def _without_unspaced_verb(name: str) -> str:
    """A name without a word of change or download that is written before it without a space: `删除invoice.pdf`."""
    run = _UNSPACED_RUN.match(name)
    if not run:
        return name
    text = run[1]
    if text.startswith(_coverings()):
        return name
    for entry in (*_foreign("change").inside, *_of("download").inside):
        if text.startswith(entry) and len(name) > len(entry) + 2 and name[len(entry)] != ".":
            return name[len(entry) :].lstrip(" -:：")
    return name


def without_names(text: str, names: Collection[str]) -> str:
    """The text with file names taken out, longest first. Only names with an extension are, and only as a whole.

    Also as portals write them in addresses, with other signs for the spaces.
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
                text = f"{text[:at]} {_NAME_SIGN} {text[end:]}"
                low, start = text.lower(), at + 3
    return text


_NAME_SIGN: Final = "\ufffc"
"""Stands where a file name was taken out."""


def _is_apart(before: str, first: str) -> bool:
    """Whether a name may begin after this sign."""
    return not before.isalnum() or bool(_UNSPACED.match(before)) or not first.isalnum()


# --- what a label says ----------------------------------------------------------------------------------------------

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
    """Whether a text is the size of a file and nothing else: "1.2 MB"."""
    return bool(_SIZE.fullmatch(text.strip()))


def _plain(text: str, names: Collection[str] = ()) -> str:
    """A label without names, sizes, dates and types of files."""
    text = _DATE.sub(" ", _SIZE.sub(" ", without_names(text, names)))
    return _TYPE.sub(
        lambda one: (
            " "
            if (one[1] or one[2]).lower()
            in _EXTENSIONS
            - {"one", "text", "pages", "numbers", "data", "key", "z", "raw", "log", "url", "asm", "prt", "bin", "sh"}
            else one[0]
        ),
        text,
    )


def _says(found: Sequence[str], needed: Sequence[str], *beside: str, numbers: bool = True) -> bool:
    """Whether the words are made of entries of these kinds alone, at least one of a needed one among them."""
    kinds = [_of(name) for name in (*needed, *beside)]
    return bool(found) and _covered(found, kinds, numbers=numbers) and any(_has(found, _of(name)) for name in needed)


def is_download_label(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a whole label is a plain download word, with or without name, size, type, date, "opens in new window".

    A file name without such a word is no download label; see `file_name`.
    """
    if len(text) > LONGEST_LABEL or change_word(text, names=names):
        return False
    rest = _plain(text, names)
    found = words(rest)
    if any(sign in _SYMBOLS["download"] for sign in rest) and not found:
        return True
    # "Save" alone may save what was typed into a form; with a file's name it saves that file.
    needed = ("download", "save") if _NAME_SIGN in rest else ("download",)
    return _says(found, needed, "filler", "window") and not is_all_label(text)


def is_all_label(text: str) -> bool:
    """Whether a whole label says that all files are downloaded at once."""
    found = words(_plain(text))
    if not _says(found, ("all",), "download", "filler", "document", "attachment") or not _has(found, _of("download")):
        return False
    every, download, start = _of("all"), _of("download"), 0
    while start < len(found):
        phrase = download.at(found, start)
        if every.at(found, start) >= max(phrase, 1) or (_UNSPACED.match(found[start]) and every.within(found[start])):
            return True
        start += max(phrase, 1)  # Estonian "laadi alla" holds a Swedish "alla"
    return False


def is_expander_label(text: str) -> bool:
    """Whether a whole label says that it shows a list of attachments: "Show attachments (3)", "Expand"."""
    if len(text) > LONGEST_LABEL or change_word(text):
        return False
    found = words(text)
    return _says(found, ("expand", "attachment", "document", "all"), "more", "filler", "page")


def is_next_label(text: str) -> bool:
    """Whether a whole label says that it leads to the next entries of a list."""
    return _turns(text, "next", "more")


_PLUS: Final = re.compile(r"[+\uff0b]\s?(\d{1,4})")


def is_more_label(text: str) -> bool:
    """Whether a whole label says that it shows more entries of the same list."""
    if len(text) > LONGEST_LABEL or change_word(text):
        return False
    if _PLUS.fullmatch(text.strip()):
        return True
    return _says(words(text), ("more",), "attachment", "document", "filler", "expand", "all", "of")


def _turns(text: str, kind: str, *beside: str) -> bool:
    if len(text) > LONGEST_LABEL or any(one.word != "forward" for one in changes(text)):
        return False
    found = words(text)
    if not found:
        return bool(text.strip()) and all(sign in _SYMBOLS[kind] for sign in text if not sign.isspace())
    needed = (kind,)
    return _says(found, needed, "page", "filler", "attachment", "document") and not (
        kind == "next" and _says(found, ("filler",))
    )


def page_number(text: str) -> int | None:
    """The number of the page that a label leads to: "3", "Page 3", "Seite 3"; None where it says none."""
    if len(text) > 60 or re.search(r"\d[.,:/]\d", text):
        return None
    found = words(text)
    numbers = [int(word) for word in found if word.isdecimal()]
    if len(numbers) != 1 or not 0 < numbers[0] < 10_000:
        return None
    return numbers[0] if _covered(found, [_of("page"), _of("filler")]) else None


def is_about_lists(text: str) -> bool:
    """Whether a short text is about a list, and no entry of it: "Sort by date", "Filter", "Help"."""
    return _has(words(text), _of("odd"))


def is_sign_in_label(text: str) -> bool:
    """Whether a whole label is a way to sign in."""
    found = words(text)
    return len(text) <= LONGEST_LABEL and _has(found[:6], _of("sign_in")) and len(found) <= 6


# --- what an area says ----------------------------------------------------------------------------------------------

_COUNT: Final = re.compile(
    r"[(\[（【]\s*\d{1,4}\+?\s*[)\]）】]|(?<![\w.])\d{1,4}\+?\s*$|^\s*\d{1,4}(?=\s)|[::]\s*\d{1,4}\s*$"
)


def topic(text: str) -> float:
    """How surely a short text is the heading or label of an area of attachments.

    Returns:
        1.0 where the whole text is such a topic (a count, a colon, an icon beside it), 0.8 where it contains one among
        few words ("Order attachments"), 0.5 where it is documents or files, 0 otherwise.
    """
    # What stands in brackets ("PDF, max. 10 files") is said beside the topic.
    text = re.sub(r"\s*[(\[（【](?!\s*\d+\s*[)\]）】])[^)\]）】]*[)\]）】]\s*$", "", text.strip())
    if not text or len(text) > 80 or re.search(r"[.!?。？！]\s*\S|[!?？！]$|[^.]\.$", text) or file_name(text):
        return 0.0
    bare = _COUNT.sub(" ", text)
    found = words(bare)
    if not found or len(found) > 7 or any(one.form is Form.ACT for one in changes(bare)):
        return 0.0
    if says_none(bare) or says_loading(text):
        return 0.0
    attachment, document = _of("attachment"), _of("document")
    if _covered(found, [attachment], numbers=False):
        return 1.0
    if _covered(found, [document], numbers=False):
        return 0.5
    if _has(found, _of("odd")) or _has(found, _of("limit")):
        return 0.0
    at_heads = _heads(found)
    if at_heads == "attachment":
        return 0.8
    return 0.5 if at_heads == "document" and len(found) <= 5 else 0.0


def is_discussion(text: str) -> bool:
    """Whether a short text heads what people wrote to each other, or what happened: comments, messages, history."""
    found, kind = words(_COUNT.sub(" ", text.strip())), _of("discussion")
    is_short = 0 < len(found) <= 4 and not file_name(text)
    return is_short and _covered(found, [kind, _of("filler")], numbers=False) and _has(found, kind)


def _heads(found: Sequence[str]) -> str:
    """Which topic is among the words, where it is not said of something else ("attachment policy")."""
    modifiers, beside = _of("modifier"), (_of("filler"), _of("document"), _of("attachment"))
    for name in ("attachment", "document"):
        kind = _of(name)
        for start, word in enumerate(found):
            count = kind.at(found, start)
            if not count and not (_UNSPACED.match(word) and kind.within(word)):
                continue
            after = found[start + max(count, 1) :]
            if (
                (tuple(found[start : start + 1]) in modifiers.phrases)
                and count == 1
                and after
                and not _covered(after, beside)
            ):
                continue
            return name
    return ""


def topic_of_identifier(text: str) -> bool:
    """Whether an id, class or test id names an area of attachments: `attachmentsList`, not `has-attachments`."""
    return any(_is_topic(one) for one in text.split())


def _is_topic(text: str) -> bool:
    found = [word for word in identifier_words(text) if not word.isdigit()]
    if not found or any(word in _topic_not() for word in found):
        return False
    kind = _identifiers("topic")
    return any(
        kind.at(found, start) or any(found[start].startswith(one) for one in ("attachmentslist",))
        for start in range(len(found))
    )


@functools.cache
def _topic_not() -> frozenset[str]:
    return frozenset(_DATA["identifiers"]["topic_not"])


_NUMBER: Final = r"\d{1,3}(?:[.,'\u00a0\u202f]\d{3})+|\d{1,6}"


def _int(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def _is_year(number: int) -> bool:
    return 1900 <= number <= 2100


def claims(label: str, *, badge: str = "") -> int | None:
    """How many attachments a heading, label or badge claims; None where no number in it stands as a count.

    Args:
        label: e.g. "Attachments (3)", "3 attachments".
        badge: the text of an element of its own beside the label, e.g. "3".
    """
    label = " ".join(label.split())
    if not label or len(label) > 80:
        return None
    if badge:
        found = re.fullmatch(r"[(\[（]?\s*(\d{1,5})(\+?)\s*[)\]）]?", badge.strip())
        if found and topic(label):
            return int(found[1]) + (1 if found[2] else 0)
        return None
    label = _in_digits(label)
    said = words(label)
    if _has(said, _of("limit")) or changes(label) or shown_of(label) or file_name(label):
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
    if words(before) and _of("to").at(words(before)[-1:], 0):
        return None  # "up to 10 files", in languages that say it with one little word
    stands = _counts_after(before, after) or _counts_before(before, after)
    return number + (1 if numbers[0][1] else 0) if stands else None


_NUMERALS: Final[Mapping[str, str]] = {
    fold(word): number for number, said in _DATA["numerals"].items() for word in said
}


def _in_digits(label: str) -> str:
    """A label with its only number in digits where it is a word: "three attachments" gives "3 attachments"."""
    found = [one for one in re.finditer(r"[^\W\d_]+", label) if fold(one[0]) in _NUMERALS]
    if len(found) != 1 or re.search(r"\d", label):
        return label
    return f"{label[: found[0].start()]}{_NUMERALS[fold(found[0][0])]}{label[found[0].end() :]}"


def counts_files(text: str) -> bool:
    """Whether a text ends in, or is, a count of files or attachments: "Drawings (4 files)", "3 documents"."""
    found = re.search(r"(?:^|[\s(\[（,·•|–-])\d{1,5}\s?([^\W\d_][^()\[\]\d]{0,40})[)\]）]?\s*$", text)
    if not found or len(text) > LONGEST_LABEL or file_name(text):
        return False
    return _says(words(found[1]), ("attachment", "document", "modifier"), "filler")


def _counts_after(before: str, after: str) -> bool:
    """As in "Attachments (3)", "Anhänge: 3", "Attachments 3"."""
    if not re.fullmatch(r"\s*[)\]）】]?\s*(?:件|个|個|개|ไฟล์)?\s*[)\]）】]?\W{0,3}", after):
        return False
    text = re.sub(r"[\s(\[（【::#·•|,–-]+$", "", before)
    return bool(topic(text))


def _counts_before(before: str, after: str) -> bool:
    """As in "3 attachments", "This order has 3 attachments"."""
    said = words(after)
    kinds = (_of("attachment"), _of("document"), _of("modifier"))
    count = max((kind.at(said, 0) for kind in kinds), default=0) if said else 0
    inside = bool(said) and bool(_UNSPACED.match(said[0])) and any(kind.within(said[0]) for kind in kinds)
    if not count and not inside:
        return False
    beside = [_of(name) for name in ("filler", "absent", "expand", "download", "all", "attachment", "document", "of")]
    return _covered(words(before), beside) and (inside or _covered(said[count:], beside))


_OF_WORDS: Final = r"|".join(
    sorted(
        (re.escape(one) for one in {fold(entry) for name in LANGUAGES for entry in _DATA[name].get("of", ())}),
        key=len,
        reverse=True,
    )
)
_TO_WORDS: Final = r"|".join(
    sorted(
        (re.escape(one) for one in {fold(entry) for name in LANGUAGES for entry in _DATA[name].get("to", ())}),
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
    """Up to which entry is shown, and of how many: "1–10 of 37" is (10, 37); None where the text says no such thing.

    Numbers of pages ("Page 1 of 3") and bare fractions are none.
    """
    folded = fold(" ".join(text.split()))
    if not re.search(r"\d", folded) or len(folded) > 120:
        return None
    if _has(words(folded), _page_words()):
        return None
    for pattern, upto, total in ((_TOTAL_FIRST, 3, 1), (_RANGE_OF, 2, 3), (_TOTAL_LAST, 2, 3)):
        found = pattern.search(folded)
        if not found:
            continue
        shown, whole = _int(found[upto]), _int(found[total])
        if shown > whole or (pattern is _RANGE_OF and not found[1] and "/" in found[0] and not _heads(words(folded))):
            return None
        if re.match(r"\s*(?:[kmgt]i?b|bytes?|%)\b", folded[found.end() :]):
            return None
        if not found[1] and _is_year(whole):
            return None
        return shown, whole
    return None


def unshown(text: str) -> int:
    """How many more entries there are than are shown ("and 3 more", "+2", "2 weitere"); 0: it says no such thing."""
    text = text.strip(" .…()[]")
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 1 or len(numbers[0]) > 4 or not is_more_label(re.sub(r"^\w{1,3}\s+(?=[+\d])", "", text)):
        return 0
    return int(numbers[0])


def clipped(text: str) -> int:
    """The number that a cell shows beside a paperclip: "📎 2"; 0 where it shows none."""
    found = re.fullmatch(r"\U0001f4ce\ufe0f?\s*\(?(\d{1,3})\)?", text.strip())
    return int(found[1]) if found else 0


_PAGE_OF: Final = re.compile(r"(?<![\d.,/-])(\d{1,4})\s*(?:/|\b[^\W\d_]{1,5}\b)\s*(\d{1,4})(?![\d.,/-])")
_PAGES_IN_ALL: Final = re.compile(rf"(?:^|\s)(?:{_OF_WORDS}|/)\s*(\d{{1,4}})\s*$")


def pages_of(text: str, *, in_paging: bool = False) -> int | None:
    """How many pages a short text counts: "Page 1 of 3", and in a list's paging "1 / 3"; None where it counts none."""
    folded = fold(" ".join(text.split()))
    is_said = _has(words(folded), _page_words())
    if len(folded) > 80 or not (is_said or in_paging):
        return None
    if found := _PAGE_OF.search(folded):
        is_whole = is_said or not words(folded.replace(found[0], " "))
        return int(found[2]) if is_whole and 0 < int(found[1]) <= int(found[2]) else None
    found = _PAGES_IN_ALL.search(folded) if is_said and in_paging else None  # which of them is a field's value
    return int(found[1]) if found else None


@functools.cache
def _page_words() -> _Kind:
    """Words for a page, without those that only stand beside them."""
    return _kind(
        [
            entry
            for name in LANGUAGES
            for entry in _DATA[name].get("page", ())
            if " " not in entry and entry not in {"current", "第"}
        ]
    )


_NONE_ALONE: Final = re.compile(r"^[-–—―−‒]+$")


def says_none(text: str) -> bool:
    """Whether a short text says that there are no attachments: "No attachments", "Keine Anhänge", "0 files"."""
    text = text.strip()
    if not text or len(text) > LONGEST_LABEL or text.endswith(("?", "？")):
        return False
    if _NONE_ALONE.match(text):
        return True
    found = words(text)
    numbers = [word for word in found if word.isdecimal()]
    if any(int(number) for number in numbers):
        return False
    kinds = [_of(name) for name in ("none", "absent", "attachment", "document", "filler")]
    if not found or not _covered(found, kinds):
        return False
    if _has(found, _of("none")):
        return True
    return bool(numbers) and bool(_heads([word for word in found if not word.isdecimal()]))


def says_loading(text: str) -> bool:
    """Whether a short text says that something is being loaded: "Loading…", "Please wait"."""
    found = words(text)
    if not found or len(text) > 80:
        return False
    return _says(found, ("loading",), "wait", "attachment", "document", "filler", numbers=False) or (
        _says(found, ("wait",), numbers=False) and _has(found, _waits())
    )


@functools.cache
def _waits() -> _Kind:
    """What asks to wait: the first word of each language's list, and the longer phrases."""
    return _kind([entry for name in LANGUAGES for entry in _DATA[name].get("wait", ())[:2]])


def names_something(text: str) -> str:
    """A label without words of download, sizes, dates and remarks on windows: what is left names the file, or `""`."""
    name = file_name(text)
    if name:
        return name
    rest = _SIZE.sub(" ", text)
    found = words(rest)
    if not found or _says(found, ("download", "save"), "filler", "window", "attachment", "document"):
        return ""
    rest = " ".join(rest.split()).strip(" -–—:;,·•|")
    return rest if re.search(r"\w.*[(\[].*[)\]]$", rest) else rest.strip(" ()[]")


# --- what judging asks beside -------------------------------------------------------------------------------------


def says_download(segment: str) -> bool:
    """Whether an identifier or a segment of a path is a word of download, or ends or begins with one."""
    found = tuple(word for word in identifier_words(segment) if not word.isdigit())
    kind = _identifiers("download")
    return (
        bool(found)
        and _covered(found, [kind, _of("download"), _of("filler"), _of("attachment")])
        and _has(found, _kind_of_downloads())
    )


@functools.cache
def _kind_of_downloads() -> _Kind:
    """Words of download in addresses, without those that any page may have."""
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
    return _kind([one for one in _DATA["identifiers"]["download"] if one not in common])


def is_name_label(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a whole label is a file's name, with or without size, type, date or "opens in a new window"."""
    if not any(is_file_name(one) and one.casefold() in text.casefold() for one in names):
        return False
    found = words(_plain(text, names).replace(_NAME_SIGN, " "))
    return len(text) <= 400 and (not found or _covered(found, [_of("window"), _of("filler")]))


def says_only_change(text: str, *, names: Collection[str] = ()) -> bool:
    """Whether a label says to change something and nothing else: "Delete", "Remove this file"."""
    rest = _plain(text, names)
    said = changes(rest)
    acts = {word for change in said if change.form is Form.ACT for word in change.word.split()}
    left = [
        word
        for word in words(rest)
        if word not in acts and not (_UNSPACED.match(word) and any(one.word in word for one in said))
    ]
    kinds = [_of("filler"), _of("attachment"), _of("document"), _of("download"), _of("acted_on")]
    if acts and len(words(rest)) > 1 and words(rest)[0] not in acts:
        kinds = kinds[:-1]  # "order update" names a thing, "update order" tells to do it
    return not left or _covered(left, kinds)


def has_topic(text: str) -> bool:
    """Whether attachments or documents are among the words of a text."""
    found = words(text)
    return _has(found, _of("attachment")) or _has(found, _of("document"))


def icon_of_change(text: str, *, names: Collection[str] = ()) -> str | None:
    """The word of change in an icon's name, or None: `delete_outline`, `fa-trash-o`, `bi-x`, ✕."""
    found = change_word(text, identifier=True, names=names, acts_only=True)
    if found and not is_styling(found):
        return found
    for part in without_names(text, names).split():
        if word := _icon_word(identifier_words(part)):
            return word
    return None


def _icon_word(spoken: Sequence[str]) -> str | None:
    """The word of change in one class name or file name of an icon."""
    kind, harmless = _identifiers("icon"), _identifiers("harmless")
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
    """Whether an icon, or a label of symbols, plainly is a download."""
    texts = [*icons, label]
    if any(sign in _SYMBOLS["download"] - set("👁🔍🔎▼📁📂") for text in texts for sign in text):
        return True
    kind = _kind(
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
        kind.at(found, start) for text in texts for found in [identifier_words(text)] for start in range(len(found))
    )


def is_only_act(identifier: str) -> bool:
    """Whether an identifier is made of words of change, controls and files alone: "btnUpload", "share-link"."""
    said = {word for change in changes(identifier, identifier=True) for word in change.word.split()}
    left = [word for word in identifier_words(identifier) if word not in said and not word.isdigit()]
    return not left or _covered([_bare(word) or word for word in left], [_identifiers("control"), _of("filler")])


def is_styling(word: str) -> bool:
    """Whether a word is used in class names for style, so that it says nothing there."""
    return word in _DATA["identifiers"]["styling"]


def names_a_section(text: str) -> bool:
    """Whether an identifier names a page, a tab or another part of a list: `Page$2`, `grid$tabDocuments`."""
    found = identifier_words(text)
    kind = _identifiers("sections")
    names_one = any(kind.at(found, start) for start in range(len(found)))
    is_topic = bool(found) and any(topic(" ".join(found[start:])) for start in (0, 1))
    return (names_one or is_topic) and not change_word(text, identifier=True)


def trouble(text: str) -> str:
    """What a heading, title or alert says went wrong: `missing` (no such page), `denied`, `failed`; `""`: nothing."""
    found = words(text)
    if not found or len(found) > 40:
        return ""
    for name in ("missing", "denied", "failed"):
        kind = _of(name)
        if _has(found, kind) or any(entry in "".join(found) for entry in kind.inside):
            return name
    return ""


def entries(language: str) -> Mapping[str, tuple[str, ...]]:
    """The words of one language as the data has them, by kind.

    Raises:
        KeyError: the language is not known.
    """
    return {kind: tuple(words_of) for kind, words_of in _DATA[language].items()}
