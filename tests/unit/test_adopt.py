"""A browser's download becomes a verified file, or nothing is left of it; and the thread for writing."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

from po_pw import errors, models
from po_pw.downloads import fetch, size_limits, writer
from tests.helpers import faulty_server, support

if TYPE_CHECKING:
    from pathlib import Path

PDF = faulty_server.PDF
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
PAGE = faulty_server.PAGE.format(title="Sorry", body="").encode()


def adopted(
    tmp_path: Path,
    body: bytes,
    sent_name: str = "a.pdf",
    shown: str = "",
    *,
    kept: models.SavedFile | None = None,
    **headers: str,
) -> models.SavedFile:
    """Takes over a browser's download of these bytes."""
    browsers = tmp_path / "browser"
    browsers.mkdir(exist_ok=True)
    part = browsers / "5f3c"
    part.write_bytes(body)
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    click = models.Attachment("a2", shown, models.Click(models.Control("button", "Get")), "Lines")
    url = "https://portal.example/get?token=SECRET" if sent else "blob:https://portal.example/1234"
    try:
        return support.run_async(
            fetch.adopt(
                click,
                tmp_path / "0002",
                part,
                sent_name=sent_name,
                url=url,
                headers=sent,
                limits=size_limits.Limits(5_000_000),
                on_bytes=lambda _: None,
                now=lambda: NOW,
                kept=kept,
            )
        )
    finally:
        assert not part.exists()


def test_a_browsers_download_is_taken_over_with_the_same_proofs(tmp_path: Path) -> None:
    """A download is moved, not copied, into its slot, with hash, length and type verified."""
    saved = adopted(
        tmp_path,
        PDF,
        content_type="application/pdf",
        content_length=str(len(PDF)),
        last_modified="Mon, 05 Jan 2026 10:20:30 GMT",
        content_disposition='attachment; filename="Gr\xc3\xbc\xc3\x9fe.pdf"',
    )
    assert (tmp_path / "0002").read_bytes() == PDF
    assert (saved.sha256, saved.downloaded_by, saved.sent_name) == (
        hashlib.sha256(PDF).hexdigest(),
        "click",
        "Grüße.pdf",
    )
    assert saved.source == "https://portal.example/get"
    assert saved.checks == ("length", "type")
    assert saved.modified_at is not None


@pytest.mark.parametrize(
    ("sent_name", "shown", "name"),
    [
        ("made here.bin", "", "made here.bin"),
        ("download.pdf", "Invoice 7", "Invoice 7.pdf"),
        ("download", "Invoice 7.pdf", "Invoice 7.pdf"),
        ("0b0c0d0e-1111-2222-3333-444455556666.pdf", "Invoice 7", "Invoice 7.pdf"),
        ("download", "", "download.pdf"),
    ],
)
def test_a_download_the_browser_made_up_a_name_for(tmp_path: Path, sent_name: str, shown: str, name: str) -> None:
    """A `blob:` without a name gets the page's name, and its source is the click."""
    saved = adopted(tmp_path, b"%PDF-1.4", sent_name, shown)
    assert saved.sent_name == name
    assert saved.source == 'click "Get"'
    assert saved.checks[0] == "no-length"


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (PDF[:100], {"content_length": "101"}, errors.TransientError),
        (PAGE, {"content_type": "text/html"}, errors.NotAFileError),
        (PAGE, {}, errors.NotAFileError),
        (b'{"error": "no"}', {"content_type": "application/json"}, errors.NotAFileError),
        (b"", {"content_type": "text/html"}, errors.NotAFileError),
        (b"", {"content_type": "application/pdf", "content_length": "0"}, errors.TransientError),
        (b"", {}, errors.TransientError),
        (b'{"status": "pending"}', {}, errors.TransientError),
        (bytes(6_000_000), {"content_type": "application/pdf"}, errors.PermanentError),
    ],
)
def test_a_download_that_is_no_file_is_refused(
    tmp_path: Path, body: bytes, headers: dict[str, Any], kind: type
) -> None:
    """A file that is too short or too long, or a page, is removed; the slot is empty."""
    with pytest.raises(errors.OrderError) as caught:
        adopted(tmp_path, body, **headers)
    assert isinstance(caught.value, kind)
    assert not (tmp_path / "0002").exists()


def test_an_empty_text_is_taken_over_where_it_was_said_to_be_empty(tmp_path: Path) -> None:
    """An empty file is accepted if its length or script says so, unless an earlier run had content."""
    assert adopted(tmp_path, b"", "a.txt").size == 0
    assert adopted(tmp_path, b"", "a.txt", content_type="text/plain", content_length="0").size == 0
    with pytest.raises(errors.TransientError, match="arrived empty"):
        adopted(tmp_path, b"", "a.txt", content_type="text/plain")
    had = models.SavedFile("a2", "a.txt", "a.txt", 7, "", "text/plain", "click", "")
    with pytest.raises(errors.TransientError, match="arrived empty"):
        adopted(tmp_path, b"", "a.txt", kept=had)


def test_adopting_is_cancelled_without_trace(tmp_path: Path) -> None:
    """If cancelled while a download is read, neither it nor its copy is left."""

    click = models.Attachment("a1", "a.pdf", models.Click(models.Control("button", "Get")))

    async def test() -> None:
        for steps in range(1, 12):
            part = tmp_path / "5f3c"
            part.write_bytes(PDF)
            task = asyncio.create_task(
                fetch.adopt(
                    click,
                    tmp_path / "0001",
                    part,
                    sent_name="a.pdf",
                    url="https://h/x",
                    headers={},
                    limits=size_limits.Limits(),
                    on_bytes=lambda _: None,
                    now=lambda: NOW,
                )
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
                (tmp_path / "0001").unlink()
            assert not list(tmp_path.iterdir())

    support.run_async(test())


def test_cancelling_while_the_disk_works_waits_for_it(tmp_path: Path) -> None:
    """If cancelled during the last step on the thread, the file is removed and the thread has ended."""

    async def test() -> None:
        at, go = threading.Event(), threading.Event()

        def publish(_size: int) -> None:
            at.set()
            go.wait(30)

        async def write() -> None:
            async with writer.Writer(tmp_path / "0001.part") as sink:
                await sink.write(b"x")
                await sink.finish(publish)

        task = asyncio.create_task(write())
        await asyncio.to_thread(at.wait, 30)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0)
        assert not done
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    support.run_async(test())
