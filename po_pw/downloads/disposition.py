"""The name in a `Content-Disposition` header (RFC 6266, RFC 5987). Pure."""

from __future__ import annotations

import email.header
import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

_PARAMETER: Final = re.compile(r';\s*(filename\*?)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)', re.IGNORECASE)


def is_attachment(header: str) -> bool:
    """Whether the server says it is to be saved, not shown."""
    return header.strip().lower().startswith("attachment")


def name(header: str) -> str:
    """The file's name; `""` where there is none. `filename*` goes before `filename`, as RFC 6266 asks."""
    given: dict[str, str] = {}
    for match in _PARAMETER.finditer(header if header.lstrip().startswith(";") else f"{header}"):
        given.setdefault(match.group(1).lower(), match.group(2).strip())
    extended = given.get("filename*")
    if extended:
        decoded = _extended(extended.strip('"'))
        if decoded:
            return decoded
    plain = given.get("filename", "")
    if plain.startswith('"') and plain.endswith('"') and len(plain) >= 2:
        plain = re.sub(r'\\(["\\])', r"\1", plain[1:-1])
    return _repaired(plain)


def _extended(value: str) -> str:
    charset, quote, rest = value.partition("'")
    if not quote:
        return unquote(value)
    encoded = rest.partition("'")[2]
    try:
        return unquote_to_bytes(encoded).decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return unquote(encoded, errors="replace")


def _repaired(text: str) -> str:
    """Names that servers send against the rules: UTF-8 read as Latin-1, MIME words, percent-encoding."""
    try:
        text = text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        # Already proper Unicode (aiohttp decodes with surrogates), or really Latin-1.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text.startswith("=?") and text.endswith("?="):
        parts = email.header.decode_header(text)
        text = "".join(part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
                       for part, charset in parts)  # fmt: skip
    if re.search(r"%[0-9A-Fa-f]{2}", text) and " " not in text:
        text = unquote(text, errors="replace")
    return text
