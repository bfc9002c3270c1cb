"""Reads the streams of OLE files, the format of .xls and of workbooks with a password. Pure."""

from __future__ import annotations

import struct
from typing import Final

MAGIC: Final = b"\xd0\xcf\x11\xe0"
_ENTRY: Final = 128
_NONE: Final = 0xFFFF_FFFA
"""Sector numbers from here on are markers: free, end, table."""


def streams(content: bytes) -> dict[str, bytes]:
    """Reads the file's streams, by name.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return _streams(content)
    except (struct.error, IndexError, OverflowError, UnicodeDecodeError) as error:
        msg = "it is damaged or cut off"
        raise ValueError(msg) from error


def _streams(content: bytes) -> dict[str, bytes]:
    shift, small_shift = struct.unpack_from("<HH", content, 30)
    if not (7 <= shift <= 16 and 4 <= small_shift < shift):
        msg = "its header is damaged"
        raise ValueError(msg)
    folder, cutoff, small_table, more = (struct.unpack_from("<I", content, at)[0] for at in (48, 56, 60, 68))
    sectors = _Sectors(content[1 << shift :], 1 << shift)
    listed = [number for number in struct.unpack_from("<109I", content, 76) if number < _NONE]
    while more < _NONE:
        if len(listed) > sectors.count:
            msg = "its table contains a loop"
            raise ValueError(msg)
        *numbers, more = struct.unpack(f"<{1 << shift - 2}I", sectors.get(more))
        listed += [number for number in numbers if number < _NONE]
    sectors.table = _numbers(b"".join(map(sectors.get, listed[: sectors.count])))
    entries = sectors.chain(folder)
    small = _Sectors(b"", 1 << small_shift)
    small.table = _numbers(sectors.chain(small_table)) if small_table < _NONE else ()
    found: dict[str, bytes] = {}
    for at in range(0, len(entries) - _ENTRY + 1, _ENTRY):
        length, kind = struct.unpack_from("<HB", entries, at + 64)
        first, size = struct.unpack_from("<II", entries, at + 116)
        if kind == 5 and first < _NONE:
            small.content = sectors.chain(first)
        if kind == 2:
            name = entries[at : at + min(max(length - 2, 0), 64)].decode("utf-16-le")
            found[name] = (small if size < cutoff else sectors).chain(first)[:size] if size else b""
    return found


class _Sectors:
    """Blocks of one size, chained by a table."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content = content
        self.size = size
        self.table: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        return len(self.content) // self.size + 1

    def get(self, number: int) -> bytes:
        return self.content[number * self.size : (number + 1) * self.size].ljust(self.size, b"\0")

    def chain(self, number: int) -> bytes:
        """The content of a chain of blocks."""
        blocks: list[bytes] = []
        while number < _NONE:
            if len(blocks) > self.count:
                msg = "a stream contains a loop"
                raise ValueError(msg)
            blocks.append(self.get(number))
            number = self.table[number]
        return b"".join(blocks)


def _numbers(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(content) // 4}I", content[: len(content) // 4 * 4])
