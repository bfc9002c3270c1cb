"""An order's manifest: a JSON file in `.po-pw` that records which files were fetched, from where and when."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import pydantic

from po_pw import models, redact
from po_pw.storage import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BLOCK: Final = 1 << 20

Entry: TypeAlias = "dict[str, Any]"
"""One file's record in a manifest, as it stands there."""


def _plain(name: str) -> str:
    if name in {"", ".", ".."} or "/" in name or "\\" in name:  # must not lead out of the order's folder
        msg = f"{name!r} is not a file's name"
        raise ValueError(msg)
    return name


_Name: TypeAlias = Annotated[str, pydantic.AfterValidator(_plain), pydantic.Field(alias="name")]
_Size: TypeAlias = Annotated[int, pydantic.Field(alias="bytes", ge=0)]
_Digest: TypeAlias = Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$")]


class _Record(pydantic.BaseModel):
    """A part of a manifest; keys that it does not know are ignored."""

    model_config = pydantic.ConfigDict(frozen=True, defer_build=True)


class FileRecord(_Record):
    """A downloaded file: the fields of `models.SavedFile`, in the order and by the names of a manifest."""

    path: _Name
    sent_name: str
    attachment_id: str
    source: str
    section: str
    size: _Size
    sha256: _Digest
    media_type: str
    etag: str
    downloaded_by: str
    checks: tuple[str, ...]
    modified_at: pydantic.AwareDatetime | None
    saved_at: pydantic.AwareDatetime | None

    def to_file(self) -> models.SavedFile:
        """The file."""
        return models.SavedFile(**dict(self))


class MissingRecord(_Record):
    """An attachment of which there is no file."""

    attachment_id: str
    name: str
    source: str
    section: str = ""
    error_code: models.ErrorCode | None
    error_message: str | None
    skipped_type: str = ""

    def to_missing(self) -> models.MissingFile:
        """The attachment."""
        failure = models.Failure(self.error_code, self.error_message or "") if self.error_code else None
        return models.MissingFile(self.attachment_id, self.name, self.source, failure, self.section, self.skipped_type)


class EarlierFileRecord(_Record):
    """A file of an earlier outcome that is still in the folder."""

    path: _Name
    size: _Size
    sha256: _Digest


class Manifest(_Record):
    """A manifest, as read."""

    key: models.OrderKey
    po_number: str
    supplier: str
    url: str
    folder: str
    """Relative to the output directory, with `/`."""
    status: models.Status
    written_at: pydantic.AwareDatetime
    rules: int = 0
    """Version of the reading rules that were applied to the order's page; 0 if the manifest has none."""
    files: tuple[FileRecord, ...]
    missing: tuple[MissingRecord, ...]
    earlier: tuple[EarlierFileRecord, ...]


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
            {field.alias or name: getattr(file, name) for name, field in FileRecord.model_fields.items()}
            for file in files
        ],
        "missing": [
            {
                "attachment_id": file.attachment_id,
                "name": file.name,
                "source": file.source,
                "section": file.section,
                "error_code": file.failure.code.value if file.failure else None,
                "error_message": file.failure.message if file.failure else None,
                "skipped_type": file.skipped_type,
            }
            for file in missing
        ],
        "earlier": list(earlier),
    }
    with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1, default=datetime.datetime.isoformat)
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


def iterate(internal: Path) -> Iterator[tuple[Path, str, str]]:
    """Yields each manifest's path, parent folder and folder stem, in no particular order."""
    root = internal / "manifests"
    for folder, _, inner in os.walk(root):
        place = Path(folder)
        parent = "/".join(map(_level, place.relative_to(root).parts))
        for name in inner:
            if name.endswith(".json"):
                yield place / name, parent, name.removesuffix(".json")


def read(path: Path, parent: str, stem: str) -> Manifest:
    """Reads a manifest.

    Raises:
        ValueError: it is damaged, or belongs to another folder (a copy made by a sync program).
        OSError: it cannot be read.
    """
    try:
        found = Manifest.model_validate(json.loads(path.read_text("utf-8")))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        msg = f"{path} is not a manifest: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ValueError(msg) from error
    folder = "/".join(part for part in (parent, names.order_folder(stem, found.status)) if part)
    if found.folder != folder:
        msg = f"{path} is not the manifest of {folder}"
        raise ValueError(msg)
    return found


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
