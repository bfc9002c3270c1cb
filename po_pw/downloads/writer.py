"""Writes and hashes a file on its own thread, with bounded memory; the file is complete and synced, or absent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import queue
from typing import TYPE_CHECKING, BinaryIO, Final, Self, TypeAlias

from po_pw import errors
from po_pw.downloads import partial
from po_pw.storage import disk_errors, thread_work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

BLOCK: Final = 1 << 20
"""Bytes written and hashed at a time."""
_MAX_QUEUED: Final = 4
"""Maximum blocks waiting for the disk."""
_SYNC_EVERY: Final = 32 << 20
"""Bytes after which a resumable file is synced and its note updated."""
THREAD: Final = "po-pw-file"
"""Prefix of the threads' names."""

Publish: TypeAlias = "Callable[[int], None]"
"""Called on the thread with the file's size once it is complete and closed; renames it from `.part`."""


class Writer:
    """Writes blocks to `part`. An async context manager; on exit without `finish` the file is removed.

    On exit the thread has always ended.

    Args:
        part: file to write.
        note: makes the file resumable: it is then kept, with this note. Its `synced` bytes are already on disk.
    """

    def __init__(self, part: Path, note: partial.ResumeInfo | None = None) -> None:
        self._part = part
        self._note = note
        self._waiting = 0
        self._size = 0
        """Bytes of the file up to the current block; used by the thread only."""
        self._moved = asyncio.Event()
        self._blocks: queue.SimpleQueue[bytes | Publish | None] = queue.SimpleQueue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = thread_work.run_on_thread(f"{THREAD}-{self._part.stem}", self._run)
        self._thread.add_done_callback(lambda _: self._moved.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.put(None)
        try:
            await thread_work.wait_for_thread(self._thread)
        except errors.PoPwError:
            if error is None:
                raise
            # Otherwise the block's own error propagates: the thread's is the same or follows from it.

    async def write(self, block: bytes) -> None:
        """Queues a block; waits while `_MAX_QUEUED` blocks are queued.

        Raises:
            DoesNotFitError: the disk has too little space for this file, but not for small ones.
            OrderError: another disk error, see `disk_errors.to_order_error`.
        """
        while self._waiting >= _MAX_QUEUED and not self._thread.done():
            self._moved.clear()
            await self._moved.wait()
        if self._thread.done():
            await thread_work.wait_for_thread(self._thread)
        self._waiting += 1
        self._blocks.put(block)

    async def finish(self, publish: Publish) -> str:
        """Returns the SHA-256, hexadecimal, once everything is on disk and `publish` was called.

        Raises:
            DoesNotFitError: the disk has too little space for this file, but not for small ones.
            OrderError: another disk error, see `disk_errors.to_order_error`.
        """
        self._blocks.put(publish)
        return await thread_work.wait_for_thread(self._thread) or ""

    def _taken(self) -> None:
        self._waiting -= 1
        self._moved.set()

    def _run(self) -> str | None:
        """Body of the thread; returns None if it was cancelled."""
        try:
            with disk_errors.map_os_errors(self._part):
                stays = False
                try:
                    digest = self._written()
                    stays = digest is None and self._note is not None
                    return digest
                finally:
                    if not stays:
                        with contextlib.suppress(OSError):  # open in another program: removed with the work folder
                            partial.discard(self._part)
        except errors.OutOfSpaceError as error:
            # Its removal freed space; if writing still fails, the disk is full, and not because of this file.
            if disk_errors.write_error(disk_errors.internal_folder(self._part)) is not None:
                raise
            raise errors.DoesNotFitError(str(error), self._size, disk_errors.output_of(self._part)) from error

    def _written(self) -> str | None:
        digest, size = hashlib.sha256(), self._note.synced if self._note else 0
        self._size = size
        with self._part.open("r+b" if size else "wb") as stream:
            if size:
                self._read_again(stream, size, digest)
            while isinstance(item := self._blocks.get(), bytes):
                self._size = size + len(item)
                stream.write(item)
                digest.update(item)
                size += len(item)
                if self._note is not None and size - self._note.synced >= _SYNC_EVERY:
                    self._keep(stream, size)
                self._loop.call_soon_threadsafe(self._taken)
            if item is None:
                self._keep(stream, size)
                return None
            stream.flush()
            os.fsync(stream.fileno())
        item(size)
        return digest.hexdigest()

    @staticmethod
    def _read_again(stream: BinaryIO, size: int, digest: hashlib._Hash) -> None:
        """Hashes what is on disk; bytes that may not have been synced are cut off."""
        left = size
        while left and (block := stream.read(min(BLOCK, left))):
            digest.update(block)
            left -= len(block)
        stream.truncate(size)

    def _keep(self, stream: BinaryIO, size: int) -> None:
        if self._note is None:
            return
        stream.flush()
        os.fsync(stream.fileno())
        self._note = dataclasses.replace(self._note, synced=size)
        partial.write_info(self._part, self._note)
