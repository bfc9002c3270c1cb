"""A response is a file only if it answers the request and is complete; existing files are kept."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from po_pw import errors, models
from po_pw.downloads import fetch, freshness, partial, size_limits
from po_pw.transport import client
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aiohttp.abc import AbstractStreamWriter

    from tests.helpers.faulty_server import Server

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 800
ENDS = b"\n%%EOF\n"
FILE = PDF + ENDS
TAG = '"one"'
LEAST = 50_000
HEADERS = {"Content-Type": "application/pdf", "ETag": TAG}


def kept(source: str, **more: Any) -> models.SavedFile:
    """The file as an earlier run saved it."""
    saved = models.SavedFile(
        "a1",
        "a.pdf",
        "a.pdf",
        len(FILE),
        hashlib.sha256(FILE).hexdigest(),
        "application/pdf",
        "http",
        source,
        etag=TAG,
    )
    return dataclasses.replace(saved, **more)


def got(
    tmp_path: Path,
    answer: Callable[[Mapping[str, str]], web.StreamResponse],
    *,
    name: str = "a.pdf",
    is_kept: bool = False,
    most: int | None = None,
    **more: Any,
) -> tuple[models.SavedFile | None, list[Mapping[str, str]]]:
    """The result of a download, and the headers of each request, which `answer` gets, too."""

    async def go() -> tuple[models.SavedFile | None, list[Mapping[str, str]]]:
        async with (
            faulty_server.serve() as server,
            client.Client(files_in_all=1, files_per_host=1, stall_timeout=30) as them,
        ):
            server.answers["/a"] = lambda: answer(server.asked[-1].headers)
            url, ours = server.url("/a"), them.session("Agent/1")
            try:
                saved = await fetch.fetch(
                    models.Attachment("a1", name, models.Link(url, "")),
                    tmp_path / "0001",
                    ask=lambda conditions: ours.get(url, conditions=conditions),
                    limits=size_limits.Limits(most, resume_from=LEAST),
                    on_bytes=lambda _: None,
                    now=lambda: NOW,
                    kept=kept(url, **more) if is_kept else None,
                )
            finally:
                await ours.aclose()
            return saved, _questions(server)

    return support.run_async(go())


def _questions(server: Server) -> list[Mapping[str, str]]:
    return [request.headers for request in server.saw("/a")]


def refused(
    tmp_path: Path,
    answer: Callable[[Mapping[str, str]], web.StreamResponse],
    *,
    is_kept: bool = False,
    name: str = "a.pdf",
    **more: Any,
) -> errors.OrderError:
    """The error of a download that leaves nothing on disk."""
    with pytest.raises(errors.OrderError) as caught:
        got(tmp_path, answer, is_kept=is_kept, name=name, **more)
    assert not list(tmp_path.iterdir())
    return caught.value


# --- compressed though nobody asked ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("coding", "packed"), [("gzip", gzip.compress(FILE)), ("deflate", zlib.compress(FILE))])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_compressed_file_that_breaks_off_is_not_saved(
    tmp_path: Path, coding: str, packed: bytes, framing: str
) -> None:
    """A compressed body that is cut off in a complete message is not saved."""

    def answer(sent: bytes) -> web.Response:
        made = web.Response(body=sent, headers={**HEADERS, "Content-Encoding": coding})
        if framing == "chunks":
            made.enable_chunked_encoding()
        return made

    for sent in (packed[: len(packed) // 2], packed[:-1]):
        error = refused(tmp_path, functools.partial(lambda sent, _: answer(sent), sent))
        assert (type(error), error.code) == (errors.TransientError, models.ErrorCode.TRUNCATED)
    saved, asked = got(tmp_path, lambda _: answer(packed))
    assert saved is not None
    assert (tmp_path / "0001").read_bytes() == FILE
    assert asked[0]["Accept-Encoding"] == "identity"


def test_a_compressed_file_is_no_larger_than_allowed_while_it_is_unpacked(tmp_path: Path) -> None:
    """A small body that unpacks to many megabytes is stopped at the limit."""
    packed = gzip.compress(b"%PDF-1.7\n" + bytes(32 << 20))
    error = refused(
        tmp_path, lambda _: web.Response(body=packed, headers={**HEADERS, "Content-Encoding": "gzip"}), most=1_000_000
    )
    assert error.code is models.ErrorCode.TOO_LARGE


def test_what_is_no_coding_leaves_the_length_to_be_proved(tmp_path: Path) -> None:
    """With `Content-Encoding: utf-8`, the bytes are the file's own."""
    saved, _ = got(tmp_path, lambda _: web.Response(body=FILE, headers={**HEADERS, "Content-Encoding": "utf-8"}))
    assert saved is not None
    assert (saved.size, saved.checks) == (len(FILE), ("length", "type"))


# --- going on where it broke off -------------------------------------------------------------------------------------


def begun(tmp_path: Path, size: int = 120_000) -> None:
    """A partial file as a killed run leaves it."""
    part = tmp_path / "0001.part"
    part.write_bytes(FILE[:size])
    partial.write_info(part, partial.ResumeInfo("a1", "http://127.0.0.1/a", len(FILE), TAG, size))


def ranged(asked: Mapping[str, str], body: bytes, **more: str) -> web.Response:
    start = int(asked["Range"].removeprefix("bytes=").rstrip("-"))
    headers = {**HEADERS, "Content-Range": f"bytes {start}-{len(FILE) - 1}/{len(FILE)}", **more}
    return web.Response(status=206, body=body, headers=headers)


def rest(asked: Mapping[str, str]) -> bytes:
    return FILE[int(asked["Range"].removeprefix("bytes=").rstrip("-")) :]


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: ranged(asked, gzip.compress(rest(asked)), **{"Content-Encoding": "gzip"}),
        lambda asked: ranged(asked, gzip.compress(FILE), **{"Content-Encoding": "gzip"}),
        lambda asked: ranged(asked, rest(asked), **{"Content-Encoding": "br"}),
        lambda asked: ranged(asked, rest(asked), ETag='"two"'),
        lambda asked: ranged(asked, rest(asked), **{"Content-Range": f"bytes 0-{len(FILE) - 1}/{len(FILE)}"}),
        lambda _: web.Response(status=206, body=b"x", headers={"Content-Type": "multipart/byteranges; boundary=x"}),
        lambda _: web.Response(status=206, body=FILE),
        lambda _: web.Response(status=304),
        lambda _: web.Response(status=412, text="no"),
        lambda _: web.Response(status=416, text="no"),
    ],
)
def test_what_is_not_the_rest_of_that_file_begins_anew(
    tmp_path: Path, answer: Callable[[Mapping[str, str]], web.StreamResponse]
) -> None:
    """If the response is not the requested range of the same file, the whole file is requested."""
    begun(tmp_path)
    saved, asked = got(
        tmp_path, lambda asked: answer(asked) if "Range" in asked else web.Response(body=FILE, headers=HEADERS)
    )
    assert saved is not None
    assert saved.sha256 == hashlib.sha256(FILE).hexdigest()
    assert (tmp_path / "0001").read_bytes() == FILE
    assert "resumed" not in saved.checks
    assert ["Range" in one for one in asked] == [True, False]


def test_the_rest_that_comes_short_is_not_the_file(tmp_path: Path) -> None:
    """A range with too few bytes is continued or started again, and never saved."""
    begun(tmp_path)
    with pytest.raises(errors.TransientError) as caught:
        got(tmp_path, lambda asked: ranged(asked, rest(asked)[:-1]))
    assert caught.value.code is models.ErrorCode.TRUNCATED
    assert not (tmp_path / "0001").exists()


# --- what is there is asked for only where it has changed ------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=206, body=PDF[:500], headers={"Content-Range": "bytes 0-499/9999"}),
        lambda: web.Response(status=412, body=PDF[:500]),
        lambda: web.Response(status=416, body=PDF[:500]),
    ],
)
def test_no_other_status_takes_the_place_of_a_good_file(
    tmp_path: Path, answer: Callable[[], web.StreamResponse]
) -> None:
    """After an unexpected status to a conditional request, the whole file is requested once.

    If the server repeats the status, that is the failure; none of its bytes are saved.
    """
    changed = FILE + b"more"
    saved, asked = got(
        tmp_path,
        lambda asked: answer() if "If-None-Match" in asked else web.Response(body=changed, headers={"ETag": '"2"'}),
        is_kept=True,
    )
    assert saved is not None
    assert (tmp_path / "0001").read_bytes() == changed
    assert ["If-None-Match" in one for one in asked] == [True, False]
    (tmp_path / "0001").unlink()
    error = refused(tmp_path, lambda _: answer(), is_kept=True)
    assert isinstance(error, errors.TransientError)
    assert "does not answer the request" in str(error)


def test_a_304_counts_only_where_it_was_asked_for(tmp_path: Path) -> None:
    """A 304 without a date or tag in the request means nothing."""
    saved, _ = got(tmp_path, lambda _: web.Response(status=304), is_kept=True)
    assert saved is None
    error = refused(tmp_path, lambda _: web.Response(status=304), is_kept=True, etag="")
    assert "304" in str(error)


@pytest.mark.parametrize("name", ["a.pdf", "a.txt"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_empty_answer_does_not_replace_a_file(tmp_path: Path, name: str, coding: str) -> None:
    """An empty response is a failure if an earlier run had content."""
    headers = {"Content-Type": "text/plain", "Content-Encoding": coding, "ETag": '"2"'}
    error = refused(tmp_path, lambda _: web.Response(body=b"", headers=headers), name=name, is_kept=True)
    assert (type(error), error.code) == (errors.TransientError, models.ErrorCode.TRUNCATED)


def test_the_length_of_a_compressed_answer_is_not_the_files() -> None:
    """An equal length of a compressed response does not mean that the file is unchanged."""
    file = kept("http://127.0.0.1/a", etag="", size=77)
    assert freshness.is_same(file, 200, {"content-length": "77"})
    assert not freshness.is_same(file, 200, {"content-length": "77", "content-encoding": "gzip"})


# --- nothing, or not yet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.pdf", "a.xlsx", "a.xml", "a.json", "a.eml", "a.step", "a.docx", "Scan"])
def test_a_file_that_cannot_be_empty_is_not(tmp_path: Path, name: str) -> None:
    """An empty response for a type that cannot be empty is retried, then a failure."""
    error = refused(tmp_path, lambda _: web.Response(body=b""), name=name)
    assert (type(error), error.code) == (errors.TransientError, models.ErrorCode.TRUNCATED)
    assert "arrived empty" in str(error)


def test_an_empty_text_is_whole_where_the_server_says_so(tmp_path: Path) -> None:
    """An empty text is complete if its length or last chunk says so."""

    def chunked(_: object) -> web.Response:
        answer = web.Response(body=b"", headers={"Content-Type": "text/csv"})
        answer.enable_chunked_encoding()
        return answer

    for answer in (lambda _: web.Response(body=b""), chunked):
        saved, _ = got(tmp_path, answer, name="a.csv")
        assert saved is not None
        assert saved.checks[-1] == "empty"
        (tmp_path / "0001").unlink()

    error = refused(tmp_path, lambda _: Ended(), name="a.csv")
    assert error.code is models.ErrorCode.TRUNCATED


class Ended(web.Response):
    """A response without a body that ends with the connection, as in HTTP/1.0."""

    async def _start(self, request: web.BaseRequest) -> AbstractStreamWriter:
        assert isinstance(request.transport, asyncio.WriteTransport)
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\n")
        request.transport.close()
        return await super()._start(request)


@pytest.mark.parametrize(
    ("name", "status"),
    [(name, status) for name in ("a.pdf", "a.csv", "a.txt", "") for status in (200, 202)] + [("a.json", 202)],
)
def test_a_file_that_is_not_ready_yet_is_asked_for_again(tmp_path: Path, name: str, status: int) -> None:
    """A response that says "not ready" is retried and never saved under the file's name."""

    def answer(_: object) -> web.Response:
        return web.json_response({"status": "in progress", "id": 7}, status=status, headers={"Retry-After": "9"})

    error = refused(tmp_path, answer, name=name)
    assert isinstance(error, errors.TransientError)
    assert "not ready yet" in str(error)
    assert error.retry_after == (9 if status == 202 else 5)


@pytest.mark.parametrize(
    ("name", "body", "kind", "disposition", "is_file"),
    [
        ("a.csv", '{"error": "no"}', "application/json", "", False),
        ("a.csv", '{"rows": []}', "application/json", "", False),
        ("a.csv", '[{"rows": 1}]', "text/csv", "", False),
        ("a.csv", '[{"rows": 1}]', "text/csv", "attachment", True),
        ("a.csv", "[Header]\r\na,b\r\n", "application/json", "", True),
        ("a.csv", '"a","b"\r\n', "application/json", "", True),
        ("a.csv", '{"message": "gone", "code": 7}', "text/csv", "attachment", False),
        ("a.txt", '{"error": {"code": 1}}', "text/plain", "", False),
        ("a.txt", '{"rows": []}', "text/plain", "", True),
        ("a.txt", '{"rows": []}', "application/json", "", False),
        ("a.xml", '{"rows": []}', "application/json", "", False),
        ("a.json", '{"error": "no", "status": 500}', "application/json", "", False),
        ("a.json", '{"error": "no", "rows": []}', "application/json", "", True),
        ("a.json", '{"error": null, "status": "sent"}', "application/json", "", True),
        ("a.json", '{"status": "sent"}', "application/json", "", True),
        ("a.json", '{"error": "no"}', "application/json", "attachment", True),
        ("a.json", '{"x": 1}', "application/problem+json", "", False),
        ("Order", '{"error": "no"}', "application/json", "", False),
        ("Order", '{"lines": []}', "application/json", "", True),
        ("a.csv", '{"error": "' + "x" * 3000 + '"}', "text/csv", "", False),
    ],
)
def test_what_a_portals_interface_says_is_no_file(
    tmp_path: Path, name: str, body: str, kind: str, disposition: str, is_file: bool
) -> None:
    """JSON in place of a table, or with an error, is no file, even with status 200."""
    headers = {"Content-Type": kind} | ({"Content-Disposition": disposition} if disposition else {})

    def answer(_: object) -> web.Response:
        return web.Response(body=body.encode(), headers=headers)

    if is_file:
        saved, _ = got(tmp_path, answer, name=name)
        assert saved is not None
    else:
        assert isinstance(refused(tmp_path, answer, name=name), errors.NotAFileError)
