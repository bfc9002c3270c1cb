"""What a file's first bytes say it is, against what was promised. Pure."""

from __future__ import annotations

import mimetypes
from typing import Final

HEAD: Final = 1024
"""Bytes needed; a PDF may begin that late (ISO 32000-1, Annex H.3.4.1)."""

_ZIP: Final = {"docx", "xlsx", "xlsm", "xlsb", "pptx", "zip", "odt", "ods", "odp"}
_OLE: Final = {"doc", "xls", "ppt", "msg"}
_MAGIC: Final = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF87a", "gif"), (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"), (b"MM\x00*", "tiff"), (b"{\\rtf", "rtf"),
)  # fmt: skip
_PROMISED: Final = {
    "pdf": "pdf", "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "tif": "tiff", "tiff": "tiff",
    **dict.fromkeys(_ZIP, "zip"), **dict.fromkeys(_OLE, "ole"),
}  # fmt: skip
_EXTENSIONS: Final = {
    "application/pdf": ".pdf", "application/vnd.ms-outlook": ".msg", "message/rfc822": ".eml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.ms-excel": ".xls", "application/msword": ".doc", "image/jpeg": ".jpg", "text/plain": ".txt",
    "application/zip": ".zip", "image/tiff": ".tif",
}  # fmt: skip


def actual(head: bytes) -> str | None:
    """The kind the first bytes show: `pdf`, `zip`, `ole`, `png`, `jpeg`, `gif`, `tiff`, `rtf`, `html`, or None."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head[:HEAD]:
        return "pdf"
    return "html" if is_html(head) else None


def is_html(head: bytes) -> bool:
    """Whether the bytes begin a web page."""
    text = head[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while text.startswith(b"<!--") and b"-->" in text:
        text = text.partition(b"-->")[2].lstrip()
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def promised(name: str, media_type: str) -> str | None:
    """The kind that name and declared type promise; None where they promise nothing that bytes could show."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension in _PROMISED:
        return _PROMISED[extension]
    guessed = mimetypes.guess_extension(media_type) if media_type else None
    return _PROMISED.get((guessed or "").removeprefix("."))


def promises_page(name: str) -> bool:
    """Whether the attachment is itself a web page by its name."""
    return name.lower().endswith((".html", ".htm", ".xhtml", ".mht", ".mhtml", ".xml", ".svg"))


def extension_for(media_type: str) -> str:
    """An extension for a file that has none, with the dot; `""` where the type says nothing."""
    if media_type in {"", "application/octet-stream", "binary/octet-stream", "text/html"}:
        return ""
    return _EXTENSIONS.get(media_type) or mimetypes.guess_extension(media_type) or ""
