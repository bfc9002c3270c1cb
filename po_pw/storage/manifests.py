"""An order's manifest: a JSON file in `.po-pw` that records which files were fetched, from where and when."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BLOCK: Final = 1 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

Entry: TypeAlias = "dict[str, Any]"
"""One file's record in a manifest."""


def path(internal: Path, parent: str, stem: str) -> Path:
    """Path of an order's manifest. The layout mirrors the folders, because suppliers may use the same PO numbers.

    Args:
        internal: the output directory's `.po-pw`.
        parent: folder that contains the order's folder, with `/`; may be empty.
        stem: claimed in the journal, so unique.
    """
    return internal / "manifests" / "/".join(map(_folder, parent.split("/"))) / f"{stem}.json"


def _folder(level: str) -> str:
    """Name of a manifest folder; it never equals the name of a manifest beside it."""
    return f"{level}~" if _is_like_a_manifest(level) else level


def _level(folder: str) -> str:
    """Reverses `_folder`."""
    return folder.removesuffix("~") if _is_like_a_manifest(folder) else folder


def _is_like_a_manifest(name: str) -> bool:
    return name.rstrip("~").lower().endswith(".json")


def write(
    path: Path,
    *,
    order: models.PurchaseOrder,
    supplier: str,
    folder: str,
    status: models.Status,
    files: Sequence[models.SavedFile],
    missing: Sequence[models.MissingFile],
    earlier: Sequence[Entry],
    now: datetime.datetime,
    rules: int = 0,
) -> None:
    """Writes a manifest, synced.

    `earlier` are files of an earlier outcome that this one did not replace, `rules` the version of the
    reading rules that were applied to the order's page.
    """
    content: dict[str, Any] = {
        "key": order.key,
        "po_number": order.po_number,
        "supplier": supplier,
        "url": redact.address(order.url),
        "folder": folder,
        "status": status.value,
        "written_at": now.isoformat(),
        "rules": rules,
        "files": [
            {
                "name": file.path,
                "sent_name": file.sent_name,
                "attachment_id": file.attachment_id,
                "source": file.source,
                "place": file.place,
                "bytes": file.size,
                "sha256": file.sha256,
                "media_type": file.media_type,
                "etag": file.etag,
                "lane": file.lane,
                "checks": list(file.checks),
                "modified_at": file.modified_at.isoformat() if file.modified_at else None,
                "saved_at": file.saved_at.isoformat() if file.saved_at else None,
            }
            for file in files
        ],
        "missing": [
            {
                "attachment_id": file.attachment_id,
                "name": file.name,
                "source": file.source,
                "place": file.place,
                "error_code": file.failure.code.value if file.failure else None,
                "error_message": file.failure.message if file.failure else None,
                "skipped_type": file.skipped_type,
            }
            for file in missing
        ],
        "earlier": list(earlier),
    }
    with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())


def entries_by_name(path: Path) -> dict[str, Entry]:
    """The manifest's record of each file, by file name; empty if the manifest is missing or unreadable."""
    try:
        content = json.loads(path.read_text("utf-8"))
        entries: list[Entry] = [*content["files"], *content.get("earlier", ())]
        for entry in entries:
            size_and_digest(entry)
        return {entry["name"]: entry for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):  # edited by hand: then every file counts as the user's
        return {}


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, as read."""

    key: models.OrderKey
    po_number: str
    supplier: str
    url: str
    folder: str
    """Relative to the output directory, with `/`."""
    status: models.Status
    written_at: datetime.datetime
    files: tuple[models.SavedFile, ...]
    missing: tuple[models.MissingFile, ...]
    earlier: tuple[tuple[str, int, str], ...]
    """Files of an earlier outcome that are still in the folder: name, bytes, SHA-256."""
    rules: int = 0
    """Version of the reading rules that were applied to the order's page; 0 if the manifest has none."""


def iterate(internal: Path) -> Iterator[tuple[Path, str, str]]:
    """Yields each manifest's path, parent folder and folder stem, in no particular order."""
    root = internal / "manifests"
    for folder, _, names in os.walk(root):
        place = Path(folder)
        parent = "/".join(map(_level, place.relative_to(root).parts))
        for name in names:
            if name.endswith(".json"):
                yield place / name, parent, name.removesuffix(".json")


def read(path: Path, parent: str, stem: str) -> Manifest:
    """Reads a manifest.

    Raises:
        ValueError: it is damaged, or belongs to another folder (a copy made by a sync program).
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        status = models.Status(content["status"])
        folder = "/".join(part for part in (parent, f"{stem}_{status}") if part)
        if content["folder"] != folder:
            msg = f"{path} is not the manifest of {folder}"
            raise ValueError(msg)
        written_at = _time(content["written_at"])
        return Manifest(
            models.OrderKey(_text(content["key"])),
            _text(content["po_number"]),
            _text(content["supplier"]),
            _text(content["url"]),
            folder,
            status,
            written_at,
            tuple(_file(entry) for entry in content["files"]),
            tuple(_missing(entry) for entry in content["missing"]),
            tuple((_name(entry), *size_and_digest(entry)) for entry in content["earlier"]),
            int(content.get("rules", 0)),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        msg = f"{path} is not a manifest: {error!r}"
        raise ValueError(msg) from error


def _file(entry: Entry) -> models.SavedFile:
    size, digest = size_and_digest(entry)
    if size < 0 or _DIGEST.fullmatch(digest) is None:
        msg = f"{size} bytes with SHA-256 {digest}"
        raise ValueError(msg)
    return models.SavedFile(
        attachment_id=_text(entry["attachment_id"]),
        path=_name(entry),
        sent_name=_text(entry["sent_name"]),
        size=size,
        sha256=digest,
        media_type=_text(entry["media_type"]),
        lane=_text(entry["lane"]),
        source=_text(entry["source"]),
        place=_text(entry["place"]),
        modified_at=_optional_time(entry["modified_at"]),
        saved_at=_optional_time(entry["saved_at"]),
        checks=tuple(_text(check) for check in entry["checks"]),
        etag=_text(entry["etag"]),
    )


def _missing(entry: Entry) -> models.MissingFile:
    code = entry["error_code"]
    failure = None if code is None else models.Failure(models.ErrorCode(code), _text(entry["error_message"]))
    place = _text(entry.get("place", ""))
    return models.MissingFile(
        _text(entry["attachment_id"]),
        _text(entry["name"]),
        _text(entry["source"]),
        failure,
        place,
        _text(entry.get("skipped_type", "")),
    )


def _name(entry: Entry) -> str:
    name = _text(entry["name"])
    if name in {"", ".", ".."} or "/" in name or "\\" in name:  # must not lead out of the order's folder
        msg = f"{name!r} is not a file's name"
        raise ValueError(msg)
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = f"{value!r} is not a text"
        raise TypeError(msg)
    return value


def _time(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()


def _optional_time(text: str | None) -> datetime.datetime | None:
    return None if text is None else _time(text)


def size_and_digest(entry: Entry) -> tuple[int, str]:
    """A file's size and SHA-256 from its manifest record; raises if they are missing."""
    return int(entry["bytes"]), str(entry["sha256"])


def sha256(file: Path, on_block: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file on disk, hexadecimal.

    Args:
        file: where it is.
        on_block: called before each block is read; may raise to stop.
    """
    digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
    with file.open("rb", buffering=0) as stream:
        while True:
            on_block()
            count = stream.readinto(block)
            if not count:
                return digest.hexdigest()
            digest.update(block[:count])
