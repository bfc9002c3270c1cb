"""The vocabulary in many languages, and which of its words a text consists of. Pure.

Three rules apply throughout. Case and accents do not count. Words match as a whole, or by a stem that the data marks;
only scripts without spaces are searched within runs. A text is classified as a whole: a label is a download label only
if all its words belong to such labels.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import tomllib
from typing import TYPE_CHECKING, Any, Final

from po_pw.portals.generic import tokenizer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

DATA: Final[Mapping[str, Mapping[str, Any]]] = tomllib.loads(
    (importlib.resources.files("po_pw.portals.generic") / "vocabulary.toml").read_text("utf-8")
)
"""By language (or another section of the file) and by kind; the file explains the kinds."""
_TABLES: Final = {"symbols", "identifiers", "files", "numerals"}
LANGUAGES: Final = tuple(sorted(name for name in DATA if name not in _TABLES))
"""The known languages, as two-letter codes."""


@dataclasses.dataclass(frozen=True, slots=True)
class WordSet:
    """The entries of one kind, of all languages."""

    phrases: frozenset[tuple[str, ...]]
    stems: tuple[str, ...]
    inside: tuple[str, ...]
    """Entries in scripts without spaces, longest first: found also inside a run."""
    longest: int

    def at(self, found: Sequence[str], start: int) -> int:
        """Number of words from `start` on that form the longest entry; 0 if none does."""
        for count in range(min(self.longest, len(found) - start), 0, -1):
            if tuple(found[start : start + count]) in self.phrases:
                return count
        word = found[start]
        return 1 if self.stems and word.startswith(self.stems) else 0

    def within(self, run: str) -> str:
        """An entry within a run of a script without spaces; `""` if there is none."""
        return next((entry for entry in self.inside if entry in run), "")


def word_set(entries: Collection[str]) -> WordSet:
    """Prepares entries for searching; `*` at an end marks a stem."""
    phrases, stems, inside = set(), set(), set()
    for entry in entries:
        if entry.endswith("*"):
            stems.add(tokenizer.fold(entry[:-1]))
            continue
        if tokenizer.UNSPACED.search(entry):
            inside.add("".join(tokenizer.words(entry)))
        phrases.add(tokenizer.words(entry))
    phrases.discard(())
    longest = max((len(phrase) for phrase in phrases), default=1)
    return WordSet(frozenset(phrases), tuple(sorted(stems)), tuple(sorted(inside, key=lambda one: -len(one))), longest)


@functools.cache
def of_kind(kind: str) -> WordSet:
    """The entries of one kind, of all languages."""
    return word_set([entry for name in LANGUAGES for entry in DATA[name].get(kind, ())])


@functools.cache
def of_identifiers(kind: str) -> WordSet:
    """The entries of one kind that occur in identifiers, class names and addresses."""
    return word_set(DATA["identifiers"][kind])


SYMBOLS: Final[Mapping[str, frozenset[str]]] = {name: frozenset(text) for name, text in DATA["symbols"].items()}


def _cut(run: str, kinds: Sequence[WordSet]) -> bool:
    """Whether a run in a script without spaces consists only of entries."""
    reached = {0}
    for start in range(len(run)):
        if start in reached:
            reached |= {start + len(entry) for kind in kinds for entry in kind.inside if run.startswith(entry, start)}
    return len(run) in reached


def covered(found: Sequence[str], kinds: Sequence[WordSet], *, numbers: bool = True) -> bool:
    """Whether every word belongs to an entry of one of the kinds."""
    reached = {0}
    for start, word in enumerate(found):
        if start not in reached:
            continue
        if (numbers and word.isdigit()) or (tokenizer.UNSPACED.match(word) and _cut(word, kinds)):
            reached.add(start + 1)
        for kind in kinds:
            for count in range(1, min(kind.longest, len(found) - start) + 1):
                if tuple(found[start : start + count]) in kind.phrases:
                    reached.add(start + count)
            if kind.stems and word.startswith(kind.stems):
                reached.add(start + 1)
    return len(found) in reached


def has(found: Sequence[str], kind: WordSet) -> bool:
    """Whether an entry of the kind is among the words."""
    return any(
        kind.at(found, start) or (tokenizer.UNSPACED.match(word) and kind.within(word))
        for start, word in enumerate(found)
    )


def says(found: Sequence[str], needed: Sequence[str], *beside: str, numbers: bool = True) -> bool:
    """Whether the words consist only of entries of these kinds, at least one of them of a needed kind."""
    kinds = [of_kind(name) for name in (*needed, *beside)]
    return bool(found) and covered(found, kinds, numbers=numbers) and any(has(found, of_kind(name)) for name in needed)


def entries(language: str) -> Mapping[str, tuple[str, ...]]:
    """The words of one language as in the data, by kind.

    Raises:
        KeyError: the language is not known.
    """
    return {kind: tuple(words_of) for kind, words_of in DATA[language].items()}
