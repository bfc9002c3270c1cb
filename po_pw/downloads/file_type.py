"""File types: by first bytes, by name and by media type. Pure."""

from __future__ import annotations

import mimetypes
import re
from typing import Final

HEAD: Final = 1024
"""Bytes needed: a PDF header may start as late as that (ISO 32000-1, Annex H.3.4.1)."""

PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_UNTOLD: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/force-download"})
_ZIP: Final = ("docx", "docm", "xlsx", "xlsm", "xlsb", "pptx", "pptm", "zip", "odt", "ods", "odp", "jar")
_OLE: Final = ("doc", "xls", "ppt", "msg")
_MAGIC: Final = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"{\\rtf", "rtf"),
)
_PROMISED: Final = {
    "pdf": "pdf",
    "png": "png",
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "jpe": "jpeg",
    "gif": "gif",
    "tif": "tiff",
    "tiff": "tiff",
    **dict.fromkeys(_ZIP, "zip"),
    **dict.fromkeys(_OLE, "ole"),
}
_EXTENSIONS: Final = {
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    "application/vnd.ms-outlook": ".msg",
    "message/rfc822": ".eml",
    "application/vnd.ms-excel": ".xls",
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/rtf": ".rtf",
    "image/jpeg": ".jpg",
    "image/tiff": ".tif",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/xml": ".xml",
    "application/xml": ".xml",
    "application/json": ".json",
}
_BY_KIND: Final = {"pdf": ".pdf", "png": ".png", "jpeg": ".jpg", "gif": ".gif", "tiff": ".tif", "rtf": ".rtf"}
_TYPES: Final = mimetypes.MimeTypes()
"""Python's own table only: with the system's, names would depend on the machine."""
_PROGRAMS: Final = frozenset({"php", "aspx", "asp", "ashx", "axd", "jsp", "do", "action", "cgi", "dll", "cfm", "pl"})
"""Extensions in an address that belong to the server's program, not to the file."""
_MAY_BE_EMPTY: Final = frozenset({"txt", "text", "csv", "tsv", "tab", "log", "md", "asc"})
"""Extensions of plain text; other file types have at least a header."""
_JSON: Final = frozenset({"json", "geojson", "topojson", "jsonl", "ndjson", "jsonld", "har", "ipynb", "map"})
_JSON_BEGINS: Final = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[{"\]])')
"""Excludes `[Header]`, with which some tables begin."""
_EXTENSION: Final = re.compile(r"\.(?=[0-9]*[A-Za-z])([A-Za-z0-9]{1,10})$")
_PAGE_BEGINS: Final = re.compile(
    rb"(?is)\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|meta|script)\b"
)
_NOT_IN_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def extension(name: str) -> str:
    """A name's extension in lower case, without the dot; `""` if it has none (`Offer no. 12` has none)."""
    match = _EXTENSION.search(name)
    return match.group(1).lower() if match and match.start() > 0 else ""


def actual(head: bytes) -> str | None:
    """The type by first bytes: `pdf`, `zip`, `ole`, `png`, `jpeg`, `gif`, `tiff`, `rtf`, `html`, or None."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _PAGE_BEGINS.match(_as_ascii(head)):
        return "html"
    return "pdf" if b"%PDF-" in head[:HEAD] else None


def is_text(head: bytes) -> bool:
    """Whether the bytes are text, such as an error message; True for an empty file."""
    return not _NOT_IN_TEXT.search(_as_ascii(head))


def promised(name: str, media_type: str = "") -> str | None:
    """The type by name or, without an extension, by media type; None if first bytes cannot show that type."""
    ending = extension(name)
    if not ending and media_type not in _UNTOLD:
        ending = extension_for(media_type).removeprefix(".")
    return _PROMISED.get(ending)


def promises_page(name: str) -> bool:
    """Whether a file of this name is a web page."""
    return extension(name) in {"html", "htm", "xhtml", "shtml"}


def promises_json(name: str) -> bool:
    """Whether a file of this name is JSON."""
    return extension(name) in _JSON


def is_json(head: bytes) -> bool:
    """Whether the bytes begin like a JSON object or array."""
    return _JSON_BEGINS.match(_as_ascii(head)) is not None


def may_be_empty(name: str) -> bool:
    """Whether a file of this name may be empty."""
    return extension(name) in _MAY_BE_EMPTY


def names_program(name: str) -> bool:
    """Whether the last part of an address is the server's program and not the file's name."""
    return extension(name) in _PROGRAMS


def extension_for(media_type: str, kind: str | None = None) -> str:
    """An extension, with the dot, for a file that has none; `""` if neither type nor first bytes tell."""
    if media_type in _UNTOLD:
        return _BY_KIND.get(kind or "", "")
    return _EXTENSIONS.get(media_type) or _TYPES.guess_extension(media_type) or ""


def _as_ascii(head: bytes) -> bytes:
    """Removes the byte order mark and reduces UTF-16 to one byte per character."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore").encode("ascii", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")
