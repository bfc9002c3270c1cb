"""Downloads one file: streams it to `.part` with bounded memory, hashes, checks, syncs and renames it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

from po_pw import errors, models, redact
from po_pw.downloads import (
    content_check,
    expected_file,
    file_type,
    freshness,
    partial,
    size_limits,
    wanted_types,
    writer,
)
from po_pw.storage import disk_errors, filesystem, origin_mark, thread_work
from po_pw.transport import client, http_errors

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from po_pw.transport import client

_SHOWN: Final = 1 << 13
"""Bytes of a page or text that came instead of a file, that are kept for people."""


async def fetch(
    attachment: models.Attachment,
    into: Path,
    *,
    ask: Callable[[Mapping[str, str]], AbstractAsyncContextManager[client.Body]],
    limits: size_limits.Limits,
    on_bytes: Callable[[int], None],
    now: Callable[[], datetime.datetime],
    kept: models.SavedFile | None = None,
    is_own: Callable[[str], bool] = lambda _host: True,
    is_file: Callable[[], None] = lambda: None,
    is_marked: bool = True,
    types: wanted_types.WantedTypes = wanted_types.ALL,
) -> models.SavedFile | None:
    """Requests one file and saves it, if the response is a file.

    Bytes are written to `into` with `.part` added. It is removed after an error, but the part of a large file is kept,
    and the next attempt requests the rest.

    Args:
        attachment: what to fetch.
        into: path to save to.
        ask: sends the request, with the given conditional headers.
        limits: on its size.
        on_bytes: called with the number of bytes of each chunk.
        now: the current time.
        kept: the file as saved by an earlier run and still on disk.
        is_own: whether a host is the portal's; only such a host's sign-in page means that our session has expired.
        is_file: called once the response is known to be the file, before its bytes are saved.
        is_marked: whether to set the mark of the web.
        types: that are wanted; of another no more than the first bytes are read.

    Returns:
        None if the kept file is unchanged on the server.

    Raises:
        TransientError: it broke off or is incomplete.
        PageReceivedError: a page came instead; at most 64 KiB of it were read.
        NotAFileError: something else came instead.
        SessionExpiredError: a sign-in page came instead.
        PermanentError: it is refused or too large, or another host asks for a sign-in.
        DoesNotFitError: it is larger than the free disk space.
        UnwantedTypeError: it is of another type.
        OrderError: another disk error, see `disk_errors.to_order_error`.
    """
    part = partial.part_path(into)
    with disk_errors.map_os_errors(part):
        resume_info = partial.read_info(part, attachment.id, limits.resume_from)
    conditions = partial.conditions(resume_info) if resume_info else freshness.conditions(kept) if kept else {}

    async def request(conditions: Mapping[str, str], resume_info: partial.ResumeInfo | None) -> models.SavedFile | None:
        async with ask(conditions) as answer:
            return await _save_response(
                answer,
                attachment,
                into,
                resume_info=resume_info,
                kept=kept,
                limits=limits,
                on_bytes=on_bytes,
                now=now,
                is_own=is_own,
                is_file=is_file,
                is_marked=is_marked,
                types=types,
            )

    try:
        return await request(conditions, resume_info)
    except http_errors.UnexpectedStatusError:
        if not conditions:
            raise
    # The server did not answer the conditional or range request as asked: request the whole file, once.
    with disk_errors.map_os_errors(part):
        partial.discard(part)
    return await request({}, None)


async def _save_response(
    answer: client.Body,
    attachment: models.Attachment,
    into: Path,
    *,
    resume_info: partial.ResumeInfo | None,
    kept: models.SavedFile | None,
    limits: size_limits.Limits,
    on_bytes: Callable[[int], None],
    now: Callable[[], datetime.datetime],
    is_own: Callable[[str], bool],
    is_file: Callable[[], None],
    is_marked: bool,
    types: wanted_types.WantedTypes,
) -> models.SavedFile | None:
    """Saves the file in a response; None if the response says that the kept one is unchanged."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    at = redact.bare(answer.url)
    if answer.status == 304 and (kept is None or redact.bare(kept.source) != at):
        msg = f"{at} says: unchanged, but the file came from elsewhere"  # a page about the file may be unchanged, too
        raise http_errors.UnexpectedStatusError(msg)
    if kept is not None and freshness.is_same(kept, answer.status, headers):
        return None
    if answer.status == 206 and (
        resume_info is None or not partial.is_continuation(resume_info, answer.status, headers)
    ):
        msg = f"{at} did not continue where the download broke off"
        raise http_errors.UnexpectedStatusError(msg)
    if answer.status == 206 and resume_info is not None:
        headers["content-length"] = str(resume_info.length)
    else:
        resume_info = None
    expected = expected_file.of_answer(attachment, answer.url, headers, encoded=answer.encoded, now=now()).after(kept)
    part = partial.part_path(into)
    limits.check(expected.length)
    await limits.check_space(part, expected.length, resume_info.synced if resume_info else 0)
    received = _counted(answer.chunks, limits, on_bytes, resume_info.synced if resume_info else 0)
    async with contextlib.aclosing(received):
        if resume_info is not None:
            with disk_errors.map_os_errors(part):
                head = await asyncio.to_thread(_head_of, part)
        else:
            head = await _read_head(received, expected)
        if (refused := content_check.refusal(expected, head, is_own=is_own)) is not None:
            refused.answer = models.Answer(answer.url, answer.status, dict(answer.headers), head[:_SHOWN])
            raise refused
        is_file()
        expected = expected.final(head)
        types.check(expected.sent_name, expected.media_type)
        note = resume_info or _note(attachment, expected, headers, limits)
        page = attachment.source.referer if isinstance(attachment.source, models.Link) else ""
        origin = origin_mark.Origin.of(expected.url, page) if is_marked else None
        return await _write(attachment, into, expected, head, received, now, note, origin)


def _note(
    attachment: models.Attachment,
    expected: expected_file.ExpectedFile,
    headers: Mapping[str, str],
    limits: size_limits.Limits,
) -> partial.ResumeInfo | None:
    """What is needed to resume a file that is large enough and can be resumed; else None."""
    validator = partial.validator(headers)
    if not validator or expected.length is None or expected.length < limits.resume_from:
        return None
    return partial.ResumeInfo(attachment.id, expected.source, expected.length, validator)


def _head_of(part: Path) -> bytes:
    with part.open("rb") as stream:
        return stream.read(content_check.PAGE_BYTES)


async def _write(
    attachment: models.Attachment,
    into: Path,
    expected: expected_file.ExpectedFile,
    head: bytes,
    received: AsyncIterator[bytes],
    now: Callable[[], datetime.datetime],
    note: partial.ResumeInfo | None,
    origin: origin_mark.Origin | None,
) -> models.SavedFile:
    part = partial.part_path(into)
    proof: list[tuple[int, tuple[str, ...]]] = []
    resumed = note is not None and note.synced > 0

    def publish(size: int) -> None:
        proof.append((size, content_check.verify_content(expected, size, head)))
        _move(part, into, expected, origin, now())
        partial.info_path(part).unlink(missing_ok=True)

    try:
        async with writer.Writer(part, note) as sink:
            block = bytearray(b"" if resumed else head)
            try:
                async for chunk in received:
                    block += chunk
                    if len(block) >= writer.BLOCK:
                        await sink.write(bytes(block))
                        block.clear()
            except errors.TransientError:
                if note is not None:  # keep what was received, to resume
                    await sink.write(bytes(block))
                raise
            if block:
                await sink.write(bytes(block))
            sha256 = await sink.finish(publish)
    except BaseException:
        filesystem.delete_quietly(into)  # cancelled after the file was complete
        raise
    size, checks = proof[0]
    checks = (*checks, "resumed") if resumed else checks
    return _saved(attachment, into, expected, size, sha256, checks, "http", now())


async def adopt(
    attachment: models.Attachment,
    into: Path,
    part: Path,
    *,
    sent_name: str,
    url: str,
    headers: Mapping[str, str],
    limits: size_limits.Limits,
    on_bytes: Callable[[int], None],
    now: Callable[[], datetime.datetime],
    is_own: Callable[[str], bool] = lambda _host: True,
    kept: models.SavedFile | None = None,
    page: str = "",
    is_marked: bool = True,
    downloaded_by: str = "click",
    types: wanted_types.WantedTypes = wanted_types.ALL,
) -> models.SavedFile:
    """Takes over a file that the browser downloaded to `part`, on the same file system, with the same checks.

    Args:
        attachment: what to fetch.
        into: path to save to.
        part: the browser's file; moved, or removed after an error.
        sent_name: name suggested by the browser.
        url: its address.
        headers: of the response; empty if there was none (`blob:`).
        limits: on its size.
        on_bytes: called with its size.
        now: the current time.
        is_own: whether a host is the portal's; only such a host's sign-in page means that our session has expired.
        kept: the file as saved by an earlier run.
        page: address of the page that linked to it; `""` if unknown.
        is_marked: whether to set the mark of the web; if not, the browser's mark is removed.
        downloaded_by: for `SavedFile.downloaded_by`.
        types: that are wanted.

    Raises:
        TransientError: it is incomplete.
        UnwantedTypeError: it is of another type.
        NotAFileError: it is a page.
        SessionExpiredError: it is a sign-in page.
        PermanentError: it is too large, or another host asks for a sign-in.
        OrderError: a disk error, see `disk_errors.to_order_error`.
    """
    expected = expected_file.of_download(attachment, sent_name, url, headers, now=now()).after(kept)
    origin, came = origin_mark.Origin.of(url, page) if is_marked else None, now()
    given_up = threading.Event()

    def move(expected: expected_file.ExpectedFile) -> None:
        _move(part, into, expected, origin, came)

    try:
        work = thread_work.run_on_thread(
            f"{writer.THREAD}-{into.name}", lambda: _adopted(expected, part, limits, given_up, is_own, move, types)
        )
        try:
            expected, size, sha256, checks = await thread_work.wait_for_thread(work, given_up)
        except BaseException:
            filesystem.delete_quietly(into)
            raise
    finally:
        filesystem.delete_quietly(part)
    on_bytes(size)
    return _saved(attachment, into, expected, size, sha256, checks, downloaded_by, now())


def _adopted(
    expected: expected_file.ExpectedFile,
    part: Path,
    limits: size_limits.Limits,
    given_up: threading.Event,
    is_own: Callable[[str], bool],
    move: Callable[[expected_file.ExpectedFile], None],
    types: wanted_types.WantedTypes,
) -> tuple[expected_file.ExpectedFile, int, str, tuple[str, ...]]:
    """Runs on a thread: reads the file once, checks it, moves it to its final path."""
    with disk_errors.map_os_errors(part):
        limits.check(part.stat().st_size)
        digest, size, head = hashlib.sha256(), 0, b""
        with part.open("r+b") as stream:  # Windows syncs only writable handles
            while not given_up.is_set() and (block := stream.read(writer.BLOCK)):
                if not size:
                    head = block[: content_check.PAGE_BYTES]
                    if (refused := content_check.refusal(expected, head, is_own=is_own)) is not None:
                        refused.answer = models.Answer(expected.url, None, {}, head[:_SHOWN])
                        raise refused
                size += len(block)
                digest.update(block)
            os.fsync(stream.fileno())
        if not size and (refused := content_check.refusal(expected, head, is_own=is_own)) is not None:
            raise refused
        expected = expected.final(head)
        types.check(expected.sent_name, expected.media_type)
        checks = content_check.verify_content(expected, size, head)
        if not given_up.is_set():
            move(expected)
        return expected, size, digest.hexdigest(), checks


async def _counted(
    chunks: AsyncIterator[bytes], limits: size_limits.Limits, on_bytes: Callable[[int], None], size: int
) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        on_bytes(len(chunk))
        size += len(chunk)
        limits.check(size)
        yield chunk


async def _read_head(received: AsyncIterator[bytes], expected: expected_file.ExpectedFile) -> bytes:
    """Reads the first bytes, more if it is a page. Nothing is on disk yet."""
    head, needed = bytearray(), file_type.HEAD
    async for chunk in received:
        head += chunk
        if (
            len(head) >= file_type.HEAD
            and needed < content_check.PAGE_BYTES
            and content_check.needs_more(expected, bytes(head))
        ):
            needed = content_check.PAGE_BYTES
        if len(head) >= needed:
            break
    return bytes(head)


def _move(
    part: Path,
    into: Path,
    expected: expected_file.ExpectedFile,
    origin: origin_mark.Origin | None,
    at: datetime.datetime,
) -> None:
    """Sets a complete file's mark and date, then its name: a file with its final name has both."""
    origin_mark.set_mark(part, origin, at=at)
    if expected.modified_at is not None:
        stamp = expected.modified_at.timestamp()
        os.utime(part, (stamp, stamp))
    filesystem.rename(part, into)


def _saved(
    attachment: models.Attachment,
    into: Path,
    expected: expected_file.ExpectedFile,
    size: int,
    sha256: str,
    checks: tuple[str, ...],
    downloaded_by: str,
    at: datetime.datetime,
) -> models.SavedFile:
    return models.SavedFile(
        attachment_id=attachment.id,
        path=str(into),
        sent_name=expected.sent_name,
        size=size,
        sha256=sha256,
        media_type=expected.media_type,
        downloaded_by=downloaded_by,
        source=expected.source,
        section=attachment.section,
        modified_at=expected.modified_at,
        saved_at=at,
        checks=checks,
        etag=expected.etag,
    )
