"""Reproducible documents: real PDF, XLSX, DOCX and PNG files, text, and something like an Outlook mail.

A document is described by a few values and made on request, block by block, so that a large one is never completely in
memory. The same values give the same bytes on every computer.
"""

from __future__ import annotations

import dataclasses
import email.header
import enum
import functools
import hashlib
import io
import random
import struct
import zipfile
import zlib
from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK: Final = 64 * 1024
"""Maximum bytes of a block."""

OLE_MAGIC: Final = bytes.fromhex("D0CF11E0A1B11AE1")
_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"


class Kind(enum.StrEnum):
    """Kind of a document; the value is its usual file extension."""

    PDF = "pdf"
    XLSX = "xlsx"
    DOCX = "docx"
    PNG = "png"
    MSG = "msg"
    EML = "eml"
    TEXT = "txt"
    EMPTY = "empty"
    """No bytes."""


MEDIA_TYPES: Final = {
    Kind.PDF: "application/pdf",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Kind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Kind.PNG: "image/png",
    Kind.MSG: "application/vnd.ms-outlook",
    Kind.EML: "message/rfc822",
    Kind.TEXT: "text/plain",
    Kind.EMPTY: "text/plain",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """Describes a document; `blocks`, `length` and `sha256` make it."""

    kind: Kind
    title: str
    wanted: int
    """Bytes. XLSX and DOCX have about this size, the others exactly, unless it is too small for the format."""
    seed: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Filler:
    """Filler bytes that bring a document to its length."""

    length: int
    seed: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, cut: slice) -> bytes:
        """A piece that lies in one block of `BLOCK` bytes."""
        number, start = divmod(cut.start, BLOCK)
        whole = random.Random(f"{self.seed}/{number}").randbytes(min(BLOCK, self.length - number * BLOCK))
        return whole[start : start + cut.stop - cut.start]


_Part: TypeAlias = "bytes | _Filler"


def blocks(document: Document, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The document's bytes from `start` to before `stop`, in blocks of at most `BLOCK` bytes, made one by one."""
    end = length(document) if stop is None else stop
    before = 0
    for part in _parts(document):
        position = max(start - before, 0)
        limit = min(end - before, len(part))
        while position < limit:
            following = min(limit, (position // BLOCK + 1) * BLOCK)
            yield part[position:following]
            position = following
        before += len(part)


def length(document: Document) -> int:
    """Number of bytes of the document, without making them all."""
    return sum(len(part) for part in _parts(document))


@functools.lru_cache(maxsize=100_000)
def sha256(document: Document) -> str:
    """The document's SHA-256, in hexadecimal; computed once."""
    digest = hashlib.sha256()
    for block in blocks(document):
        digest.update(block)
    return digest.hexdigest()


@functools.lru_cache(maxsize=256)
def _parts(document: Document) -> tuple[_Part, ...]:
    match document.kind:
        case Kind.PDF:
            return _pdf(document)
        case Kind.XLSX:
            return (_xlsx(document),)
        case Kind.DOCX:
            return (_docx(document),)
        case Kind.PNG:
            return (_png(document),)
        case Kind.MSG:
            return _msg(document)
        case Kind.EML:
            return (_eml(document),)
        case Kind.TEXT:
            return (_text(document),)
        case Kind.EMPTY:
            return ()


# --- PDF ------------------------------------------------------------------------------------------------------------


def _pdf(document: Document) -> tuple[_Part, ...]:
    """One page with the title, and an invisible object that brings it to its length.

    Numbers that depend on the length are written with ten digits, so that they do not change it.
    """
    content = _pdf_page(document.title)
    fonts = b"<< /F1 5 0 R /F2 6 0 R >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font %b >> >>" % fonts,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    head = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(head))
        head += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    offsets.append(len(head))
    opening = b"%d 0 obj\n<< /Length %010d >>\nstream\n"
    closing = b"\nendstream\nendobj\n"
    count = len(offsets) + 1
    table_length = len(b"xref\n0 %d\n" % count) + 20 * count
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%010d\n%%%%EOF\n"
    around = len(opening % (count - 1, 0)) + len(closing) + table_length + len(trailer % (count, 0))
    padding = max(document.wanted - len(head) - around, 0)
    head += opening % (count - 1, padding)
    table_at = len(head) + padding + len(closing)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % count + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return bytes(head), _Filler(padding, document.seed), closing + table + trailer % (count, table_at)


def _pdf_page(title: str) -> bytes:
    def text(font: str, size: int, x: int, y: int, words: str) -> bytes:
        safe = words.encode("cp1252", "replace")
        for special in (b"\\", b"(", b")"):
            safe = safe.replace(special, b"\\" + special)
        return b"BT /%b %d Tf %d %d Td (%b) Tj ET" % (font.encode(), size, x, y, safe)

    lines = [
        b"0.09 0.20 0.36 rg 0 762 595 80 re f",
        b"1 1 1 rg",
        text("F2", 20, 48, 794, title[:46]),
        b"0.20 0.22 0.26 rg",
        text("F1", 11, 48, 726, "Meridian Procurement - demonstration document"),
        text("F1", 11, 48, 706, "Made by the demo portal of po_pw. It has no meaning beyond its bytes."),
        b"0.93 0.94 0.96 rg",
        *(b"48 %d 499 18 re f" % (640 - 36 * row) for row in range(8)),
    ]
    return b"\n".join(lines)


# --- Office ---------------------------------------------------------------------------------------------------------

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _zipped(files: Mapping[str, str]) -> bytes:
    """A zip whose bytes depend only on its content: no times, no compression."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 0
            archive.writestr(entry, (_XML + content).encode())
    return out.getvalue()


def _package(main: str, main_type: str, more_types: str = "") -> dict[str, str]:
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/{main}" ContentType="{main_type}.main+xml"/>{more_types}</Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_OFFICE}/officeDocument" Target="{main}"/></Relationships>'
        ),
    }


def _xlsx(document: Document) -> bytes:
    """A workbook with one sheet of prices, with enough rows to come near the wanted length."""
    chance = random.Random(document.seed)
    rows = [_sheet_row(1, document.title, "Quantity", "Price")]
    room = document.wanted - 2_200
    while room > 0:
        number = len(rows) + 1
        rows.append(_sheet_row(number, f"Article {chance.randrange(10_000, 99_999)}", number, chance.randrange(9_999)))
        room -= len(rows[-1])
    media = MEDIA_TYPES[Kind.XLSX].removesuffix(".sheet")
    override = f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{media}.worksheet+xml"/>'
    return _zipped(
        _package("xl/workbook.xml", f"{media}.sheet", override)
        | {
            "xl/workbook.xml": (
                f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
                '<sheet name="Prices" sheetId="1" r:id="rId1"/></sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": (
                f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
                f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
            ),
            "xl/worksheets/sheet1.xml": (
                f'<worksheet xmlns="{_SHEET}"><sheetData>{"".join(rows)}</sheetData></worksheet>'
            ),
        }
    )


def _sheet_row(number: int, *cells: str | int) -> str:
    made = []
    for column, cell in zip("ABC", cells, strict=True):
        if isinstance(cell, int):
            made.append(f'<c r="{column}{number}"><v>{cell}</v></c>')
        else:
            made.append(f'<c r="{column}{number}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>')
    return f'<row r="{number}">{"".join(made)}</row>'


def _docx(document: Document) -> bytes:
    """A text document with a heading and enough paragraphs to come near the wanted length."""
    paragraphs = [f"<w:p><w:r><w:t>{escape(document.title)}</w:t></w:r></w:p>"]
    room = document.wanted - 1_200
    while room > 0:
        words = f"Clause {len(paragraphs)}.{document.seed % 97}: the parties agree to try this out."
        paragraphs.append(f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>")
        room -= len(paragraphs[-1])
    body = f'<w:document xmlns:w="{_WORD}"><w:body>{"".join(paragraphs)}</w:body></w:document>'
    return _zipped(_package("word/document.xml", MEDIA_TYPES[Kind.DOCX]) | {"word/document.xml": body})


# --- the others -----------------------------------------------------------------------------------------------------


def _png(document: Document) -> bytes:
    """A picture that looks like a scanned page, with a private chunk that brings it to its length."""
    width, height = 400, 240
    chance = random.Random(document.seed)
    ends = [chance.randrange(20, 45) for _ in range(height // 16)]
    rows = bytearray()
    for y in range(height):
        line, within = divmod(y, 16)
        row = bytearray(b"\xff" * (width // 8))
        if 0 < line < len(ends) - 1 and 5 <= within < 11:
            row[5 : ends[line]] = bytes((0x11, 0x80, 0x24)[(x * 7 + line) % 3] for x in range(5, ends[line]))
        rows += b"\0" + row
    picture = _PNG_MAGIC + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    # Uncompressed, because the result of compression depends on the version of zlib.
    rest = _png_chunk(b"IDAT", zlib.compress(bytes(rows), 0)) + _png_chunk(b"IEND", b"")
    padding = max(document.wanted - len(picture) - len(rest) - 12, 0)
    if padding:
        picture += _png_chunk(b"paDd", chance.randbytes(padding))
    return picture + rest


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _msg(document: Document) -> tuple[_Part, ...]:
    """Starts like an Outlook mail (the header of an OLE compound file): enough for a check of types."""
    header = OLE_MAGIC + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    head = header.ljust(512, b"\0") + f"Subject: {document.title}\r\n".encode("utf-16-le")
    return head, _Filler(max(document.wanted - len(head), 0), document.seed)


def _eml(document: Document) -> bytes:
    """A mail with headers and lines of text, as a mail program saves it."""
    subject = email.header.Header(document.title, "utf-8").encode()
    head = (
        f"From: buyer@example.com\r\nTo: supplier@example.org\r\nSubject: {subject}\r\n"
        "Date: Mon, 05 Jan 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    made = bytearray(head)
    line = 0
    while len(made) < document.wanted:
        line += 1
        made += b"%05d  About document %d: please confirm.\r\n" % (line, document.seed)
    return bytes(made[: max(document.wanted, len(head))])


def _text(document: Document) -> bytes:
    made = bytearray(f"{document.title}\n\n".encode())
    line = 0
    while len(made) < document.wanted:
        line += 1
        made += b"%05d  Terms, conditions and remarks of document %d.\n" % (line, document.seed)
    title = len(document.title.encode()) + 2
    return bytes(made[: max(document.wanted, title)])
