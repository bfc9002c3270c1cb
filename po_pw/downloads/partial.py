"""Resuming large downloads: the part received is kept with a note, and only the rest is requested.

By RFC 9110: a range is requested with `If-Range` (13.1.5), which needs a strong validator; a response other than a 206
with the requested range starts from the beginning (14.2, 15.3.7).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from typing import TYPE_CHECKING, Final

import pydantic

from po_pw import http_dates
from po_pw.storage import filesystem
from po_pw.transport import codings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RESUME_FROM: Final = 32 << 20
"""Bytes from which on an interrupted download is resumed."""
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_MIN_AGE: Final = datetime.timedelta(seconds=60)
"""A date is a strong validator only if it is that much older than the response (RFC 9110, 8.8.2.2)."""


@dataclasses.dataclass(frozen=True, slots=True)
class ResumeInfo:
    """What is needed to resume a file whose beginning is on disk."""

    attachment_id: str
    source: str
    """Its address, without query."""
    length: int
    """Bytes of the whole file."""
    validator: str
    """A strong `ETag`, or a `Last-Modified` that is old enough."""
    synced: int = 0
    """Bytes that have been synced to disk."""


_INFO: Final = pydantic.TypeAdapter(ResumeInfo)


def part_path(into: Path) -> Path:
    """Path of a file's bytes during the download."""
    return into.with_name(f"{into.name}.part")


def info_path(part: Path) -> Path:
    """Path of its note."""
    return part.with_name(f"{part.name}.json")


def validator(headers: Mapping[str, str]) -> str:
    """The value for `If-Range` from a response; `""` if it has no strong validator.

    Args:
        headers: names in lower case.
    """
    tag = headers.get("etag", "").strip()
    if tag.startswith('"'):
        return tag
    dated, sent = http_dates.parse(headers.get("last-modified", "")), http_dates.parse(headers.get("date", ""))
    if dated is not None and sent is not None and sent - dated >= _MIN_AGE:
        return headers["last-modified"].strip()
    return ""


def read_info(part: Path, attachment_id: str, min_bytes: int) -> ResumeInfo | None:
    """Reads what an earlier attempt left of a file, if it can be resumed; other notes are removed.

    Args:
        part: the file's bytes so far.
        attachment_id: must match the note's.
        min_bytes: minimum bytes for resuming.
    """
    note = _read(info_path(part))
    if note is None:
        return None
    size = part.stat().st_size if part.exists() else 0
    if note.attachment_id == attachment_id and min_bytes <= note.synced <= size:
        return note
    discard(part)
    return None


def unfinished_in(folder: Path) -> dict[str, Path]:
    """Interrupted downloads in a work folder: attachment id to slot path."""
    found: dict[str, Path] = {}
    for path in folder.glob("*.part.json"):
        if (note := _read(path)) is not None:
            found[note.attachment_id] = path.with_name(path.name.removesuffix(".part.json"))
    return found


def write_info(part: Path, note: ResumeInfo) -> None:
    """Writes the note; its bytes must have been synced."""
    draft = part.with_name(f"{part.name}.new")
    draft.write_text(json.dumps(dataclasses.asdict(note)), "utf-8")
    filesystem.rename(draft, info_path(part))


def discard(part: Path) -> None:
    """Removes the bytes and the note."""
    part.unlink(missing_ok=True)
    info_path(part).unlink(missing_ok=True)


def conditions(note: ResumeInfo) -> dict[str, str]:
    """Request headers for the rest."""
    return {"Range": f"bytes={note.synced}-", "If-Range": note.validator}


def is_continuation(note: ResumeInfo, status: int, headers: Mapping[str, str]) -> bool:
    """Whether a response is the rest of that file, uncompressed.

    Args:
        note: what is on disk.
        status: of the response.
        headers: names in lower case.
    """
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if status != 206 or match is None or codings.of(headers):
        return False
    if note.validator.startswith('"') and headers.get("etag", note.validator).strip() != note.validator:
        return False  # continues another file
    first, last, length = (int(number) for number in match.groups())
    return first == note.synced and last == length - 1 and length == note.length


def _read(path: Path) -> ResumeInfo | None:
    try:
        return _INFO.validate_python(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):  # none, or cut short by a power failure: start again
        return None
