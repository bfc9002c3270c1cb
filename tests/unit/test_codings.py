"""Compressed bodies are read completely or not at all, however they are split into chunks."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import TYPE_CHECKING

import pytest

from po_pw.transport import codings
from tests.helpers import support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PLAIN = b"%PDF-1.7\n" + random.Random(7).randbytes(400) + bytes(3000)


def raw(data: bytes) -> bytes:
    """Data as many servers send `deflate`: without zlib's header and checksum."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


SENT = {"gzip": gzip.compress(PLAIN), "deflate": zlib.compress(PLAIN), "raw": raw(PLAIN)}


def read(kind: str, sent: bytes, size: int = 0, *, announced: int | None = None) -> list[bytes]:
    """The blocks of a body that arrives in chunks of this size; 0: in one."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(sent), size or max(len(sent), 1)):
            yield sent[start : start + (size or len(sent))]

    async def go() -> list[bytes]:
        coding = codings.of({"Content-Encoding": "deflate" if kind == "raw" else kind})
        assert codings.is_read(coding)
        return [block async for block in codings.decoded(chunks(), coding, announced=announced)]

    return support.run_async(go())


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_compressed_body_comes_whole(kind: str, size: int) -> None:
    """Complete bodies are read, also zlib's raw format sent as `deflate`."""
    assert b"".join(read(kind, SENT[kind], size)) == PLAIN


@pytest.mark.parametrize("kind", SENT)
def test_a_compressed_body_that_breaks_off_is_not_whole(kind: str) -> None:
    """A body cut off in header, middle or checksum is not complete."""
    sent = SENT[kind]
    for length in range(len(sent)):
        with pytest.raises(codings.CutShortError):
            read(kind, sent[:length])


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize("behind", [b"\0" * 512, b"\0", b"<!-- served in 3 ms -->", b"\x1e\x8b\x08"])
@pytest.mark.parametrize("size", [0, 1])
def test_what_comes_behind_the_end_is_not_the_files(kind: str, behind: bytes, size: int) -> None:
    """Bytes after the end of the compressed data are ignored."""
    assert b"".join(read(kind, SENT[kind] + behind, size)) == PLAIN


@pytest.mark.parametrize("size", [0, 1, 50])
def test_several_gzip_members_are_one_file(size: int) -> None:
    """Several gzip members are one file (RFC 1952); if the last is cut off, it is not complete."""
    sent = gzip.compress(PLAIN) + gzip.compress(b"and more") + gzip.compress(b"")
    assert b"".join(read("x-gzip", sent, size)) == PLAIN + b"and more"
    for missing in (1, 12, 19):
        with pytest.raises(codings.CutShortError):
            read("gzip", sent[:-missing], size)


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_damaged_body_is_not_whole(kind: str) -> None:
    """A wrong checksum or format is not complete."""
    sent = bytearray(SENT[kind])
    sent[-5] ^= 1
    for given in (bytes(sent), b"%PDF-1.7 that was never compressed"):
        with pytest.raises(codings.CutShortError):
            read(kind, given)


def test_nothing_is_whole_only_where_nothing_was_announced() -> None:
    """An empty body may be an empty file."""
    assert read("gzip", b"", announced=0) == []
    assert b"".join(read("gzip", gzip.compress(b""))) == b""
    with pytest.raises(codings.CutShortError):
        read("gzip", b"")


def test_a_small_body_that_unpacks_to_a_large_one_comes_in_blocks() -> None:
    """Large data comes in blocks, so that a size limit applies before memory is full."""
    blocks = read("gzip", gzip.compress(bytes(8 << 20)), announced=9)
    assert max(map(len, blocks)) == 1 << 20
    assert sum(map(len, blocks)) == 8 << 20


@pytest.mark.parametrize(
    ("header", "coding", "is_read"),
    [
        ("", "", False),
        ("identity", "", False),
        ("GZIP", "gzip", True),
        ("x-gzip", "gzip", True),
        ("identity, gzip", "gzip", True),
        ("utf-8", "", False),
        ("none", "", False),
        ("br", "br", False),
        ("zstd", "zstd", False),
        ("gzip, gzip", "gzip, gzip", False),
        ("deflate, br", "deflate, br", False),
    ],
)
def test_which_codings_are_read(header: str, coding: str, is_read: bool) -> None:
    """Unknown codings are ignored, as in browsers; those that only a browser reads are left to it."""
    assert codings.of({"content-ENCODING": header}) == coding
    assert codings.is_read(coding) is is_read
