"""The demo portal's documents are valid, and the same every time."""

from __future__ import annotations

import email
import email.policy
import hashlib
import io
import re
import struct
import zipfile
import zlib

import openpyxl
import pytest

from po_pw.demo import documents
from po_pw.demo.documents import Document, Kind

KINDS = [kind for kind in Kind if kind is not Kind.EMPTY]


def whole(document: Document) -> bytes:
    return b"".join(documents.blocks(document))


@pytest.mark.parametrize("kind", list(Kind))
def test_same_values_same_bytes(kind: Kind) -> None:
    """The same description gives the same bytes, with their stated length and hash."""
    document = Document(kind, "Invoice Müller 発注書", 20_000, 7)
    content = whole(document)
    documents._parts.cache_clear()
    assert whole(document) == content
    assert documents.length(document) == len(content)
    assert documents.sha256(document) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_other_seeds_other_bytes(kind: Kind) -> None:
    """Documents that differ only in their seed have different hashes."""
    one, two = (whole(Document(kind, "Invoice", 20_000, seed)) for seed in (1, 2))
    assert one != two


@pytest.mark.parametrize("kind", [Kind.PDF, Kind.PNG, Kind.MSG, Kind.EML, Kind.TEXT])
@pytest.mark.parametrize("wanted", [15_001, 20_000, 200_000])
def test_lengths_are_exact(kind: Kind, wanted: int) -> None:
    """These kinds have exactly the requested length."""
    assert len(whole(Document(kind, "Invoice", wanted, 1))) == wanted


@pytest.mark.parametrize("kind", [Kind.XLSX, Kind.DOCX])
def test_office_lengths_are_near(kind: Kind) -> None:
    """Office documents have the requested length, within a few rows."""
    assert abs(len(whole(Document(kind, "Invoice", 20_000, 1))) - 20_000) < 400


@pytest.mark.parametrize("kind", KINDS)
def test_too_short_is_still_a_document(kind: Kind) -> None:
    """A document is never shorter than its kind requires."""
    content = whole(Document(kind, "Invoice", 1, 1))
    assert content == whole(Document(kind, "Invoice", 1, 1))
    assert len(content) > 1


@pytest.mark.parametrize("wanted", [1, 20_000, 3_000_000])
def test_pdf_holds_together(wanted: int) -> None:
    """Cross-references, stream lengths and title of a PDF are right."""
    content = whole(Document(Kind.PDF, r"PO-1 (copy) \ Müller", wanted, 3))
    assert content.startswith(b"%PDF-1.4\n")
    assert content.endswith(b"%%EOF\n")
    last = re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", content)
    assert last is not None
    table = content[int(last[1]) :]
    head = re.match(rb"xref\n0 (\d+)\n0000000000 65535 f \n", table)
    assert head is not None
    entries = re.findall(rb"(\d{10}) 00000 n \n", table)
    assert len(entries) == int(head[1]) - 1
    for number, offset in enumerate(entries, start=1):
        body = content[int(offset) :]
        assert body.startswith(b"%d 0 obj\n" % number)
        if stream := re.match(rb"\d+ 0 obj\n<< /Length (\d+) >>\nstream\n", body):
            assert body[stream.end() + int(stream[1]) :].startswith(b"\nendstream\nendobj\n")
    assert rb"(PO-1 \(copy\) \\ M" + "ü".encode("cp1252") in content


def test_workbook_opens() -> None:
    """A spreadsheet reader finds the title and the rows."""
    book = openpyxl.load_workbook(io.BytesIO(whole(Document(Kind.XLSX, "Prices <Müller & Söhne>", 20_000, 3))))
    sheet = book["Prices"]
    assert sheet["A1"].value == "Prices <Müller & Söhne>"
    assert sheet.max_row > 100
    assert isinstance(sheet["C2"].value, int)


def test_office_packages_are_sound() -> None:
    """Every part has a correct checksum, and the heading is in the text."""
    with zipfile.ZipFile(io.BytesIO(whole(Document(Kind.DOCX, "Terms & more", 9_000, 3)))) as archive:
        assert archive.testzip() is None
        assert "Terms &amp; more" in archive.read("word/document.xml").decode()


def test_picture_holds_together() -> None:
    """Every chunk has a correct checksum, and the number of pixels matches the header."""
    content = whole(Document(Kind.PNG, "Photo", 20_000, 3))
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    position, chunks = 8, {}
    while position < len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        inside = content[position + 8 : position + 8 + size]
        assert struct.unpack_from(">I", content, position + 8 + size)[0] == zlib.crc32(name + inside)
        chunks[name] = inside
        position += 12 + size
    assert position == len(content)
    assert list(chunks) == [b"IHDR", b"paDd", b"IDAT", b"IEND"]
    width, height, depth = struct.unpack_from(">IIB", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + width * depth // 8)


def test_mail_begins_as_one_and_text_is_utf8() -> None:
    """The first bytes are what type detection looks at."""
    assert whole(Document(Kind.MSG, "Re: delivery", 20_000, 1)).startswith(bytes.fromhex("D0CF11E0A1B11AE1"))
    assert whole(Document(Kind.TEXT, "Bemerkungen für Łódź", 20_000, 1)).decode().startswith("Bemerkungen für Łódź\n")
    mail = email.message_from_bytes(
        whole(Document(Kind.EML, "Re: Lieferung Müller", 20_000, 1)), policy=email.policy.default
    )
    assert mail["Subject"] == "Re: Lieferung Müller"
    assert whole(Document(Kind.EMPTY, "nothing", 20_000, 1)) == b""


def test_a_large_document_comes_in_blocks() -> None:
    """No block is larger than `BLOCK`, and the length is known without making any."""
    document = Document(Kind.PDF, "Site plans", 5_000_000, 1)
    sizes = [len(block) for block in documents.blocks(document)]
    assert sum(sizes) == documents.length(document) == 5_000_000
    assert max(sizes) <= documents.BLOCK
    gigantic = Document(Kind.PDF, "Site plans", 10**9, 1)
    assert documents.length(gigantic) == 10**9
    assert next(documents.blocks(gigantic)).startswith(b"%PDF")


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (1_000, 1_001), (65_000, 140_000), (199_990, 200_000), (5, 5)])
def test_any_piece_is_the_same_as_in_the_whole(start: int, stop: int) -> None:
    """A range is made without the bytes before it, and is the same."""
    document = Document(Kind.PDF, "Invoice", 200_000, 1)
    assert b"".join(documents.blocks(document, start, stop)) == whole(document)[start:stop]
