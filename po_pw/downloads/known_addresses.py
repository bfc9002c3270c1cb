"""Remembers what addresses led to (file, page), so that known pages are not requested again. Pure."""

from __future__ import annotations

import collections
import enum
import json
import re
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import pydantic

from po_pw import redact, secret_signs
from po_pw.downloads import file_type

CONFIRMATIONS: Final = 3
"""Number of addresses of one shape with the same result after which the shape is trusted."""
_WORD: Final = re.compile(r"[A-Za-z]+(?:[-_][A-Za-z]+)*")
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]{8,}")
_MAX_WORD: Final = 12
"""Maximum letters of a query value that counts as a word, not as a secret or a name."""


class AddressKind(enum.StrEnum):
    """What an address led to."""

    FILE = "FILE"
    ABOUT = "ABOUT"
    """A page about a file that was fetched from another address."""
    PAGE = "PAGE"
    """A page without a file: the link to it is not an attachment."""


_COUNTS: Final = pydantic.TypeAdapter(dict[str, dict[AddressKind, int]])


class KnownAddresses:
    """What the addresses of a run led to. Shared by all workers.

    A shape of address is trusted once `CONFIRMATIONS` addresses of it had the same result and none had another.
    """

    def __init__(self) -> None:
        self._addresses: dict[str, AddressKind] = {}
        self._shapes: dict[str, collections.Counter[AddressKind]] = {}

    def note(self, url: str, kind: AddressKind, *, of_shape: bool = True) -> None:
        """Records what an address led to, replacing an earlier result.

        Args:
            url: as requested.
            kind: what it led to.
            of_shape: False if it says nothing about similar addresses, e.g. after a redirect.
        """
        before = self._addresses.get(url)
        self._addresses[url] = kind
        if before is kind or not of_shape:
            return
        counts = self._shapes.setdefault(shape(url), collections.Counter())
        if before is not None and counts[before] > 0:
            counts[before] -= 1
        counts[kind] += 1

    def of(self, url: str) -> AddressKind | None:
        """What an address leads to, by itself or by its shape; None if unknown."""
        return self._addresses.get(url) or self._of_shape(shape(url))

    def _of_shape(self, form: str) -> AddressKind | None:
        counts = +self._shapes.get(form, collections.Counter())
        if len(counts) != 1:
            return None
        kind, count = next(iter(counts.items()))
        return kind if count >= CONFIRMATIONS else None

    def to_json(self) -> str:
        """The shapes as JSON, for later runs. Contains no addresses: those may carry signatures."""
        counted = {
            form: {str(kind): count for kind, count in (+counts).items()}
            for form, counts in sorted(self._shapes.items())
        }
        return json.dumps({form: counts for form, counts in counted.items() if counts})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote, with one less per shape: each run checks a shape once before trusting it.

        Raises:
            ValueError: the text has another format.
        """
        known_addresses = cls()
        for form, counts in _COUNTS.validate_python(json.loads(text)).items():
            trusted_less = {kind: min(count, CONFIRMATIONS - 1) for kind, count in counts.items()}
            known_addresses._shapes[form] = collections.Counter(trusted_less)
        return known_addresses


def shape(url: str) -> str:
    """Replaces everything in an address that varies between records: numbers, identifiers, file names.

    Words stay, in the path and as short query values, since they say what is requested (`do=get`, `do=view`); of a file
    name the extension stays.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = "/".join(_part(unquote(part, errors="replace")) for part in redact.bare(parts.path).split("/"))
    pairs = sorted({(name, _value(name, value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)})
    query = "&".join(f"{_part(name)}={value}" for name, value in pairs)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{path}" + (f"?{query}" if query else "")


def _part(part: str) -> str:
    part = part.partition(";")[0]
    ending = file_type.extension(part)
    if ending and not file_type.names_program(part):
        return f"{{name}}.{ending}"
    if not part or (_WORD.fullmatch(part) and not _HEXADECIMAL.fullmatch(part)) or file_type.names_program(part):
        return part
    return "{id}" if any(character.isdigit() for character in part) or _HEXADECIMAL.fullmatch(part) else "{name}"


def _value(name: str, value: str) -> str:
    if secret_signs.is_secret_name(name):
        return "{id}"
    if value and not (_WORD.fullmatch(value) and len(value) <= _MAX_WORD):
        ending = file_type.extension(value)
        return f"{{name}}.{ending}" if ending else "{id}"
    return value
