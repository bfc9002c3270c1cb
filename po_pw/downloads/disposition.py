"""The file name in a `Content-Disposition` header (RFC 6266, RFC 5987), malformed headers included. Pure."""

from __future__ import annotations

import email.errors
import email.header
import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

# A quoted string is matched as a whole, so that parameters are not read from inside it.
_PARAMETER: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)', re.DOTALL)
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_HALVES: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates, without those that stand for raw bytes (surrogateescape)."""
_WORD: Final = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")


def is_attachment(header: str) -> bool:
    """Whether the server asks to save the file instead of showing it."""
    return header.partition(";")[0].strip().lower() == "attachment"


def name(header: str) -> str:
    """The file's name; `""` if there is none. `filename*` takes precedence over `filename` (RFC 6266).

    Args:
        header: its value; bytes that are not UTF-8 come as surrogates (aiohttp) or Latin-1 (browsers).
    """
    header = _HALVES.sub("\N{REPLACEMENT CHARACTER}", header)
    given: dict[str, str] = {}
    for match in _PARAMETER.finditer(f";{header}" if "=" in header.partition(";")[0] else header):
        given.setdefault(match.group(1).lower(), match.group(2).strip())
    extended = given.get("filename*") or _continued(given)
    if extended and (decoded := _extended(_unquoted(extended))):
        return decoded
    return _repaired(_unquoted(given.get("filename", "")))


def _continued(given: dict[str, str]) -> str:
    """Joins a long value sent in numbered parts (RFC 2231): `filename*0*=…; filename*1*=…`."""
    parts: list[str] = []
    while True:
        number = len(parts)
        encoded, plain = given.get(f"filename*{number}*"), given.get(f"filename*{number}")
        if encoded is None and plain is None:
            return "".join(parts)
        parts.append(_unquoted(encoded if encoded is not None else (plain or "").replace("%", "%25")))


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    # The closing quote may be missing.
    inner = value[1:-1] if len(value) >= 2 and value.endswith('"') else value[1:]
    return re.sub(r'\\(["\\])', r"\1", inner)


def _extended(value: str) -> str:
    charset, quote, rest = value.partition("'")
    encoded = rest.partition("'")[2] if quote else value
    data = unquote_to_bytes(encoded.encode("utf-8", "surrogateescape"))
    for known in (charset.strip() or "utf-8", "utf-8"):
        try:
            return data.decode(known)
        except (LookupError, ValueError):  # unknown charset, or bytes not valid in it
            continue
    return data.decode("cp1252", "replace")


def _repaired(text: str) -> str:
    """Decodes malformed names: raw bytes, UTF-8 read as Latin-1, MIME encoded words, percent-encoding."""
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogateescape")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if _WORD.search(text):
        text = _without_words(text)
    if _PERCENT.search(text):
        try:
            text = unquote(text, errors="strict")
        except UnicodeDecodeError:
            return text
    return text


def _without_words(text: str) -> str:
    try:
        parts = email.header.decode_header(text)
        return "".join(
            part.decode(charset or "latin-1", "replace") if isinstance(part, bytes) else part for part, charset in parts
        )
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return text
