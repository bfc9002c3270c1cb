"""Of large files that were cut off only the rest is requested, if it is certainly the same file."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from po_pw import errors, models
from po_pw.downloads import fetch, freshness, partial, size_limits
from po_pw.transport import client
from tests.helpers import support

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
BODY = b"%PDF-1.7\n" + bytes(range(256)) * 20_000
LEAST = 100_000
ATTACHMENT = models.Attachment("a1", "large.pdf", models.Link("http://127.0.0.1/large.pdf", ""))


class Sender:
    """Sends `BODY` as requested, and cuts off the first responses after some bytes."""

    def __init__(self, *breaks: int) -> None:
        self.breaks = list(breaks)
        self.tag = '"one"'
        self.body = BODY
        self.knows_ranges = True
        self.taken = 0
        """Bytes that the client has taken out of its buffer, of all answers together."""
        self.asked: list[dict[str, str]] = []

    def take(self, count: int) -> None:
        """The client has received so many more bytes."""
        self.taken += count

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append({name: request.headers[name] for name in ("Range", "If-Range") if name in request.headers})
        start, status, headers = 0, 200, {"ETag": self.tag, "Content-Type": "application/pdf"}
        wanted = request.headers.get("Range", "")
        if self.knows_ranges and wanted and request.headers.get("If-Range") == self.tag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        sent = web.StreamResponse(status=status, headers=headers)
        sent.content_length = len(self.body) - start
        await sent.prepare(request)
        stop = self.breaks.pop(0) if self.breaks else len(self.body)
        before = self.taken
        await sent.write(self.body[start:stop])
        if stop < len(self.body) and request.transport is not None:
            # What a client has in its buffer when the connection breaks is lost.
            await support.until(lambda: self.taken - before >= stop - start)
            request.transport.close()
        return sent


@contextlib.asynccontextmanager
async def asking(sender: Sender) -> AsyncIterator[Callable[[Path], Awaitable[models.SavedFile | None]]]:
    """A function that downloads what the sender sends."""
    app = web.Application()
    app.router.add_get("/large.pdf", sender.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/large.pdf"
    async with client.Client(files_in_all=2, files_per_host=2, stall_timeout=30) as them:
        ours = them.session("Agent/1")
        try:
            yield lambda into: fetch.fetch(
                ATTACHMENT,
                into,
                ask=lambda conditions: ours.get(url, conditions=conditions),
                limits=size_limits.Limits(resume_from=LEAST),
                on_bytes=sender.take,
                now=lambda: NOW,
            )
        finally:
            await ours.aclose()
            await runner.cleanup()


def fetched(sender: Sender, into: Path, attempts: int = 2) -> models.SavedFile | None:
    """Downloads with several attempts, each in its own session."""

    async def once() -> models.SavedFile | None:
        async with asking(sender) as ask:
            return await ask(into)

    for _ in range(attempts - 1):
        with pytest.raises(errors.TransientError):
            support.run_async(once())
    return support.run_async(once())


def test_only_the_rest_is_asked_for(tmp_path: Path) -> None:
    """Cut off twice, the file comes in three ranges, with the right hash and no byte twice."""
    sender = Sender(2_000_000, 4_000_000)
    saved = fetched(sender, tmp_path / "0001", attempts=3)
    assert saved is not None
    assert (saved.size, saved.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())
    assert (tmp_path / "0001").read_bytes() == BODY
    assert "resumed" in saved.checks
    starts = [int(asked["Range"][6:-1]) for asked in sender.asked[1:]]
    assert starts == [2_000_000, 4_000_000]
    assert [asked["If-Range"] for asked in sender.asked[1:]] == ['"one"', '"one"']
    assert [path.name for path in tmp_path.iterdir()] == ["0001"]


@pytest.mark.parametrize("how", ["changed", "no ranges"])
def test_a_file_that_is_another_one_starts_from_the_beginning(tmp_path: Path, how: str) -> None:
    """Another file, or a server without ranges, is downloaded from the beginning."""
    sender = Sender(2_000_000)
    with pytest.raises(errors.TransientError):
        fetched(sender, tmp_path / "0001", attempts=1)
    if how == "changed":
        sender.tag, sender.body = '"two"', BODY[::-1].replace(BODY[:8][::-1], b"") + b"!"
        sender.body = b"%PDF-1.7\n" + sender.body
    else:
        sender.knows_ranges = False
    saved = fetched(sender, tmp_path / "0001", attempts=1)
    assert saved is not None
    assert (tmp_path / "0001").read_bytes() == sender.body
    assert saved.sha256 == hashlib.sha256(sender.body).hexdigest()
    assert "resumed" not in saved.checks


def test_what_was_not_synced_for_certain_is_fetched_again(tmp_path: Path) -> None:
    """After a power cut only bytes that were synced are kept."""
    sender = Sender(2_000_000)
    with pytest.raises(errors.TransientError):
        fetched(sender, tmp_path / "0001", attempts=1)
    part = tmp_path / "0001.part"
    note = json.loads(partial.info_path(part).read_text("utf-8"))
    partial.info_path(part).write_text(json.dumps({**note, "synced": 500_000}), "utf-8")
    with part.open("r+b") as stream:
        stream.seek(500_000)
        stream.write(bytes(1_000_000))
    saved = fetched(sender, tmp_path / "0001", attempts=1)
    assert saved is not None
    assert (tmp_path / "0001").read_bytes() == BODY


NO_NUMBER = '{"attachment_id": "a1", "source": "", "length": 9, "validator": "x", "synced": "all"}'


@pytest.mark.parametrize("note", ["", "{", '{"attachment_id": "a1"}', "[]", '{"synced": 7}', NO_NUMBER])
def test_a_note_that_says_nothing_begins_anew(tmp_path: Path, note: str) -> None:
    """Without readable information the download starts again."""
    (tmp_path / "0001.part").write_bytes(b"x" * 200_000)
    (tmp_path / "0001.part.json").write_text(note, "utf-8")
    saved = fetched(Sender(), tmp_path / "0001", attempts=1)
    assert saved is not None
    assert (tmp_path / "0001").read_bytes() == BODY


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"etag": '"x"'}, '"x"'),
        ({"etag": 'W/"x"'}, ""),
        ({}, ""),
        ({"last-modified": "Wed, 25 Nov 2026 10:00:00 GMT"}, ""),
        (
            {"last-modified": "Wed, 25 Nov 2026 10:00:00 GMT", "date": "Wed, 25 Nov 2026 12:00:00 GMT"},
            "Wed, 25 Nov 2026 10:00:00 GMT",
        ),
        ({"last-modified": "Wed, 25 Nov 2026 11:59:30 GMT", "date": "Wed, 25 Nov 2026 12:00:00 GMT"}, ""),
        ({"last-modified": "soon", "date": "now"}, ""),
    ],
)
def test_only_strong_validators_will_do(headers: dict[str, str], validator: str) -> None:
    """A weak tag, or a date close to the response's, is not used."""
    assert partial.validator(headers) == validator


@pytest.mark.parametrize(
    ("content_range", "status", "fine"),
    [
        ("bytes 500-999/1000", 206, True),
        ("bytes 0-999/1000", 206, False),
        ("bytes 500-998/1000", 206, False),
        ("bytes 500-1000/1001", 206, False),
        ("bytes 500-999/*", 206, False),
        ("", 206, False),
        ("bytes 500-999/1000", 200, False),
    ],
)
def test_an_answer_goes_on_only_with_that_very_range(content_range: str, status: int, fine: bool) -> None:
    """Only the requested range is appended."""
    note = partial.ResumeInfo("a1", "http://127.0.0.1/x", 1000, '"x"', 500)
    assert partial.is_continuation(note, status, {"content-range": content_range}) is fine


@pytest.mark.parametrize(
    ("status", "headers", "same"),
    [
        (304, {}, True),
        (200, {"etag": '"e"'}, True),
        (200, {"etag": '"f"'}, False),
        (404, {"etag": '"e"'}, False),
        (200, {}, False),
        (200, {"content-length": "7"}, False),
    ],
)
def test_a_kept_file_is_the_same_where_the_server_says_so(status: int, headers: dict[str, str], same: bool) -> None:
    """By 304, or by the tag of a response whose body is not read."""
    kept = models.SavedFile("a1", "x.pdf", "x.pdf", 7, "", "", "http", "", etag='"e"')
    assert freshness.is_same(kept, status, headers) is same


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"last-modified": "Wed, 25 Nov 2026 12:00:00 GMT", "content-length": "7"}, True),
        ({"last-modified": "Wed, 25 Nov 2026 12:00:00 GMT", "content-length": "8"}, False),
        ({"last-modified": "Wed, 25 Nov 2026 12:00:01 GMT"}, False),
        ({"content-length": "7"}, False),
    ],
)
def test_without_a_tag_date_and_length_decide(headers: dict[str, str], same: bool) -> None:
    """Another date or length means another file."""
    kept = models.SavedFile("a1", "x.pdf", "x.pdf", 7, "", "", "http", "", modified_at=NOW)
    assert freshness.is_same(kept, 200, headers) is same
    assert freshness.conditions(kept) == {"If-Modified-Since": "Wed, 25 Nov 2026 12:00:00 GMT"}
