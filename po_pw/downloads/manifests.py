"""What was fetched for one order, from where and when: a JSON file beside the folders, for auditors and for us."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence
    from pathlib import Path

    from po_pw import models

Entry: TypeAlias = "dict[str, Any]"
"""One file as a manifest tells of it."""


def path(internal: Path, supplier_folder: str, stem: str) -> Path:
    """One for each folder, laid out as they are: two suppliers may have orders whose numbers come out alike.

    Args:
        internal: the output's `.po-pw`.
        supplier_folder: safe; may be empty.
        stem: claimed, so that no other order has it.
    """
    return internal / "manifests" / supplier_folder / f"{stem}.json"


def draft(
    path: Path, *, order: models.PurchaseOrder, supplier: str, folder: str, status: models.Status,
    files: Sequence[models.SavedFile], missing: Sequence[models.MissingFile], earlier: Sequence[Entry],
    now: datetime.datetime,
) -> Path:  # fmt: skip
    """Writes it beside its place, synced; one rename makes it valid. Gives the draft.

    `earlier` are files of an earlier outcome that this one did not replace.
    """
    content: dict[str, Any] = {
        "po_number": order.po_number, "supplier": supplier, "url": order.url, "folder": folder, "status": status.value,
        "written_at": now.isoformat(),
        "files": [
            {
                "name": file.path, "sent_name": file.sent_name, "attachment_id": file.attachment_id,
                "source": file.source, "place": file.place, "bytes": file.size, "sha256": file.sha256,
                "media_type": file.media_type, "lane": file.lane, "checks": list(file.checks),
                "modified_at": file.modified_at.isoformat() if file.modified_at else None,
                "saved_at": file.saved_at.isoformat() if file.saved_at else None,
            }
            for file in files
        ],
        "missing": [
            {
                "name": file.name, "source": file.source,
                "error_code": file.failure.code.value if file.failure else None,
                "error_message": file.failure.message if file.failure else None,
            }
            for file in missing
        ],
        "earlier": list(earlier),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    return temporary


def known(path: Path) -> dict[str, Entry]:
    """What it says of each file, by its name; nothing where there is no manifest, or none that can be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
        entries: list[Entry] = [*content["files"], *content.get("earlier", ())]
        for entry in entries:
            content_of(entry)
        return {entry["name"]: entry for entry in entries}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):  # somebody's editing: then every file counts as somebody's
        return {}


def content_of(entry: Entry) -> tuple[int, str]:
    """Size and SHA-256 of a file that a manifest tells of; raises where it does not."""
    return int(entry["bytes"]), str(entry["sha256"])


def sha256(file: Path) -> str:
    """Of a file on disk, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
