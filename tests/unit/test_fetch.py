"""Bytes from a real server or a browser's download become a verified file, or an error and no file."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import hashlib
import threading
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from po_pw import errors, models
from po_pw.downloads import content_check, fetch, file_type, size_limits, writer
from po_pw.transport import client
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PDF = faulty_server.PDF
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HTML = "text/html; charset=utf-8"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
ZIP = b"PK\x03\x04" + b"\0" * 600


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> Iterator[None]:
    """Checks after each test that no thread of ours and no partial file is left."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(writer.THREAD):
            thread.join(10)
            assert not thread.is_alive()
    assert faulty_server.no_part_in(tmp_path)


def attachment(name: str = "", url: str = "http://127.0.0.1/pdf") -> models.Attachment:
    return models.Attachment("a1", name, models.Link(url, ""), "Comments")


async def fetched(
    ours: client.Session, server: faulty_server.Server, path: str, into: Path, name: str = "", **more: Any
) -> models.SavedFile:
    url = server.url(path)
    given: dict[str, Any] = {
        "limits": size_limits.Limits(),
        "on_bytes": lambda _: None,
        "now": lambda: NOW,
        **more,
    }
    saved = await fetch.fetch(
        attachment(name, url), into, ask=lambda conditions: ours.get(url, conditions=conditions), **given
    )
    assert saved is not None
    return saved


@contextlib.asynccontextmanager
async def world(stall: float = 30) -> AsyncIterator[tuple[faulty_server.Server, client.Session]]:
    async with (
        faulty_server.serve() as server,
        client.Client(files_in_all=8, files_per_host=8, stall_timeout=stall) as them,
    ):
        ours = them.session("Agent/1")
        try:
            yield server, ours
        finally:
            await ours.aclose()


def get(
    tmp_path: Path,
    path: str = "/answer",
    name: str = "",
    body: bytes | str = b"",
    *,
    stall: float = 30,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> models.SavedFile:
    """Downloads an address of the server; `/answer` and an `.xlsx` return this body and these headers."""
    sent = {key.replace("_", "-"): value for key, value in (headers or {}).items()}
    data = body if isinstance(body, bytes) else body.encode()

    async def test() -> models.SavedFile:
        async with world(stall) as (server, ours):
            for answering in ("/answer", "/files/Größe.xlsx"):
                server.answers[answering] = lambda: web.Response(body=data, headers=sent)
            return await fetched(ours, server, path, tmp_path / "0001", name, **more)

    return support.run_async(test())


def refused(tmp_path: Path, *given: Any, **more: Any) -> errors.OrderError:
    """The error of a download that leaves nothing on disk."""
    with pytest.raises(errors.OrderError) as caught:
        get(tmp_path, *given, **more)
    assert not list(tmp_path.iterdir())
    return caught.value


def page(title: str = "Sorry", body: str = "") -> str:
    return faulty_server.PAGE.format(title=title, body=body)


def test_a_file_comes_to_its_slot_proved_and_dated(tmp_path: Path) -> None:
    """The file has the server's bytes, with size, hash, type, name, date and the checks made."""
    counted: list[int] = []
    saved = get(tmp_path, "/pdf?signature=SECRET", on_bytes=counted.append)
    assert (tmp_path / "0001").read_bytes() == PDF
    assert saved.path == str(tmp_path / "0001")
    assert (saved.size, saved.sha256) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    assert (saved.sent_name, saved.media_type, saved.downloaded_by) == ("invoice.pdf", "application/pdf", "http")
    assert saved.source.endswith("/pdf")
    assert (saved.section, saved.attachment_id, saved.saved_at) == ("Comments", "a1", NOW)
    assert saved.checks == ("length", "type")
    assert sum(counted) == len(PDF)
    dated = datetime.datetime(2026, 1, 5, 10, 20, 30, tzinfo=datetime.UTC)
    assert saved.modified_at == dated
    assert (tmp_path / "0001").stat().st_mtime == dated.timestamp()


@pytest.mark.parametrize("path", ["/chunked", "/gzip"])
def test_a_file_without_a_length_of_its_own_comes_whole(tmp_path: Path, path: str) -> None:
    """In chunks or compressed, the bytes are right, and the length is reported as unverified."""
    saved = get(tmp_path, path, "a.pdf")
    assert saved.sha256 == hashlib.sha256(PDF).hexdigest()
    assert saved.checks == ("no-length", "type")


def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    """64 MiB are streamed to disk with only a few MiB in memory."""
    expected = hashlib.sha256()
    for _ in range(faulty_server.LARGE_BLOCKS):
        expected.update(faulty_server.LARGE_BLOCK)
    tracemalloc.start()
    try:
        saved = get(tmp_path, "/large", "large.bin")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert saved.size == 64 << 20
    assert saved.sha256 == expected.hexdigest()
    assert peak < 24 << 20


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    """An empty file is valid and reported as such."""
    saved = get(tmp_path, name="empty.txt", body=b"", headers={"Content_Type": "text/plain"})
    assert (saved.size, saved.checks) == (0, ("length", "empty"))
    assert (tmp_path / "0001").read_bytes() == b""


@pytest.mark.parametrize(
    ("path", "code", "stall"),
    [
        ("/truncate", "TRUNCATED", 30),
        ("/chunked-cut", "TRUNCATED", 30),
        ("/reset", "TRUNCATED", 30),
        ("/stall", "TIMEOUT", 0.3),
        ("/stall?bytes=10", "TIMEOUT", 0.3),
        ("/status?code=404", "NOT_FOUND", 30),
    ],
)
def test_what_does_not_come_whole_leaves_nothing(tmp_path: Path, path: str, code: str, stall: float) -> None:
    """A transfer that is cut off, stalls or is refused is an error with its code, and no file."""
    assert refused(tmp_path, path, "a.pdf", stall=stall).code == code


@pytest.mark.parametrize(
    ("name", "body", "headers", "says"),
    [
        ("a.pdf", page("Access denied"), {"Content_Type": HTML}, "Access denied"),
        ("a.pdf", "\ufeff \n" + page("T" * 300), {"Content_Type": "application/pdf"}, "T" * 79 + "…"),
        ("a.pdf", "<!-- x --><HTML>", {}, "a web page"),
        ("a.pdf", page().encode("utf-16"), {}, "a web page"),
        ("a.pdf", '<?xml version="1.0"?><!DOCTYPE html><html/>', {}, "a web page"),
        ("a.txt", page(), {"Content_Type": "text/plain"}, "a web page"),
        ("invoice.xml", page(), {"Content_Type": "text/xml"}, "a web page"),
        ("", page(), {"Content_Type": HTML}, "a web page"),
        ("a.pdf", "not allowed", {"Content_Type": HTML}, "a web page"),
        ("a.pdf", b"", {"Content_Type": HTML}, "a web page"),
        ("a.pdf", page(), {"Content_Disposition": 'attachment; filename="a.pdf"'}, "a web page"),
        ("a.pdf", page(), {"Content_Disposition": 'attachment; filename="error.html"'}, "a web page"),
        ("a.pdf", '{"code": 7, "message": "link expired"}', {"Content_Type": "application/json"}, "link expired"),
        ("a.zip", '{"error": "x"}', {"Content_Disposition": "attachment"}, "application/octet-stream"),
        ("a.msg", "Internal error", {"Content_Type": "text/plain"}, "text/plain"),
        ("a.png", "no\n", {"Content_Type": "image/png"}, "image/png"),
        ("a.xls", '{"error": "x"}', {"Content_Type": "application/json", "Content_Disposition": "attachment"}, "json"),
        ("scan", "sorry", {"Content_Type": "application/pdf"}, "application/pdf"),
    ],
)
def test_a_page_where_a_file_was_promised_is_not_a_file(
    tmp_path: Path, name: str, body: bytes | str, headers: dict[str, str], says: str
) -> None:
    """Pages and error messages are refused, however they are labelled, and their text is passed on."""
    error = refused(tmp_path, name=name, body=body, headers=headers)
    assert isinstance(error, errors.NotAFileError)
    assert says in str(error)


@pytest.mark.parametrize(
    ("name", "body", "headers", "checks"),
    [
        ("page.html", page(), {"Content_Type": HTML}, ("length",)),
        ("saved", page(), {"Content_Type": HTML, "Content_Disposition": "attachment"}, ("length",)),
        ("a.txt", page(), {"Content_Disposition": "attachment"}, ("length",)),
        ("late.pdf", b"\r\n" * 300 + b"%PDF-1.4\n", {}, ("length", "type")),
        ("a.pdf", b"%PDF-1.4\n", {"Content_Type": HTML}, ("length", "type")),
        ("invoice.xml", '<?xml version="1.0"?><Invoice/>', {"Content_Type": HTML}, ("length",)),
        ("a.doc", rb"{\rtf1 hello}", {}, ("length", "type-mismatch")),
        ("a.doc", ZIP, {}, ("length", "type-mismatch")),
        ("a.jpg", b"\x89PNG\r\n\x1a\n123", {}, ("length", "type-mismatch")),
        ("a.pdf", b"\x00\x01\x02 encrypted", {}, ("length", "type-mismatch")),
        ("a.xlsx", ZIP, {}, ("length", "type")),
        ("a.msg", OLE, {}, ("length", "type")),
        ("a.tif", b"MM\x00*123", {}, ("length", "type")),
        ("a.gif", b"GIF89a..", {}, ("length", "type")),
        ("a.jpeg", b"\xff\xd8\xff\xe0", {}, ("length", "type")),
        ("a.csv", "a;b\n1;2\n", {"Content_Disposition": "attachment", "Content_Type": HTML}, ("length",)),
        (
            "export.xls",
            "<html><table></table></html>",
            {"Content_Disposition": "attachment", "Content_Type": "application/vnd.ms-excel"},
            ("length", "type-mismatch"),
        ),
        ("data.json", '{"a": 1}', {"Content_Type": "application/json"}, ("length",)),
        (
            "label.pdf",
            "a;b\n",
            {"Content_Disposition": 'attachment; filename="really.csv"', "Content_Type": "text/csv"},
            ("length",),
        ),
    ],
)
def test_what_is_a_file_is_kept(
    tmp_path: Path, name: str, body: bytes | str, headers: dict[str, str], checks: tuple[str, ...]
) -> None:
    """Announced pages and files with a wrong media type are kept, and a mismatch is recorded."""
    assert get(tmp_path, name=name, body=body, headers=headers).checks == checks


def test_an_unchanged_page_about_a_file_says_nothing_of_the_file(tmp_path: Path) -> None:
    """A 304 counts only for the address that the file came from."""
    kept = models.SavedFile(
        "a1",
        "a.pdf",
        "a.pdf",
        9,
        "",
        "application/pdf",
        "http",
        "http://portal.example/raw/7",
        modified_at=datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC),
    )

    async def test() -> None:
        async with world() as (server, ours):

            def answer() -> web.Response:
                if "If-Modified-Since" in server.asked[-1].headers:
                    return web.Response(status=304)
                return web.Response(text=page("About a.pdf"), content_type="text/html")

            server.answers["/view/7"] = answer
            with pytest.raises(content_check.PageReceivedError):
                await fetched(ours, server, "/view/7", tmp_path / "0001", "a.pdf", kept=kept)
            assert len(server.saw("/view/7")) == 2
            there = dataclasses.replace(kept, source=server.url("/view/7"))
            url = server.url("/view/7")
            assert (
                await fetch.fetch(
                    attachment("a.pdf", url),
                    tmp_path / "0001",
                    ask=lambda conditions: ours.get(url, conditions=conditions),
                    limits=size_limits.Limits(),
                    on_bytes=lambda _: None,
                    now=lambda: NOW,
                    kept=there,
                )
                is None
            )

    support.run_async(test())


FORM = page("Welcome", "x" * 5000 + '<form><input name=p type="password"></form>')


def test_a_sign_in_page_is_an_ended_session(tmp_path: Path) -> None:
    """A page that asks for a password means that the session has ended."""
    for name in ("a.pdf", "page.html", ""):
        error = refused(tmp_path, name=name, body=FORM, headers={"Content_Type": HTML})
        assert isinstance(error, errors.SessionExpiredError)
        assert error.host == "127.0.0.1"


def test_a_sign_in_elsewhere_is_the_files_own_failure(tmp_path: Path) -> None:
    """A sign-in page of another host says nothing about the portal's session."""
    error = refused(tmp_path, name="a.pdf", body=FORM, headers={"Content_Type": HTML}, is_own=lambda _host: False)
    assert type(error) is errors.PermanentError
    assert error.code is models.ErrorCode.FORBIDDEN
    assert "needs a separate sign-in at 127.0.0.1" in str(error)


def test_of_a_page_no_more_is_read_than_is_looked_at(tmp_path: Path) -> None:
    """Of an endless page 64 KiB are read; it is not the file."""
    told: list[bool] = []
    received: list[int] = []

    async def test() -> None:
        async with world() as (server, ours):
            head = page("Endless", "").encode()
            server.answers["/answer"] = lambda: web.Response(body=head + b"x" * (20 << 20), content_type="text/html")
            with pytest.raises(content_check.PageReceivedError) as caught:
                await fetched(
                    ours,
                    server,
                    "/answer",
                    tmp_path / "0001",
                    "a.pdf",
                    is_file=lambda: told.append(True),
                    on_bytes=received.append,
                )
            assert caught.value.page.title == "Endless"

    support.run_async(test())
    assert not told
    assert sum(received) < 4 << 20


@pytest.mark.parametrize(
    ("path", "name", "headers", "sent"),
    [
        (
            "/answer",
            "shown.pdf",
            {"Content_Disposition": "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf"},
            "Größe.pdf",
        ),
        ("/answer", "shown.pdf", {"Content_Disposition": "inline"}, "shown.pdf"),
        ("/answer", "Invoice 12", {"Content_Type": "application/pdf"}, "Invoice 12.pdf"),
        ("/answer", "Offer no. 12", {"Content_Type": "text/csv"}, "Offer no. 12.csv"),
        ("/files/Gr%C3%B6%C3%9Fe.xlsx", "The sheet", {}, "Größe.xlsx"),
        ("/answer", "", {"Content_Type": "application/pdf"}, "answer.pdf"),
        ("/answer", "Scan", {"Content_Type": "application/octet-stream"}, "Scan.pdf"),
        ("/answer", "mail", {"Content_Type": "message/rfc822"}, "mail.eml"),
        ("/answer", "half\ud83d.pdf", {}, "half\ufffd.pdf"),
    ],
)
def test_a_file_is_named_as_its_sender_means(
    tmp_path: Path, path: str, name: str, headers: dict[str, str], sent: str
) -> None:
    """The server's name comes first, then the page's, then the address's; a missing extension is added."""
    assert get(tmp_path, path, name, body=b"%PDF-1.4", headers=headers).sent_name == sent


@pytest.mark.parametrize("path", ["/pdf", "/chunked"])
def test_a_file_larger_than_allowed_is_refused(tmp_path: Path, path: str) -> None:
    """The limit applies to the announced length, and without one to the bytes received."""
    error = refused(tmp_path, path, "a.pdf", limits=size_limits.Limits(1_000_000))
    assert type(error) is errors.PermanentError
    assert error.code is models.ErrorCode.TOO_LARGE


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"])
def test_dates_that_cannot_be_are_left_out(tmp_path: Path, date: str) -> None:
    """An impossible date of the server is ignored."""
    assert get(tmp_path, name="a.txt", body="x", headers={"Last_Modified": date}).modified_at is None


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """A file that does not fit is that file's error; a missing output is every file's."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "0001.part").symlink_to("/dev/full")
    assert type(refused(tmp_path, "/large", "a.bin")) is errors.DoesNotFitError
    with pytest.raises(errors.OutputUnavailableError):
        get(tmp_path / "gone", "/pdf")


@pytest.mark.parametrize("path", ["/silent", "/stall?bytes=10", "/stall?bytes=3000000"])
def test_cancelling_at_any_phase_leaves_nothing(tmp_path: Path, path: str) -> None:
    """Cancelled before the response, before the disk or in the middle: no thread, no file."""

    async def test() -> None:
        async with world() as (server, ours):
            received = asyncio.Event()
            task = asyncio.create_task(
                fetched(ours, server, path, tmp_path / "0001", "a.pdf", on_bytes=lambda _: received.set())
            )
            await server.reached.wait()
            if "bytes" in path:
                await received.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    support.run_async(test())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("steps", range(0, 24, 2))
def test_cancelling_at_the_end_leaves_all_or_nothing(tmp_path: Path, steps: int) -> None:
    """Cancelled after the last byte: the whole verified file, or no file."""

    async def test() -> None:
        async with world() as (server, ours):
            left = len(PDF)

            def cancel(after: int) -> None:
                if after:
                    asyncio.get_running_loop().call_soon(cancel, after - 1)
                else:
                    task.cancel()

            def count(received: int) -> None:
                nonlocal left
                left -= received
                if not left:
                    cancel(steps)

            task = asyncio.create_task(fetched(ours, server, "/pdf", tmp_path / "0001", on_bytes=count))
            try:
                saved = await task
            except asyncio.CancelledError:
                assert not list(tmp_path.iterdir())
            else:
                assert hashlib.sha256((tmp_path / "0001").read_bytes()).hexdigest() == saved.sha256

    support.run_async(test())


@pytest.mark.parametrize("chunks", [1, 2, 3, 5])
def test_cancelling_in_the_middle_leaves_nothing(tmp_path: Path, chunks: int) -> None:
    """Cancelled with part of the file on disk: no thread, no file."""

    async def test() -> None:
        async with world() as (server, ours):
            left = chunks

            def count(_: int) -> None:
                nonlocal left
                left -= 1
                if not left:
                    task.cancel()

            task = asyncio.create_task(fetched(ours, server, "/large", tmp_path / "0001", on_bytes=count))
            with pytest.raises(asyncio.CancelledError):
                await task

    support.run_async(test())
    assert not list(tmp_path.iterdir())


def test_kinds_need_no_more_than_the_beginning() -> None:
    """A PDF may begin late within the standard; text with a byte order mark is text."""
    assert file_type.actual(b" " * 1000 + b"%PDF-1.4") == "pdf"
    assert file_type.actual(b" " * 1030 + b"%PDF-1.4") is None
    assert file_type.is_text("Grüße".encode("utf-16"))
    assert not file_type.is_text(b"\x00\x01")
