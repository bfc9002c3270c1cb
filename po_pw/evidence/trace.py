"""Rewrites a Playwright trace without secrets: copies only known, harmless parts of the driver's zip."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

from po_pw import private_files, redact
from po_pw.evidence import texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

TRACE: Final = "trace.zip"
_EVENTS: Final = "trace.trace"
_NETWORK: Final = "trace.network"
_MAX_PICTURES: Final = 150
"""Maximum pictures kept: the latest ones."""
_MAX_PICTURE_BYTES: Final = 6_000_000
"""Maximum bytes of all pictures."""
_MAX_CALLS: Final = 3_000
"""Maximum events kept, apart from pictures: the latest ones."""
_MAX_LINE: Final = 2_000_000
"""Maximum characters of an event; a longer one is dropped unread."""
_MAX_TEXT: Final = 2_000
"""Maximum characters of a text."""

_WORD: Final = re.compile(r"[\w@.#: -]{1,100}")
_PICTURE: Final = re.compile(r"screencast/page@[0-9a-f]+-\d+\.jpeg")
_ELEMENT: Final = re.compile(r"<[A-Za-z!/].*", re.DOTALL)
"""Elements as a call's log quotes them, with their attributes and texts."""
_DROPPED: Final = object()


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _DROPPED


def _word(value: Any) -> Any:
    """One of Playwright's own identifiers."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else _DROPPED


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        return _DROPPED
    # Cut before redacting: a secret that is cut in the middle is still recognised by the text before it.
    return texts.cleaned(value[:_MAX_TEXT])


def _log(value: Any) -> Any:
    return _text(_ELEMENT.sub("<…>", value)) if isinstance(value, str) else _DROPPED


def _address(value: Any) -> Any:
    return redact.address(value[:_MAX_TEXT]) if isinstance(value, str) else _DROPPED


def _file_name(value: Any) -> Any:
    return redact.file_name(value[:_MAX_TEXT]) if isinstance(value, str) else _DROPPED


def _title(value: Any) -> Any:
    """The PO number: `Recording.begin` set it as the title."""
    return value[:_MAX_TEXT] if isinstance(value, str) else _DROPPED


def _picture(value: Any) -> Any:
    return value if isinstance(value, str) and _PICTURE.fullmatch(value) else _DROPPED


def _fields(**known: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function that keeps only these fields of an object, each cleaned."""

    def clean(value: Any) -> Any:
        if not isinstance(value, dict):
            return _DROPPED
        cleaned = ((name, cleaner(value[name])) for name, cleaner in known.items() if name in value)
        return {name: inner for name, inner in cleaned if inner is not _DROPPED}

    return clean


_ERROR: Final = _fields(message=_log, name=_text)
_POINT: Final = _fields(x=_number, y=_number)
_SIZE: Final = _fields(width=_number, height=_number)
_LOCATION: Final = _fields(url=_address, line=_number, column=_number, lineNumber=_number, columnNumber=_number)
_KNOWN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "context-options": _fields(
        type=_word,
        version=_number,
        origin=_word,
        browserName=_word,
        playwrightVersion=_word,
        platform=_word,
        sdkLanguage=_word,
        title=_title,
        wallTime=_number,
        monotonicTime=_number,
        options=_fields(viewport=_SIZE, deviceScaleFactor=_number),
    ),
    "before": _fields(
        **{"class": _word},
        type=_word,
        callId=_word,
        parentId=_word,
        startTime=_number,
        method=_word,
        pageId=_word,
        # `expression` and `arg`, the code and values passed to a page's scripts, are dropped: they may be secret.
        params=_fields(url=_address, selector=_log, waitUntil=_word, state=_word, timeout=_number, button=_word),
    ),
    "input": _fields(type=_word, callId=_word, point=_POINT),
    "log": _fields(type=_word, callId=_word, time=_number, message=_log),
    "after": _fields(type=_word, callId=_word, endTime=_number, error=_ERROR, point=_POINT),
    "console": _fields(type=_word, messageType=_word, text=_text, location=_LOCATION, time=_number, pageId=_word),
    "event": _fields(
        **{"class": _word},
        type=_word,
        time=_number,
        method=_word,
        pageId=_word,
        params=_fields(
            pageId=_word,
            openerPageId=_word,
            url=_address,
            suggestedFilename=_file_name,
            type=_word,
            message=_text,
            error=_fields(error=_fields(message=_text, name=_text)),
            location=_LOCATION,
        ),
    ),
    "screencast-frame": _fields(
        type=_word, pageId=_word, file=_picture, width=_number, height=_number, timestamp=_number
    ),
}
"""For each type of event, the fields that are kept. Events of other types are dropped: they may contain secrets."""
_EVENT_METHODS: Final = frozenset({"page", "pageClosed", "download", "dialog", "pageError"})


def rewrite(raw: Path, into: Path, *, with_pictures: bool = True) -> bool:
    """Writes a trace without secrets, which only the owner can read; blocks.

    Kept are calls with their times, errors and logs, the console's errors, and pictures of the page. Dropped are the
    arguments and results of scripts, requests, headers, bodies, storage, and the source code of the page and of po-pw.

    Args:
        raw: the zip that Playwright's driver wrote.
        into: the file to write.
        with_pictures: whether pictures may be kept.

    Returns:
        False if the driver wrote no trace.

    Raises:
        OSError: it cannot be written.
    """
    try:
        with zipfile.ZipFile(raw) as source:
            with source.open(_EVENTS) as lines:
                events = clean(io.TextIOWrapper(lines, "utf-8", "replace"))
            sizes = {entry.filename: entry.file_size for entry in source.infolist()}
            kept = _latest_pictures(events, sizes) if with_pictures else frozenset[str]()
            _write(source, [event for event in events if event.get("file", "") in {"", *kept}], kept, into)
    except (zipfile.BadZipFile, KeyError):
        return False
    return True


def clean(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The events that are kept, without secrets. Pure.

    Args:
        lines: one event per line, as JSON.
    """
    events = [event for line in lines if (event := _event(line)) is not None]
    calls = [event for event in events if event["type"] not in {"context-options", "screencast-frame"}]
    latest = {id(event) for event in calls[-_MAX_CALLS:]}
    begun: set[str] = set()
    kept: list[dict[str, Any]] = []
    for event in events:
        kind = event["type"]
        if kind not in {"context-options", "screencast-frame"} and id(event) not in latest:
            continue
        if kind == "before":
            begun.add(event.get("callId", ""))
        elif kind in {"input", "log", "after"} and event.get("callId") not in begun:
            continue  # the trace viewer needs the event that begins the call
        kept.append(event)
    return kept


def _event(line: str) -> dict[str, Any] | None:
    if len(line) > _MAX_LINE:
        return None
    try:
        event = json.loads(line)
    except ValueError:  # the driver was killed while it wrote
        return None
    kind = event.get("type") if isinstance(event, dict) else None
    cleaner = _KNOWN.get(kind) if isinstance(kind, str) else None
    if cleaner is None:
        return None
    if kind == "console" and event.get("messageType") != "error":
        return None
    if kind == "event" and event.get("method") not in _EVENT_METHODS:
        return None
    cleaned: dict[str, Any] = cleaner(event)
    return None if kind == "screencast-frame" and "file" not in cleaned else cleaned


def _latest_pictures(events: list[dict[str, Any]], sizes: Mapping[str, int]) -> frozenset[str]:
    kept: set[str] = set()
    bytes_left = _MAX_PICTURE_BYTES
    for event in reversed(events):
        name = event.get("file", "")
        if name not in sizes or name in kept:
            continue
        bytes_left -= sizes[name]
        if bytes_left < 0 or len(kept) >= _MAX_PICTURES:
            break
        kept.add(name)
    return frozenset(kept)


def _write(source: zipfile.ZipFile, events: list[dict[str, Any]], pictures: frozenset[str], into: Path) -> None:
    with private_files.replacement(into) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(_EVENTS, "".join(_lines(events)))
        target.writestr(_NETWORK, "")
        for name in sorted(pictures):
            target.writestr(name, source.read(name), zipfile.ZIP_STORED)


def _lines(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        yield f"{json.dumps(event, ensure_ascii=False)}\n"
