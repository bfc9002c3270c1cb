"""Bytes to a proven file: streamed to `.part` with bounded memory, hashed on the way, checked, synced, renamed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import email.utils
import errno
import hashlib
import os
import re
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from po_pw import errors, models
from po_pw.downloads import disposition, kinds
from po_pw.transport import client

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

BLOCK: Final = 1 << 20
"""Bytes written and hashed at a time."""
_PAGE: Final = 1 << 16
"""Bytes of a page that came instead of a file, to see what it says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be."""

    max_file_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Promise:
    """What is known of a file before its bytes are."""

    sent_name: str
    media_type: str
    length: int | None
    modified_at: datetime.datetime | None
    is_attachment: bool
    source: str


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
    """
    part = into.with_name(into.name + ".part")
    async with body as answer:
        promise = _promise(attachment, answer.url, answer.headers, encoded=answer.encoded)
        _check_size(promise.length, limits)
        try:
            with _disk(into):
                sink = await asyncio.to_thread(_Sink, part)
                try:
                    await _stream(answer, promise, sink, limits, on_bytes, signed_out)
                    await asyncio.to_thread(sink.finish)
                finally:
                    sink.close()
                checks = _prove(promise, sink.size, sink.head)
                await asyncio.to_thread(_publish, part, into, promise)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return _saved(attachment, into, promise, sink.size, sink.digest.hexdigest(), checks, "http", now())


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
) -> models.SavedFile:
    """Takes over a file that the browser downloaded to `part`, on the same file system, with the same proofs.

    Raises:
        Transient: it is not whole.
        NotAFile: it is a page.
        Permanent: it is larger than allowed.
        OutOfSpace: the disk is full.
    """
    promise = dataclasses.replace(
        _promise(attachment, url, {name.lower(): value for name, value in headers.items()}, encoded=False),
        sent_name=sent_name or attachment.name,
    )
    if headers.get("content-encoding", "identity") not in {"", "identity"}:
        promise = dataclasses.replace(promise, length=None)
    try:
        with _disk(into):
            size, digest, head = await asyncio.to_thread(_hash, part)
            on_bytes(size)
            _check_size(size, limits)
            if not promise.is_attachment:
                _refuse_page(promise, head)
            checks = _prove(promise, size, head)
            await asyncio.to_thread(_publish, part, into, promise)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return _saved(attachment, into, promise, size, digest, checks, "click", now())


class _Sink:
    """A `.part` file, its hash and its first bytes. Written from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self.head = b""
        self.digest = hashlib.sha256()
        self._stream: IO[bytes] = path.open("wb")

    def write(self, block: bytes) -> None:
        self._stream.write(block)
        self.digest.update(block)

    def finish(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        self._stream.close()


async def _stream(
    answer: client.Body, promise: _Promise, sink: _Sink, limits: Limits, on_bytes: Callable[[int], None],
    signed_out: Callable[[str, int], bool],
) -> None:  # fmt: skip
    """Moves the body to the sink in blocks; at most one block is being written while the next arrives."""
    block = bytearray()
    needed, checked = kinds.HEAD, False
    writing: asyncio.Future[None] | None = None
    try:
        async for chunk in answer.chunks:
            on_bytes(len(chunk))
            sink.size += len(chunk)
            block += chunk
            if not checked and sink.size >= needed:
                if needed < _PAGE and _is_page(promise, bytes(block[: kinds.HEAD])):
                    needed = _PAGE  # enough of it to see what it asks for
                else:
                    checked = True
                    sink.head = bytes(block[: kinds.HEAD])
                    _refuse_instead(answer, promise, bytes(block[:_PAGE]), signed_out)
            _check_size(sink.size, limits)
            if len(block) >= BLOCK:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(asyncio.to_thread(sink.write, bytes(block)))
                block = bytearray()
        if not checked:
            sink.head = bytes(block[: kinds.HEAD])
            _refuse_instead(answer, promise, bytes(block), signed_out)
    finally:
        if writing is not None:
            await asyncio.shield(writing)
    if block:
        await asyncio.to_thread(sink.write, bytes(block))


def _promise(attachment: models.Attachment, url: str, headers: Mapping[str, str], *, encoded: bool) -> _Promise:
    sent = disposition.name(headers.get("content-disposition", headers.get("Content-Disposition", "")))
    header = headers.get("content-disposition", headers.get("Content-Disposition", ""))
    media_type = _value(headers, "Content-Type").partition(";")[0].strip().lower()
    length = _value(headers, "Content-Length")
    name = sent or _name_without_header(attachment.name, url)
    if "." not in name:
        name += kinds.extension_for(media_type)
    return _Promise(
        name, media_type, int(length) if length.isdigit() and not encoded else None,
        _date(_value(headers, "Last-Modified")), disposition.is_attachment(header), client.bare(url),
    )  # fmt: skip


def _value(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name) or headers.get(name.lower()) or ""


def _name_without_header(shown: str, url: str) -> str:
    """The page's name where it has an extension, else the address's last part, else the page's name."""
    last = unquote(urlsplit(url).path.rpartition("/")[2])
    if re.search(r"\.[A-Za-z0-9]{1,10}$", shown):
        return shown
    return last if "." in last else shown or last


def _date(text: str) -> datetime.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def _check_size(size: int | None, limits: Limits) -> None:
    if size is not None and limits.max_file_bytes is not None and size > limits.max_file_bytes:
        msg = f"the file is larger than {limits.max_file_bytes} bytes, the limit that was set"
        raise errors.Permanent(msg, models.ErrorCode.TOO_LARGE)


def _refuse_instead(
    answer: client.Body, promise: _Promise, head: bytes, signed_out: Callable[[str, int], bool]
) -> None:
    """A page where a file was promised is not a file."""
    if promise.is_attachment and not (kinds.is_html(head) and kinds.promised(promise.sent_name, "")):
        return
    asks_password = re.search(rb"(?i)<input[^>]+type\s*=\s*[\"']?password", head) is not None
    if _is_page(promise, head) and (asks_password or signed_out(answer.url, answer.status)):
        msg = f"the portal asked for a sign-in where {promise.sent_name!r} was promised"
        raise errors.SessionExpired(msg)
    _refuse_page(promise, head)


def _is_page(promise: _Promise, head: bytes) -> bool:
    return promise.media_type in {"text/html", "application/xhtml+xml"} or kinds.is_html(head)


def _refuse_page(promise: _Promise, head: bytes) -> None:
    if kinds.promises_page(promise.sent_name) and kinds.promised(promise.sent_name, "") is None:
        return
    is_page = _is_page(promise, head)
    is_answer = promise.media_type == "application/json" and kinds.promised(promise.sent_name, "") is not None
    if is_page or is_answer:
        title = re.search(rb"(?is)<title[^>]*>(.*?)</title>", head)
        says = " ".join(title.group(1).decode("utf-8", "replace").split())[:100] if title else ""
        msg = "a web page came where a file was promised" + (f' (it is titled "{says}")' if says else "")
        raise errors.NotAFile(msg)


def _prove(promise: _Promise, size: int, head: bytes) -> tuple[str, ...]:
    """Length against what was announced, first bytes against the type."""
    checks = ["length" if promise.length is not None else "no-length"]
    if promise.length is not None and size != promise.length:
        msg = f"{size} of {promise.length} bytes came"
        raise errors.Transient(msg, models.ErrorCode.TRUNCATED)
    if size == 0:
        return (*checks, "empty")
    wanted, found = kinds.promised(promise.sent_name, promise.media_type), kinds.actual(head)
    if wanted is not None:
        if found == "html":
            raise errors.NotAFile(f"a web page came where {promise.sent_name!r} was promised")
        # Kept all the same: servers name types wrongly, and the person may still need the file.
        checks.append("magic" if found == wanted else "type-mismatch")
    return tuple(checks)


def _publish(part: Path, into: Path, promise: _Promise) -> None:
    if promise.modified_at is not None:
        stamp = promise.modified_at.timestamp()
        with contextlib.suppress(OSError, OverflowError):  # a date no file system can hold
            os.utime(part, (stamp, stamp))
    part.replace(into)


def _hash(path: Path) -> tuple[int, str, bytes]:
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            head = head or block[: kinds.HEAD]
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest(), head


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            msg = f"no space is left in {path.parent}"
            raise errors.OutOfSpace(msg) from error
        if isinstance(error, TimeoutError):
            raise
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise errors.EnvironmentProblem(msg) from error


def _saved(
    attachment: models.Attachment, into: Path, promise: _Promise, size: int, sha256: str, checks: tuple[str, ...],
    lane: str, at: datetime.datetime,
) -> models.SavedFile:  # fmt: skip
    return models.SavedFile(
        attachment_id=attachment.id, path=str(into), sent_name=promise.sent_name, size=size, sha256=sha256,
        media_type=promise.media_type, lane=lane, source=promise.source, place=attachment.place,
        modified_at=promise.modified_at, saved_at=at, checks=checks,
    )  # fmt: skip
