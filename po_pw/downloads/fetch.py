"""Bytes to a proven file: streamed to `.part` with bounded memory, hashed on the way, checked, synced, renamed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import threading
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.downloads import disk, kinds, promises, writer

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from po_pw.transport import client


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be."""

    max_file_bytes: int | None = None

    def check(self, size: int | None) -> None:
        """Raises Permanent where a file is larger than allowed."""
        if size is not None and self.max_file_bytes is not None and size > self.max_file_bytes:
            msg = f"the file is larger than {self.max_file_bytes} bytes, the limit that was set"
            raise errors.Permanent(msg, models.ErrorCode.TOO_LARGE)


async def fetch(
    attachment: models.Attachment,
    into: Path,
    *,
    body: AbstractAsyncContextManager[client.Body],
    limits: Limits,
    on_bytes: Callable[[int], None],
    signed_out: Callable[[str, int], bool],
    now: Callable[[], datetime.datetime],
) -> models.SavedFile:
    """Saves one file that an HTTP answer carries.

    Args:
        attachment: which.
        into: where to; while bytes arrive they are in `into` with `.part` added, which is gone after an error.
        body: the answer.
        limits: what the file may be.
        on_bytes: told how many bytes came, as they come.
        signed_out: whether a page at this address with this status asks for a sign-in.
        now: the time to note.

    Raises:
        Transient: it broke off, or is not whole.
        NotAFile: a page came instead.
        SessionExpired: a sign-in page came instead.
        Permanent: it is refused, or larger than allowed.
        OutOfSpace: the disk is full.
        EnvironmentProblem: the disk is in the way otherwise.
    """
    async with body as answer:
        promise = promises.of_answer(attachment, answer.url, answer.headers, encoded=answer.encoded, now=now())
        limits.check(promise.length)
        received = _counted(answer.chunks, limits, on_bytes)
        async with contextlib.aclosing(received):
            head = await _beginning(received, promise)
            gone = signed_out(answer.url, answer.status)
            if (refused := promises.refusal(promise, head, signed_out=gone)) is not None:
                raise refused
            promise = promise.final(head)
            return await _write(attachment, into, promise, head, received, now)


async def _write(
    attachment: models.Attachment, into: Path, promise: promises.Promise, head: bytes,
    received: AsyncIterator[bytes], now: Callable[[], datetime.datetime],
) -> models.SavedFile:  # fmt: skip
    part = into.with_name(into.name + ".part")
    proof: list[tuple[int, tuple[str, ...]]] = []

    def publish(size: int) -> None:
        proof.append((size, promises.prove(promise, size, head)))
        _move(part, into, promise)

    try:
        async with writer.Writer(part) as sink:
            block = bytearray(head)
            async for chunk in received:
                block += chunk
                if len(block) >= writer.BLOCK:
                    await sink.write(bytes(block))
                    block.clear()
            if block:
                await sink.write(bytes(block))
            sha256 = await sink.finish(publish)
    except BaseException:
        into.unlink(missing_ok=True)  # cancelled between the file's end and ours
        raise
    size, checks = proof[0]
    return _saved(attachment, into, promise, size, sha256, checks, "http", now())


async def adopt(
    attachment: models.Attachment,
    into: Path,
    part: Path,
    *,
    sent_name: str,
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    on_bytes: Callable[[int], None],
    now: Callable[[], datetime.datetime],
    signed_out: Callable[[str, int], bool] = lambda _url, _status: False,
) -> models.SavedFile:
    """Takes over a file that the browser downloaded to `part`, on the same file system, with the same proofs.

    Args:
        attachment: which.
        into: where to.
        part: the browser's file; gone afterwards, also after an error.
        sent_name: the browser's name for it.
        url: where it came from.
        headers: of the answer, empty where there was none (`blob:`).
        limits: what the file may be.
        on_bytes: told how many bytes it has.
        now: the time to note.
        signed_out: whether a page at this address with this status asks for a sign-in.

    Raises:
        Transient: it is not whole.
        NotAFile: it is a page.
        SessionExpired: it is a sign-in page.
        Permanent: it is larger than allowed.
        OutOfSpace: the disk is full.
        EnvironmentProblem: the disk is in the way otherwise.
    """
    promise = promises.of_download(attachment, sent_name, url, headers, now=now())
    gone = bool(headers) and signed_out(url, 200)
    given_up = threading.Event()
    try:
        work = disk.on_thread(
            f"{writer.THREAD}-{into.name}", lambda: _adopted(promise, part, into, limits, given_up, signed_out=gone)
        )
        try:
            promise, size, sha256, checks = await disk.ended(work, given_up)
        except BaseException:
            into.unlink(missing_ok=True)
            raise
    finally:
        part.unlink(missing_ok=True)
    on_bytes(size)
    return _saved(attachment, into, promise, size, sha256, checks, "click", now())


def _adopted(
    promise: promises.Promise, part: Path, into: Path, limits: Limits, given_up: threading.Event, *, signed_out: bool
) -> tuple[promises.Promise, int, str, tuple[str, ...]]:
    """Runs on a thread: reads the file once, proves it, moves it to its place."""
    with disk.translated(part):
        limits.check(part.stat().st_size)
        digest, size, head = hashlib.sha256(), 0, b""
        with part.open("r+b") as stream:  # writable: Windows syncs no other
            while not given_up.is_set() and (block := stream.read(writer.BLOCK)):
                if not size:
                    head = block[: promises.PAGE]
                    if (refused := promises.refusal(promise, head, signed_out=signed_out)) is not None:
                        raise refused
                size += len(block)
                digest.update(block)
            os.fsync(stream.fileno())
        if not size and (refused := promises.refusal(promise, head, signed_out=signed_out)) is not None:
            raise refused
        promise = promise.final(head)
        checks = promises.prove(promise, size, head)
        if not given_up.is_set():
            _move(part, into, promise)
        return promise, size, digest.hexdigest(), checks


async def _counted(
    chunks: AsyncIterator[bytes], limits: Limits, on_bytes: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in chunks:
        on_bytes(len(chunk))
        size += len(chunk)
        limits.check(size)
        yield chunk


async def _beginning(received: AsyncIterator[bytes], promise: promises.Promise) -> bytes:
    """The first bytes, with all that came along; more of a page, to see what it says. Nothing is on disk yet."""
    head, needed = bytearray(), kinds.HEAD
    async for chunk in received:
        head += chunk
        if len(head) >= kinds.HEAD and promises.refusal(promise, bytes(head[: promises.PAGE]), signed_out=False):
            needed = promises.PAGE
        if len(head) >= needed:
            break
    return bytes(head)


def _move(part: Path, into: Path, promise: promises.Promise) -> None:
    if promise.modified_at is not None:
        stamp = promise.modified_at.timestamp()
        os.utime(part, (stamp, stamp))
    disk.rename(part, into)


def _saved(
    attachment: models.Attachment, into: Path, promise: promises.Promise, size: int, sha256: str,
    checks: tuple[str, ...], lane: str, at: datetime.datetime,
) -> models.SavedFile:  # fmt: skip
    return models.SavedFile(
        attachment_id=attachment.id, path=str(into), sent_name=promise.sent_name, size=size, sha256=sha256,
        media_type=promise.media_type, lane=lane, source=promise.source, place=attachment.place,
        modified_at=promise.modified_at, saved_at=at, checks=checks,
    )  # fmt: skip
