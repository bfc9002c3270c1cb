"""What has come of a large file that broke off: kept beside its note, so that only the rest has to be asked for.

The rules are those of RFC 9110: a range is asked for with `If-Range` (13.1.5), which needs a strong validator, and an
answer that is no 206 with the range asked for starts from the beginning (14.2, 15.3.7).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from typing import TYPE_CHECKING, Final

from po_pw import http_dates
from po_pw.storage import filesystem
from po_pw.transport import codings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RESUME_FROM: Final = 32 << 20
"""Bytes from which on a file that breaks off is not begun anew."""
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_STEADY: Final = datetime.timedelta(seconds=60)
"""A date is a strong validator only where it is so much older than the answer (RFC 9110, 8.8.2.2)."""


@dataclasses.dataclass(frozen=True, slots=True)
class ResumeInfo:
    """What is known of a file whose beginning is on disk."""

    attachment_id: str
    source: str
    """The address it came from, without query."""
    length: int
    """Bytes of the whole file."""
    validator: str
    """A strong `ETag`, or a `Last-Modified` that is old enough."""
    synced: int = 0
    """Bytes that are on disk for certain."""


def of(into: Path) -> Path:
    """Where a file's bytes are while they come."""
    return into.with_name(f"{into.name}.part")


def note_of(part: Path) -> Path:
    """Where its note is."""
    return part.with_name(f"{part.name}.json")


def validator(headers: Mapping[str, str]) -> str:
    """What `If-Range` may be given for this answer; `""` where it has nothing that is strong enough.

    Args:
        headers: names in lower case.
    """
    tag = headers.get("etag", "").strip()
    if tag.startswith('"'):
        return tag
    dated, sent = http_dates.parse(headers.get("last-modified", "")), http_dates.parse(headers.get("date", ""))
    if dated is not None and sent is not None and sent - dated >= _STEADY:
        return headers["last-modified"].strip()
    return ""


def begun(part: Path, attachment_id: str, least: int) -> ResumeInfo | None:
    """What an earlier attempt left of a file, where that can be gone on with; a note of anything else is removed.

    Args:
        part: where the bytes are.
        attachment_id: whose they must be.
        least: bytes below which it is not worth it.
    """
    note = _read(note_of(part))
    if note is None:
        return None
    size = part.stat().st_size if part.exists() else 0
    if note.attachment_id == attachment_id and least <= note.synced <= size:
        return note
    forget(part)
    return None


def left_in(folder: Path) -> dict[str, Path]:
    """The files in a work folder that were begun, by attachment; each as the slot it goes to."""
    found: dict[str, Path] = {}
    for path in folder.glob("*.part.json"):
        if (note := _read(path)) is not None:
            found[note.attachment_id] = path.with_name(path.name.removesuffix(".part.json"))
    return found


def keep(part: Path, note: ResumeInfo) -> None:
    """Notes how much of a file is on disk; the bytes have been synced."""
    draft = part.with_name(f"{part.name}.new")
    draft.write_text(json.dumps(dataclasses.asdict(note)), "utf-8")
    filesystem.rename(draft, note_of(part))


def forget(part: Path) -> None:
    """Removes what came, and its note."""
    part.unlink(missing_ok=True)
    note_of(part).unlink(missing_ok=True)


def conditions(note: ResumeInfo) -> dict[str, str]:
    """The headers that ask for the rest."""
    return {"Range": f"bytes={note.synced}-", "If-Range": note.validator}


def goes_on(note: ResumeInfo, status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is the rest of that very file, as its own bytes: a compressed part of it is none of those.

    Args:
        note: what is there.
        status: of the answer.
        headers: names in lower case.
    """
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if status != 206 or match is None or codings.of(headers):
        return False
    if note.validator.startswith('"') and headers.get("etag", note.validator).strip() != note.validator:
        return False  # it goes on with another file than the one that was asked for
    first, last, length = (int(number) for number in match.groups())
    return first == note.synced and last == length - 1 and length == note.length


def _read(path: Path) -> ResumeInfo | None:
    try:
        return ResumeInfo(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # cut short by a power cut: then the file is begun anew
        return None
