"""What is kept of a Playwright trace: what happened and when, and no secret."""

from __future__ import annotations

import json
import os
import stat
import sys
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from po_pw import models
from po_pw.evidence import trace, traces

if TYPE_CHECKING:
    from pathlib import Path

SECRET: Final = "s3cr3tValue99"
PAGE: Final = f"page@{'0a' * 16}"
CONTEXT: Final = {
    "type": "context-options",
    "version": 10,
    "origin": "library",
    "browserName": "chromium",
    "title": "PO-7",
    "wallTime": 1.0,
    "monotonicTime": 2.0,
    "options": {"viewport": {"width": 1280, "height": 720}, "baseURL": SECRET, "extraHTTPHeaders": SECRET},
    "contextId": {"hidden": SECRET},
}


def picture(number: int) -> dict[str, Any]:
    name = f"screencast/{PAGE}-{number}.jpeg"
    sizes = {"width": 800, "height": 450, "timestamp": number}
    return {"type": "screencast-frame", "pageId": PAGE, "file": name, **sizes, "sha1": SECRET}


def call(number: int, method: str, params: dict[str, Any], **after: Any) -> list[dict[str, Any]]:
    begun = {"type": "before", "callId": f"call@{number}", "startTime": number, "class": "Frame", "method": method}
    ended = {"type": "after", "callId": f"call@{number}", "endTime": number + 1, **after}
    return [{**begun, "params": params, "title": SECRET, "stack": [{"file": f"/home/{SECRET}.py"}]}, ended]


def raw(path: Path, events: list[Any], pictures: dict[int, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as book:
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        book.writestr("trace.trace", "".join(f"{line}\n" for line in lines))
        book.writestr("trace.network", json.dumps({"type": "resource-snapshot", "snapshot": {"url": SECRET}}))
        book.writestr("trace.stacks", SECRET)
        book.writestr("resources/abc.html", SECRET)
        for number, content in (pictures or {}).items():
            book.writestr(f"screencast/{PAGE}-{number}.jpeg", content)
    return path


def read(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        whole = b"".join(book.read(name) for name in book.namelist()) + " ".join(book.namelist()).encode()
        assert SECRET.encode() not in whole
        assert book.read("trace.network") == b""
        events = [json.loads(line) for line in book.read("trace.trace").decode().splitlines()]
        return events, sorted(name for name in book.namelist() if name.startswith("screencast/"))


EVENTS: Final[list[Any]] = [
    CONTEXT,
    *call(1, "goto", {"url": f"https://h.example/o?id=5&token={SECRET}", "timeout": 45000, "referer": SECRET}),
    *call(2, "evaluateExpression", {"expression": f"() => '{SECRET}'", "arg": SECRET}, result={"value": SECRET}),
    *call(
        3,
        "click",
        {"selector": "text=Download", "position": SECRET},
        error={
            "name": "Error",
            "message": f"no password={SECRET}",
            "stack": SECRET,
        },
    ),
    *call(4, "addCookies", {"cookies": [{"name": "sid", "value": SECRET}]}),
    {"type": "log", "callId": "call@3", "time": 3, "message": f"<textarea name=note>{SECRET}</textarea> intercepts"},
    {"type": "log", "callId": "call@3", "time": 3, "message": f"navigated to https://h.example/?sig={SECRET}"},
    {
        "type": "console",
        "messageType": "error",
        "text": f"api_key={SECRET} is bad",
        "args": [{"preview": SECRET}],
        "location": {"url": f"https://u:{SECRET}@h.example/a.js", "lineNumber": 7},
        "time": 4,
        "pageId": PAGE,
    },
    {"type": "console", "messageType": "log", "text": f"token {SECRET}", "time": 4, "pageId": PAGE},
    {
        "type": "event",
        "class": "BrowserContext",
        "method": "pageError",
        "time": 5,
        "pageId": PAGE,
        "params": {
            "error": {"error": {"name": "TypeError", "message": f"token={SECRET}", "stack": SECRET}},
            "location": {"url": "https://h.example/a.js", "line": 3, "column": 4},
        },
    },
    {
        "type": "event",
        "class": "BrowserContext",
        "method": "download",
        "time": 5,
        "params": {"pageId": PAGE, "url": f"https://h.example/f?sig={SECRET}", "suggestedFilename": "a.pdf"},
    },
    {
        "type": "event",
        "class": "BrowserContext",
        "method": "dialog",
        "time": 5,
        "params": {"pageId": PAGE, "type": "prompt", "message": f"password: {SECRET}", "defaultValue": SECRET},
    },
    {"type": "event", "class": "Page", "method": "webSocket", "time": 5, "params": {"url": SECRET}},
    {"type": "frame-snapshot", "snapshot": {"html": SECRET}},
    {"type": "stdout", "text": SECRET},
    {"type": f"new-{SECRET}"},
    [SECRET],
    f'{{"type": "log", "message": "{SECRET}',
    {"type": "screencast-frame", "pageId": PAGE, "file": f"../{SECRET}", "timestamp": 1},
]


def test_only_what_is_on_the_list_is_taken_over_and_is_cleaned(tmp_path: Path) -> None:
    """Calls are kept without scripts' arguments and results, errors without stacks; no requests, no source."""
    source = raw(tmp_path / "raw.zip", [*EVENTS, picture(8)], {8: b"\xff\xd8jpeg"})
    assert trace.rewrite(source, tmp_path / "trace.zip")
    events, pictures = read(tmp_path / "trace.zip")
    assert pictures == [f"screencast/{PAGE}-8.jpeg"]
    by_call = {event["callId"]: event for event in events if event["type"] == "before"}
    assert by_call["call@1"]["params"] == {"url": "https://h.example/o?id=5&token=REDACTED", "timeout": 45000}
    assert by_call["call@2"]["params"] == by_call["call@4"]["params"] == {}
    assert by_call["call@3"]["params"] == {"selector": "text=Download"}
    ended = next(event for event in events if event["type"] == "after" and event["callId"] == "call@3")
    assert ended["error"] == {"name": "Error", "message": "no password=REDACTED"}
    assert [event["message"] for event in events if event["type"] == "log"] == [
        "<…>",
        "navigated to https://h.example/?sig=REDACTED",
    ]
    assert [(event["messageType"], event["text"]) for event in events if event["type"] == "console"] == [
        ("error", "api_key=REDACTED is bad")
    ]
    assert [event["method"] for event in events if event["type"] == "event"] == ["pageError", "download", "dialog"]
    assert events[0]["title"] == "PO-7"
    assert events[0]["options"] == {"viewport": {"width": 1280, "height": 720}}
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "trace.zip").stat().st_mode) == 0o600


def test_it_is_bounded_and_what_is_latest_stays(tmp_path: Path) -> None:
    """The latest pictures and calls stay; the end of a dropped call is dropped, too."""
    calls = [event for number in range(2_000) for event in call(number, "evaluateExpression", {})]
    events = [CONTEXT, *calls, *(picture(number) for number in range(200))]
    small = dict.fromkeys(range(200), b"0" * 100)
    assert trace.rewrite(raw(tmp_path / "raw.zip", events, small), tmp_path / "trace.zip")
    kept, pictures = read(tmp_path / "trace.zip")
    assert len(pictures) == 150
    assert f"screencast/{PAGE}-199.jpeg" in pictures
    ids = [event["callId"] for event in kept if event["type"] == "before"]
    assert ids == [f"call@{number}" for number in range(500, 2_000)]
    assert [event["callId"] for event in kept if event["type"] == "after"] == ids
    large = {number: os.urandom(1_000_000) for number in range(9)}
    events = [CONTEXT, *(picture(number) for number in range(9))]
    assert trace.rewrite(raw(tmp_path / "raw.zip", events, large), tmp_path / "trace.zip")
    kept, pictures = read(tmp_path / "trace.zip")
    assert pictures == [f"screencast/{PAGE}-{number}.jpeg" for number in range(3, 9)]
    assert [event["file"] for event in kept if event["type"] == "screencast-frame"] == pictures


def test_without_pictures_everything_else_stays(tmp_path: Path) -> None:
    """Without pictures, as for pages with covered fields, the rest stays."""
    source = raw(tmp_path / "raw.zip", [*EVENTS, picture(8)], {8: b"\xff\xd8jpeg"})
    assert trace.rewrite(source, tmp_path / "trace.zip", with_pictures=False)
    events, pictures = read(tmp_path / "trace.zip")
    assert pictures == []
    assert {event["type"] for event in events} == {"context-options", "before", "after", "log", "console", "event"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip"])
def test_what_is_no_trace_is_not_kept(content: bytes, tmp_path: Path) -> None:
    """After a crash there is no trace, without a message."""
    (tmp_path / "raw.zip").write_bytes(content)
    assert not trace.rewrite(tmp_path / "raw.zip", tmp_path / "trace.zip")
    assert not (tmp_path / "trace.zip").exists()


def test_a_trace_waits_until_it_is_known_whether_its_order_fails(tmp_path: Path) -> None:
    """It is kept in the order's folder or discarded; the driver's own is removed."""
    held = traces.Traces(tmp_path / "held")
    (tmp_path / "held").mkdir()
    failed, succeeded = models.OrderKey("PO-7"), models.OrderKey("po/8")
    for key in (failed, succeeded):
        raw(held.path(key), [CONTEXT, *call(1, "goto", {})])
        held.add(key, with_pictures=True)
    assert held.has(failed)
    assert held.keep(failed, tmp_path) == "trace.zip"
    assert held.keep(failed, tmp_path) == ""
    held.discard(succeeded)
    held.discard(succeeded)
    assert not held.has(succeeded)
    assert list((tmp_path / "held").iterdir()) == []
    assert (tmp_path / "trace.zip").exists()
