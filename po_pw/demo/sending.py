"""Sends a file as web servers do, with name, length, date and ranges; on request with an error."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import re
import socket
import struct
import sys
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from po_pw.demo import documents
from po_pw.demo.catalogue import Delivery
from po_pw.demo.faults import Fault

if TYPE_CHECKING:
    import collections

    from po_pw.demo import catalogue

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_LINGER: Final = "hh" if sys.platform == "win32" else "ii"


async def send(
    request: web.Request, file: catalogue.ExpectedFile, counts: collections.Counter[str], fault: Fault | None
) -> web.StreamResponse:
    """Sends a file, or the part of it that `Range` asks for.

    Args:
        request: to answer.
        file: to send, and how.
        counts: `bytes` increases by the bytes sent.
        fault: error in the body; only `RESET`, `SHORT` and `STALL` matter here.
    """
    size = file.size
    headers = _headers(file)
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers={"ETag": headers["ETag"]})
    start, stop, status = 0, size, 200
    if wanted := _wanted_range(request, headers, size):
        start, stop = wanted
        if start >= stop:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    answer = web.StreamResponse(status=status, headers=headers)
    if file.delivery is Delivery.CHUNKED:
        answer.enable_chunked_encoding()
    else:
        answer.content_length = stop - start
    try:
        await answer.prepare(request)
        if request.method != "HEAD":
            end = start + (stop - start) // 2 if fault else stop
            for block in documents.blocks(file.document, start, end):
                await answer.write(block)
                counts["bytes"] += len(block)
            if fault is Fault.STALL:
                await _hung_up(request)
            if fault and request.transport is not None:
                _break_off(request.transport.get_extra_info("socket") if fault is Fault.RESET else None)
                answer.force_close()
                request.transport.close()
                return answer
        await answer.write_eof()
    except ConnectionResetError:
        counts["broken_off"] += 1  # by the client: not an error here
    return answer


async def _hung_up(request: web.Request) -> None:
    """Waits until the client has hung up."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.05)


def _break_off(connection: socket.socket | None) -> None:
    """Makes the next close reset the connection."""
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))


def disposition(file: catalogue.ExpectedFile) -> str | None:
    """The `Content-Disposition` of a file (RFC 6266), or None."""
    match file.delivery:
        case Delivery.INLINE | Delivery.FORM_INLINE:
            return None
        case Delivery.UNNAMED:
            return "attachment"
    star = f"filename*=UTF-8''{quote(file.name, safe='')}"
    if file.delivery is Delivery.ONLY_STAR:
        return f"attachment; {star}"
    plain = file.name.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'attachment; filename="{plain}"; {star}'


def _headers(file: catalogue.ExpectedFile) -> dict[str, str]:
    document = file.document
    dated = datetime.datetime(2026, 1, 5, 8, tzinfo=datetime.UTC) + datetime.timedelta(minutes=document.seed % 400_000)
    # From the description of the document, so that its bytes need not be made.
    tag = hashlib.sha256(repr(document).encode()).hexdigest()[:20]
    headers = {
        "Content-Type": f"{file.media_type}; charset=utf-8" if file.media_type == "text/plain" else file.media_type,
        "Last-Modified": format_datetime(dated, usegmt=True),
        "ETag": f'"{tag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
    }
    if sent := disposition(file):
        headers["Content-Disposition"] = sent
    return headers


def _wanted_range(request: web.Request, headers: dict[str, str], size: int) -> tuple[int, int] | None:
    """First byte, and the byte after the last; None for the whole file. An empty range cannot be satisfied."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range")
    if match is None or match.group(1) == match.group(2) == "" or request.method not in {"GET", "HEAD"}:
        return None
    if condition is not None and condition not in {headers["ETag"], headers["Last-Modified"]}:
        return None
    first, last = match.groups()
    if first == "":
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
